"""How near two computations of one thing come in float32: what every test of such numbers compares with.

Knows nothing about models. Two ways of computing (or one way, on another processor, with other threads, or with its
numbers elsewhere in memory) add the same terms in another order, and each addition rounds to one part in 2**24.
"""

from __future__ import annotations

from typing import Any

import numpy as np

EPS = float(np.finfo(np.float32).eps)  # the step from 1 to the next float32: 1.2e-7
# A sum of n terms is off by at most n roundings of its size. The tiny models add up to 128 terms at a time, in a dozen
# sums one behind the other, but most roundings cancel: their scores are within 6 roundings of the same in float64.
# Twenty times that is generous, and still ten thousand times less than what switching one head off changes.
ROUNDINGS = 128
SHARE = ROUNDINGS * EPS  # for numbers up to 1: shares, probabilities, unit vectors, attention
LOGS = 10 * SHARE  # for numbers up to ten: scores, their logarithms, losses
FOUR_PLACES = 1e-4  # measured figures are kept with four decimal places
# Training repeats a difference: each of some hundred steps may add to it, and Adam divides a gradient by its own size.
TRAINED = 100 * ROUNDINGS


def agree(found: Any, expected: Any, roundings: float = ROUNDINGS) -> bool:
    """Whether two float32 results of the same shape differ by rounding alone.

    Every number may be off by ``roundings`` roundings of the largest finite number expected, since what is small was
    often summed from what is large. Infinities and nan must stand in the same places. Tensors must not need a gradient.
    """
    found, expected = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    size = np.abs(expected[np.isfinite(expected)]).max(initial=0)
    return found.shape == expected.shape and np.allclose(found, expected, 0, roundings * EPS * size, equal_nan=True)


def same_data(found: Any, expected: Any) -> bool:
    """Whether two answers, as plain data, say the same: numbers differ by rounding alone, all else not at all.

    A list of numbers is compared as one array by :func:`agree`, so small entries may be off as far as large ones.
    """
    if isinstance(expected, dict):
        return list(found) == list(expected) and all(same_data(found[key], value) for key, value in expected.items())
    if isinstance(expected, (list, tuple)) and not (expected and all(isinstance(one, float) for one in expected)):
        return len(found) == len(expected) and all(map(same_data, found, expected))
    return agree(found, expected) if isinstance(expected, (float, list, tuple)) else found == expected
