"""Exercises: reshape a distribution before the draw (temperature, top-p).

Knows nothing about notebooks or models. Each check calls the reader's function on cases whose answer is
known, and names the mistake that a wrong answer points to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from llm_course.checks.exercises import Wrong, exercise

SCORES = np.array([2.0, 1.0, 0.5, -1.0])
TOY = np.array([0.10, 0.40, 0.05, 0.30, 0.15])  # not sorted, on purpose


def softmax(scores: np.ndarray) -> np.ndarray:
    """Probabilities from scores; the largest score is taken off first, so that no power is too large."""
    weights = np.exp(scores - scores.max())
    return weights / weights.sum()


def _numbers(answer: Callable[..., Any], *arguments: Any, size: int) -> np.ndarray:
    """Call the reader's function and return its result as an array of ``size`` numbers."""
    with np.errstate(all="ignore"):
        result = answer(*arguments)
    try:
        numbers = np.asarray(result, dtype=float)
    except (TypeError, ValueError):
        raise Wrong(f"your function gives back {type(result).__name__}, not an array of numbers.") from None
    if numbers.shape != (size,):
        raise Wrong(
            f"For {size} numbers your function gives back an array of shape {numbers.shape}. "
            "The result needs one number per token, in the same order: tokens that are dropped get 0."
        )
    return numbers


def _is(numbers: np.ndarray, expected: np.ndarray) -> bool:
    return bool(np.allclose(numbers, expected, atol=1e-6))


@exercise(
    "apply_temperature",
    hint="Gap 1: divide the scores, before anything else happens to them. Gap 2: weights are positive numbers; "
    "divide each by the sum of all and they sum to 1.",
    solution="""def apply_temperature(scores, t):
    scores = np.asarray(scores, dtype=float)
    scaled = scores / t                          # the division comes first
    weights = np.exp(scaled - scaled.max())
    return weights / weights.sum()""",
)
def check_apply_temperature(answer: Callable[..., object]) -> str | None:
    """``answer(scores, t)``: the softmax of ``scores / t``."""
    half = _numbers(answer, SCORES, 0.5, size=4)
    plain = _numbers(answer, SCORES, 1.0, size=4)
    expected = softmax(SCORES / 0.5)
    if _is(half, SCORES / 0.5) or _is(plain, SCORES):
        raise Wrong("These are scores still, not probabilities. Divide the weights by their sum, and return that.")
    if _is(plain, np.exp(SCORES - SCORES.max())) or _is(plain, np.exp(SCORES)):
        raise Wrong("These are the weights: positive, but they do not sum to 1 yet. Divide them by their sum.")
    if _is(half, softmax(SCORES) / 0.5):
        raise Wrong(
            "It does not sum to 1 for t = 0.5, though it does for t = 1. "
            "Did you divide the probabilities by t instead of the scores?"
        )
    if _is(half, softmax(SCORES * 0.5)):
        raise Wrong(
            "At t = 0.5 your distribution is flatter than at t = 1; it should be sharper. "
            "Did you multiply by t instead of dividing?"
        )
    if _is(half, softmax(SCORES)) and _is(plain, softmax(SCORES)):
        raise Wrong(
            "t changes nothing in your result. Gap 1 is where it comes in: divide the scores by it. "
            "(Adding or taking off the same number from all scores leaves the softmax as it is.)"
        )
    if not _is(half.sum(), np.array(1.0)):
        raise Wrong(
            f"For t = 0.5 your probabilities sum to {half.sum():.2f}. Which number should the weights be divided by?"
        )
    if not _is(half, expected):
        raise Wrong(f"For scores {SCORES.tolist()} and t = 0.5 expected {expected.round(3)}, got {half.round(3)}.")
    large = _numbers(answer, [1000.0, 999.0], 1.0, size=2)
    if not np.isfinite(large).all():
        raise Wrong(
            "For scores as large as 1000 your result is not a number: e to the 1000 overflows. Keep the max() line."
        )
    return f"Of scores {SCORES.tolist()} the first gets {half[0]:.2f} at t = 0.5 and {plain[0]:.2f} at t = 1."


