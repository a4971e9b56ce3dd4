"""Exercises: the weights of attention, and attention whole, with a mask.

Knows nothing about notebooks or models. Each check calls the reader's function on tables of numbers whose answer is
known, and compares a wrong answer with what the usual mistakes would give.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from llm_course.checks.exercises import Wrong, exercise
from llm_course.checks.learner_code import NotWritten, Stopped, is_blank, watched

Table = np.ndarray

_random = np.random.default_rng(2)
# Unlike in every direction: 4 queries, 3 keys, 5 numbers in each, 2 in a value. A wrong axis cannot hide.
Q, K, V = (_random.normal(size=shape).round(1) for shape in ((4, 5), (3, 5), (3, 2)))
# For the mask: a text of 4 tokens that looks at itself.
Q4, K4, V4 = (_random.normal(size=shape).round(1) for shape in ((4, 5), (4, 5), (4, 2)))


def softmax(scores: Table, axis: int = -1) -> Table:
    """Shares from scores, along one axis. The largest score is taken off first, so that no power is too large."""
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def attention(Q: Table, K: Table, V: Table, causal: bool = False) -> tuple[Table, Table]:
    """Scaled dot-product attention (Vaswani and others 2017, section 3.2.1), the course's own.

    Args:
        Q: queries ``(rows, d)``.
        K: keys ``(columns, d)``.
        V: values ``(columns, any width)``.
        causal: whether row i may look at columns 0 to i only.

    Returns:
        The outputs ``(rows, width of V)`` and the weights ``(rows, columns)``; every row of weights sums to 1.
    """
    scores = Q @ K.T / np.sqrt(Q.shape[-1])
    if causal:
        scores = np.where(np.tri(len(Q), len(K)) > 0, scores, -np.inf)
    weights = softmax(scores)
    return weights @ V, weights


def yours_or_ours(answer: Any) -> Callable[..., tuple[Table, Table]]:
    """The reader's ``attention`` if it passes the check, else the course's; says which, and records no try."""
    try:
        if not is_blank(answer):
            check_attention(watched(answer))
            print("This is your attention() at work.")
            return answer
    except (Wrong, Stopped, NotWritten, Exception):
        pass
    print("Your attention() does not pass its check yet: the course's own stands in.")
    return attention


def _numbers(result: object, what: str, shape: tuple[int, ...]) -> Table:
    """What the reader's function gave, as an array; its shape must be right."""
    try:
        numbers = np.asarray(result, dtype=float)
    except (TypeError, ValueError):
        raise Wrong(f"the {what} should be a table of numbers, not {type(result).__name__}.") from None
    if numbers.shape == shape:
        return numbers
    if numbers.shape == shape[::-1]:
        raise Wrong(
            f"The {what} have the shape {numbers.shape}, and {shape} is right: one row for each query. "
            "It is transposed. Did you compute K @ Q.T instead of Q @ K.T?"
        )
    raise Wrong(f"The {what} have the shape {numbers.shape}. Here it should be {shape}: one row for each query.")


def _is(numbers: Table, other: Table) -> bool:
    return numbers.shape == other.shape and bool(np.allclose(numbers, other, atol=1e-6))


def _sums_to_one(numbers: Table, axis: int) -> bool:
    return bool(np.allclose(numbers.sum(axis), 1, atol=1e-6))


def _scaling(numbers: Table, scores: Table, d: int) -> None:
    """Raise :class:`Wrong` if these weights come of other scaling than by the square root of ``d``."""
    rows = scores.shape[0]
    if _is(numbers, softmax(scores)):
        raise Wrong("These are the weights without scaling. Divide the scores by the square root of d first.")
    if _is(numbers, softmax(scores / d)):
        raise Wrong("You divide by d. It should be the square root of d: np.sqrt(d).")
    if _is(numbers, softmax(scores * np.sqrt(d))):
        raise Wrong("You multiply by the square root of d, and should divide by it.")
    if _is(numbers, softmax(scores) / np.sqrt(d)):
        raise Wrong(
            "You divide the weights by the square root of d. It is the scores that are divided, before softmax."
        )
    if any(_is(numbers, softmax(scores / np.sqrt(n))) for n in {rows, scores.shape[1]}):
        raise Wrong("You divide by the root of the number of tokens. d is the length of one query: Q.shape[-1].")


