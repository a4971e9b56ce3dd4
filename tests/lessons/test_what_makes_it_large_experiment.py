"""The n-gram model: probabilities worked out by hand, sums of 1, and draws that follow them."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction

import pytest

from llm_course.errors import BadOption
from llm_course.lessons.what_makes_it_large.experiment import NGram, stories

WORDS = "the cat the cat the dog".split()
VOCABULARY = ["the", "cat", "dog", "sun"]


def model(n: int) -> NGram:
    return NGram(n, VOCABULARY).learn(WORDS)


def test_unigram_by_hand():
    # 6 tokens of 3 kinds; the 3 reserved lots are spread over 4 tokens: (count + 3/4) / 9.
    for token, count in {"the": 3, "cat": 2, "dog": 1, "sun": 0}.items():
        assert model(1).probability(token) == pytest.approx(float((count + Fraction(3, 4)) / 9))


def test_bigram_by_hand():
    # "the" was followed by cat, cat, dog: 3 tokens of 2 kinds.
    assert model(2).probability("cat", ["the"]) == pytest.approx(float((2 + 2 * Fraction(11, 36)) / 5))
    assert model(2).probability("sun", ["the"]) == pytest.approx(float(2 * Fraction(3, 36) / 5))


def test_trigram_by_hand():
    # "cat the" was followed by cat, dog; "the" alone as above.
    after_the = (2 + 2 * Fraction(11, 36)) / 5
    assert model(3).probability("cat", ["cat", "the"]) == pytest.approx(float((1 + 2 * after_the) / 4))


def test_an_unseen_context_is_shortened():
    three = model(3)
    assert three.probability("cat", ["sun", "the"]) == three.probability("cat", ["the"])
    assert three.probability("cat", ["sun"]) == three.probability("cat")
    assert three.probability("cat", ["dog"]) == three.probability("cat")  # dog ended the text: nothing followed it


def test_only_the_last_tokens_matter():
    assert model(2).probability("dog", ["sun", "sun", "the"]) == model(2).probability("dog", ["the"])


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("context", [[], ["the"], ["cat", "the"], ["sun"], ["dog", "sun", "the", "cat"]])
def test_probabilities_sum_to_one(n, context):
    assert sum(model(n).probability(token, context) for token in VOCABULARY) == pytest.approx(1)


def test_before_learning_all_tokens_are_equal():
    assert [NGram(3, VOCABULARY).probability(token, ["the"]) for token in VOCABULARY] == [0.25] * 4


def test_contexts_do_not_reach_into_the_next_text():
    two = NGram(2, VOCABULARY).learn(["the", "cat"]).learn(["dog", "sun"])
    assert ("cat",) not in two.counts
    assert two.probability("dog", ["cat"]) == two.probability("dog")


def test_logprobs_are_those_of_the_tokens_in_their_contexts():
    three = model(3)
    expected = [three.probability("cat"), three.probability("the", ["cat"]), three.probability("dog", ["cat", "the"])]
    assert three.logprobs(["cat", "the", "dog"]) == pytest.approx([math.log(p) for p in expected])


def test_next_tokens_are_sorted_and_cut():
    ranked = model(2).next_tokens(["the"], k=2)
    assert [token for token, _ in ranked] == ["cat", "dog"]
    assert ranked[0][1] == model(2).probability("cat", ["the"])


def test_draws_follow_the_probabilities():
    three = model(3)
    drawn = Counter(three.write(["cat", "the"], 1, seed=seed)[0] for seed in range(4000))
    for token in VOCABULARY:
        expected = three.probability(token, ["cat", "the"])
        assert drawn[token] / 4000 == pytest.approx(expected, abs=4 * math.sqrt(expected / 4000))


def test_same_seed_same_text_and_the_end_is_not_written():
    assert model(3).write(["the"], 20, seed=5) == model(3).write(["the"], 20, seed=5)
    texts = [model(3).write(["the"], 20, seed=seed, end="dog") for seed in range(20)]
    assert all("dog" not in text for text in texts)
    assert min(map(len, texts)) < 20


def test_bad_options():
    with pytest.raises(BadOption, match="n is 1 or more"):
        NGram(0, VOCABULARY)
    with pytest.raises(BadOption, match="vocabulary"):
        NGram(2, [])
    with pytest.raises(BadOption, match="moon"):
        model(2).probability("moon")
    with pytest.raises(BadOption, match="moon"):
        model(2).learn(["moon"])


def test_stories_are_short_all_different_and_held_out_ones_apart():
    counted, held_out = stories()
    assert (len(counted), len(held_out)) == (40, 2)
    assert len(set(counted + held_out)) == 42
    assert not any(text.startswith("#") or "License" in text for text in counted + held_out)
    assert all(40 <= len(text.split()) <= 100 for text in counted + held_out)


def test_more_context_helps_on_the_counted_stories_and_less_on_the_held_out():
    counted, held_out = stories()
    vocabulary = {word for text in counted + held_out for word in text.split()}

    def loss(n: int, texts: list[str]) -> float:
        own = NGram(n, vocabulary)
        for text in counted:
            own.learn(text.split())
        found = [p for text in texts for p in own.logprobs(text.split())]
        return -sum(found) / len(found)

    assert loss(3, counted) < 0.5 * loss(1, counted)  # nearly by heart
    assert loss(2, held_out) < loss(1, held_out)
    assert loss(3, held_out) > 3 * loss(3, counted)  # and that does not carry over
