"""Attention capture: weights that sum to one, that are the model's own, and a model left as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import llm_course as lc
import tiny_models
from llm_course.errors import BadInput, BadOption, InputTooLong
from llm_course.shelf.loading import load
from rounding import agree

ALL = (
    "gpt2",
    "gpt-neox",
    "llama",
    "qwen3",
    "bloom",
    "bert",
    "distilbert",
    "roberta",
    "modernbert",
    "t5",
    "bart",
    "marian",
    "mbart",
    "pegasus",
)
BOTH = ("t5", "bart", "marian", "mbart", "pegasus")
each = pytest.mark.parametrize("name", ALL)


@each
def test_every_row_sums_to_one_and_has_its_labels(name: str) -> None:
    lm = load(tiny_models.folder(name))
    found = lc.attend("The cat sat on the mat.", model=lm)
    assert found.weights.shape == (2, found.heads, len(found.rows), len(found.columns)) and found.layers == 2
    assert found.weights.dtype == np.float32 and found.weights.min() >= 0
    assert np.abs(found.weights.sum(-1) - 1).max() < 1e-5
    assert found.kind == ("cross" if name in BOTH else "encoder" if "bert" in name else "decoder")
    text = "".join(found.columns).replace(" ", "").replace("▁", "").replace("##", "").lower()
    assert "thecat" in text, "the columns are the pieces of the text"


@each
def test_the_weights_are_the_models_own(name: str) -> None:
    lm = load(tiny_models.folder(name))
    kind = "encoder" if name in BOTH else None
    found = lc.attend("The cat sat.", model=lm, kind=kind)
    inputs = lm.tokenizer("The cat sat.", return_tensors="pt", return_token_type_ids=False)
    before = lm.model.config._attn_implementation
    lm.model.set_attn_implementation("eager")
    model = lm.model.get_encoder() if name in BOTH else lm.model
    maps = model(**inputs, output_attentions=True).attentions
    lm.model.set_attn_implementation(before)
    assert np.abs(found.weights - torch.stack([layer[0] for layer in maps]).detach().numpy()).max() < 1e-6


@each
def test_the_model_is_left_as_it_was(name: str) -> None:
    lm = load(tiny_models.folder(name))
    before = lm.model.config._attn_implementation
    lc.attend("The cat sat.", model=lm)
    assert lm.model.config._attn_implementation == before
    (lm.model.get_encoder() if name in BOTH else lm.model).forward = _broken
    try:
        with pytest.raises(ZeroDivisionError):
            lc.attend("The cat sat.", model=lm)
    finally:
        del (lm.model.get_encoder() if name in BOTH else lm.model).forward
    assert lm.model.config._attn_implementation == before, "also after an error"


def _broken(*args: object, **options: object) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize("name", ["gpt2", "llama", "bloom"])
def test_a_decoder_does_not_look_ahead(name: str) -> None:
    weights = lc.attend("The cat sat on the mat.", model=tiny_models.folder(name)).weights
    assert np.abs(np.triu(weights, 1)).max() == 0 < np.tril(weights).min(axis=(0, 1)).max()


@pytest.mark.parametrize("name", BOTH)
def test_encoder_decoder_models_have_three_kinds(name: str) -> None:
    lm = load(tiny_models.folder(name))
    source, target = "The cat sat.", "A dog runs."
    cross, encoder, decoder = (
        lc.attend(source, model=lm, target=target, kind=k) for k in ("cross", "encoder", "decoder")
    )
    assert (
        cross.columns == encoder.columns == encoder.rows
        and cross.rows == decoder.rows[1:]
        and decoder.rows == decoder.columns
    )
    assert len(cross.rows) == len(lm.tokenizer(text_target=target)["input_ids"]), "a row for each token it writes"
    assert np.abs(np.triu(decoder.weights, 1)).max() == 0
    with pytest.raises(BadOption, match="encoder, decoder, cross"):
        lc.attend(source, model=lm, kind="sideways")


def test_the_row_of_a_written_token_is_where_it_was_decided() -> None:
    """Cross-attention row t is computed before token t is read: changing token t must not change it."""
    lm = load(tiny_models.folder("bart"))
    one = lc.attend("The cat sat.", model=lm, target="the dog runs in the park")
    two = lc.attend("The cat sat.", model=lm, target="the dog runs in the car")
    first = next(i for i, (a, b) in enumerate(zip(one.rows, two.rows, strict=False)) if a != b)
    assert np.abs(one.weights[:, :, : first + 1] - two.weights[:, :, : first + 1]).max() < 1e-6
    assert np.abs(one.weights[:, :, first + 1] - two.weights[:, :, first + 1]).max() > 1e-6


def test_a_pair_is_read_as_two_segments() -> None:
    lm = load(tiny_models.folder("bert"))
    found = lc.attend("the cat sat", "a dog runs", model=lm)
    inputs = lm.tokenizer("the cat sat", "a dog runs", return_tensors="pt", return_token_type_ids=True)
    assert inputs["token_type_ids"].max() == 1 and found.columns.count("[SEP]") == 2
    lm.model.set_attn_implementation("eager")
    maps = lm.model(**inputs, output_attentions=True).attentions
    assert np.abs(found.weights - torch.stack([layer[0] for layer in maps]).detach().numpy()).max() < 1e-6


def test_wrong_calls_say_what_is_allowed() -> None:
    bert, marian = tiny_models.folder("bert"), tiny_models.folder("marian")
    with pytest.raises(InputTooLong, match="at most 64"):
        lc.attend("the cat " * 60, model=bert)
    with pytest.raises(InputTooLong, match="at most 95"):
        lc.attend("the cat", model=marian, target="the cat " * 90)
    for pair in (3, ["a", "b"], "", b"x"):
        with pytest.raises(BadInput):
            lc.attend("the cat", pair, model=bert)  # type: ignore[arg-type]
    for target in (3, ["a", "b"], "", b"x"):
        with pytest.raises(BadInput):
            lc.attend("the cat", model=marian, target=target)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="one text"):
        lc.attend(["a", "b"], model=bert)  # type: ignore[arg-type]
    with pytest.raises(BadOption):
        lc.attend("the cat", model=bert, kind="cross")
    with pytest.raises(BadOption, match="decoder"):
        lc.attend("the cat", model=bert, target="a dog")
    with pytest.raises(BadOption, match="pair"):
        lc.attend("the cat", "a dog", model=marian)


def test_heads_and_means() -> None:
    found = lc.attend("the cat sat", model=tiny_models.folder("bert"))
    assert agree(found.head(1, 0), found.weights[1, 0])
    assert np.allclose(found.mean(0), (found.weights[0, 0] + found.weights[0, 1]) / 2)
    assert np.allclose(found.mean(), found.weights.mean((0, 1)))
    for layer, head in ((2, 0), (0, 2), (-1, 0), (0, 1.5), ("0", 0)):
        with pytest.raises(BadOption):
            found.head(layer, head)  # type: ignore[arg-type]
    for layer in (2, -1, "0"):
        with pytest.raises(BadOption):
            found.mean(layer)  # type: ignore[arg-type]
