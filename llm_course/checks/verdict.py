"""The verdict on an answer, in the same words wherever it is made: right, not yet, or not written yet.

Knows nothing about exercises or assignments. :func:`of_learner` is for code that runs in the learner's own process and
lets no error out; the judge, whose answers come from a sandbox, uses :func:`of`.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from llm_course.checks.learner_code import NotWritten, Stopped, explain, files_of, is_blank, last_line

Kind = Literal["right", "wrong", "blank"]
HEADINGS: dict[Kind, str] = {"right": "Right", "wrong": "Not yet", "blank": "Not written yet"}
FILL_IN = "Fill in what is missing (...), then run this cell again."


class Wrong(Exception):
    """Raised by a check for a wrong answer; its text is the diagnosis, and names the likely mistake."""


@dataclass(frozen=True)
class Verdict:
    """What a check found.

    Attributes:
        kind: "right", "wrong" or "blank" (nothing has been written, or gaps are left).
        said: the sentences for the learner; empty where the learner is told no more than the heading.
    """

    kind: Kind
    said: str = ""

    @property
    def heading(self) -> str:
        """ "Right", "Not yet" or "Not written yet"."""
        return HEADINGS[self.kind]

    @property
    def text(self) -> str:
        """The heading and what is said, as it is printed."""
        return f"{self.heading}: {self.said}" if self.said else f"{self.heading}."


def of(name: str, check: Callable[[], str | None], to_do: str = FILL_IN) -> Verdict:
    """Run a check and put what came of it into words.

    Args:
        name: what the learner was to write.
        check: returns a sentence for success or ``None``; raises :class:`Wrong`, ``Stopped`` or ``NotWritten``. Any
            other exception passes through.
        to_do: what to do where nothing has been written.
    """
    try:
        praise = check()
    except NotWritten:
        return Verdict("blank", f"{name}. {to_do}")
    except (Wrong, Stopped) as found:
        return Verdict("wrong", str(found))
    return Verdict("right", praise or f"{name} does what it should.")


def of_learner(name: str, answer: object, check: Callable[[], str | None], to_do: str = FILL_IN) -> Verdict:
    """As :func:`of`, for an answer whose code runs here: whatever it does, a verdict comes out, never a traceback."""

    def begun() -> str | None:
        if is_blank(answer):
            raise NotWritten()
        return check()

    try:
        return of(name, begun, to_do)
    except KeyboardInterrupt:
        return Verdict("wrong", "you stopped it. Is there a loop that never ends?")
    except Exception as error:
        return Verdict("wrong", _unusable(name, answer, error))


def _unusable(name: str, answer: object, error: Exception) -> str:
    """For an error that came through the check: the learner's code, or a value the check cannot work on."""
    if last_line(error, files_of(answer)):  # a class, or a generator, which runs only when the check reads it
        return f"`{name}` {explain(error, files_of(answer))}"
    if isinstance(answer, types.FunctionType):
        what = f"what {name} returned"
    elif isinstance(answer, type):
        what = f"the class {answer.__name__}"
    else:
        what = f"an answer of the kind {type(answer).__name__}"
    said = " ".join(str(error).split())[:200]
    return f"the check cannot use {what}. Is it the kind of value the task asks for? ({type(error).__name__}: {said})"
