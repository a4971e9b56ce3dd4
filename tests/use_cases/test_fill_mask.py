"""Filling gaps: probabilities as the model gives them, in batches and over windows; texts put together again."""

from __future__ import annotations

import json

import pytest
import torch

import llm_course as lc
import tiny_models
from llm_course.errors import BadInput, BadOption, WrongTask
from llm_course.shelf.loading import LanguageModel, load
from rounding import SHARE

families = pytest.mark.parametrize("name", tiny_models.MASKED)
TEXTS = ["The [MASK] sat on the mat.", "I [MASK] this product, it is [MASK]!", "[MASK]", "My sister has a new [MASK]"]


def model(name: str) -> LanguageModel:
    return load(tiny_models.folder(name), task="fill_mask")


def plain(lm: LanguageModel, text: str) -> torch.Tensor:
    """Probabilities at each gap by one plain pass: (gaps, vocabulary)."""
    ids = torch.tensor([lm.tokenizer(text.replace("[MASK]", lm.tokenizer.mask_token))["input_ids"]])
    return lm.model(input_ids=ids).logits[ids == lm.tokenizer.mask_token_id].float().softmax(-1)


@families
def test_candidates_are_those_of_one_plain_pass(name: str) -> None:
    lm = model(name)
    for text, found in zip(TEXTS, lc.fill_mask(TEXTS, top=4, model=lm), strict=True):
        shares = plain(lm, text)
        assert len(found.candidates) == text.count("[MASK]") == len(shares) and found.original == text
        for own, row in zip(found.candidates, shares, strict=True):
            words = torch.tensor([i for i in range(len(row)) if i not in lm.tokenizer.all_special_ids])
            assert [c.probability for c in own] == pytest.approx(row[words].topk(4).values.tolist(), abs=SHARE)
            assert not {c.token for c in own} & set(lm.tokenizer.all_special_tokens)


@families
def test_a_batch_says_what_each_text_says_alone(name: str) -> None:
    lm = model(name)
    long = "the cat sat on the mat. " * 20 + "The [MASK] sat. " + "a dog runs in the park. " * 20
    texts = [*TEXTS, long, *TEXTS[::-1]]
    for text, found in zip(texts, lc.fill_mask(texts, model=lm), strict=True):
        alone = lc.fill_mask(text, model=lm)
        assert [c.probability for own in found.candidates for c in own] == pytest.approx(
            [c.probability for own in alone.candidates for c in own], abs=SHARE
        )
        assert found.original == text and "[MASK]" not in found.text


@families
def test_a_gap_in_a_long_text_is_read_with_context_on_both_sides(name: str) -> None:
    lm = model(name)
    assert lm.window
    room = lm.window - sum(map(len, lm.frame))
    word = lm.tokenizer(" cat", add_special_tokens=False)["input_ids"]
    count = 2 * room // len(word)
    for text in ("cat " * count + "[MASK]" + " cat" * count, "[MASK]" + " cat" * count, "cat " * count + "[MASK]"):
        ids = lm.tokenizer(text.replace("[MASK]", lm.tokenizer.mask_token), add_special_tokens=False)["input_ids"]
        place = ids.index(lm.tokenizer.mask_token_id)
        seen: list[torch.Tensor] = []

        def note(_: object, args: object, given: dict[str, torch.Tensor], kept: list[torch.Tensor] = seen) -> None:
            kept.append(given["input_ids"][0])

        hook = lm.model.register_forward_pre_hook(note, with_kwargs=True)
        lc.fill_mask(text, model=lm)
        hook.remove()
        assert len(seen) == 1 and len(seen[0]) == lm.window, "one whole window, and only that of the gap"
        inside = seen[0].tolist().index(lm.tokenizer.mask_token_id)
        left, right = inside - len(lm.frame[0]), lm.window - len(lm.frame[1]) - 1 - inside
        assert min(left, place) >= min(place, room // 4 - 1) and min(right, len(ids) - 1 - place) >= min(
            len(ids) - 1 - place, room // 4 - 1
        )


