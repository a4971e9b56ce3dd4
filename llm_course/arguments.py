"""Checking what a caller hands over: one text or a list of them, and numbers in their range.

Knows nothing about models or tasks.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import overload

from llm_course.errors import BadInput, BadOption

Texts = list[str] | tuple[str, ...]  # a list of texts, as a use case takes it beside a single one


def texts_of(value: object, what: str = "text") -> tuple[list[str], bool]:
    """Check one text or a list of texts; return the list and whether it was one text.

    Raises:
        BadInput: not a ``str`` or a list of them, empty, blank, or with a lone surrogate.
    """
    if not isinstance(value, (str, list, tuple)):
        raise BadInput(f"A {what} must be a str or a list of str, not {type(value).__name__}: {_short(value)}.")
    single = isinstance(value, str)
    if not single and not value:
        raise BadInput(f"The list of {what}s is empty. Give at least one {what}.")
    texts = [value] if isinstance(value, str) else list(value)
    for number, text in enumerate(texts):
        where = "" if single else f" (number {number} of the list)"
        if not isinstance(text, str):
            hint = " Decode it first: value.decode('utf-8')." if isinstance(text, bytes) else ""
            raise BadInput(f"A {what} must be a str, not {type(text).__name__}{where}: {_short(text)}.{hint}")
        if not text.strip() or not any(c.isprintable() and not c.isspace() for c in text):
            raise BadInput(f"The {what} is {'blank' if text else 'empty'}{where}. Give it at least one word.")
        if any("\ud800" <= c <= "\udfff" for c in text):
            raise BadInput(
                f"The {what} has a lone surrogate{where}: half of a UTF-16 pair, not a character. "
                "Read the file with its right encoding, or use text.encode('utf-8', 'replace').decode('utf-8')."
            )
    return texts, single


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


@overload
def number_in(name: str, value: object, low: float, high: float) -> float: ...
@overload
def number_in(name: str, value: object, low: float, high: float, kind: type[int]) -> int: ...
def number_in(name: str, value: object, low: float, high: float, kind: type[float] = float) -> float:
    """Check that an option is a number of its kind from ``low`` to ``high``; return it.

    Raises:
        BadOption: it is not; the message names the range.
    """
    if isinstance(value, Integral if kind is int else Real) and not isinstance(value, bool):
        if low <= value <= high:  # type: ignore[operator]  # a NaN fails both comparisons
            return kind(value)  # type: ignore[arg-type]  # NumPy's numbers become Python's
    sort = "a whole number" if kind is int else "a number"
    ends = f"{_plain(low)} to {_plain(high)}"
    raise BadOption(f"{name}={_short(value)} is not allowed: it must be {sort} from {ends}.")


def _plain(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:g}"
