"""The exercises: the solutions pass, and each typical mistake gets its own diagnosis."""

from __future__ import annotations

import numpy as np
import pytest

from llm_course.attention.measures import mean_distance, share, targets
from llm_course.checks.exercises import Wrong, find
from llm_course.lessons.reading_attention import exercises


def solved(name):
    space: dict = {"np": np}
    exec(find(name).solution, space)
    return space[name]


def steps(w):
    return abs(np.arange(len(w))[:, None] - np.arange(len(w)))


def signed(w):
    return np.arange(len(w))[:, None] - np.arange(len(w))


def test_the_solutions_pass_and_agree_with_the_package():
    assert "both directions" in exercises.check_distance(solved("distance"))
    assert "one back" in exercises.check_previous_token(solved("previous_token"))
    for table in (exercises.TABLE, exercises.BOTH_WAYS):
        assert solved("distance")(table) == pytest.approx(float(mean_distance(table)))
        own = share(table, targets("previous token", len(table)))
        assert solved("previous_token")(table) == pytest.approx(float(own))


def test_the_tables_by_hand():
    # Rows: 0; a quarter of 1; 1; three quarters of 3 and a quarter of 1.
    assert exercises.TABLE.sum(1).tolist() == [1, 1, 1, 1]
    assert solved("distance")(exercises.TABLE) == pytest.approx((0 + 0.25 + 1 + 2.5) / 4)
    assert solved("previous_token")(exercises.TABLE) == pytest.approx((0.25 + 1 + 0.25) / 3)


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda w: (w * steps(w)).sum(1), "one for each row"),
        (lambda w: w, "shape"),
        (lambda w: (w * steps(w)).sum(), "added up all rows"),
        (lambda w: (w * steps(w)).mean(), "mean over all cells"),
        (lambda w: steps(w).mean(), "weights are not in it"),
        (lambda w: (w * signed(w) ** 2).sum(1).mean(), "squared"),
        (lambda w: np.mean([abs(i - row.argmax()) for i, row in enumerate(w)]), "largest weight alone"),
        (lambda w: (w * signed(w)).sum(1).mean(), "cancel"),
        (lambda w: (w * steps(np.eye(4))[: len(w), : len(w)]).sum(1).sum() / 4, "Is a 4 written"),
        (lambda w: 7.0, "expected 0.938, got 7.000"),
        (lambda w: "far", "where numbers are expected"),
    ],
)
def test_distance_mistakes(answer, diagnosis):
    with pytest.raises(Wrong, match=diagnosis):
        exercises.check_distance(answer)


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda w: np.diagonal(w, -1), "One number is asked for"),
        (lambda w: w, "shape"),
        (lambda w: np.diagonal(w, 1).mean(), "next token"),
        (lambda w: np.diagonal(w).mean(), "diagonal"),
        (lambda w: np.diagonal(w, -1).sum() / len(w), "divided by the number of rows"),
        (lambda w: np.mean([w[i, max(i - 1, 0)] for i in range(len(w))]), "first row is counted"),
        (lambda w: np.diagonal(w, -1).sum(), "added the weights up"),
        (lambda w: np.mean([row.argmax() == i for i, row in enumerate(w[1:])]), "largest weight is there"),
        (lambda w: np.diagonal(w, -1).sum() / 3, "Is a number written"),
        (lambda w: 7.0, "got 7.000"),
        (lambda w: None, "where a number is expected|expected"),
    ],
)
def test_previous_token_mistakes(answer, diagnosis):
    with pytest.raises(Wrong, match=diagnosis):
        exercises.check_previous_token(answer)
