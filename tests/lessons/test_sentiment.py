"""The exercises: the solutions pass, and each typical mistake gets its own diagnosis."""

from __future__ import annotations

import json
from collections import Counter
from importlib.resources import files

import numpy as np
import pytest
from sklearn.metrics import f1_score

from llm_course.checks.exercises import Wrong, find
from llm_course.lessons.sentiment import exercises


def solved(name):
    space = {"np": np}
    exec(find(name).solution, space)
    return space[name]


def parts(matrix):
    right = np.diag(matrix)
    return right, matrix.sum(axis=1), matrix.sum(axis=0)


def f1(matrix):
    right, true, called = parts(matrix)
    return 2 * right / (true + called)


def test_right_answers_pass():
    assert "column" in exercises.check_precision(solved("precision"))
    assert "small classes" in exercises.check_macro_f1(solved("macro_f1"))


@pytest.mark.parametrize("matrix", [exercises.MATRIX, exercises.SILENT])
def test_the_solution_agrees_with_scikit_learn(matrix):
    pairs = [(t, s) for (t, s), n in np.ndenumerate(matrix) for _ in range(int(n))]
    other = f1_score(*zip(*pairs, strict=True), average="macro", zero_division=0)
    assert solved("macro_f1")(matrix) == pytest.approx(other)


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda m: np.diag(m) / m.sum(axis=1), "this is recall"),
        (lambda m: np.diag(m) / m.sum(), "whole matrix"),
        (lambda m: m.sum(axis=0) / np.diag(m), "upside down"),
        (lambda m: np.diag(m), "counts"),
        (lambda m: m / m.sum(axis=0), "nine numbers"),
        (lambda m: np.trace(m) / m.sum(), "one number comes out"),
        (lambda m: np.diag(m) / m.max(axis=0), "expected"),
        (lambda m: "half", "numbers are expected"),
    ],
)
def test_precision_mistakes(answer, diagnosis):
    with pytest.raises(Wrong, match=diagnosis):
        exercises.check_precision(answer)


def means_first(m):
    right, true, called = parts(m)
    p, r = (right / called).mean(), (right / true).mean()
    return 2 * p * r / (p + r)


def divides_zero_by_zero(m):
    right, true, called = parts(m)
    p, r = right / called, right / true
    return (2 * p * r / (p + r)).mean()


def leaves_silent_classes_out(m):
    return f1(m)[m.sum(axis=0) > 0].mean()


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (f1, "one number: their mean"),
        (lambda m: np.trace(m) / m.sum(), "accuracy"),
        (lambda m: (f1(m) * m.sum(axis=1)).sum() / m.sum(), "by its size"),
        (means_first, "means of precision and recall first"),
        (lambda m: ((np.diag(m) / m.sum(0) + np.diag(m) / m.sum(1)) / 2).mean(), "harmonic"),
        (lambda m: (np.diag(m) / m.sum(1)).mean(), "recall alone"),
        (lambda m: f1(m).sum(), "number of classes"),
        (divides_zero_by_zero, "not a number"),
        (leaves_silent_classes_out, "not left out"),
    ],
)
def test_macro_f1_mistakes(answer, diagnosis):
    with np.errstate(all="ignore"), pytest.raises(Wrong, match=diagnosis):
        exercises.check_macro_f1(answer)


def test_the_labelled_sentences_are_balanced_and_of_known_kinds():
    text = (files("llm_course.lessons") / "sentiment" / "reviews.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    assert Counter(row["label"] for row in rows) == {"positive": 30, "neutral": 30, "negative": 30}
    assert {row["kind"] for row in rows} == {"plain", "negation", "sarcasm", "mixed", "fact", "loaded"}
    assert len({row["text"] for row in rows}) == len(rows)
    assert all(set(row) == {"text", "label", "kind"} for row in rows)