def _axis(numbers: Table) -> None:
    """Raise :class:`Wrong` if the rows do not sum to 1, with what the sums say."""
    if _sums_to_one(numbers, -1):
        return
    if _sums_to_one(numbers, 0):
        raise Wrong("Your weights sum to 1 down the columns, not along the rows: softmax over which axis?")
    if abs(numbers.sum() - 1) < 1e-6:
        raise Wrong("All your weights together sum to 1. Each row should: sum along the last axis, and keep it.")


@exercise(
    "attention_weights",
    hint="Gap 1: the product of Q with K turned on its side, `Q @ K.T`: row i holds the scores of query i. Gap 2: the "
    "square root of d, `np.sqrt(d)`. Gap 3: each row should sum to 1, and in a table the rows run along axis -1.",
    solution="""def attention_weights(Q, K):
    d = Q.shape[-1]
    scores = Q @ K.T                             # every query with every key
    scores = scores / np.sqrt(d)                 # so that their spread does not grow with d
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)""",
)
def check_attention_weights(answer: Callable[..., object]) -> str | None:
    """``answer(Q, K)``: the softmax of ``Q @ K.T / sqrt(d)`` along each row."""
    raw, scores = Q @ K.T, Q @ K.T / np.sqrt(5)
    numbers = _numbers(answer(Q.copy(), K.copy()), "weights", (4, 3))
    if _is(numbers, scores) or _is(numbers, raw):
        raise Wrong("These are scores still: some are negative. Softmax makes weights of them.")
    if _is(numbers, np.exp(scores)) or _is(numbers, np.exp(scores - scores.max(-1, keepdims=True))):
        raise Wrong("These are the powers: positive, but they do not sum to 1 yet. Divide each by the sum of its row.")
    _scaling(numbers, raw, 5)
    _axis(numbers)
    expected = softmax(scores)
    if not _is(numbers, expected):
        raise Wrong(f"For query 0 the weights should be {expected[0].round(2)}, and yours are {numbers[0].round(2)}.")
    with np.errstate(all="ignore"):
        large = np.asarray(answer(100 * Q, 100 * K), dtype=float)
    if not np.isfinite(large).all():
        raise Wrong("For scores in the thousands your weights are no numbers: e to the 1000 overflows. Keep max().")
    return "Four queries, three keys: each row of weights sums to 1, and the scores were scaled."


@exercise(
    "attention",
    hint="Four steps. Scores: Q @ K.T / np.sqrt(d). If causal: `np.where(np.tri(len(Q), len(K), dtype=bool), scores, "
    "-np.inf)` keeps a score where the column is not after the row. Softmax along the last axis. Then weights @ V. "
    "Return both: `return weights @ V, weights`.",
    solution="""def attention(Q, K, V, causal=False):
    scores = Q @ K.T / np.sqrt(Q.shape[-1])
    if causal:                                   # before softmax: e to the power of -inf is 0
        scores = np.where(np.tri(len(Q), len(K), dtype=bool), scores, -np.inf)
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = powers / powers.sum(axis=-1, keepdims=True)
    return weights @ V, weights""",
)
def check_attention(answer: Callable[..., Any]) -> str | None:
    """``answer(Q, K, V, causal)``: outputs and weights, as :func:`attention`."""
    outputs, weights = _pair(answer(Q.copy(), K.copy(), V.copy()), Q, K, V)
    raw = Q @ K.T
    weights = _numbers(weights, "weights", (4, 3))
    if not _is(weights, softmax(raw / np.sqrt(5))):
        _scaling(weights, raw, 5)
        _axis(weights)
        raise Wrong("Without a mask the weights are not right yet. `attention_weights` above has the same three steps.")
    _outputs(outputs, weights)
    with np.errstate(all="ignore"):
        outputs, weights = _pair(answer(Q4.copy(), K4.copy(), V4.copy(), causal=True), Q4, K4, V4)
    weights = _numbers(weights, "weights", (4, 4))
    _mask(weights)
    if not _is(np.asarray(outputs, dtype=float), weights @ V4):
        raise Wrong("With the mask the weights are right and the outputs are not. Use the masked weights for both.")
    square = answer(Q4.copy(), K4.copy(), V4.copy())[1]
    if not _is(np.asarray(square, dtype=float), softmax(Q4 @ K4.T / np.sqrt(5))):
        raise Wrong("The mask is there even with causal=False. Only mask inside `if causal:`.")
    return "Weights and outputs are right, with the mask and without."


