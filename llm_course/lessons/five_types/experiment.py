"""The table of who can do what.

Knows nothing about models: it reads what ``benchmarks/abilities.py`` has measured and stored.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from pathlib import Path

from llm_course.errors import DataMissing

FILE = Path(__file__).with_name("abilities.json")
_LEFT = ' style="text-align:left"'


@dataclass(frozen=True)
class FullSize:
    """What a full-size model reaches, as published: the model's name, its figure, and where it stands."""

    model: str
    figure: str
    source: str


@dataclass(frozen=True, repr=False)
class Abilities:
    """Who can do what: a row for each mini, a column for each ability, and full-size models' published figures.

    The best figure of a column is bold; a dash stands where a mini has no part for it, or was not tried.

    Attributes:
        cells: the figure of each mini for each ability, by their names; ``None`` where there is none.
        measures: what each ability was measured by.
        kinds: of which type each mini is.
        full: what full-size models reach, by ability.
        date, cores: when it was measured, and on how many processor cores.
    """

    cells: dict[str, dict[str, float | None]]
    measures: dict[str, str]
    kinds: dict[str, str]
    full: dict[str, FullSize]
    date: str
    cores: int

    def best(self, ability: str) -> set[str]:
        """The minis whose figure is best to two decimals: lowest for stories (bits), highest for all others."""
        known = {name: round(value, 2) for name, own in self.cells.items() if (value := own[ability]) is not None}
        if not known:
            return set()
        top = min(known.values()) if ability == "continue a story" else max(known.values())
        return {name for name, value in known.items() if value == top}

    def __repr__(self) -> str:
        return f"Who can do what: {len(self.cells)} minis, {len(self.measures)} abilities."

    def __str__(self) -> str:
        lines = [["mini", *self.measures]]
        for name, own in self.cells.items():
            lines.append([name, *("-" if (value := own[w]) is None else f"{value:.2f}" for w in self.measures)])
        widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)

    def _repr_html_(self) -> str:
        winners = {what: self.best(what) for what in self.measures}
        head = "".join(
            f'<th scope="col"{_LEFT}>{escape(what)}<br><i>{escape(how)}</i></th>' for what, how in self.measures.items()
        )
        body = ""
        for name, own in self.cells.items():
            row = "".join(f"<td{_LEFT}>{_cell(own[what], name in winners[what])}</td>" for what in self.measures)
            body += f'<tr><th scope="row"{_LEFT}>{escape(name)}<br><i>{escape(self.kinds[name])}</i></th>{row}</tr>'
        full = "".join(f"<td{_LEFT}>{_published(self.full[what])}</td>" for what in self.measures)
        body += f'<tr><th scope="row"{_LEFT}>full size<br><i>published, on other tests</i></th>{full}</tr>'
        caption = f"Who can do what, measured {self.date} on {self.cores} cores. Bold: best of its column."
        return (
            f'<table><caption style="text-align:left">{escape(caption)}</caption><thead><tr>'
            f'<th scope="col"{_LEFT}>mini</th>{head}</tr></thead><tbody>{body}</tbody></table>'
        )


def abilities_table(file: Path = FILE) -> Abilities:
    """The table as it was measured.

    Raises:
        DataMissing: there is no record of a measurement.
    """
    if not file.is_file():
        raise DataMissing(
            f"{file} is missing: the abilities have not been measured. Measure them: "
            "python benchmarks/abilities.py --data DIR."
        )
    found = json.loads(file.read_text(encoding="utf-8"))
    full = {what: FullSize(**one) for what, one in found["full"].items()}
    cores = found["machine"]["cores"]
    return Abilities(found["cells"], found["measures"], found["kinds"], full, found["date"], cores)


def _published(one: FullSize) -> str:
    source = f"<br><i>{escape(one.source)}</i>" if one.source else ""
    return f"{escape(one.model)}: {escape(one.figure)}{source}"


def _cell(value: float | None, bold: bool) -> str:
    if value is None:
        return '<span aria-label="not measured">-</span>'
    return f"<b>{value:.2f}</b>" if bold else f"{value:.2f}"
