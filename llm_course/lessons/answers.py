"""What a reader's function gives back, as numbers; whoever gives something else is told so.

Knows nothing about any exercise: the lessons' ``exercises.py`` call it before they compare.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from llm_course.checks.exercises import Wrong


def called(function: Callable[..., object], *args: object) -> Any:
    """What the function gives back for these arguments.

    Raises:
        Wrong: it is no function.
    """
    if not callable(function):
        raise Wrong(f"This is not a function but {type(function).__name__}. Hand over the name, without brackets.")
    return function(*args)


def number(result: Any) -> float:
    """A result as one number.

    Raises:
        Wrong: it is something else, or several.
    """
    try:
        return float(result)
    except (TypeError, ValueError):
        many = f" of {len(result)}" if hasattr(result, "__len__") else ""
        raise Wrong(
            f"your function gives back {type(result).__name__}{many}, where one number is expected. Is a mean or a sum "
            "missing?"
        ) from None


def array(result: Any) -> np.ndarray:
    """A result as an array of numbers, a copy; one number is an array without axes.

    Raises:
        Wrong: it is not made of numbers.
    """
    try:
        return np.array(result, dtype=float)
    except (TypeError, ValueError):
        raise Wrong(f"your function gives back {type(result).__name__}, where numbers are expected.") from None