def test_the_models_own_mask_token_is_understood_and_another_models_is_not() -> None:
    lm = model("roberta-masked")
    ours, own = lc.fill_mask(["The [MASK] sat.", "The <mask> sat."], model=lm)
    assert ours.candidates == own.candidates and ours.text == own.text
    with pytest.raises(BadInput, match=r"no gap.*\[MASK\]"):
        lc.fill_mask("The <mask> sat.", model=model("bert-masked"))
    with pytest.raises(BadInput, match="number 1 of the list"):
        lc.fill_mask(["The [MASK] sat.", "The cat sat."], model=lm)


def set_bias(lm: LanguageModel, wanted: str) -> LanguageModel:
    """The same model with one token made the most probable everywhere."""
    import dataclasses
    from copy import deepcopy

    twin = dataclasses.replace(lm, model=deepcopy(lm.model))
    bias = twin.model.get_output_embeddings().bias
    bias.data[lm.tokenizer.convert_tokens_to_ids(wanted)] += 1e4
    return twin


@pytest.mark.parametrize(
    ("name", "token", "shown", "text", "filled"),
    [
        ("bert-masked", "cat", "cat", "The [MASK] sat.", "The cat sat."),
        ("bert-masked", "cat", "cat", "The[MASK] sat.", "The cat sat."),
        ("bert-masked", ".", ".", "The end[MASK]", "The end."),
        ("bert-masked", "##s", "##s", "The cat [MASK] sat.", "The cats sat."),
        ("bert-masked", "cat", "cat", "[MASK] [MASK]\n[MASK]", "cat cat\ncat"),
        ("roberta-masked", "Ġthe", "the", "On <mask> mat", "On the mat"),
        ("roberta-masked", "s", "##s", "The cat <mask> sat", "The cats sat"),
        ("modernbert-masked", "Ġthe", "the", "on [MASK] mat", "on the mat"),
    ],
)
def test_the_best_token_is_put_into_the_text(name: str, token: str, shown: str, text: str, filled: str) -> None:
    found = lc.fill_mask(text, model=set_bias(model(name), token))
    assert found.candidates[0][0].token == shown and found.candidates[0][0].probability == pytest.approx(1)
    assert found.text == str(found) == filled


def test_the_result_as_data() -> None:
    found = lc.fill_mask("The [MASK] sat <b>.", top=3, model=model("bert-masked"))
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict()
    assert [len(own) for own in found.to_dict()["candidates"]] == [3]
    assert "&lt;b&gt;" in found._repr_html_() and "<b>." not in found._repr_html_()


def test_more_candidates_than_the_vocabulary_has() -> None:
    lm = model("bert-masked")
    found = lc.fill_mask("The [MASK] sat.", top=1000, model=lm)
    assert len(found.candidates[0]) == len(lm.tokenizer) - len(lm.tokenizer.all_special_ids)
    for top in (0, 1001, 2.5, True):
        with pytest.raises(BadOption, match="top="):
            lc.fill_mask("The [MASK] sat.", top=top, model=lm)


def test_a_model_that_fills_no_gaps_is_refused() -> None:
    with pytest.raises(WrongTask):
        lc.fill_mask("The [MASK] sat.", model=tiny_models.folder("gpt2"))


@pytest.mark.gpu
@families
def test_a_gpu_says_what_the_cpu_says(name: str) -> None:
    here, there = (load(tiny_models.folder(name), device=d, task="fill_mask") for d in ("cpu", "cuda"))
    for one, two in zip(lc.fill_mask(TEXTS, model=here), lc.fill_mask(TEXTS, model=there), strict=True):
        assert [c[0].probability for c in one.candidates] == pytest.approx(
            [c[0].probability for c in two.candidates], abs=1e-2
        )
