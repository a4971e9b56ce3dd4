"""Summaries: sentences kept as they are when extractive, bounded when abstractive, nothing of a long text left out."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

import llm_course as lc
import tiny_models
from llm_course.errors import BadOption, WrongTask
from llm_course.shelf.loading import LanguageModel, load
from llm_course.text import split_sentences
from llm_course.use_cases.encoder_decoder import Written
from llm_course.use_cases.summarization import parts_of, sentence_scores, write
from rounding import SHARE

extractive = pytest.mark.parametrize("name", tiny_models.EXTRACTIVE)
abstractive = pytest.mark.parametrize("name", tiny_models.ENCODER_DECODER)
SENTENCES = [
    "The cat sat on the mat.",
    "A dog runs in the park!",
    "I love this product.",
    "The food was cold.",
    "My sister bought a new car yesterday.",
    "Hello, how are you?",
    "The children laugh.",
    "It is not bad at all.",
]
ARTICLE = " ".join(SENTENCES)
SHORT = " ".join(SENTENCES[:3])


def model(name: str) -> LanguageModel:
    return load(tiny_models.folder(name), task="summarize")


# --- extractive ---------------------------------------------------------------------------------------------


@extractive
@pytest.mark.parametrize("most", [1, 2, 5, 8, 50])
def test_sentences_stay_unchanged_and_in_order(name: str, most: int) -> None:
    found = lc.summarize(ARTICLE, most, model=model(name))
    assert found.method == "extractive" and found.original == ARTICLE
    assert len(found.sentences) == min(most, 8) == len(found.positions)
    assert list(found.positions) == sorted(set(found.positions))
    assert list(found.sentences) == [SENTENCES[i] for i in found.positions] and found.text == " ".join(found.sentences)


@extractive
def test_the_sentences_with_the_highest_scores_are_kept(name: str) -> None:
    lm = model(name)
    (scores,) = sentence_scores(lm, [SENTENCES])
    best = sorted(range(8), key=lambda i: -scores[i])
    for most in (1, 3):
        assert set(lc.summarize(ARTICLE, most, model=lm).positions) == set(best[:most])


@extractive
def test_scores_are_those_of_one_plain_pass_over_each_part(name: str) -> None:
    lm = model(name)
    (scores,) = sentence_scores(lm, [SENTENCES])
    parts = parts_of(lm.tokenizer, lm.window or 0, SENTENCES)
    assert len(parts) > 1 and sum(len(marks) for _, _, marks in parts) == 8
    for start, ids, marks in parts:
        assert len(ids) <= (lm.window or 0) and [ids[m] for m in marks] == [lm.tokenizer.cls_token_id] * len(marks)
        plain = lm.model(input_ids=torch.tensor([ids])).logits[0, marks, 0]
        assert scores[start : start + len(marks)] == pytest.approx(plain.tolist(), abs=SHARE)


@extractive
def test_every_token_of_every_sentence_is_read(name: str) -> None:
    lm = model(name)
    sentences = [*SENTENCES, "The cat " * 100 + "end.", "Hello."]
    read = [i for _, ids, _ in parts_of(lm.tokenizer, lm.window or 0, sentences) for i in ids]
    frame = {lm.tokenizer.cls_token_id, lm.tokenizer.sep_token_id}
    whole = [i for s in sentences for i in lm.tokenizer(s, add_special_tokens=False)["input_ids"]]
    assert not Counter(whole) - Counter(i for i in read if i not in frame)  # windows of one sentence may overlap
    (scores,) = sentence_scores(lm, [sentences])
    assert all(score > float("-inf") for score in scores)


@extractive
def test_extractive_batches_say_what_each_text_says_alone(name: str) -> None:
    lm = model(name)
    texts = [ARTICLE, SHORT, SENTENCES[4], ARTICLE * 4]
    for text, one in zip(texts, lc.summarize(texts, model=lm), strict=True):
        assert one.positions == lc.summarize(text, model=lm).positions


def test_a_model_that_labels_words_is_no_summarizer() -> None:
    with pytest.raises(WrongTask, match="labels words"):
        lc.summarize(ARTICLE, model=tiny_models.folder("bert-tagger"))


# --- abstractive --------------------------------------------------------------------------------------------


@abstractive
def test_one_text_equals_the_library(name: str) -> None:
    lm = model(name)
    lead = "summarize: " if lm.model.config.model_type == "t5" else ""
    ids = lm.tokenizer(lead + SHORT, return_tensors="pt", return_token_type_ids=False)
    out = lm.model.generate(
        **ids,
        num_beams=4,
        do_sample=False,
        max_length=None,
        min_length=0,
        no_repeat_ngram_size=3,
        early_stopping=True,
        max_new_tokens=min(128, (lm.window or 512) - 1),
        pad_token_id=lm.model.config.pad_token_id,
    )
    assert ids["input_ids"].shape[1] <= (lm.window or 512)
    ended = out.shape[1] - 1 < min(128, (lm.window or 512) - 1)
    assert write(lm, [SHORT]) == [Written(lm.tokenizer.decode(out[0], skip_special_tokens=True).strip(), ended)]


@abstractive
def test_abstractive_batches_say_what_each_text_says_alone(name: str) -> None:
    lm = model(name)
    texts = [SHORT, "Hello.", ARTICLE, SENTENCES[4]]
    for text, one in zip(texts, lc.summarize(texts, model=lm), strict=True):
        assert one.text == lc.summarize(text, model=lm).text
        assert one.method == "abstractive" and one.original == text and one.positions == ()


@abstractive
def test_every_token_of_a_long_text_is_read(name: str) -> None:
    lm = model(name)
    text = ARTICLE * (20 if name.startswith("t5") else 6)
    read: list[list[int]] = []
    generate = lm.model.generate

    def spy(**inputs: torch.Tensor) -> torch.Tensor:
        rows = zip(inputs["input_ids"].tolist(), inputs["attention_mask"].sum(1).tolist(), strict=True)
        read.extend(row[:size] for row, size in rows)
        return generate(**{**inputs, "max_new_tokens": 2})

    lm.model.generate = spy
    try:
        write(lm, [text])
    finally:
        del lm.model.generate
    before, after = lm.frame
    lead = lm.tokenizer("summarize: ", add_special_tokens=False)["input_ids"] if name.startswith("t5") else []
    whole = lm.tokenizer(text, add_special_tokens=False)["input_ids"]
    inside = [row[len(before) + len(lead) : len(row) - len(after)] for row in read]
    assert len(inside) > 1 and all(len(row) <= (lm.window or 0) for row in read)
    places = {tuple(whole[i : i + len(part)]): i for part in inside for i in range(len(whole) - len(part) + 1)}
    covered = {i for part in inside for i in range(places[tuple(part)], places[tuple(part)] + len(part))}
    # The text repeats itself, so parts are found at their last place: count tokens, and see that the end is there.
    assert len(whole) - 1 in covered and sum(map(len, inside)) >= len(whole)


@pytest.mark.parametrize("name", ["bart", "t5"])
def test_a_summary_that_was_broken_off_says_so(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from llm_course.use_cases import summarization

    lm = model(name)
    monkeypatch.setattr(summarization, "LONGEST", 2)
    (short,) = write(lm, [SHORT])
    assert not short.ended
    found = lc.summarize(SHORT, 9, model=lm)
    assert not found.ended and not found.to_dict()["ended"]
    assert "broken off" in repr(found) and "broken off" in found._repr_html_()


@pytest.mark.parametrize("most", [1, 2, 9])
def test_an_abstractive_summary_has_no_more_sentences_than_asked_for(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from llm_course.use_cases import summarization

    asked: list[str] = []

    def parrot(lm: object, texts: list[str], progress: object = None) -> list[Written]:
        """A summarizer that drops the last sentence, and gives up at three."""
        asked.extend(texts)
        cut = [split_sentences(text) for text in texts]
        return [Written(" ".join(own[: max(3, len(own) - 1)]), len(own) < 3) for own in cut]

    monkeypatch.setattr(summarization, "write", parrot)
    one, two = lc.summarize([ARTICLE, SENTENCES[0]], most, model=model("bart"))
    assert list(one.sentences) == SENTENCES[: min(7, most)] and list(two.sentences) == SENTENCES[:1]
    assert two.ended and one.ended == (most < 3), "broken off, unless only whole sentences of it were kept"
    assert one.text == " ".join(one.sentences) and asked[:2] == [ARTICLE, SENTENCES[0]]


# --- options ------------------------------------------------------------------------------------------------


def test_the_method_must_be_one_the_model_has() -> None:
    with pytest.raises(BadOption, match="'extractive' or 'abstractive'"):
        lc.summarize(ARTICLE, method="magic", model=model("bart"))
    with pytest.raises(BadOption, match="is abstractive"):
        lc.summarize(ARTICLE, method="extractive", model=model("bart"))
    with pytest.raises(BadOption, match="is extractive"):
        lc.summarize(ARTICLE, method="abstractive", model=model("bert-extract"))
    assert lc.summarize(ARTICLE, method="extractive", model=model("bert-extract")).method == "extractive"


@pytest.mark.parametrize("wrong", [0, -2, 1.5, "2", None, 10_000, True])
def test_a_number_of_sentences_outside_the_range_is_named(wrong: object) -> None:
    with pytest.raises(BadOption, match="max_sentences=.* from 1 to 1000"):
        lc.summarize(ARTICLE, wrong, model=model("bert-extract"))  # type: ignore[arg-type]


@pytest.mark.gpu
@pytest.mark.parametrize("name", [*tiny_models.EXTRACTIVE, *tiny_models.ENCODER_DECODER])
def test_a_gpu_says_what_the_cpu_says(name: str) -> None:
    here, there = (load(tiny_models.folder(name), device=d, task="summarize") for d in ("cpu", "cuda"))
    one, two = (lc.summarize([ARTICLE, SHORT], model=lm) for lm in (here, there))
    assert [r.text for r in one] == [r.text for r in two]
