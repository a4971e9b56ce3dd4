"""Contributions: the parts that tokens hand on add up to what the model's attention layer gives out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import llm_course as lc
import tiny_models
from llm_course.attention.contributions import contributions
from llm_course.attention.counterfactual import leave_one_out
from llm_course.errors import BadInput, BadOption, WrongTask
from llm_course.shelf.loading import load
from rounding import SHARE, agree

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
        assert np.allclose(contributions(found, 1, head, lm), wanted, atol=SHARE)


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


def test_leave_one_out_masks_one_word_at_a_time() -> None:
    lm = load(tiny_models.folder("bert"))
    ids = lm.tokenizer(TEXT, return_tensors="pt")["input_ids"]
    found = leave_one_out(TEXT, lm)
    assert found.shape == (ids.shape[1],) and found[0] == found[-1] == 0, "special tokens stay"
    with torch.no_grad():
        before = lm.model(ids).logits.softmax(-1)
        for place in range(1, ids.shape[1] - 1):
            holed = ids.clone()
            holed[0, place] = lm.tokenizer.mask_token_id
            moved = (lm.model(holed).logits.softmax(-1) - before).abs().sum().item() / 2
            assert found[place] == pytest.approx(moved, abs=SHARE)
    assert found.max() > 1e-3


def test_leave_one_out_needs_a_mask_and_classes() -> None:
    with pytest.raises(WrongTask, match="no classes"):
        leave_one_out(TEXT, load(tiny_models.folder("bert-masked")))
    with pytest.raises(WrongTask, match="no mask token"):
        leave_one_out(TEXT, load(tiny_models.folder("gpt2-classifier")))
