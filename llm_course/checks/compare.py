"""Is an answer right: ways to compare two plain values, each with a name, so that a released file can say which.

Knows nothing about tasks or sandboxes. The judge compares outside the sandbox with these; the student's own check uses
the same, read from ``checks.json``. Lists, tuples and arrays of the same numbers are the same answer.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

from llm_course.errors import BadCourse

if TYPE_CHECKING:
    import numpy


@dataclass(frozen=True)
class Comparison:
    """A way to compare: ``comparison(answer, expected)`` is True or False; ``spec`` is its name and its settings."""

    spec: tuple[str | float, ...]

    def __call__(self, answer: object, expected: object) -> bool:
        name, *settings = self.spec
        return _RULES[str(name)](answer, expected, *settings)


def close(tolerance: float = 1e-5) -> Comparison:
    """Numbers may differ by ``tolerance`` times the larger of 1 and the expected size; all else must be equal.

    NaN is right only where NaN is expected, infinity only where it is expected.
    """
    return Comparison(("close", float(tolerance)))


def exact() -> Comparison:
    """Everything must be equal, numbers in every digit."""
    return Comparison(("close", 0.0))


def text(case: bool = False) -> Comparison:
    """Texts, alone or in lists, dicts and tuples, are equal but for white space, and for case unless ``case``.

    Letters with marks are equal however they are composed.
    """
    return Comparison(("text", bool(case)))


def any_order(each: Comparison | None = None) -> Comparison:
    """Two lists hold the same values in any order; ``each`` compares one value with one (default ``close()``)."""
    return Comparison(("any_order", *(each or close()).spec))


def from_spec(spec: object) -> Comparison:
    """The comparison that a released file names.

    Raises:
        BadCourse: there is none of that name.
    """
    if not isinstance(spec, list | tuple) or not spec or spec[0] not in _RULES:
        raise BadCourse(f"checks.json names an unknown comparison: {spec!r}. Get the assignment's files again.")
    return Comparison(tuple(spec))


def _close(answer: object, expected: object, tolerance: float) -> bool:
    if isinstance(expected, dict):
        return (
            isinstance(answer, dict)
            and answer.keys() == expected.keys()
            and all(_close(answer[key], expected[key], tolerance) for key in expected)
        )
    if expected is None or isinstance(expected, str):
        return type(answer) is type(expected) and bool(answer == expected)
    import numpy

    if answer is None or isinstance(answer, str | dict):
        return False
    wanted = given = numpy.asarray(None)
    if _numeric(answer) and _numeric(expected):
        try:  # numbers in any nesting of lists, tuples and arrays
            wanted, given = numpy.asarray(expected), numpy.asarray(answer)
        except ValueError:  # rows of different lengths
            wanted = given = numpy.asarray(None)
    if wanted.dtype.kind in "biuf" and given.dtype.kind in "biuf":
        return wanted.shape == given.shape and _numbers(given, wanted, tolerance)
    if not (_is_sequence(answer) and _is_sequence(expected)) or len(answer) != len(expected):
        # integers beyond 64 bits arrive here as objects
        return type(answer) is type(expected) is int and answer == expected
    return all(_close(a, b, tolerance) for a, b in zip(answer, expected, strict=True))


def _numeric(value: object) -> bool:
    """Nothing but numbers: of texts numpy makes an array in which each takes the room of the longest."""
    if isinstance(value, list | tuple):
        return all(map(_numeric, value))
    return isinstance(value, bool | int | float) or hasattr(value, "dtype")


def _numbers(given: numpy.ndarray, wanted: numpy.ndarray, tolerance: float) -> bool:
    import numpy

    if tolerance == 0 or (wanted.dtype.kind in "biu" and given.dtype.kind in "biu"):
        return bool(numpy.array_equal(given, wanted, equal_nan=wanted.dtype.kind == given.dtype.kind == "f"))
    wanted, given = wanted.astype("float64"), given.astype("float64")
    with numpy.errstate(invalid="ignore"):
        near = numpy.abs(given - wanted) <= tolerance * numpy.maximum(1, numpy.abs(wanted))
    finite = numpy.isfinite(wanted)
    same = (given == wanted) | (numpy.isnan(given) & numpy.isnan(wanted))
    return bool(numpy.where(finite, near, same).all())


def _text(answer: object, expected: object, case: bool) -> bool:
    return _close(_normal(answer, case), _normal(expected, case), 0.0)


def _normal(value: object, case: bool) -> object:
    if isinstance(value, str):
        words = " ".join(unicodedata.normalize("NFC", value).split())  # "é" can be one character or two
        return words if case else words.casefold()
    if isinstance(value, list | tuple):
        return [_normal(part, case) for part in value]
    if isinstance(value, dict):
        return {key: _normal(part, case) for key, part in value.items()}
    return value


def _any_order(answer: object, expected: object, name: str, *settings: float) -> bool:
    if not (_is_sequence(answer) and _is_sequence(expected)) or len(answer) != len(expected):
        return False
    left = list(answer)
    for wanted in expected:
        found = next((index for index, part in enumerate(left) if _RULES[name](part, wanted, *settings)), None)
        if found is None:
            return False
        del left[found]
    return True


def _is_sequence(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, list | tuple) or (hasattr(value, "ndim") and value.ndim > 0)


_RULES: dict[str, Callable[..., bool]] = {"close": _close, "text": _text, "any_order": _any_order}
