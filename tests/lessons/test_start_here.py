"""The exercises: the solutions pass, and each typical mistake gets its own diagnosis.

The models are stood in for by tables, so that each mistake is told apart whatever the weights are.
"""

from __future__ import annotations

import pytest

import llm_course as lc
from llm_course.checks.exercises import find
from llm_course.lessons.start_here import exercises
from llm_course.teaching.checking import verdict
from llm_course.use_cases.sentiment import Sentiment
from llm_course.use_cases.translation import Translation

FRENCH = {
    "I have a black cat.": "J'ai un chat noir.",
    "The house is very small.": "La maison est très petite.",
    "Thank you!": "Merci !",
}
POSITIVE = {
    "The soup was cold.": (0.1, 0.6),
    "The soup was good.": (0.7, 0.2),
    "I love this soup, it is wonderful!": (0.9, 0.1),
    "I hate this soup.": (0.02, 0.15),
    "This is terrible, I hate it.": (0.01, 0.04),
    "The meeting starts at noon.": (0.2, 0.7),
    "What an awful, horrible film.": (0.03, 0.01),
}


def one_or_many(make):
    return lambda texts: make(texts) if isinstance(texts, str) else [make(text) for text in texts]


def feeling(text):
    positive, neutral = POSITIVE[text]
    scores = {"negative": 1 - positive - neutral, "neutral": neutral, "positive": positive}
    label = max(scores, key=scores.get)
    return Sentiment(label, scores[label], scores, text, "table")


@pytest.fixture(autouse=True)
def _tables_instead_of_models(monkeypatch):
    translate = one_or_many(lambda text: Translation(FRENCH[text], "en", "fr", text, "table"))
    for name, stand_in in {"translate": translate, "sentiment": one_or_many(feeling)}.items():
        monkeypatch.setattr(lc, name, stand_in, raising=False)
        monkeypatch.setattr(exercises, name, stand_in)


@pytest.mark.parametrize("name", ["in_french", "most_positive"])
def test_solutions_pass(name):
    space = {"lc": lc}
    exec(find(name).solution, space)
    found = verdict(name, space[name])
    assert found.kind == "right", found.text


def gaps(sentences):
    results = ...
    return [... for result in results]


def test_unfinished_answers_are_called_unfinished():
    assert verdict("in_french", gaps).kind == "blank"
    assert verdict("most_positive", lambda texts: None).kind == "blank"


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda s: lc.translate(s), "results, not texts"),
        (lambda s: [r.to_dict() for r in lc.translate(s)], "dicts"),
        (lambda s: [r.original for r in lc.translate(s)], "This is the English"),
        (lambda s: [repr(r) for r in lc.translate(s)], "short form"),
        (lambda s: " ".join(map(str, lc.translate(s))), "gives back one text"),
        (lambda s: list(str(lc.translate(s[0]))), "number of letters"),
        (lambda s: [str(r) for r in lc.translate(s)][::-1], "another order"),
        (lambda s: {str(r) for r in lc.translate(s)}, "gives back set"),
        (lambda s: [str(r).upper() for r in lc.translate(s)], "expected"),
        (lambda s: lc.translate(s).text, "stopped"),
    ],
)
def test_french_mistakes(answer, diagnosis):
    found = verdict("in_french", answer)
    assert (found.kind, diagnosis in found.text) == ("wrong", True), found.text


def best(texts, key):
    return max(lc.sentiment(texts), key=key)


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda t: best(t, lambda r: r.score).text, "whichever label won"),
        (lambda t: best(t, lambda r: r.scores["positive"]), "whole result"),
        (lambda t: best(t, lambda r: r.scores["positive"]).label, "a label"),
        (lambda t: max(r.scores["positive"] for r in lc.sentiment(t)), "gives back a number"),
        (lambda t: best(t, lambda r: -r.scores["positive"]).text, "least positive"),
        (lambda t: [r.text for r in lc.sentiment(t) if r.label == "positive"], "2 texts"),
        (lambda t: next(r.text for r in lc.sentiment(t) if r.label == "positive"), "first text with the label"),
        (lambda t: best(t, lambda r: r.scores["positive"]).text.lower(), "unchanged"),
    ],
)
def test_most_positive_mistakes(answer, diagnosis):
    found = verdict("most_positive", answer)
    assert (found.kind, diagnosis in found.text) == ("wrong", True), found.text
