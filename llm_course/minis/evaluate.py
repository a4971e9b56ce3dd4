"""Measure the minis beside their baselines, each as its own file says, and write what was found on their cards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from llm_course.errors import BadOption, DataMissing
from llm_course.minis import cards
from llm_course.minis.corpora import where_to_get
from llm_course.minis.measures.figures import Figures, Table
from llm_course.minis.mini import mini, names
from llm_course.shelf.catalogue import catalogue, unknown

TITLE, HEAD = "The minis beside their baselines", ("model", "measure", "measured", "baselines")


@dataclass(frozen=True)
class Report:
    """What was measured. ``str(report)`` has the details, then one table in plain text and in Markdown.

    Attributes:
        measured: name of a mini -> what its ``measure`` gave.
        written: the files that were written.
    """

    measured: dict[str, Figures] = field(repr=False)
    written: tuple[Path, ...] = ()

    def table(self) -> Table:
        """The main figures of all minis beside their baselines."""
        lines = [(name, *line) for name, own in self.measured.items() for line in mini(name).headline(own)]
        return Table(TITLE, HEAD, tuple(lines))

    def __str__(self) -> str:
        different = {id(own): name for name, own in reversed(self.measured.items())}  # some are measured together
        parts = [
            table.text()
            for name, own in self.measured.items()
            if different[id(own)] == name
            for table in cards.tables_of(name, own)
        ]
        parts += [self.table().text(), self.table().markdown()]
        parts += [f"Written: {path}" for path in self.written]
        return "\n\n".join(parts)


def evaluate_all(data: str | Path | None, wanted: Sequence[str] | None = None, limit: int | None = None) -> Report:
    """Measure minis beside their baselines and write their cards.

    Args:
        data: the data folder; without it the error lists the public datasets.
        wanted: names of minis; ``None`` takes all that are on the shelf.
        limit: at most so many test rows of each corpus: a quick look. No card is written then, since its
            figures would not be those of the test split.

    Raises:
        BadOption: a name is not that of a mini, or ``limit`` is below 2.
        DataMissing: there is no data folder, or a corpus is not there.
        UnknownModel: a mini that was named is not on the shelf.
    """
    minis = [mini(name) for name in wanted or names() if wanted or name in catalogue()]
    if limit is not None and limit < 2:
        raise BadOption(f"limit={limit} is not allowed: it must be 2 or more.")
    if data is None and any(own.corpora for own in minis):
        homes = where_to_get(dict.fromkeys(corpus for own in minis for corpus in (*own.corpora, *own.tested_on)))
        raise DataMissing(f"The minis are measured on files of a folder that --data names. They are public:\n{homes}")
    for own in minis:
        if own.name not in catalogue():
            raise unknown(own.name)
    measured: dict[str, Figures] = {}
    for own in minis:
        together = next((name for name in measured if mini(name).measure is own.measure), None)
        measured[own.name] = measured[together] if together else own.measure(data, limit)
    written = [] if limit else [path for name, found in measured.items() for path in cards.write(name, found)]
    return Report(measured, tuple(written))
