"""The exercises: the solutions pass, and each typical mistake gets its own diagnosis."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from llm_course.checks.exercises import Wrong
from llm_course.lessons.summarization import exercises


def ngrams(text, n):
    words = re.findall(r"[a-z0-9]+", text.lower())
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def rouge(join, one_count=False, clip=True, order=None):
    def function(reference, summary, n):
        ref, got = ngrams(reference, order or n), ngrams(summary, order or n)
        if one_count:
            ref, got = Counter(dict.fromkeys(ref, 1)), Counter(dict.fromkeys(got, 1))
        shared = (ref & got).total() if clip else sum(count for gram, count in got.items() if gram in ref)
        return join(shared / got.total(), shared / ref.total()) if shared else 0.0

    return function


def f_measure(precision, recall):
    return 2 * precision * recall / (precision + recall)


def best(choose, one=None):
    one = one or rouge(f_measure)
    return lambda references, summary, n: choose([one(ref, summary, n) for ref in references])


def mixed(references, summary, n):
    """The best recall and the best precision, each of its own reference."""
    recall = max(rouge(lambda p, r: r)(ref, summary, n) for ref in references)
    precision = max(rouge(lambda p, r: p)(ref, summary, n) for ref in references)
    return f_measure(precision, recall) if recall else 0.0


def new(text, summary):
    known, said = ngrams(text, 1), ngrams(summary, 1)
    return sum(count for word, count in said.items() if word not in known), said.total(), known


def share(text, summary):
    count, total, _ = new(text, summary)
    return count / total


def split_only(text, summary):
    return sum(word not in text.split() for word in summary.split()) / len(summary.split())


def different_words(text, summary):
    known, said = set(ngrams(text, 1)), set(ngrams(summary, 1))
    return len(said - known) / len(said)


def other_direction(text, summary):
    known, said = ngrams(text, 1), ngrams(summary, 1)
    return sum(count for word, count in known.items() if word not in said) / known.total()


def as_text(text, summary):
    words = [word for (word,) in ngrams(summary, 1).elements()]
    return sum(word not in text.lower() for word in words) / len(words)


def subtracted(text, summary):
    return (ngrams(summary, 1) - ngrams(text, 1)).total() / ngrams(summary, 1).total()


def test_right_answers_pass():
    from llm_course.checks.exercises import find

    space = {"ngrams": ngrams}
    for name in ("rouge_n", "rouge_best", "new_words"):
        exec(find(name).solution, space)
        assert find(name).check(space[name])
    assert exercises.check_rouge_n(lambda *a: round(rouge(f_measure)(*a), 2)), "rounded to two places is right, too"


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (rouge(lambda p, r: r), "recall alone"),
        (rouge(lambda p, r: p), "precision alone"),
        (rouge(lambda p, r: p * r / (p + r)), "begins with 2"),
        (rouge(lambda p, r: (p + r) / 2), "plain average"),
        (rouge(lambda p, r: p * r), "precision times recall"),
        (rouge(f_measure, one_count=True), "every word counted once"),
        (rouge(f_measure, order=1), "pass n on"),
        (rouge(f_measure, clip=False), "at most as often"),
        (lambda ref, summary, n: (ngrams(ref, n) & ngrams(summary, n)).total(), "number of shared words"),
        (lambda ref, summary, n: rouge(f_measure)(ref, summary, n) or 1.0, "must score 0.0"),
        (rouge(lambda p, r: (p, r)), "several numbers"),
        (lambda ref, summary, n: ..., "Not written yet"),
        (lambda ref, summary, n: 0.5, "Which total"),
    ],
)
def test_rouge_mistakes(answer, diagnosis):
    with pytest.raises(Wrong, match=diagnosis):
        exercises.check_rouge_n(answer)


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (best(lambda found: found[0]), "first reference alone"),
        (best(min), "the worst one"),
        (best(lambda found: found[-1]), "other order"),
        (best(lambda found: sum(found) / len(found)), "mean over the references"),
        (lambda refs, summary, n: rouge(f_measure)(" ".join(refs), summary, n), "joined"),
        (best(max, rouge(lambda p, r: r)), "best recall"),
        (best(max, rouge(lambda p, r: p)), "best precision"),
        (best(max, rouge(lambda p, r: p * r / (p + r))), "begins with 2"),
        (best(max, rouge(f_measure, order=1)), "pass n on"),
        (mixed, "different references"),
        (lambda refs, summary, n: best(max)(refs, summary, n) or 1.0, "must be 0.0"),
        (lambda refs, summary, n: 0.5, "14/15"),
        (lambda refs, summary, n: None, "Not written yet"),
    ],
)
def test_best_reference_mistakes(answer, diagnosis):
    with pytest.raises(Wrong, match=diagnosis):
        exercises.check_rouge_best(answer)


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda text, summary: 1 - share(text, summary), "do stand in the text"),
        (lambda text, summary: new(text, summary)[0], "is a count"),
        (lambda text, summary: new(text, summary)[0] / new(text, summary)[2].total(), "length of the text"),
        (other_direction, "other direction"),
        (split_only, "drops capitals"),
        (lambda text, summary: 100 * share(text, summary), "percentage"),
        (different_words, "Each occurrence"),
        (as_text, "whole words"),
        (subtracted, "more often than the text"),
        (lambda text, summary: None, "Not written yet"),
        (lambda text, summary: "0.2 new", "one number"),
        (0.2, "not a function"),
    ],
)
def test_new_words_mistakes(answer, diagnosis):
    with pytest.raises(Wrong, match=diagnosis):
        exercises.check_new_words(answer)