def _pair(result: Any, Q: Table, K: Table, V: Table) -> tuple[Any, Any]:
    """The two parts of the result, outputs first."""
    if isinstance(result, (tuple, list)) and len(result) == 2:
        first, second = (np.asarray(part) for part in result)
        if first.shape == (len(Q), len(K)) and second.shape == (len(Q), V.shape[1]):
            raise Wrong("Outputs and weights stand in the wrong order: return the outputs first, then the weights.")
        return result[0], result[1]
    if np.shape(result) == (len(Q), len(K)):
        raise Wrong("You return the weights alone. What do the values V get? The outputs are weights @ V; return both.")
    if np.shape(result) == (len(Q), V.shape[1]):
        raise Wrong("You return the outputs alone. Return two things: `return weights @ V, weights`.")
    raise Wrong("The result should be two tables: `return outputs, weights`.")


def _outputs(outputs: Any, weights: Table) -> None:
    """Raise :class:`Wrong` if the outputs are not the weighted sums of the values."""
    if _is(np.asarray(outputs, dtype=float), weights):
        raise Wrong("Your outputs are the weights once more. You forgot the values: outputs = weights @ V.")
    if np.shape(outputs) == (4, 5) and _is(np.asarray(outputs, dtype=float), weights @ K):
        raise Wrong("Your outputs are sums of keys. A key says what a token can be found by; what it gives is in V.")
    numbers = _numbers(outputs, "outputs", (4, 2))
    if not _is(numbers, weights @ V):
        raise Wrong(f"The weights are right. Output 0 should be {(weights @ V)[0].round(2)}, the weighted sum of V.")


def _mask(weights: Table) -> None:
    """Raise :class:`Wrong` if the weights of a text of four tokens are not those with the causal mask."""
    raw = Q4 @ K4.T / np.sqrt(5)
    plain, seen = softmax(raw), np.tri(4, dtype=bool)
    if _is(weights, softmax(np.where(seen, raw, -np.inf))):
        return
    if _is(weights, plain):
        raise Wrong("With causal=True nothing changes: row 0 still looks at tokens that come after it.")
    if _is(weights, plain * seen):
        raise Wrong(
            "You masked after softmax: the rows do not sum to 1 any more "
            f"(row 0: {(plain * seen)[0].sum():.2f}). Put the mask on the scores, before softmax."
        )
    if _is(weights, softmax(raw * seen)):
        raise Wrong(
            "You set masked scores to 0, and e to the power of 0 is 1: they still get weight. Set them to -inf."
        )
    if np.isnan(weights).any():
        raise Wrong(
            "A row is not a number: everything in it is masked. A token may look at itself: the diagonal stays. "
            "(Or is -inf multiplied somewhere? 0 times infinity is no number; use np.where.)"
        )
    if _is(weights, softmax(np.where(seen.T, raw, -np.inf))):
        raise Wrong(
            "The wrong triangle: row 0 looks at everything and the last row only at itself. A token may look back, "
            "at columns 0 to its own."
        )
    if _is(weights, softmax(np.where(seen, raw, -np.inf), axis=0)):
        raise Wrong("With the mask your weights sum to 1 down the columns: softmax over which axis?")
    if (weights[~seen] > 1e-6).any():
        raise Wrong("With causal=True some token still looks at one that comes after it. Row i may see columns 0 to i.")
    raise Wrong(f"With the mask row 1 should be {softmax(np.where(seen, raw, -np.inf))[1].round(2)}.")