def top_p(probabilities: np.ndarray, p: float) -> np.ndarray:
    """The nucleus: the smallest set of most probable tokens that reach ``p``, rescaled, in the order given."""
    order = np.argsort(-probabilities, kind="stable")
    before = np.cumsum(probabilities[order]) - probabilities[order]
    kept = np.zeros_like(probabilities)
    stay = order[before < p - 1e-12]
    kept[stay] = probabilities[stay]
    return kept / kept.sum()


@exercise(
    "keep_top_p",
    hint="Three steps: order = np.argsort(-probabilities); the running total of probabilities[order] is np.cumsum; "
    "a token stays if the total of those BEFORE it is still below p. Write the ones that stay into an array of "
    "zeros, at their old places, and rescale.",
    solution="""def keep_top_p(probabilities, p):
    probabilities = np.asarray(probabilities, dtype=float)
    order = np.argsort(-probabilities)                    # places, most probable first
    ranked = probabilities[order]
    before = np.cumsum(ranked) - ranked                   # total of those ahead of each
    best = order[before < p]                              # the one that crosses p stays in
    kept = np.zeros_like(probabilities)
    kept[best] = probabilities[best]                      # back to their old places
    return kept / kept.sum()""",
)
def check_keep_top_p(answer: Callable[..., object]) -> str | None:
    """``answer(probabilities, p)``: the smallest set of most probable tokens reaching ``p``, rescaled."""
    half = _numbers(answer, TOY, 0.5, size=5)
    expected = top_p(TOY, 0.5)  # 0.40 and 0.30 stay
    stay = np.where(expected > 0, TOY, 0)
    if _is(half, stay):
        raise Wrong("The right tokens stay, but they sum to 0.70. Rescale: divide by the sum of those that stay.")
    if np.isnan(half).any() or half.sum() == 0:
        raise Wrong("No token stays for p = 0.5. The first one always stays, even if it alone is above p.")
    if _is(half, np.sort(expected)[::-1]):
        raise Wrong(
            "The numbers are right but stand in sorted order. Put each back to the place of its token: "
            "kept[order[...]] = ..., in an array of zeros."
        )
    if _is(half, TOY):
        raise Wrong("Nothing was cut off: the result is the distribution you were given.")
    if _is(half, np.array([0, 1.0, 0, 0, 0])):
        raise Wrong(
            "For p = 0.5 only the token with 0.40 stays, and 0.40 does not reach 0.5. "
            "The token that crosses p has to stay in, too: compare p with the total BEFORE each token."
        )
    if np.flatnonzero(half).tolist() in ([0, 1], [0, 1, 2]):
        raise Wrong("You cut by position. The array is not sorted: find the most probable tokens first (np.argsort).")
    if np.count_nonzero(half) == 3:
        raise Wrong("One token too many: 0.40 and 0.30 reach 0.5 already. Does your running total lag one behind?")
    if not _is(half, expected):
        raise Wrong(f"For {TOY.tolist()} and p = 0.5 expected {expected.round(3)}, got {half.round(3)}.")
    sure = np.array([0.02, 0.95, 0.03])
    if not _is(_numbers(answer, sure, 0.9, size=3), np.array([0, 1.0, 0])):
        raise Wrong("For [0.02, 0.95, 0.03] and p = 0.9 only the 0.95 should stay: it reaches 0.9 alone.")
    even = np.full(4, 0.25)
    found = _numbers(answer, even, 0.6, size=4)
    if np.count_nonzero(found) != 3:
        raise Wrong(
            f"Four tokens of 0.25 and p = 0.6: {np.count_nonzero(found)} stay, it should be 3. "
            "Is p compared with single probabilities instead of their running total?"
        )
    if not _is(_numbers(answer, TOY, 1.0, size=5), TOY):
        raise Wrong("With p = 1 nothing should change: all tokens together just reach 1.")
    return "Two tokens stay at p = 0.5, one where the model is sure, three of four where it is not."
