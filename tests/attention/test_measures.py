"""Measures of heads: cases worked out by hand first, then masks, streaming, names, and what does not fit."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tracemalloc
from math import log2, nan
from pathlib import Path

import numpy as np
import pytest

import llm_course as lc
import tiny_models
from llm_course.attention import find, measure, measure_all, measures
from llm_course.attention.measures import MEASURES, measure_name, measure_names, share, targets, visible
from llm_course.errors import BadInput, BadOption
from made_up_heads import MadeUp, at_random
from rounding import SHARE, agree

ENCODER = [[0.5, 0.25, 0.25], [0, 1, 0], [0.25, 0.25, 0.5]]
DECODER = [[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25, 0.25, 0.5, 0], [0.25, 0.25, 0.25, 0.25]]
ABAB = [[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.1, 0.7, 0.2, 0], [0.2, 0.1, 0.6, 0.1]]


def one(weights: list[list[float]], kind: str, tokens: str, special: tuple[bool, ...] = ()) -> MadeUp:
    """One layer of one head."""
    names = tuple(tokens.split())
    return MadeUp(np.array(weights)[None, None], names, names, kind, special)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("entropy", (1.5 + 0 + 1.5) / 3),
        ("normalized entropy", (1.5 + 0 + 1.5) / 3 / log2(3)),
        ("mean distance", ((0.25 + 2 * 0.25) + 0 + (2 * 0.25 + 0.25)) / 3),
        ("diagonal", (0.5 + 1 + 0.5) / 3),
        ("previous token", (0 + 0.25) / 2),  # the first row has none
        ("next token", (0.25 + 0) / 2),  # the last row has none
        ("first token", (0 + 0.25) / 2),  # the first row's own token
        ("separators", (0.25 + 0 + 0.5) / 3),
        ("special tokens", (0.75 + 0 + 0.75) / 3),
    ],
)
def test_an_encoder_by_hand(name: str, expected: float) -> None:
    found = one(ENCODER, "encoder", "[CLS] a [SEP]", (True, False, True))
    assert measure(found, name).shape == (1, 1) and measure(found, name).dtype == np.float32
    assert measure(found, name)[0, 0] == pytest.approx(expected, abs=SHARE)


@pytest.mark.parametrize(
    ("name", "expected"),
    [  # the first row sees itself alone: it has no choice and does not count
        ("entropy", (1 + 1.5 + 2) / 3),
        ("normalized entropy", (1 + 1.5 / log2(3) + 1) / 3),
        ("mean distance", (0.5 + (2 * 0.25 + 0.25) + 0.25 * (3 + 2 + 1)) / 3),
        ("diagonal", (0.5 + 0.5 + 0.25) / 3),
        ("previous token", (0.5 + 0.25 + 0.25) / 3),
        ("first token", (0.5 + 0.25 + 0.25) / 3),
    ],
)
def test_a_decoder_by_hand(name: str, expected: float) -> None:
    assert measure(one(DECODER, "decoder", "a b c d"), name)[0, 0] == pytest.approx(expected, abs=SHARE)


def test_induction_and_same_token_by_hand() -> None:
    found = one(ABAB, "decoder", "A B A B")
    # The second A looks for what followed the first one: B, column 1. The second B: the A in column 2.
    assert measure(found, "induction")[0, 0] == pytest.approx((0.7 + 0.6) / 2)
    assert measure(found, "same token")[0, 0] == pytest.approx((0.1 + 0.1) / 2)


@pytest.mark.parametrize(
    ("name", "tokens", "special", "cells"),
    [
        ("induction", "A B A C A", (), {(2, 1), (4, 1), (4, 3)}),  # all earlier copies count
        ("same token", "A B A C A", (), {(2, 0), (4, 0), (4, 2)}),
        ("induction", "the the the", (), {(2, 1)}),  # after the copy stands the row itself: no induction
        ("induction", "[SEP] a [SEP] a", (True, False, True, False), {(3, 2)}),
        ("same token", "[SEP] a [SEP]", (True, False, True), set()),  # separators are no copies of each other
        ("same token", "\ufffd a \ufffd a", (), {(3, 1)}),  # two pieces of characters need not be the same piece
        ("previous token", "a b c", (), {(1, 0), (2, 1)}),
        ("next token", "a b c", (), {(0, 1), (1, 2)}),
        ("diagonal", "a b", (), {(0, 0), (1, 1)}),
        ("first token", "a b c", (), {(1, 0), (2, 0)}),
        ("separators", "s a s", (True, False, True), {(0, 2), (1, 2), (2, 2)}),
        ("special tokens", "s a", (True, False), {(0, 0), (1, 0)}),
    ],
)
def test_the_columns_in_question(
    name: str, tokens: str, special: tuple[bool, ...], cells: set[tuple[int, int]]
) -> None:
    names = tokens.split()
    asked = targets(name, len(names), tokens=names, special=special)
    assert (
        asked.shape == (len(names),) * 2 and set(zip(*map(np.ndarray.tolist, np.nonzero(asked)), strict=True)) == cells
    )


def test_cross_attention_counts_every_row_also_where_both_texts_are_as_long() -> None:
    found = MadeUp(np.array([[[[0.9, 0.1], [0.4, 0.6]]]]), ("le", "chat"), ("the", "cat"), "cross")
    assert measure(found, "first token")[0, 0] == pytest.approx((0.9 + 0.4) / 2)
    assert measure_names(found) == ("entropy", "normalized entropy", "first token")
    for name in ("previous token", "diagonal", "mean distance", "induction"):
        with pytest.raises(BadOption, match=r"different texts.*first token"):
            measure(found, name)


def test_a_window_is_a_mask_like_any_other() -> None:
    window = np.tri(4, dtype=bool) & ~np.tri(4, k=-2, dtype=bool)  # each sees itself and the one before
    weights = window / window.sum(1, keepdims=True)
    found = MadeUp(weights[None, None], tuple("abcd"), tuple("abcd"), "decoder", masks=window[None, None])
    assert np.array_equal(visible(found, 0, 0), window)
    assert measure(found, "normalized entropy")[0, 0] == pytest.approx(1)  # all it sees alike
    assert measure(found, "entropy")[0, 0] == pytest.approx(1)
    assert measure(found, "first token")[0, 0] == pytest.approx(0.5)  # only the second row can see it
    unmasked = MadeUp(weights[None, None], tuple("abcd"), tuple("abcd"), "decoder")
    assert measure(unmasked, "first token")[0, 0] == pytest.approx(0.5 / 3)


def test_heads_of_one_model_may_see_different_columns() -> None:
    full = np.tri(4, dtype=bool)
    window = full & ~np.tri(4, k=-2, dtype=bool)
    masks = np.stack([np.stack([full, window]), np.stack([window, full])])
    weights = masks / masks.sum(-1, keepdims=True)
    found = MadeUp(weights, tuple("abcd"), tuple("abcd"), "decoder", masks=masks)
    assert np.allclose(measure(found, "normalized entropy"), 1)
    assert np.allclose(measure(found, "entropy"), np.array([[(1 + log2(3) + 2) / 3, 1], [1, (1 + log2(3) + 2) / 3]]))


@pytest.mark.parametrize("masked", [-np.inf, float(np.finfo(np.float32).min), float(np.finfo(np.float16).min)])
def test_what_a_bias_forbids_and_what_it_only_lowers(masked: float) -> None:
    found = at_random(("a", "b"), layers=1, heads=1)
    found.masks = np.ones((1, 1, 2, 2), dtype=bool)
    found.bias = lambda layer, head: np.array([[0, masked], [-900, 0]], dtype=np.float32)  # type: ignore[method-assign]
    assert visible(found, 0, 0).tolist() == [[True, False], [True, True]]


def test_arrays_of_many_heads_and_of_none() -> None:
    many = np.array([[ENCODER, np.eye(3)]])
    assert measures.entropy(many).shape == (1, 2)
    assert measures.entropy(many)[0].tolist() == pytest.approx([1, 0])
    assert measures.normalized_entropy(many)[0].tolist() == pytest.approx([1 / log2(3), 0])
    assert measures.mean_distance(many)[0].tolist() == pytest.approx([0.5, 0])
    assert share(many, np.eye(3))[0].tolist() == pytest.approx([2 / 3, 1])
    assert measures.row_entropy(np.full((4, 8), 1 / 8)).tolist() == pytest.approx([3] * 4)
    assert np.isnan(measures.entropy(np.ones((1, 1)))) and np.isnan(share(many, np.zeros((3, 3)))).all()
    for bad in (lambda: measures.entropy(np.ones(3)), lambda: measures.entropy(many, np.ones((2, 2)))):
        with pytest.raises(BadInput):
            bad()
    with pytest.raises(BadInput, match="target"):
        share(many, np.eye(2))
    with pytest.raises(BadOption, match="previous token"):
        targets("entropy", 3)


def test_all_measures_are_each_one_in_one_pass_over_the_heads() -> None:
    found = at_random(("s", "a", "b", "a", "b", "s"), layers=3, heads=2)
    found.special = (True, False, False, False, False, True)
    each = {name: measure(found, name) for name in MEASURES}
    found.asked = 0
    together = measure_all(found)
    assert found.asked == 6 and list(together) == list(MEASURES) == list(measure_names(found))
    for name, values in together.items():
        assert agree(values, each[name]) and values.shape == (3, 2)
        assert values.min() >= 0 and (MEASURES[name].unit != "share" or values.max() <= 1)
    assert list(measure_all(found, ["Previous_Token", "induction"])) == ["previous token", "induction"]
    assert "next token" not in measure_all(at_random(("a", "b"), kind="decoder"))


class Long:
    """2,048 tokens, 16 heads: all weights together would take 268 MB. Each head is built when asked for."""

    layers = heads = 4
    rows = columns = tuple(f"t{i % 700}" for i in range(2048))
    special = (True,) + (False,) * 2047
    kind, model, recorded = "decoder", "long", False

    @property
    def weights(self) -> np.ndarray:
        raise AssertionError("all weights at once")

    def head(self, layer: int, head: int) -> np.ndarray:
        weights = np.tri(2048, dtype=np.float32)
        weights /= weights.sum(axis=1, keepdims=True)
        return weights


def test_2048_tokens_are_measured_head_by_head() -> None:
    tracemalloc.start()
    try:
        found = measure_all(Long())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 150e6
    assert np.allclose(found["normalized entropy"], 1) and np.allclose(found["mean distance"], 2048 / 4, atol=0.5)


def test_the_weights_of_a_real_recording() -> None:
    found = lc.attend("the cat sat on the cat", model=tiny_models.folder("gpt2"))
    weights, count = found.weights, len(found.rows)
    assert np.allclose(measure(found, "previous token"), weights[:, :, range(1, count), range(count - 1)].mean(-1))
    bits = -np.where(weights > 0, weights * np.log2(np.maximum(weights, 1e-30)), 0).sum(-1)
    assert np.allclose(measure(found, "entropy"), bits[:, :, 1:].mean(-1), atol=SHARE)
    assert len(find(found, "first token", top=3)) == 3


# --- names ----------------------------------------------------------------------------------------------------------


def test_names_are_forgiving_and_unknown_ones_list_all() -> None:
    assert measure_name("Previous-Token ") == measure_name("previous_token") == measure_name("previous")
    assert measure_name("distance") == "mean distance" and measure_name("duplicate token") == "same token"
    found = at_random(("a", "b"))
    for bad in ("previos token", "", "beauty", None, 3):
        with pytest.raises(BadOption) as error:
            find(found, bad)  # type: ignore[arg-type]
        assert all(name in str(error.value) for name in MEASURES)
    with pytest.raises(BadOption, match="Did you mean 'previous token'"):
        measure(found, "previos token")


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(BadOption, match="does not look ahead.*previous token"):
        measure(at_random(("a", "b"), kind="decoder"), "next token")
    for name in ("induction", "same token"):
        with pytest.raises(BadInput, match="twice"):
            find(at_random(("a", "b", "c")), name)
    with pytest.raises(BadInput, match="no separators"):
        find(at_random(("a", "b")), "separators")
    with pytest.raises(BadInput, match="longer text"):
        find(at_random(("a",)), "entropy")
    assert measure_all(at_random(("a",))) == {} and measure_names(at_random(("a",))) == ()


# --- ranking --------------------------------------------------------------------------------------------------------


def planted() -> MadeUp:
    """Two layers of three heads over five tokens that look at all alike, but for two of them."""
    weights = np.full((2, 3, 5, 5), 0.2)
    weights[1, 2] = 0.6 * np.eye(5, k=-1) + 0.4 * np.eye(5)
    weights[0, 1] = 0.5 * np.eye(5, k=-1) + 0.5 * np.eye(5)
    weights[:, :, 0] = 0.2
    return MadeUp(weights, tuple("abcde"), tuple("abcde"), model="<b>planted</b>")


def test_the_head_is_found() -> None:
    found = find(planted(), "previous token", top=2)
    assert [(h.layer, h.head) for h in found] == [(1, 2), (0, 1)] and len(found) == 2
    layer, head, value = found[0]
    assert (layer, head) == (1, 2) and value == pytest.approx(0.6)
    assert found.median == pytest.approx(0.2) and found.uniform == pytest.approx(0.2) and found.count == 6
    lowest = find(planted(), "entropy", top=1, lowest=True)
    assert (lowest[0].layer, lowest[0].head) == (1, 2) and lowest.unit == "bits"
    assert len(find(planted(), "previous token", top=100)) == 6
    # heads that score alike come in the order of the model
    assert [(h.layer, h.head) for h in find(planted(), "previous token", top=6)][2:] == [(0, 0), (0, 2), (1, 0), (1, 1)]
    for top in (0, -1, 1.5, "5", True):
        with pytest.raises(BadOption, match="top"):
            find(planted(), "entropy", top=top)  # type: ignore[arg-type]


def test_uniform_is_what_looking_alike_would_score() -> None:
    found = find(one(DECODER, "decoder", "a b c d"), "previous token")
    assert found.uniform == pytest.approx((1 / 2 + 1 / 3 + 1 / 4) / 3)


def test_heads_that_see_nothing_of_it_are_not_ranked() -> None:
    masks = np.ones((1, 2, 3, 3), dtype=bool)
    masks[0, 1, :, 0] = False
    found = MadeUp(masks / masks.sum(-1, keepdims=True), tuple("abc"), tuple("abc"), masks=masks)
    assert np.isnan(measure(found, "first token")[0]).tolist() == [False, True]
    ranked = find(found, "first token")
    assert len(ranked) == ranked.count == 1 and ranked[0].value == pytest.approx(1 / 3)
    masks[:, :, :, 0] = False
    with pytest.raises(BadInput, match="shorter"):
        find(MadeUp(found.weights, found.rows, found.columns, masks=masks), "first token")


def test_a_ranking_shows_well_and_does_not_change() -> None:
    found = find(planted(), "previous token", top=2)
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict()
    assert found.to_dict()["heads"][0] == {"layer": 1, "head": 2, "value": pytest.approx(0.6)}
    assert "\n" not in repr(found) and repr(found).startswith("Ranking('previous token', first: layer 1, head 2, 0.60")
    assert str(found).splitlines()[1:3] == ["layer 1, head 2: 0.60", "layer 0, head 1: 0.50"]
    assert "just before?" in str(found) and "Median of 6 heads: 0.20" in str(found)
    html = found._repr_html_()
    assert "<b>" not in html and "&lt;b&gt;planted" in html and "<caption" in html and html.count("<tr>") == 3
    assert "1.50 bits" in str(find(one(DECODER, "decoder", "a b c d"), "entropy"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.measure = "another"  # type: ignore[misc]


# --- the package ----------------------------------------------------------------------------------------------------


def test_names_of_the_package_resolve_on_first_use() -> None:
    code = (
        "import sys, llm_course.attention as a\n"
        "assert not {'numpy', 'torch', 'matplotlib', 'transformers', 'scipy'} & set(sys.modules), 'heavy'\n"
        "assert set(a.__all__) <= set(dir(a)) and a.find.__name__ == 'find'\n"
        "assert not {'torch', 'matplotlib', 'scipy'} & set(sys.modules), 'find is heavy'\n"
        "assert callable(a.flow) and callable(a.rollout)\n"
        "[getattr(a, name) for name in a.__all__]\n"
    )
    root = Path(lc.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, cwd=root)
    assert done.returncode == 0, done.stderr
    with pytest.raises(AttributeError, match="heat_map"):
        lc.attention.nothing  # noqa: B018


def test_measures_need_no_nan_in_an_ordinary_text() -> None:
    found = measure_all(at_random(tuple("abcab"), kind="decoder"))
    assert not any(np.isnan(values).any() for values in found.values()) and nan not in found
