"""What has been done for one assignment, a line each, so that a killed batch goes on and does nothing twice.

Knows nothing about how it was done. A line is JSON; one that a kill cut short, or that another version of the course
wrote in another form, is left out when reading.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from llm_course.checks.verdict import Verdict
from llm_course.errors import BadCourse
from llm_course.grading.course import Course
from llm_course.grading.integrity import Restored
from llm_course.grading.judged import Judged, Part, Run

FORMAT = 2  # of the lines


@dataclass(frozen=True)
class Begin:
    """A batch begins: the seed of its hidden cases, whether it grades again what has been graded, and its students."""

    batch: str
    seed: int
    regrade: bool
    students: tuple[str, ...]


@dataclass(frozen=True)
class Graded:
    """A student's verdicts.

    Attributes:
        student: whose.
        digest: of the submission and of all else that the verdicts depend on.
        batch: in which it was judged.
        key: names these verdicts.
        judged: the verdicts.
        restored: the notebook that was run.
    """

    student: str
    digest: str
    batch: str
    key: str
    judged: Judged
    restored: Restored


@dataclass(frozen=True)
class Marked:
    """The verdicts with this key are in the gradebook."""

    student: str
    key: str


@dataclass(frozen=True)
class End:
    """Everybody of a batch has marks."""

    batch: str


Line = Begin | Graded | Marked | End
_KINDS: dict[str, type[Line]] = {"begin": Begin, "graded": Graded, "marked": Marked, "end": End}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_L = TypeVar("_L", Begin, Graded, Marked, End)


def _read_line(told: dict[str, Any]) -> Line:
    if told.pop("format") != FORMAT:
        raise ValueError("another format")
    kind = _KINDS[told.pop("kind")]
    if kind is Begin:
        told["students"] = tuple(told["students"])
    elif kind is Graded:
        judged, restored = told["judged"], told["restored"]
        judged["parts"] = [Part(**{**part, "verdict": Verdict(**part["verdict"])}) for part in judged["parts"]]
        judged["runs"] = {int(number): Run(**run) for number, run in judged["runs"].items()}
        written = tuple((name, text) for name, text in restored["written"])
        told["judged"] = Judged(**judged)
        told["restored"] = Restored(restored["notebook"], tuple(restored["notes"]), written)
    return kind(**told)


class Journal:
    """The lines of one assignment."""

    def __init__(self, course: Course, name: str) -> None:
        folder = course.state / "journal"
        folder.mkdir(mode=0o700, exist_ok=True)
        self._path = folder / f"{name}.jsonl"
        self.lines: list[Line] = []

    @contextmanager
    def open(self) -> Iterator[Journal]:
        """Hold the journal for one batch.

        Raises:
            BadCourse: another process is grading this assignment.
        """
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+", encoding="utf-8") as self._file:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise BadCourse(
                    "This assignment is being graded by another process. Wait until it has ended."
                ) from None
            self.read(self._file.read())
            yield self

    def read(self, text: str | None = None) -> Journal:
        """Read the lines."""
        if text is None:
            text = self._path.read_text(encoding="utf-8") if self._path.is_file() else ""
        self._torn = bool(text) and not text.endswith("\n")
        self.lines = []
        for line in text.splitlines():
            try:
                self.lines.append(_read_line(json.loads(line)))
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
        return self

    def write(self, line: Line) -> None:
        """Add a line; it is on the disk when this returns."""
        told = json.dumps({"kind": _NAMES[type(line)], "format": FORMAT, **asdict(line)})
        self._file.write(("\n" if self._torn else "") + told + "\n")
        self._torn = False
        self._file.flush()
        os.fsync(self._file.fileno())
        self.lines.append(line)

    def last(self, kind: type[_L], **which: str) -> _L | None:
        """The latest line of a kind whose fields have these values."""
        for line in reversed(self.lines):
            if isinstance(line, kind) and all(getattr(line, name) == value for name, value in which.items()):
                return line
        return None
