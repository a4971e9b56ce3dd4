"""The exercises of lesson 12: the solutions pass, and each typical mistake gets its own diagnosis."""

from __future__ import annotations

import pytest

from llm_course.lesson.exercises import Wrong, find, lesson_12


def solved(name):
    space = {}
    exec(find(name).solution, space)
    return space[name]


def test_right_answers_pass():
    assert "power times time" in lesson_12.check_training_kwh(solved("training_kwh"))
    assert "62 tokens" in lesson_12.check_seconds_per_token(solved("seconds_per_token"))


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda o, p, u, w: w * o / (p * u), "joules"),
        (lambda o, p, u, w: w * o / (p * u) / 3600, "watt-hours"),
        (lambda o, p, u, w: w * o / p / 3.6e6, "is missing"),
        (lambda o, p, u, w: w * o * u / p / 3.6e6, "multiplied by"),
        (lambda o, p, u, w: o / (p * u), "in seconds"),
        (lambda o, p, u, w: 1.0, "expected 40.0"),
        (lambda o, p, u, w: None, "a number is expected"),
    ],
)
def test_energy_mistakes(answer, diagnosis):
    with pytest.raises(Wrong, match=diagnosis):
        lesson_12.check_training_kwh(answer)


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda n, b, w: w / (n * b), "tokens per second"),
        (lambda n, b, w: n / w, "bytes of each parameter are missing"),
        (lambda n, b, w: n / b / w, "multiply"),
        (lambda n, b, w: 1, "expected 0.016"),
    ],
)
def test_time_mistakes(answer, diagnosis):
    with pytest.raises(Wrong, match=diagnosis):
        lesson_12.check_seconds_per_token(answer)
