"""A power law through a few points, with the uncertainty of its exponent.

Knows nothing about models or losses. ``y = factor * x ** -exponent`` is a straight line if both axes are logarithmic;
it is fitted there by least squares. The uncertainty is the usual one of a slope: a 95% interval by Student's t. It
assumes that the points scatter about a true line; if the truth is bent, the interval says nothing about that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import linregress
from scipy.stats import t as student_t

from llm_course.errors import BadInput


@dataclass(frozen=True)
class PowerLaw:
    """A fitted law ``y = factor * x ** -exponent``.

    Attributes:
        exponent: above 0 if ``y`` falls while ``x`` grows.
        low, high: 95% interval of the exponent.
        factor: ``y`` at ``x = 1``.
    """

    exponent: float
    low: float
    high: float
    factor: float

    def at(self, x: float) -> float:
        """What the law gives at ``x``."""
        return float(self.factor * x**-self.exponent)

    def __str__(self) -> str:
        return f"exponent {self.exponent:.3f} (95% interval {self.low:.3f} to {self.high:.3f})"


def fit(x: Sequence[float], y: Sequence[float]) -> PowerLaw:
    """The straight line through logarithms that has the least squares.

    Args:
        x, y: three or more points, all numbers above 0, not all ``x`` alike.

    Raises:
        BadInput: the points do not allow it.
    """
    if len(x) != len(y) or len(x) < 3:
        raise BadInput(f"fit() needs as many x as y, and three or more; it got {len(x)} and {len(y)}.")
    if min(*x, *y) <= 0 or len(set(x)) < 2:
        raise BadInput("fit() needs numbers above 0 (a power law has no others), and x that differ.")
    line = linregress(np.log(x), np.log(y))
    wide = float(student_t.ppf(0.975, len(x) - 2) * line.stderr)
    slope = float(line.slope)
    return PowerLaw(-slope, -slope - wide, -slope + wide, float(np.exp(line.intercept)))
