"""The table of who can do what, as lesson 05 shows it.

Knows nothing about models: it reads what ``benchmarks/abilities.py`` has measured and stored.
"""

from __future__ import annotations

import json
from html import escape
from typing import Any

from llm_course.errors import DataMissing
from llm_course.teaching.content import DATA
from llm_course.teaching.output import emit


def record() -> dict[str, Any]:
    """What was measured: ``cells[mini][ability]`` (``None``: no part for it, or not tried), date, machine, sources.

    Raises:
        DataMissing: the record is not there.
    """
    path = DATA / "abilities.json"
    if not path.is_file():
        raise DataMissing(
            f"{path} is missing: the abilities have not been measured. Measure them: "
            "python benchmarks/abilities.py --data DIR."
        )
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def best(cells: dict[str, dict[str, float | None]], ability: str) -> set[str]:
    """The minis whose figure is best to two decimals: lowest for stories (bits), highest for all others."""
    known = {name: round(value, 2) for name, own in cells.items() if (value := own[ability]) is not None}
    if not known:
        return set()
    top = min(known.values()) if ability == "continue a story" else max(known.values())
    return {name for name, value in known.items() if value == top}


def abilities_table() -> None:
    """Show the table: a row for each mini, a column for each ability, and the full-size models' published figures.

    The best figure of a column is bold; a dash stands where a mini has no part for it, or was not tried.
    """
    found = record()
    cells, measures = found["cells"], found["measures"]
    winners = {what: best(cells, what) for what in measures}
    left = ' style="text-align:left"'
    head = "".join(
        f'<th scope="col"{left}>{escape(what)}<br><i>{escape(how)}</i></th>' for what, how in measures.items()
    )
    body = ""
    for name, own in cells.items():
        row = "".join(f"<td{left}>{_cell(own[what], name in winners[what])}</td>" for what in measures)
        body += f'<tr><th scope="row"{left}>{escape(name)}<br><i>{escape(found["kinds"][name])}</i></th>{row}</tr>'
    full = "".join(f"<td{left}>{_published(found['full'][what])}</td>" for what in measures)
    body += f'<tr><th scope="row"{left}>full size<br><i>published, on other tests</i></th>{full}</tr>'
    caption = (
        f"Who can do what, measured {found['date']} on {found['machine']['cores']} cores. Bold: best of its column."
    )
    html = (
        f'<table><caption style="text-align:left">{escape(caption)}</caption><thead><tr><th scope="col"{left}>mini</th>'
        f"{head}</tr></thead><tbody>{body}</tbody></table>"
    )
    emit(html=html, plain=f"Who can do what: {len(cells)} minis, {len(measures)} abilities.", full=_text(found))


def _published(one: dict[str, str]) -> str:
    source = f"<br><i>{escape(one['source'])}</i>" if one["source"] else ""
    return f"{escape(one['model'])}: {escape(one['figure'])}{source}"


def _cell(value: float | None, bold: bool) -> str:
    if value is None:
        return '<span aria-label="not measured">-</span>'
    return f"<b>{value:.2f}</b>" if bold else f"{value:.2f}"


def _text(found: dict[str, Any]) -> str:
    """The table in plain text, for places without HTML."""
    lines = [["mini", *found["measures"]]]
    for name, own in found["cells"].items():
        lines.append([name, *("-" if own[w] is None else f"{own[w]:.2f}" for w in found["measures"])])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)
