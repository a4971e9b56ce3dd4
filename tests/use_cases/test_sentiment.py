"""Sentiment: probabilities as the model gives them, in batches and over windows."""

from __future__ import annotations

import pytest
import torch

import llm_course as lc
import tiny_models
from llm_course.errors import WrongTask
from llm_course.shelf.loading import LanguageModel, load
from llm_course.text import windows
from llm_course.use_cases.sentiment import class_labels
from rounding import SHARE

families = pytest.mark.parametrize("name", tiny_models.SENTIMENT)
TEXTS = [
    "I love this product!",
    "no",
    "The food was cold, and the children laugh in the park.",
    "It is not bad at all.",
]
LONG = "I love it, but the food was cold. The cat sat on the mat. " * 12


def model(name: str) -> LanguageModel:
    return load(tiny_models.folder(name), task="sentiment")


def plain(lm: LanguageModel, ids: list[int]) -> torch.Tensor:
    """Probabilities of one text by one plain pass, nothing padded."""
    return lm.model(input_ids=torch.tensor([ids])).logits[0].float().softmax(-1)


@families
def test_scores_are_those_of_one_plain_pass(name: str) -> None:
    lm = model(name)
    for text, found in zip(TEXTS, lc.sentiment(TEXTS, model=lm), strict=True):
        shares = plain(lm, lm.tokenizer(text)["input_ids"])
        assert found.scores == pytest.approx(dict(zip(class_labels(lm), shares.tolist(), strict=True)), abs=SHARE)
        assert found.text == text and found.score == max(found.scores.values()) == found.scores[found.label]
        assert sum(found.scores.values()) == pytest.approx(1, abs=SHARE)


@families
def test_a_batch_says_what_each_text_says_alone(name: str) -> None:
    lm = model(name)
    texts = [*TEXTS, LONG, *TEXTS[::-1]]
    for text, found in zip(texts, lc.sentiment(texts, model=lm), strict=True):
        assert found.scores == pytest.approx(lc.sentiment(text, model=lm).scores, abs=SHARE)


@families
def test_a_long_text_is_the_mean_of_its_windows_weighted_by_tokens(name: str) -> None:
    lm = model(name)
    before, after = lm.frame
    ids = lm.tokenizer(LONG, add_special_tokens=False)["input_ids"]
    assert lm.window
    room = lm.window - len(before) - len(after)
    assert len(ids) > 2 * room, "the text of this test must be long"
    total, weight = torch.zeros(3), 0
    for start, end in windows(len(ids), room, room // 4):
        part = [*before, *ids[start:end], *after]
        total += len(part) * plain(lm, part)
        weight += len(part)
    found = lc.sentiment(LONG, model=lm)
    expected = dict(zip(class_labels(lm), (total / weight).tolist(), strict=True))
    assert found.scores == pytest.approx(expected, abs=SHARE)


@families
def test_a_text_that_just_fits_is_read_whole_and_one_token_more_in_windows(name: str) -> None:
    lm = model(name)
    assert lm.window
    room = lm.window - sum(map(len, lm.frame))
    word = lm.tokenizer(" cat", add_special_tokens=False)["input_ids"]
    count = room // len(word)
    for words in (count, count + 1, 5 * count):
        text = ("cat " * words).strip()
        ids = lm.tokenizer(text)["input_ids"]
        found = lc.sentiment(text, model=lm)
        if len(ids) <= lm.window:
            shares = plain(lm, ids).tolist()
            assert found.scores == pytest.approx(dict(zip(class_labels(lm), shares, strict=True)), abs=SHARE)
        else:
            assert sum(found.scores.values()) == pytest.approx(1, abs=SHARE)


def test_the_labels_come_from_the_names_in_the_config() -> None:
    assert class_labels(model("bert")) == ["negative", "neutral", "positive"]
    found = lc.sentiment("I love it", model=model("bert"))
    assert list(found.scores) == ["positive", "neutral", "negative"], "always in the same order"


def test_a_model_of_two_classes_works_and_one_of_other_classes_is_named() -> None:
    import dataclasses
    from copy import deepcopy

    lm = model("bert-topics")
    with pytest.raises(WrongTask, match="sports, politics"):
        lc.sentiment("I love it", model=lm)
    named = deepcopy(lm.model)
    named.config.id2label = {0: "NEG", 1: "POS"}
    two = lc.sentiment("I love it", model=dataclasses.replace(lm, model=named))
    assert set(two.scores) == {"positive", "negative"} and two.label in two.scores
    named.config.id2label = {0: "positive", 1: "positive"}
    with pytest.raises(WrongTask):
        lc.sentiment("I love it", model=dataclasses.replace(lm, model=named))


def test_a_thousand_texts_keep_their_order() -> None:
    lm = model("bert")
    texts = [f"{'the cat ' * (i % 9)}I love it {i}" for i in range(1000)]
    found = lc.sentiment(texts, model=lm)
    assert [one.text for one in found] == texts
    for i in (0, 17, 500, 999):
        assert found[i].scores == pytest.approx(lc.sentiment(texts[i], model=lm).scores, abs=SHARE)


@pytest.mark.gpu
@families
def test_a_gpu_says_what_the_cpu_says(name: str) -> None:
    here, there = (load(tiny_models.folder(name), device=d, task="sentiment") for d in ("cpu", "cuda"))
    for one, two in zip(
        lc.sentiment([*TEXTS, LONG], model=here), lc.sentiment([*TEXTS, LONG], model=there), strict=True
    ):
        assert one.scores == pytest.approx(two.scores, abs=1e-3)
