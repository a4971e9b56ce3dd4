"""Exercises: precision and macro-F1 from a confusion matrix.

Knows nothing about notebooks or models. Rows of a matrix are true classes, columns predicted ones. Each check
calls the reader's function on matrices whose answer is known, and names the mistake that a wrong answer points to.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from llm_course.checks.exercises import Wrong, exercise
from llm_course.lessons.answers import array

# Three classes of unequal size, so that no two of the usual measures agree by accident.
MATRIX = np.array([[8.0, 1.0, 1.0], [4.0, 3.0, 3.0], [5.0, 1.0, 24.0]])
# The second class is never predicted.
SILENT = np.array([[4.0, 0.0, 1.0], [2.0, 0.0, 3.0], [1.0, 0.0, 9.0]])


def _is(found: np.ndarray, expected: np.ndarray | float) -> bool:
    return found.shape == np.shape(expected) and bool(np.allclose(found, expected, atol=1e-6))


@exercise(
    "precision",
    hint="Gap 1: those that were called positive stand in one column, not in one row. `axis=0` sums down each column. "
    "Gap 2: divide the right ones by those that were called.",
    solution="""def precision(matrix):
    matrix = np.asarray(matrix, dtype=float)
    right = np.diag(matrix)
    called = matrix.sum(axis=0)         # the column: all that were called this class
    return right / called""",
)
def check_precision(answer: Callable[..., object]) -> str | None:
    """``answer(matrix)``: the diagonal over the column sums, one number per class."""
    right, true, called = np.diag(MATRIX), MATRIX.sum(axis=1), MATRIX.sum(axis=0)
    found = array(answer(MATRIX))
    if _is(found, right / true):
        raise Wrong("this is recall: you divided by the row sums. Those that were called a class stand in its column.")
    if _is(found, right / MATRIX.sum()):
        raise Wrong("you divided by the sum of the whole matrix. Each class has its own: the sum of its column.")
    if _is(found, called / right):
        raise Wrong("the fraction is upside down: a share is never above 1. Right ones go on top.")
    if _is(found, right) or _is(found, called):
        raise Wrong("these are counts. Precision is a share: right ones divided by those that were called.")
    if found.shape == (3, 3):
        raise Wrong(
            "you divided the whole matrix, so nine numbers come out. Only the diagonal is right: np.diag(matrix)."
        )
    if found.shape == ():
        raise Wrong("one number comes out. Precision is asked for each class: three numbers for this matrix.")
    if not _is(found, right / called):
        raise Wrong(
            f"for {MATRIX.astype(int).tolist()} expected {(right / called).round(2).tolist()}, got {found.round(2)}."
        )
    return "each diagonal entry over the sum of its column."


@exercise(
    "macro_f1",
    hint="F1 of a class can be written without precision and recall: twice the right ones, over row sum plus "
    "column sum. That never divides 0 by 0 for a class that occurs. Then take the mean over classes.",
    solution="""def macro_f1(matrix):
    matrix = np.asarray(matrix, dtype=float)
    f1 = 2 * np.diag(matrix) / (matrix.sum(axis=1) + matrix.sum(axis=0))
    return f1.mean()                    # every class counts the same""",
)
def check_macro_f1(answer: Callable[..., object]) -> str | None:
    """``answer(matrix)``: the unweighted mean of the F1 of all classes; 0 for a class never predicted."""
    right, true, called = np.diag(MATRIX), MATRIX.sum(axis=1), MATRIX.sum(axis=0)
    p, r = right / called, right / true
    f1 = 2 * p * r / (p + r)
    with np.errstate(all="ignore"):
        found, silent = array(answer(MATRIX)), array(answer(SILENT))
    if _is(found, f1):
        raise Wrong("these are the three F1 scores. Macro-F1 is one number: their mean.")
    if found.shape != ():
        raise Wrong(f"one number is expected, an array of shape {found.shape} came out.")
    if _is(found, right.sum() / MATRIX.sum()):
        raise Wrong("this is accuracy: the diagonal over everything. Compute F1 for each class first, then the mean.")
    if _is(found, (f1 * true).sum() / true.sum()):
        raise Wrong("you weighed each class by its size. Macro means the plain mean: a rare class counts as much.")
    if _is(found, 2 * p.mean() * r.mean() / (p.mean() + r.mean())):
        raise Wrong("you took the means of precision and recall first. F1 comes first, for each class; then the mean.")
    if _is(found, ((p + r) / 2).mean()):
        raise Wrong("this is the ordinary mean of precision and recall. F1 is their harmonic mean: 2·P·R / (P + R).")
    if _is(found, p.mean()) or _is(found, r.mean()):
        raise Wrong(f"this is the mean {'precision' if _is(found, p.mean()) else 'recall'} alone. F1 needs both.")
    if _is(found, f1.sum()):
        raise Wrong("you added the F1 scores. Divide by the number of classes.")
    if not _is(found, f1.mean()):
        raise Wrong(f"for {MATRIX.astype(int).tolist()} expected {f1.mean():.3f}, got {float(found):.3f}.")
    expected = (2 * np.diag(SILENT) / (SILENT.sum(axis=1) + SILENT.sum(axis=0))).mean()
    if silent.shape == () and np.isnan(silent):
        raise Wrong(
            "a class that was never predicted gives 0 / 0, and the result is not a number. Its F1 counts as 0: "
            "2·right / (row sum + column sum) gives just that."
        )
    if not _is(silent, expected):
        raise Wrong(
            f"with a class that is never predicted expected {expected:.3f}, got {np.round(silent, 3)}. "
            "That class counts as 0; it is not left out of the mean."
        )
    return (
        f"macro-F1 {f1.mean():.2f} where accuracy says {right.sum() / MATRIX.sum():.2f}: the small classes count more."
    )
