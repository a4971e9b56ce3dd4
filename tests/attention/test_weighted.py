"""Weighted attention by hand; contributions are what the model's own output projection makes of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import llm_course as lc
import tiny_models
from llm_course.attention import contributions, gradient_weighted, relevance, value_weighted
from llm_course.errors import BadInput, BadOption
from llm_course.shelf.loading import load
from rounding import agree

TEXT = "The cat sat on the mat."


@pytest.mark.parametrize(
    ("name", "kind", "path"),
    [
        ("gpt2", None, "transformer.h.1.attn.c_proj"),
        ("bert", None, "bert.encoder.layer.1.attention.output.dense"),
        ("llama", None, "model.layers.1.self_attn.o_proj"),
        ("marian", "encoder", "model.encoder.layers.1.self_attn.out_proj"),
        ("t5", "cross", "decoder.block.1.layer.1.EncDecAttention.o"),
    ],
)
def test_a_token_alone_contributes_what_the_layer_gives_out(name: str, kind: str | None, path: str) -> None:
    """The first column's part, by hand: what the projection makes of the first token's value in one head."""
    lm = load(tiny_models.folder(name))
    found = lc.attend(TEXT, model=lm, kind=kind)
    projection = lm.model.get_submodule(path)
    for head in (0, 1):
        value = found.value(1, head)
        assert value is not None
        alone = np.zeros((len(value), 32), np.float32)
        alone[:, 16 * head : 16 * head + 16] = value
        with torch.no_grad():
            out = projection(torch.from_numpy(alone)) - projection(torch.zeros(1, 32))  # the bias belongs to no token
        wanted = found.head(1, head) * out.norm(dim=1).numpy()
        assert np.allclose(contributions(found, 1, head, lm), wanted, atol=1e-5)


def test_the_model_can_be_found_by_its_name_and_another_one_is_told() -> None:
    folder = tiny_models.folder("bert")
    found = lc.attend(TEXT, model=folder)
    assert agree(contributions(found, 0, 1), contributions(found, 0, 1, load(folder)))
    with pytest.raises(BadOption, match="layer"):
        contributions(found, 2, 0)


def test_without_values_there_is_nothing_to_weigh() -> None:
    class HandedOut:
        kind, model, layers, heads = "encoder", "bert", 1, 1

        def head(self, layer: int, head: int) -> np.ndarray:
            return np.eye(3, dtype=np.float32)

        def value(self, layer: int, head: int) -> None:
            return None

    with pytest.raises(BadInput, match="no values"):
        contributions(HandedOut(), 0, 0)  # type: ignore[arg-type]


def test_gradient_weighted_by_hand() -> None:
    weights = np.array([[[0.5, 0.5], [0.2, 0.8]], [[1.0, 0.0], [0.4, 0.6]]])
    gradients = np.array([[[2.0, -4.0], [5.0, 0.0]], [[-1.0, 9.0], [5.0, 1.0]]])
    # products: (1 -2; 1 0) and (-1 0; 2 0.6). What is below 0 is dropped, then the two heads are averaged.
    expected = [[0.5, 0], [1.5, 0.3]]
    assert np.allclose(gradient_weighted(weights, gradients), expected)
    assert np.allclose(gradient_weighted(weights[None], gradients[None]), [expected])
    for bad in ((weights, gradients[:1]), (weights[0], gradients[0])):
        with pytest.raises(BadInput, match="heads, rows, columns"):
            gradient_weighted(*bad)


def test_relevance_by_hand() -> None:
    lower, upper = np.array([[[0.0, 1.0], [0.5, 0.0]]]), np.array([[[0.0, 2.0], [0.0, 0.0]]])
    weights = np.stack([lower, upper])
    # I + lower = (1 1; 0.5 1); upper times that = (1 2; 0 0); together (2 3; 0.5 1).
    assert np.allclose(relevance(weights, np.ones_like(weights)), [[2, 3], [0.5, 1]])
    assert np.allclose(relevance(weights, -np.ones_like(weights)), np.eye(2))
    with pytest.raises(BadInput, match="tokens, tokens"):
        relevance(weights[0], weights[0])


def test_value_weighted_by_hand() -> None:
    weights, values = [[0.5, 0.5], [0.25, 0.75]], [[3.0, 4.0], [0.0, 1.0]]  # lengths 5 and 1
    assert np.allclose(value_weighted(weights, values), [[2.5, 0.5], [1.25, 0.75]])
    projection = [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]  # keeps the first number alone: lengths 3 and 0
    assert np.allclose(value_weighted(weights, values, projection), [[1.5, 0], [0.75, 0]])
    many = value_weighted(np.array([weights, weights]), np.array([values, np.zeros((2, 2))]))
    assert np.allclose(many, [[[2.5, 0.5], [1.25, 0.75]], np.zeros((2, 2))])


def test_bad_input_of_value_weighted() -> None:
    with pytest.raises(BadInput, match="not recorded"):
        value_weighted(np.eye(2), None)
    with pytest.raises(BadInput, match="do not fit"):
        value_weighted(np.eye(2), np.ones((3, 4)))
    with pytest.raises(BadInput, match="output projection"):
        value_weighted(np.eye(2), np.ones((2, 4)), np.ones((3, 4)))
