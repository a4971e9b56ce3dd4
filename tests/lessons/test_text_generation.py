"""The exercises: the solutions pass, and each typical mistake gets its own diagnosis."""

from __future__ import annotations

import numpy as np
import pytest

from llm_course.checks.exercises import Wrong
from llm_course.lessons.text_generation import exercises


def softmax(x):
    weights = np.exp(np.asarray(x) - np.max(x))
    return weights / weights.sum()


def solved(name, source):
    space = {"np": np}
    exec(source, space)
    return space[name]


SOLUTION_T = """def apply_temperature(scores, t):
    scaled = np.asarray(scores, dtype=float) / t
    weights = np.exp(scaled - scaled.max())
    return weights / weights.sum()"""


def nucleus(probabilities, p):
    probabilities = np.asarray(probabilities, dtype=float)
    order = np.argsort(-probabilities)
    ranked = probabilities[order]
    kept = np.zeros_like(probabilities)
    best = order[np.cumsum(ranked) - ranked < p]
    kept[best] = probabilities[best]
    return kept / kept.sum()


def test_right_answers_pass():
    assert exercises.check_apply_temperature(solved("apply_temperature", SOLUTION_T))
    assert exercises.check_keep_top_p(nucleus)


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda s, t: softmax(s) / t, "divide the probabilities"),
        (lambda s, t: softmax(np.asarray(s) * t), "multiply by t"),
        (lambda s, t: softmax(s), "changes nothing"),
        (lambda s, t: softmax(np.asarray(s) - t), "same number"),
        (lambda s, t: np.asarray(s) / t, "scores still"),
        (lambda s, t: np.exp(np.asarray(s) / t - np.max(s) / t), "sum to 1 yet"),
        (lambda s, t: np.exp(np.asarray(s) / t) / np.exp(np.asarray(s) / t).sum(), "overflows"),
        (lambda s, t: softmax(s)[:2], "shape"),
        (lambda s, t: "flat", "not an array of numbers"),
    ],
)
def test_temperature_mistakes(answer, diagnosis):
    with pytest.raises(Wrong, match=diagnosis):
        exercises.check_apply_temperature(answer)


def unscaled(q, p):
    return np.where(nucleus(q, p) > 0, q, 0)


def without_the_crossing_token(q, p):
    order = np.argsort(-q)
    kept = np.zeros_like(q)
    best = order[np.cumsum(q[order]) <= p]
    kept[best] = q[best]
    return kept / kept.sum()


def lagging(q, p):
    order = np.argsort(-q)
    best = order[: np.searchsorted(np.cumsum(q[order]), p) + 2]
    kept = np.zeros_like(q)
    kept[best] = q[best]
    return kept / kept.sum()


def by_single_probability(q, p):
    kept = np.where(q >= 1 - p - 0.2, q, 0)  # keeps 0.40 and 0.30 of the first case by luck
    return kept / kept.sum()


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (unscaled, "Rescale"),
        (without_the_crossing_token, "crosses p"),
        (lambda q, p: np.sort(nucleus(q, p))[::-1], "sorted order"),
        (lagging, "One token too many"),
        (lambda q, p: np.where(q > p, q, 0), "No token stays"),
        (lambda q, p: np.asarray(q), "Nothing was cut"),
        (lambda q, p: np.where(np.arange(len(q)) < 2, q, 0) / q[:2].sum(), "by position"),
        (by_single_probability, "running total|should stay"),
        (lambda q, p: nucleus(q, p)[nucleus(q, p) > 0], "one number per token"),
    ],
)
def test_top_p_mistakes(answer, diagnosis):
    with np.errstate(all="ignore"), pytest.raises(Wrong, match=diagnosis):
        exercises.check_keep_top_p(answer)
