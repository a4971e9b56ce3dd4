"""Exercises: the slopes of ALiBi, and the table that it adds to the scores.

Knows nothing about models. The rule is that of Press, Smith and Lewis (2021, arXiv 2108.12409, section 3): from the
score of a query and a key, the head takes its slope times their distance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from llm_course.checks.exercises import Wrong, exercise
from llm_course.lessons import fill
from llm_course.lessons.answers import array, called


def alibi_slopes(heads: int) -> np.ndarray:
    """The slope of each head, ``(heads,)``: ``2 ** (-8 * i / heads)`` for heads 1, 2, ... (a power of two)."""
    return 2.0 ** (-8 * np.arange(1, heads + 1) / heads)


def alibi_bias(slopes: Any, length: int) -> np.ndarray:
    """What is added to the scores, ``(heads, length, length)``: minus slope times distance, minus infinity ahead."""
    queries, keys = np.arange(length)[:, None], np.arange(length)[None, :]
    distance = queries - keys
    bias = -np.asarray(slopes, dtype=float)[:, None, None] * distance
    return np.where(distance >= 0, bias, -np.inf)


def _numbers(found: object) -> np.ndarray:
    """The answer as an array of numbers, a copy; says so if it is none."""
    if found is None or found is ... or (isinstance(found, list | tuple) and any(one is ... for one in found)):
        raise Wrong("Not written yet: a gap is still open, or nothing is returned. Replace each `...`.")
    return array(found)


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and np.allclose(one, other, rtol=1e-6, atol=1e-12)


@exercise(
    "alibi_slopes",
    hint="With 8 heads the slopes are 1/2, 1/4, … 1/256: 2 to the power of -1, -2, … -8. With 4 heads the power "
    "goes in steps of 8 / 4 = 2. So gap 1 is `8 / heads`, and gap 2 is minus the step times the number of the head.",
    solution="""\
def alibi_slopes(heads):
    step = 8 / heads
    return [2 ** (-step * head) for head in range(1, heads + 1)]
""",
)
def check_alibi_slopes(answer: Callable[..., object]) -> str | None:
    """``alibi_slopes(heads)`` must give 2 to the power of -8/heads, -16/heads, ... -8."""
    try:
        got = _numbers(called(answer, 8))
    except TypeError as error:
        if "ellipsis" in str(error):
            raise Wrong("Not written yet: a gap is still open. Replace each `...`.") from None
        raise
    right = alibi_slopes(8)
    if got.shape != (8,):
        raise Wrong(f"With 8 heads there are 8 slopes, one a head; yours has the shape {got.shape}.")
    if _same(got, 1 / right):
        raise Wrong("Your slopes grow: 2, 4, … 256. The power is negative: 2 to the power of *minus* step times head.")
    if _same(got, -right):
        raise Wrong("Your slopes are negative. A slope is positive; the minus comes later, when the bias is made.")
    if _same(got, right * 2):
        raise Wrong("Your first slope is 1. Heads count from 1 here: the first slope with 8 heads is 1/2.")
    if _same(got, np.arange(1, 9) * right[0]) or _same(got, np.linspace(right[0], right[-1], 8)):
        raise Wrong("Your slopes go in equal steps. Each slope is the one before times the same number: here 1/2.")
    if not _same(got, right):
        raise Wrong(f"With 8 heads: 1/2, 1/4, … 1/256 is asked for; yours begin {got[:3].tolist()}.")
    for heads in (4, 16):
        more = _numbers(called(answer, heads))
        if more.shape == (heads,) and _same(more, 2.0 ** -np.arange(1, heads + 1)):
            raise Wrong(
                f"Right for 8 heads, but with {heads} it takes the same steps. The step is 8 / heads: the last "
                "head always has 1/256."
            )
        if not _same(more, alibi_slopes(heads)):
            raise Wrong(f"Right for 8 heads. With {heads} they should be {alibi_slopes(heads)[:3].round(4).tolist()} …")
    return "Each head fades at its own pace: half of the heads look near, half far."


@exercise(
    "alibi_bias",
    hint="Make a table of distances first: `np.arange(length)[:, None] - np.arange(length)`, rows are queries. Then "
    "`-slope * distance` for each slope, and `np.where(distance >= 0, ..., -np.inf)`, as in "
    + fill("{{lesson attention_from_scratch}}."),
    solution="""\
def alibi_bias(slopes, length):
    distance = np.arange(length)[:, None] - np.arange(length)
    return np.stack([np.where(distance >= 0, -slope * distance, -np.inf) for slope in slopes])
""",
)
def check_alibi_bias(answer: Callable[..., object]) -> str | None:
    """``alibi_bias(slopes, length)`` must give minus slope times distance, and minus infinity for keys ahead."""
    slopes, length = [0.5, 0.125], 4
    got = _numbers(called(answer, list(slopes), length))
    right = alibi_bias(slopes, length)
    if got.shape != right.shape:
        if got.shape == (length, length):
            raise Wrong(
                "This is one table. There is one for each head: the shape (heads, length, length) is asked for."
            )
        raise Wrong(f"With 2 slopes and length 4 the shape is (2, 4, 4); yours is {got.shape}.")
    ahead = np.triu(np.ones((length, length), dtype=bool), 1)
    back = right[:, ~ahead]
    if _same(got.swapaxes(1, 2)[:, ~ahead], back) and np.isneginf(got.swapaxes(1, 2)[:, ahead]).all():
        raise Wrong("Rows and columns are exchanged. Row i is the query i, column j the key j.")
    if _same(got[:, ~ahead], -back) and back.any():
        raise Wrong("The far tokens get *more* than the near ones. Take the slope times the distance off: minus.")
    if not _same(got[:, ~ahead], back):
        if _same(got[:, ~ahead][0], got[:, ~ahead][1]):
            raise Wrong("Both heads have the same table. Each has its own slope.")
        raise Wrong(
            f"Row 2 of the first head (slope 0.5) should begin -1.0, -0.5, 0.0: minus slope times distance. Yours: "
            f"{got[0, 2].tolist()}."
        )
    if not np.isneginf(got[:, ahead]).all():
        if (got[:, ahead] == 0).all():
            raise Wrong("Keys ahead of the query get 0, which forbids nothing: e to the power of 0 is 1. Use -np.inf.")
        raise Wrong("A query may not look ahead: entries above the diagonal are minus infinity, -np.inf.")
    if not _same(_numbers(called(answer, [1.0, 0.25, 0.0], 6))[:, 5], alibi_bias([1.0, 0.25, 0.0], 6)[:, 5]):
        raise Wrong("Right for 2 heads and length 4, but not for 3 heads and length 6. Is a number written in?")
    return "This is all that tells BLOOM's heads where a token stands."
