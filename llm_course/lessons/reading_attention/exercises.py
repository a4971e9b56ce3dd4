"""Exercises: mean distance and previous-token score of a head, from its table of weights.

Knows nothing about models. A table has one row for each token that looks and one column for each token looked at;
every row sums to 1. Each check calls the reader's function on tables whose answer is known, and names the mistake
that a wrong answer points to.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from llm_course.checks.exercises import Wrong, exercise
from llm_course.lessons.answers import array

# A causal table of four tokens, so unlike its own mirror image that rows and columns cannot be taken for each other.
TABLE = np.array([[1.0, 0.0, 0.0, 0.0], [0.25, 0.75, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.75, 0.0, 0.25, 0.0]])
# Of an encoder: rows look both ways.
BOTH_WAYS = np.array([[0.0, 0.0, 1.0], [0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])


def _is(found: np.ndarray, expected: np.ndarray | float) -> bool:
    return found.shape == np.shape(expected) and bool(np.allclose(found, expected, atol=1e-6))


def _steps(size: int) -> np.ndarray:
    places = np.arange(size)
    return np.abs(places[:, None] - places)


@exercise(
    "distance",
    hint="Gap 1: how far is column j from row i? `abs(rows - columns)`; without `abs`, looking ahead and looking back "
    "would cancel. Gap 2: multiply each distance by its weight, sum along each row (`axis=1`), then take the mean.",
    solution="""def distance(weights):
    rows = np.arange(len(weights))[:, None]      # a column of row numbers
    columns = np.arange(len(weights))            # a row of column numbers
    steps = abs(rows - columns)
    return (weights * steps).sum(axis=1).mean()""",
)
def check_distance(answer: Callable[..., object]) -> str | None:
    """``answer(weights)``: for each row the distances weighed by the weights, then the mean over rows."""
    rows = np.arange(4)[:, None] - np.arange(4)
    wanted = float((TABLE * _steps(4)).sum(1).mean())
    found = array(answer(TABLE.copy()))
    if _is(found, (TABLE * _steps(4)).sum(1)):
        raise Wrong("four numbers come out, one for each row. One is asked for: their mean.")
    if found.shape != ():
        raise Wrong(f"one number is expected, an array of shape {found.shape} came out.")
    if _is(found, (TABLE * _steps(4)).sum()):
        raise Wrong("you added up all rows. Take their mean, so that a longer text does not look farther by itself.")
    if _is(found, (TABLE * _steps(4)).mean()):
        raise Wrong("you took the mean over all cells. Sum along each row first: its weights sum to 1 already.")
    if _is(found, _steps(4).mean()):
        raise Wrong(
            "the weights are not in it: this is the mean of all distances, as of a head that looks at all alike."
        )
    if _is(found, (TABLE * rows**2).sum(1).mean()):
        raise Wrong("you squared the distances. Take them as they are: abs(rows - columns).")
    far = float(np.mean([abs(i - int(TABLE[i].argmax())) for i in range(4)]))
    if _is(found, far):
        raise Wrong("you took the distance to the largest weight alone. Each distance counts by its weight.")
    if not _is(found, wanted):
        raise Wrong(f"for {TABLE.tolist()} expected {wanted:.3f}, got {float(found):.3f}.")
    signed = float((BOTH_WAYS * (np.arange(3)[:, None] - np.arange(3))).sum(1).mean())
    both = array(answer(BOTH_WAYS.copy()))
    if _is(both, signed) or _is(both, -signed):
        raise Wrong("a step ahead and a step back cancel each other in your sum. A distance has no sign: abs(...).")
    if not _is(both, (BOTH_WAYS * _steps(3)).sum(1).mean()):
        raise Wrong(
            f"right for four tokens that look back, but for {BOTH_WAYS.tolist()} expected "
            f"{(BOTH_WAYS * _steps(3)).sum(1).mean():.3f}, got {np.round(both, 3)}. Is a 4 written into your function?"
        )
    return "each distance counts by its weight, and both directions alike."


@exercise(
    "previous_token",
    hint="The weights in question stand just below the diagonal: row 1 column 0, row 2 column 1, and so on. "
    "`np.diagonal(weights, offset=-1)` gives them, or a loop over rows from 1. Then take their mean.",
    solution="""def previous_token(weights):
    before = np.diagonal(weights, offset=-1)     # row 1 column 0, row 2 column 1, ...
    return before.mean()                         # the first token has none before it and does not count""",
)
def check_previous_token(answer: Callable[..., object]) -> str | None:
    """``answer(weights)``: the mean of the weights just below the diagonal; the first row does not count."""
    before = np.diagonal(TABLE, -1)
    found = array(answer(TABLE.copy()))
    if _is(found, before):
        raise Wrong("these are the right weights. One number is asked for: their mean.")
    if found.shape != ():
        raise Wrong(f"one number is expected, an array of shape {found.shape} came out.")
    if _is(found, np.diagonal(TABLE, 1).mean()):
        raise Wrong("you went one column to the right: that is the next token. The token before row i is column i - 1.")
    if _is(found, np.diagonal(TABLE).mean()):
        raise Wrong(
            "this is the diagonal: what a token keeps for itself. The token before stands one column to the left."
        )
    if _is(found, before.sum() / 4):
        raise Wrong("you divided by the number of rows. The first token has none before it: divide by one less.")
    if _is(found, (before.sum() + TABLE[0, -1]) / 4) or _is(found, (before.sum() + TABLE[0, 0]) / 4):
        raise Wrong("the first row is counted, too. Nothing stands before it (in Python, column -1 is the last one).")
    if _is(found, before.sum()):
        raise Wrong(
            "you added the weights up. Divide by how many they are, so that the length of a text does not count."
        )
    if _is(found, (TABLE.argmax(1)[1:] == np.arange(3)).mean()):
        raise Wrong("you counted rows whose largest weight is there. The weights themselves are asked for.")
    if not _is(found, before.mean()):
        raise Wrong(f"for {TABLE.tolist()} expected {before.mean():.3f}, got {float(found):.3f}.")
    other = np.diagonal(BOTH_WAYS, -1).mean()
    if not _is(array(answer(BOTH_WAYS.copy())), other):
        raise Wrong(f"right for four tokens, but not for three: expected {other:.3f}. Is a number written into it?")
    return "1 for a head that only looks one back, 0 for one that never does."
