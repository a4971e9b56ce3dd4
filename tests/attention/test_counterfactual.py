"""Answers with other weights: the model's own give its own answer, others those of a model that computes them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import llm_course as lc
import tiny_models
from llm_course.attention import counterfactual
from llm_course.attention.counterfactual import answers_with, leave_one_out
from llm_course.errors import BadInput, BadOption, WrongTask
from llm_course.shelf.loading import load
from rounding import SHARE

TEXT = "The cat sat on the mat."


@pytest.mark.parametrize("name", ["bert", "distilbert", "roberta", "modernbert"])
def test_its_own_weights_give_its_own_answer(name: str) -> None:
    lm = load(tiny_models.folder(name))
    inputs = lm.tokenizer(TEXT, return_tensors="pt")
    with torch.no_grad():
        own = lm.model(**inputs).logits.softmax(-1).numpy()
    found = lc.attend(TEXT, model=lm)
    for layer, row in ((None, 0), (0, 3)):
        weights = found.weights[-1 if layer is None else layer][:, row]
        assert np.allclose(answers_with(weights[None], TEXT, lm, layer=layer, row=row), own, atol=SHARE)


def test_uniform_weights_are_what_queries_of_zero_give() -> None:
    """A head whose queries are zero looks at all alike: the model itself says what the answer then is."""
    import copy

    lm = load(tiny_models.folder("bert"))
    count = len(lc.attend(TEXT, model=lm).columns)
    changed = copy.deepcopy(lm.model)
    query = changed.bert.encoder.layer[1].attention.self.query
    with torch.no_grad():
        query.weight.zero_()
        query.bias.zero_()
        wanted = changed(**lm.tokenizer(TEXT, return_tensors="pt")).logits.softmax(-1).numpy()
    found = answers_with(np.full((2, 2, count), 1 / count), TEXT, lm)
    assert found.shape == (2, 3) and np.allclose(found, wanted, atol=SHARE), "in the last layer only row 0 counts"
    own = answers_with(lc.attend(TEXT, model=lm).weights[1][:, 0][None], TEXT, lm)
    assert np.abs(own - wanted).max() > 1e-3


def test_each_try_stands_for_itself_and_the_model_is_left_alone() -> None:
    lm = load(tiny_models.folder("bert"))
    count = len(lc.attend(TEXT, model=lm).columns)
    tries = np.random.default_rng(0).dirichlet(np.ones(count), size=(3, 2))
    together = answers_with(tries, TEXT, lm)
    for one, found in zip(tries, together, strict=True):
        assert np.allclose(answers_with(one[None], TEXT, lm)[0], found, atol=SHARE)
    assert not any(part._forward_pre_hooks for part in lm.model.modules())


def test_what_cannot_be() -> None:
    lm = load(tiny_models.folder("bert"))
    count = len(lc.attend(TEXT, model=lm).columns)
    even = np.full((1, 2, count), 1 / count)
    for wrong in (even[0], even[:, :1], even[..., 1:], even * np.nan):
        with pytest.raises(BadInput, match="weights must be"):
            answers_with(wrong, TEXT, lm)
    with pytest.raises(BadOption, match="layer=2"):
        answers_with(even, TEXT, lm, layer=2)
    with pytest.raises(BadOption, match="row="):
        answers_with(even, TEXT, lm, row=count)
    masked = load(tiny_models.folder("bert-masked"))
    with pytest.raises(WrongTask, match="no classes"):
        answers_with(even, TEXT, masked)


def test_leave_one_out_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """In batches of two, of a model in training mode: as one text after the other, without dropout."""
    lm = load(tiny_models.folder("bert"))
    inputs = lm.tokenizer(TEXT, return_tensors="pt")
    found = lc.attend(TEXT, model=lm)
    wanted = np.zeros(len(found.columns), np.float32)
    with torch.no_grad():
        own = lm.model(**inputs).logits.softmax(-1)
        for place in range(1, len(wanted) - 1):
            ids = inputs["input_ids"].clone()
            ids[0, place] = lm.tokenizer.mask_token_id
            wanted[place] = (lm.model(**{**inputs, "input_ids": ids}).logits.softmax(-1) - own).abs().sum() / 2
    monkeypatch.setattr(counterfactual, "BATCH", 2)
    sizes: list[int] = []
    hook = lm.model.register_forward_pre_hook(
        lambda _, args, given: sizes.append(len(given["input_ids"])), with_kwargs=True
    )
    dropouts = [(part, part.p) for part in lm.model.modules() if isinstance(part, torch.nn.Dropout)]
    lm.model.train()
    for part, _ in dropouts:
        part.p = 0.5
    try:
        assert np.allclose(leave_one_out(TEXT, lm), wanted, atol=SHARE)
        assert lm.model.training and max(sizes) <= 2, "the model is left in its mode"
    finally:
        hook.remove()
        lm.model.eval()
        for part, share in dropouts:
            part.p = share


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
            assert found[place] == pytest.approx(moved, abs=1e-5)
    assert found.max() > 1e-3


def test_leave_one_out_needs_a_mask_and_classes() -> None:
    with pytest.raises(WrongTask, match="no classes"):
        leave_one_out(TEXT, load(tiny_models.folder("bert-masked")))
    with pytest.raises(WrongTask, match="no mask token"):
        leave_one_out(TEXT, load(tiny_models.folder("gpt2-classifier")))
