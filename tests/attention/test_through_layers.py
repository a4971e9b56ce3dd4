"""Rollout, flow, gradient-weighted and value-weighted attention: against cases worked out by hand."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import llm_course as lc
import tiny_models
from llm_course.attention import flow, rollout, rollouts
from llm_course.attention.through_layers import PackageMissing
from llm_course.errors import BadInput, BadOption, LLMCourseError
from made_up_heads import MadeUp, at_random
from rounding import SHARE, agree

LOWER = [[0.75, 0.25], [0.5, 0.5]]
UPPER = [[0.6, 0.4], [0.1, 0.9]]


def test_a_rollout_by_hand() -> None:
    # Half of each token stays: lower (0.875 0.125; 0.25 0.75), upper (0.8 0.2; 0.05 0.95). Then upper times lower.
    expected = [
        [0.8 * 0.875 + 0.2 * 0.25, 0.8 * 0.125 + 0.2 * 0.75],
        [0.05 * 0.875 + 0.95 * 0.25, 0.05 * 0.125 + 0.95 * 0.75],
    ]
    assert expected[0] == pytest.approx([0.75, 0.25]) and expected[1] == pytest.approx([0.28125, 0.71875])
    assert np.allclose(rollout(np.array([LOWER, UPPER])), expected)
    # without the residual: the plain product
    assert np.allclose(rollout(np.array([LOWER, UPPER]), residual=0), [[0.65, 0.35], [0.525, 0.475]])
    assert np.allclose(rollout(np.array([LOWER, UPPER]), residual=1), np.eye(2))
    assert np.allclose(rollout(np.array([LOWER, UPPER]), layer=0), [[0.875, 0.125], [0.25, 0.75]])


def test_heads_are_averaged_before_the_layers_are_multiplied() -> None:
    heads = np.array([[LOWER, [[0.25, 0.75], [0.5, 0.5]]], [UPPER, UPPER]])  # the first layer's mean: all 0.5
    assert np.allclose(rollout(heads, residual=0), [[0.5, 0.5], [0.5, 0.5]])
    assert np.allclose(rollout(heads), rollout(np.array([[[0.5, 0.5], [0.5, 0.5]], UPPER])))
    tokens = ("a", "b")
    assert agree(rollout(MadeUp(heads, tokens, tokens)), rollout(heads.astype(np.float32)))


@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_the_rollout_of_a_recording(name: str) -> None:
    found = lc.attend("the cat sat on the mat", model=tiny_models.folder(name))
    expected = np.eye(len(found.rows))
    for layer in found.weights.astype(np.float64):
        expected = (layer.mean(0) / 2 + np.eye(len(expected)) / 2) @ expected
    got = rollout(found)
    assert (
        got.dtype == np.float32 and np.allclose(got, expected, atol=SHARE) and np.allclose(got.sum(-1), 1, atol=SHARE)
    )
    steps = list(rollouts(found))
    assert len(steps) == found.layers and agree(steps[-1], got) and agree(steps[0], rollout(found, layer=0))
    if name == "gpt2":
        assert np.array_equal(got, np.tril(got))  # nothing arrives from what is later


# --- flow -----------------------------------------------------------------------------------------------------------


def test_flow_by_hand() -> None:
    # From token 0 above, to input 0: 0.6 by way of 0 (its pipe takes 0.75), 0.4 by way of 1 (0.5). To input 1:
    # 0.25 by way of 0, 0.4 by way of 1. From token 1: 0.1 by 0 and 0.5 by 1; 0.1 by 0 and 0.5 by 1.
    got = flow(np.array([LOWER, UPPER]), residual=0)
    assert got.dtype == np.float32 and np.allclose(got, [[1, 0.65], [0.6, 0.6]], atol=SHARE)
    assert np.allclose(flow(np.array([LOWER, UPPER]), 1, residual=0), [0.6, 0.6], atol=SHARE)
    assert np.allclose(flow(np.array([LOWER, UPPER]), residual=0, layer=0), LOWER, atol=SHARE)


def test_flow_through_pipes_that_paths_share() -> None:
    bottom, middle, top = [[1, 0], [0.2, 0.8]], [[0.3, 0.7], [0.6, 0.4]], [[0.5, 0.5], [0, 1]]
    # 0 to 0: 0.3 + 0.5 through the left pipe (takes 1), and the 0.2 left over through the right one (takes 0.2).
    # 0 to 1: 0.5 and 0.4 meet at a pipe that takes 0.8. 1 to 0: 0.6, and 0.2 of 0.4. 1 to 1: 0.4.
    assert np.allclose(flow(np.array([bottom, middle, top]), residual=0), [[1, 0.8], [0.8, 0.4]], atol=SHARE)


def test_the_residual_is_a_pipe_of_its_own() -> None:
    looks_away = np.array([[[0.0, 1.0], [1.0, 0.0]]])
    assert np.allclose(flow(looks_away), [[0.5, 0.5], [0.5, 0.5]], atol=SHARE)
    assert np.allclose(flow(looks_away, residual=0.25), [[0.25, 0.75], [0.75, 0.25]], atol=SHARE)


def test_flow_agrees_with_another_program() -> None:
    networkx = pytest.importorskip("networkx")
    weights = at_random(tuple("abcd"), layers=3, heads=2).weights.mean(1).astype(np.float64)
    graph = networkx.DiGraph()
    for depth, layer in enumerate(weights):
        mixed = layer / 2 + np.eye(4) / 2
        for i in range(4):
            for j in range(4):
                graph.add_edge((depth + 1, i), (depth, j), capacity=mixed[i, j] / mixed[i].sum())
    expected = [[networkx.maximum_flow_value(graph, (3, i), (0, j)) for j in range(4)] for i in range(4)]
    assert np.allclose(flow(weights), expected, atol=SHARE)


def test_flow_without_scipy_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    with pytest.raises(PackageMissing, match="pip install scipy") as error:
        flow(np.array([LOWER]))
    assert isinstance(error.value, LLMCourseError) and isinstance(error.value, ImportError)
    assert rollout(np.array([LOWER])).shape == (2, 2)


@pytest.mark.parametrize("way", [rollout, flow])
def test_bad_input_of_both(way: Any) -> None:
    for shape in ((2, 2), (1, 1, 2, 3), (0, 2, 2), (2,)):
        with pytest.raises(BadInput, match="shape"):
            way(np.ones(shape))
    for residual in (-0.1, 1.1, float("nan"), "half"):
        with pytest.raises(BadOption, match="residual"):
            way(np.array([LOWER]), residual=residual)
    for layer in (-1, 1, "0"):
        with pytest.raises(BadOption, match="layer"):
            way(np.array([LOWER]), layer=layer)
    with pytest.raises(BadOption, match="cross"):
        way(MadeUp(np.array([[LOWER]]), ("a", "b"), ("c", "d"), "cross"))


def test_bad_rows_of_flow() -> None:
    for row in (-1, 2, 0.5):
        with pytest.raises(BadOption, match="row"):
            flow(np.array([LOWER]), row)  # type: ignore[arg-type]
