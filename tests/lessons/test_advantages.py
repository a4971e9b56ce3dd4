"""The exercises: the solutions pass, and each typical mistake gets its own diagnosis."""

from __future__ import annotations

import math

import pytest

from llm_course.checks.exercises import Wrong, find
from llm_course.lessons.advantages import exercises


def solved(name):
    space = {}
    exec(find(name).solution, space)
    return space[name]


def test_right_answers_pass():
    assert "2,500 hours" in exercises.check_gpu_hours(solved("gpu_hours"))
    assert "20 days" in exercises.check_training_days(solved("training_days"))
    assert "16%" in exercises.check_loss_after(solved("loss_after"))


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda o, p, s: o / (p * s), "seconds"),
        (lambda o, p, s: o / (p * s) / 60, "minutes"),
        (lambda o, p, s: o / (p * s) * 3600, "multiplied by 3,600"),
        (lambda o, p, s: o / p / 3600, "took the peak"),
        (lambda o, p, s: o / (p / s) / 3600, "faster than its peak"),
        (lambda o, p, s: o / (p * s) / 3600 / 24, "days"),
        (lambda o, p, s: o / (p * 0.4) / 3600, "fixed number"),
        (lambda o, p, s: 7.0, "expected 2,500 hours"),
        (lambda o, p, s: "many", "one number"),
    ],
)
def test_gpu_hours_mistakes(answer, diagnosis):
    with pytest.raises(Wrong, match=diagnosis):
        exercises.check_gpu_hours(answer)


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda n, d, m, p, s: 6 * n * d / (m * p * s), "seconds"),
        (lambda n, d, m, p, s: 6 * n * d / (m * p * s) / 3600, "hours"),
        (lambda n, d, m, p, s: n * d / (m * p * s) / 86_400, "6 is missing"),
        (lambda n, d, m, p, s: 2 * n * d / (m * p * s) / 86_400, "forward pass alone"),
        (lambda n, d, m, p, s: 6 * n * d / (m * p) / 86_400, "took the peak"),
        (lambda n, d, m, p, s: 6 * n * d / (m * p / s) / 86_400, "faster than their peak"),
        (lambda n, d, m, p, s: 6 * n * d / (p * s) / 86_400, "days of one machine"),
        (lambda n, d, m, p, s: 6 * n * d * m / (p * s) / 86_400, "done sooner"),
        (lambda n, d, m, p, s: 6 * n * d / (m * p * 0.4) / 86_400, "fixed number"),
        (lambda n, d, m, p, s: 7.0, "expected 20 days"),
        (lambda n, d, m, p, s: "many", "one number"),
    ],
)
def test_training_days_mistakes(answer, diagnosis):
    with pytest.raises(Wrong, match=diagnosis):
        exercises.check_training_days(answer)


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda loss, k, a: loss * k**a, "minus sign"),
        (lambda loss, k, a: loss / (k * a), "not a factor"),
        (lambda loss, k, a: k**-a, "multiplied by"),
        (lambda loss, k, a: loss * math.exp(-a * k), "exponential"),
        (lambda loss, k, a: loss - k**-a, "expected 1.5"),
        (lambda loss, k, a: loss * k**-a if k > 1 else 0.0, "stay as it is"),
        (lambda loss, k, a: 1.0, "expected 1.5"),
    ],
)
def test_loss_after_mistakes(answer, diagnosis):
    with pytest.raises(Wrong, match=diagnosis):
        exercises.check_loss_after(answer)
