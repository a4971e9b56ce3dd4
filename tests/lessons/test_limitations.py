"""The exercises: the solutions pass, and each typical mistake gets its own diagnosis."""

from __future__ import annotations

import pytest

from llm_course.checks.exercises import Wrong, find
from llm_course.lessons.limitations import exercises


def solved(name):
    space = {}
    exec(find(name).solution, space)
    return space[name]


def test_right_answers_pass():
    assert "power times time" in exercises.check_training_kwh(solved("training_kwh"))
    assert "0.7 seconds" in exercises.check_token_wh(solved("token_wh"))


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda o, p, u, w: w * o / (p * u), "joules"),
        (lambda o, p, u, w: w * o / (p * u) / 3600, "watt-hours"),
        (lambda o, p, u, w: w * o / p / 3.6e6, "is missing"),
        (lambda o, p, u, w: w * o * u / p / 3.6e6, "multiplied by"),
        (lambda o, p, u, w: o / (p * u), "in seconds"),
        (lambda o, p, u, w: 1.0, "expected 40.0"),
        (lambda o, p, u, w: None, "one number is expected"),
    ],
)
def test_energy_mistakes(answer, diagnosis):
    with pytest.raises(Wrong, match=diagnosis):
        exercises.check_training_kwh(answer)


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda n, b, w, p: p * n * b / w, "in joules"),
        (lambda n, b, w, p: p * n * b / w / 3.6e6, "kilowatt-hours"),
        (lambda n, b, w, p: p * n * b / w * 3600, "more than a joule"),
        (lambda n, b, w, p: p * n / w / 3600, "bytes of each parameter are missing"),
        (lambda n, b, w, p: p * n / b / w / 3600, "divided by the bytes"),
        (lambda n, b, w, p: n * b / w, "time in seconds"),
        (lambda n, b, w, p: n * b / w / 3600, "power is missing"),
        (lambda n, b, w, p: p / (n * b / w) / 3600, "divided the power"),
        (lambda n, b, w, p: 1, "expected 0.002"),
    ],
)
def test_token_mistakes(answer, diagnosis):
    with pytest.raises(Wrong, match=diagnosis):
        exercises.check_token_wh(answer)
