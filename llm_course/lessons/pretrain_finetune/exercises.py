"""Exercises: LoRA by hand, how many numbers it trains and what the changed matrix is.

Knows nothing about models. Each check calls the reader's function on matrices whose answer is known, and names the
mistake that a wrong answer points to.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from llm_course.checks.exercises import Wrong, exercise
from llm_course.lessons.answers import number

SHAPES = ((192, 768, 8), (10, 3, 1))
W = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
B = np.array([[1.0, 0.0], [2.0, 1.0]])
A = np.array([[1.0, 0.0, -1.0], [0.0, 3.0, 0.0]])
SCALE = 0.5


@exercise(
    "lora_numbers",
    hint="A table of r rows and c columns holds r·c numbers. B is as tall as W and `rank` wide; A is `rank` tall and "
    "as wide as W.",
    solution="""def lora_numbers(rows, columns, rank):
    of_b = rows * rank
    of_a = rank * columns
    return of_a + of_b""",
)
def check_lora_numbers(answer: Callable[..., object]) -> str | None:
    """``answer(rows, columns, rank)``: rank times the sum of rows and columns."""
    for rows, columns, rank in SHAPES:
        found, right = number(answer(rows, columns, rank)), rank * (rows + columns)
        if found == right:
            continue
        if found == rows * columns:
            raise Wrong("that is the whole matrix W. LoRA trains two thin matrices in its place.")
        if found == rows * rank * rank * columns:
            raise Wrong("you multiplied the counts. The matrices are multiplied; their numbers are counted together.")
        if found in (2 * rows * rank, 2 * rank * columns):
            raise Wrong("B and A have different shapes: B is as tall as W, A as wide as W.")
        if found in (rows * rank, rank * columns):
            raise Wrong("that is one of the two. B and A are both trained.")
        if found == rows + columns:
            raise Wrong("that is rank 1. Each of the two has `rank` columns or rows.")
        raise Wrong(f"for {rows} rows, {columns} columns and rank {rank} expected {right:,}, got {found:,.0f}.")
    return "rank times (rows plus columns): for large matrices far less than rows times columns."


@exercise(
    "lora_weight",
    hint="The product of two matrices is written `B @ A`, in this order: the result has to be as tall as B and as wide "
    "as A. Make a new matrix; `W += ...` would change W itself.",
    solution="""def lora_weight(W, A, B, scale):
    return W + scale * (B @ A)""",
)
def check_lora_weight(answer: Callable[..., object]) -> str | None:
    """``answer(W, A, B, scale)``: ``W + scale * B @ A``, with W left as it was."""
    own = W.copy()
    found = np.asarray(answer(own, A.copy(), B.copy(), SCALE))
    right = W + SCALE * B @ A
    if not np.array_equal(own, W):
        raise Wrong("W was changed in place. It is shared with every other task: give back a new matrix.")
    if found.shape != right.shape:
        raise Wrong(f"the result has the shape {found.shape}; it must have that of W, {right.shape}. Is it B @ A?")
    if np.allclose(found, right):
        return "with B all zeros this is W itself, so training starts from the pre-trained model."
    for wrong, why in (
        (W + B @ A, "the factor `scale` is missing."),
        (SCALE * (W + B @ A), "`scale` belongs to the difference alone; you scaled W, too."),
        (SCALE * B @ A, "that is the difference alone. Add it to W."),
        (W - SCALE * B @ A, "the sign is wrong: the difference is added."),
    ):
        if np.allclose(found, wrong):
            raise Wrong(why)
    raise Wrong(f"expected {right.tolist()}, got {np.round(found.astype(float), 3).tolist()}.")
