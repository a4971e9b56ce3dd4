"""The baselines that need no neural network: word weights, a word list, lead sentences, TextRank, a memory."""

from __future__ import annotations

import pytest

from llm_course.minis.baselines.bag_of_words import BagOfWords, vader
from llm_course.minis.baselines.extractive import TextRank, lead
from llm_course.minis.baselines.translation_memory import TranslationMemory
from llm_course.text import split_sentences


def test_bag_of_words_learns_words_and_pairs() -> None:
    texts = ["good film", "very good", "not good", "not good film", "a chair", "one chair"] * 3
    labels = ["positive", "positive", "negative", "negative", "neutral", "neutral"] * 3
    bag = BagOfWords(10.0).fit(texts, labels)
    assert bag.predict(["good", "not good at all", "the chair"]) == ["positive", "negative", "neutral"]
    shares = bag.shares(["not good"])[0]
    assert set(shares) == {"positive", "neutral", "negative"}
    assert sum(shares.values()) == pytest.approx(1)
    assert max(shares, key=lambda label: shares[label]) == "negative"


def test_a_rare_class_counts_as_much() -> None:
    # The same text with both labels, one of them nine times as often: balanced classes make it a draw.
    bag = BagOfWords(1.0).fit(["same words"] * 10, ["positive"] * 9 + ["negative"])
    assert bag.shares(["same words"])[0]["negative"] == pytest.approx(0.5, abs=0.02)


def test_vader_finds_the_three_labels() -> None:
    texts = ["I love it, it is wonderful!", "The table is made of wood.", "This is horrible.", "It is not good."]
    assert vader(texts) == ["positive", "neutral", "negative", "negative"]


def test_lead_takes_the_first_sentences() -> None:
    assert lead("One is here. Two is there. Three is gone.", 2) == "One is here. Two is there."
    assert lead("Only one.", 3) == "Only one."


def test_textrank_takes_the_sentence_that_shares_most_words() -> None:
    text = "The mill burned. The river broke the old bridge near the mill. The bridge was old. A river froze."
    rank = TextRank()
    assert rank(text, 1) == "The river broke the old bridge near the mill."
    both = rank(text, 3)
    assert len(both) < len(text) and [s for s in split_sentences(text) if s in both] == split_sentences(both)
    assert rank("Only one.", 2) == "Only one."


def test_textrank_keeps_a_line_of_capitals_and_stands_repeats() -> None:
    assert TextRank()("THIS IS LOUD.", 1) == "THIS IS LOUD."
    assert TextRank()("Go home. Go home. Go home.", 1) == "Go home."


def test_memory_remembers_the_nearest_sentence() -> None:
    memory = TranslationMemory(["I see a dog.", "You buy bread.", "Where is he?"], ["chien", "pain", "où"])
    assert memory(["You buy a dog bread.", "Where is she?", "I see a dog."]) == ["pain", "où", "chien"]
    assert memory([]) == []
    with pytest.raises(ValueError, match="give as many"):
        TranslationMemory(["a"], [])
