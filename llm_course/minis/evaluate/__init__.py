"""How the minis are measured: one file per task, and one function that measures them all.

Every task module has ``measure(data, limit)`` (a plain dict), ``headline(measured)`` (its main figures beside
the baselines') and ``tables(measured)`` (all of it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from llm_course.errors import BadOption, DataMissing
from llm_course.minis.evaluate.record import Table, goals_table

TASKS = {
    "gpt-mini": "language_model", "bert-mini": "masked_words", "bert-mini-sentiment": "sentiment",
    "bert-mini-summary": "summarization", "bart-mini": "summarization", "marian-mini": "translation",
    "gpt-mini-instruct": "instructions", "gpt-mini-chat": "dialogue",
    "vision-mini": "vision", "palm-e-mini": "embodied", "bloom-mini": "multilingual", "incontext-mini": "in_context",
}  # fmt: skip
TITLE, HEAD = "The minis beside their baselines", ("model", "measure", "measured", "baselines")


@dataclass(frozen=True)
class Report:
    """What was measured. ``str(report)`` has the details, then one table in plain text and in Markdown.

    Attributes:
        measured: name of a mini -> what its task's ``measure`` gave.
        written: the files that were written.
    """

    measured: dict[str, dict[str, Any]] = field(repr=False)
    written: tuple[Path, ...] = ()

    def table(self) -> Table:
        """The main figures of all minis beside their baselines."""
        lines = [(name, *line) for name, own in self.measured.items() for line in headline_of(name, own)]
        return Table(TITLE, HEAD, tuple(lines))

    def __str__(self) -> str:
        parts: list[str] = []
        shown: list[int] = []
        for name, own in self.measured.items():
            if id(own) not in shown:  # the summarizers are measured together
                parts += [table.text() for table in tables_of(name, own)]
                shown.append(id(own))
        parts += [self.table().text(), self.table().markdown()]
        parts += [f"Written: {path}" for path in self.written]
        return "\n\n".join(parts)


def task_of(name: str) -> Any:
    """The module that measures a mini.

    Raises:
        BadOption: no mini has that name.
    """
    if name not in TASKS:
        raise BadOption(f"{name!r} cannot be measured here. The minis are: {', '.join(TASKS)}.")
    return import_module(f"{__name__}.{TASKS[name]}")


def headline_of(name: str, measured: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The main figures of one mini: what, its figure, the baselines'."""
    module = task_of(name)
    return module.headline(measured, name) if TASKS[name] == "summarization" else module.headline(measured)


def tables_of(name: str, measured: dict[str, Any]) -> list[Table]:
    """All tables of one mini, its goals last if it has any."""
    found: list[Table] = task_of(name).tables(measured)
    return [*found, goals_table(name, measured)] if measured["goals"] else found


def evaluate_all(data: str | Path | None, names: Sequence[str] | None = None, limit: int | None = None) -> Report:
    """Measure minis beside their baselines and write their cards.

    Args:
        data: the data folder; without it the error lists the public datasets.
        names: which minis; ``None`` takes all that are on the shelf.
        limit: at most so many test rows of each corpus: a quick look. No card is written then, since its
            figures would not be those of the test split.

    Raises:
        BadOption: a name is not that of a mini, or ``limit`` is below 2.
        DataMissing: there is no data folder, or a corpus is not there.
        UnknownModel: a mini that was named is not on the shelf.
    """
    from llm_course.minis import cards
    from llm_course.minis.recipes import recipe, where_to_get
    from llm_course.shelf.catalogue import catalogue, unknown

    wanted = [name for name in TASKS if name in catalogue()] if names is None else list(names)
    for name in wanted:
        task_of(name)
    if limit is not None and limit < 2:
        raise BadOption(f"limit={limit} is not allowed: it must be 2 or more.")
    if data is None and (names is None or any(recipe(name).CORPORA for name in wanted)):
        needed = dict.fromkeys(corpus for name in wanted or TASKS for corpus in recipe(name).CORPORA)
        if "gpt-mini" in (wanted or TASKS):
            needed["tinystories-validation"] = None
        if "bert-mini" in (wanted or TASKS):
            needed["tatoeba-en-de"] = None  # sentences that say the same
        homes = where_to_get([*needed])
        raise DataMissing(f"The minis are measured on files of a folder that --data names. They are public:\n{homes}")
    for name in wanted:
        if name not in catalogue():
            raise unknown(name)
    measured: dict[str, dict[str, Any]] = {}
    for name in wanted:
        together = next((n for n in measured if TASKS[n] == TASKS[name]), None)
        measured[name] = measured[together] if together else task_of(name).measure(data, limit)
    written = [] if limit else [path for name, own in measured.items() for path in cards.write(name, own)]
    return Report(measured, tuple(written))
