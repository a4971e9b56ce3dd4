"""What the judge found about one student: the verdicts on all parts, and what each code cell did.

Knows nothing about how it was found or where it goes. These types go from the judge to the journal, the gradebook and
the feedback.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from llm_course.checks.verdict import Verdict

Section = Literal["visible", "hidden"]
SECTIONS: tuple[Section, ...] = ("visible", "hidden")


def cell_of(task: str, section: Section) -> str:
    """The id of the grade cell that the points for the visible or the hidden cases of a task belong to."""
    return f"{task}-{section}"


@dataclass(frozen=True)
class Part:
    """The verdict on the visible or the hidden cases of one task; of hidden ones it says nothing but the heading."""

    task: str
    section: Section
    verdict: Verdict
    of: float

    @property
    def right(self) -> bool:
        """Whether all cases were right."""
        return self.verdict.kind == "right"

    @property
    def points(self) -> float:
        """All the points, or none."""
        return self.of if self.right else 0.0

    @property
    def cell(self) -> str:
        """The id of the grade cell that these points belong to."""
        return cell_of(self.task, self.section)


@dataclass(frozen=True)
class Run:
    """What came of running one cell: an error in a line or ``None``, and the beginning of what it printed."""

    error: str | None
    printed: str = ""


@dataclass
class Judged:
    """The verdicts on one student: all parts, in order, and what each code cell did, by its number.

    Attributes:
        parts: the verdicts.
        runs: by the number of the cell.
        seconds: of the wall clock, for all of it.
        peak: the most memory that was seen in use, in bytes.
        sandboxes: how many were started.
    """

    parts: list[Part] = field(default_factory=list)
    runs: dict[int, Run] = field(default_factory=dict)
    seconds: float = 0.0
    peak: int = 0
    sandboxes: int = 0

    @property
    def points(self) -> float:
        """Points of all parts together."""
        return sum(part.points for part in self.parts)

    @property
    def of(self) -> float:
        """The most points there were to get."""
        return sum(part.of for part in self.parts)
