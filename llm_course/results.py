"""What the results of the use cases have in common: text, plain data, one short line, and a box in a notebook.

Knows nothing about models or tasks: each result stands in the file of its use case, as a frozen dataclass.
"""

from __future__ import annotations

from dataclasses import asdict
from html import escape
from typing import Any

_BOX = "border-left:4px solid #3b6ea5;padding:.4em .8em;margin:.3em 0;max-width:60em;white-space:pre-wrap"


class Result:
    """Base of the results: ``str(result)`` is the text itself, ``to_dict()`` plain data, ``repr`` one short line."""

    text: str

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data for JSON: strings, numbers, lists and dicts."""
        found = asdict(self)  # type: ignore[call-overload]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return box(repr(self), f"<div>{escape(str(self))}</div>")


def box(head: str, *parts: str) -> str:
    """A box with a small head line, as HTML. The head is text; the parts are HTML, in which texts are escaped."""
    return f'<div style="{_BOX}"><div style="opacity:.75;font-size:85%">{escape(head)}</div>{"".join(parts)}</div>'


def cut(text: str, width: int = 60) -> str:
    """A text as one line of at most ``width`` characters, an ellipsis at its end where something is left out."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def broken_off(ended: bool) -> str:
    """What a result adds to its line when the model did not end what it wrote."""
    return "" if ended else ", broken off"
