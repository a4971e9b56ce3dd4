"""Gradients by attention weights: against finite differences, for each kind of output."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

import llm_course as lc
import tiny_models
from llm_course.attention.gradients import weight_gradients
from llm_course.errors import BadOption, LLMCourseError, WrongTask
from llm_course.shelf.loading import LanguageModel, load
from rounding import agree

TEXT = "the cat sat on the mat"


def in_float64(name: str) -> LanguageModel:
    """A tiny model in double precision, so that a difference of two scores keeps its digits."""
    lm = load(tiny_models.folder(name), "cpu")
    return LanguageModel(lm.name, copy.deepcopy(lm.model).double(), lm.tokenizer, lm.card, lm.device)


def moved(lm: LanguageModel, where: tuple[int, int, int, int], by: float, inputs: Any) -> torch.Tensor:
    """The logits ``(rows or none, ...)`` when one weight is larger by a number, and all else is computed as always."""
    calls = []

    def attention(
        module: Any, query: Any, key: Any, value: Any, attention_mask: Any, scaling: Any = None, **options: Any
    ) -> Any:
        groups = query.shape[1] // key.shape[1]
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
        scores = query @ key.transpose(2, 3) * (query.shape[-1] ** -0.5 if scaling is None else scaling)
        weights = (scores if attention_mask is None else scores + attention_mask).softmax(-1)
        if len(calls) == where[0]:
            weights = weights.clone()
            weights[0, where[1], where[2], where[3]] += by
        calls.append(module)
        return (weights @ value).transpose(1, 2).contiguous(), None

    AttentionInterface.register("moved_weight", attention)
    AttentionMaskInterface.register("moved_weight", eager_mask)
    plain = copy.deepcopy(lm.model)
    plain.set_attn_implementation("moved_weight")
    with torch.no_grad():
        return plain(**inputs).logits[0]


@pytest.mark.parametrize(
    ("name", "target", "position"),
    [
        ("bert", "positive", None),
        ("bert", 0, None),
        ("distilbert", None, None),
        ("modernbert", 2, None),
        ("gpt2-classifier", 1, None),
        ("gpt2", None, None),
        ("gpt2", 11, 2),
        ("llama", 40, -2),
        ("qwen2", 7, None),
        ("gpt-neox", None, 3),
        ("bert-masked", 30, 2),
        ("bert-tagger", 4, 1),
    ],
)
def test_gradients_are_what_finite_differences_say(name: str, target: Any, position: int | None) -> None:
    lm = in_float64(name)
    attention, found = weight_gradients(TEXT, model=lm, target=target, position=position)
    assert found.shape == attention.weights.shape and found.dtype == np.float32 and attention.recorded
    decoder = attention.kind == "decoder" and name != "gpt2-classifier"
    start = [i for i in lm.frame[0] if i == lm.tokenizer.bos_token_id]
    ids = (
        start + lm.tokenizer(TEXT, add_special_tokens=False)["input_ids"]
        if decoder
        else lm.tokenizer(TEXT)["input_ids"]
    )
    inputs = {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, len(ids), dtype=torch.long)}
    logits = moved(lm, (-1, 0, 0, 0), 0, inputs)
    row = None if logits.dim() == 1 else position if position is not None else len(ids) - 1
    best = int((logits if row is None else logits[row]).argmax())
    number = best if target is None else 2 if target == "positive" else target

    def score(where: tuple[int, int, int, int], by: float) -> float:
        logits = moved(lm, where, by, inputs)
        return (logits if row is None else logits[row])[number].item()

    chance = np.random.default_rng(4)
    last = len(ids) - 1 if row is None else row % len(ids)
    places = [tuple(int(chance.integers(size)) for size in found.shape) for _ in range(12)]
    places += [(1, 1, last, 0), (1, 0, last, last // 2), (0, 1, last // 2, 0)]
    # Llama's norm and some softmaxes compute in float32 whatever goes in: with a smaller step their rounding shows.
    step = 1e-3
    for place in places:
        slope = (score(place, step) - score(place, -step)) / (2 * step)  # type: ignore[arg-type]
        assert found[place] == pytest.approx(slope, rel=3e-3, abs=5e-4)
    assert np.abs(found).max() > 1e-3, "something depends on something"


def test_a_decoders_last_layer_is_read_off_in_one_row() -> None:
    attention, found = weight_gradients(TEXT, model=tiny_models.folder("gpt2"), position=2)
    rows = np.abs(found).max(axis=(1, 3))
    assert rows[1, 2] > 0 and np.delete(rows[1], 2).max() == 0, "no other row of the last layer reaches the logit"
    assert rows[0, :3].min() > 0 and rows[0, 3:].max() == 0, "and nothing after it in the layers before"


def test_the_only_mask_is_the_position() -> None:
    model = tiny_models.folder("bert-masked")
    mask = load(model).tokenizer.mask_token
    attention, found = weight_gradients(f"the {mask} sat", model=model, target="cat")
    place = attention.columns.index(mask)
    same = weight_gradients(f"the {mask} sat", model=model, target="cat", position=place)[1]
    assert agree(found, same) and np.abs(found).max() > 0
    for text in ("the cat sat", f"the {mask} {mask}"):
        with pytest.raises(BadOption, match="position"):
            weight_gradients(text, model=model)


def test_a_pair_is_one_input() -> None:
    attention, found = weight_gradients("the cat", "a dog", model=tiny_models.folder("bert"))
    assert attention.segments.count(1) == 3 and found.shape[2:] == (len(attention.rows),) * 2


def test_models_without_the_interface_have_gradients_too() -> None:
    attention, found = weight_gradients(TEXT, model=tiny_models.folder("bloom"))
    assert found.shape == attention.weights.shape and np.abs(found).max() > 0


@pytest.mark.parametrize("name", ["bert", "gpt2", "bloom"])
def test_the_model_is_left_as_it_was(name: str) -> None:
    lm = load(tiny_models.folder(name))
    before = lm.model.config._attn_implementation
    lm.model.train()
    try:
        weight_gradients(TEXT, model=lm)
        with pytest.raises(BadOption):
            weight_gradients(TEXT, model=lm, target=10**6)
        assert all(part.training for part in lm.model.modules())
    finally:
        lm.model.eval()
    assert lm.model.config._attn_implementation == before
    assert all(not part._forward_hooks and not part._forward_pre_hooks for part in lm.model.modules())
    assert not any(p.requires_grad or p.grad is not None for p in lm.model.parameters())


def test_wrong_calls_say_what_is_allowed() -> None:
    bert, gpt2 = tiny_models.folder("bert"), tiny_models.folder("gpt2")
    with pytest.raises(BadOption, match="negative, neutral, positive"):
        weight_gradients(TEXT, model=bert, target="happy")
    with pytest.raises(BadOption, match="leave position out"):
        weight_gradients(TEXT, model=bert, position=1)
    with pytest.raises(BadOption, match="tokens of"):
        weight_gradients(TEXT, model=gpt2, target="zebra crossing")
    with pytest.raises(WrongTask, match="encoder-decoder"):
        weight_gradients(TEXT, model=tiny_models.folder("marian"))
    for options in ({"target": -1}, {"target": 1.5}, {"target": True}, {"position": 99}, {"position": "0"}):
        with pytest.raises(LLMCourseError):
            weight_gradients(TEXT, model=gpt2, **options)  # type: ignore[arg-type]


def test_the_attention_is_the_one_that_attend_gives() -> None:
    attention, _ = weight_gradients(TEXT, model=tiny_models.folder("gpt2"))
    assert agree(attention.weights, lc.attend(TEXT, model=tiny_models.folder("gpt2")).weights)
