"""Facts about famous models: read from one file, each with its source.

Knows nothing about the models that run here. Lessons and charts take every published figure from ``data/facts.json``,
so that a figure is written down once, beside the paper, the section or table, and how far it was confirmed: against
the full text, the abstract, a model card or a web page.
"""

from __future__ import annotations

import difflib
import json
import re
from calendar import month_name
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from llm_course.errors import BadOption

FILE = Path(__file__).parent / "facts.json"
LEVELS = ("full text", "abstract", "model card", "web page")
SCALES = ((1e12, "trillion"), (1e9, "billion"), (1e6, "million"))
SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"))
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Source:
    """Where a fact comes from: a paper, a model card or a page."""

    authors: str
    title: str
    year: int
    id: str
    url: str

    @property
    def short(self) -> str:
        """``Devlin, Chang, Lee and Toutanova 2018``."""
        return f"{self.authors} {self.year}"

    def __str__(self) -> str:
        return f"{self.authors}, {self.title}, {self.year}, {self.id}"


@dataclass(frozen=True)
class Fact:
    """One fact.

    Attributes:
        key: its name in the file, ``"gpt-3.parameters"``.
        model: the model's name as people write it.
        what: what the value says, in words.
        value: a number in ``unit``, or a text where there is no number.
        unit: ``"parameters"``, ``"tokens"``, ``"bytes"``...; empty for a text.
        source: where it is from.
        where: section or table; empty where it could not be confirmed.
        confirmed: against what it was checked, one of ``LEVELS``.
    """

    key: str
    model: str
    what: str
    value: Any
    unit: str
    source: Source
    where: str
    confirmed: str

    @property
    def spoken(self) -> str:
        """The value as people say it: ``"340 million"``, ``"570 GB"``, ``"15%"``, or the text itself.

        The unit follows where ``what`` does not name it: ``"300 billion tokens"``.
        """
        said = isinstance(self.value, str) or self.unit in ("bytes", "share") or self.unit in self.what
        return spoken(self.value, self.unit) + ("" if said else f" {self.unit}")

    @property
    def cite(self) -> str:
        """``Brown and others 2020, table 2.1``."""
        return f"{self.source.short}, {self.where}" if self.where else self.source.short

    def __str__(self) -> str:
        return f"{self.model}, {self.what}: {self.spoken} ({self.cite})"


@dataclass(frozen=True)
class Card:
    """Some facts about one model, as a table with a source in each row."""

    model: str
    published: str
    facts: tuple[Fact, ...]

    def __str__(self) -> str:
        rows = [f"{one.what}: {one.spoken} ({one.cite})" for one in self.facts]
        return "\n".join([f"{self.model}, first published in {self.published}", *rows])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        left = ' style="text-align:left"'
        rows = "".join(
            f'<tr><th scope="row"{left}>{escape(one.what)}</th><td{left}>{escape(one.spoken)}</td>'
            f'<td{left}><a href="{escape(one.source.url)}">{escape(one.source.short)}</a>'
            f"{escape(', ' + one.where if one.where else '')}</td></tr>"
            for one in self.facts
        )
        head = "".join(f'<th scope="col"{left}>{word}</th>' for word in ("fact", "value", "source"))
        title = f"<b>{escape(self.model)}</b>, first published in {self.published}"
        caption = f'<caption style="text-align:left">{title}</caption>'
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def spoken(value: Any, unit: str = "") -> str:
    """A number as people say it, or a text as it is. At most four digits; very large numbers as a power of ten."""
    if isinstance(value, str) or isinstance(value, bool):
        return str(value)
    if unit == "share":
        return f"{value:.0%}"
    if abs(value) >= 1e15:
        power = int(f"{value:e}".split("e")[1])
        return f"{value / 10**power:.3g} × 10{str(power).translate(_RAISED)}"
    for size, name in SIZES if unit == "bytes" else SCALES:
        if abs(value) >= size:
            return f"{value / size:.4g} {name}"
    return f"{value:,}"


@cache
def _data() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8"))


def _source(data: dict[str, Any], key: str) -> Source:
    one = data["sources"][key]
    url = one.get("url") or f"https://arxiv.org/abs/{one['id'].removeprefix('arXiv ')}"
    return Source(one["authors"], one["title"], one["year"], one["id"], url)


def keys(model: str = "") -> list[str]:
    """The names of all facts, or of one model's (``"gpt-3"``), in the order of the file."""
    return [key for key in _data()["facts"] if not model or key.partition(".")[0] == model]


def fact(key: str) -> Fact:
    """The fact of that name, such as ``"gpt-3.parameters"``.

    Raises:
        BadOption: there is none; the nearest names are offered.
    """
    data = _data()
    if key not in data["facts"]:
        raise BadOption(f"No fact is called {key!r}.{_offer(key, list(data['facts']))}")
    one = data["facts"][key]
    model = data["models"][key.partition(".")[0]]["name"]
    return Fact(
        key,
        model,
        one["what"],
        one["value"],
        one["unit"],
        _source(data, one["source"]),
        one.get("where", ""),
        one["confirmed"],
    )


def value(key: str) -> Any:
    """The bare value of a fact, for code that computes or draws with it.

    Raises:
        BadOption: there is no such fact.
    """
    return fact(key).value


def published(model: str) -> float:
    """When a model's paper first came out, as a year with a fraction: ``2020.33`` for May 2020.

    Raises:
        BadOption: the file has no such model.
    """
    year, month = _model(model)["published"].split("-")
    return int(year) + (int(month) - 1) / 12


def card(model: str, *names: str) -> Card:
    """Facts about one model as a table: all of them, or those named (``card("gpt-3", "parameters", "tokens")``).

    Raises:
        BadOption: there is no such model or fact.
    """
    entry = _model(model)
    chosen = [f"{model}.{name}" for name in names] or keys(model)
    year, month = entry["published"].split("-")
    return Card(entry["name"], f"{month_name[int(month)]} {year}", tuple(fact(key) for key in chosen))


def _model(model: str) -> dict[str, Any]:
    known = _data()["models"]
    if model not in known:
        raise BadOption(f"The facts have no model {model!r}.{_offer(model, list(known))}")
    return known[model]


def _offer(name: Any, known: list[str]) -> str:
    near = difflib.get_close_matches(str(name).lower(), known, n=2, cutoff=0.5)
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else f" There are: {', '.join(known)}."


def problems(data: dict[str, Any]) -> list[str]:
    """What is wrong with a file of facts, as sentences; empty for a good one.

    Every fact needs what, value, unit, a source that is listed, and how it was confirmed; a fact taken from a paper's
    full text or abstract also says where it stands there.
    """
    found = []
    sources, models = data.get("sources", {}), data.get("models", {})
    for key, one in sources.items():
        missing = [name for name in ("authors", "title", "year", "id") if not one.get(name)]
        if missing:
            found.append(f"source {key!r} lacks {', '.join(missing)}")
        elif not re.fullmatch(r"arXiv \d{4}\.\d{4,5}", one["id"]) and not one.get("url", "").startswith("https://"):
            found.append(f"source {key!r} has neither an arXiv number nor a url")
    for key, one in models.items():
        if not re.fullmatch(r"\d{4}-\d{2}", one.get("published", "")) or one.get("source") not in sources:
            found.append(f"model {key!r} lacks a month of publication or a listed source")
    for key, one in data.get("facts", {}).items():
        if key.partition(".")[0] not in models or not re.fullmatch(r"[a-z0-9-]+\.[a-z0-9_]+", key):
            found.append(f"fact {key!r} is not named after a model of the file")
        if not one.get("what") or one.get("value") in (None, "") or "unit" not in one:
            found.append(f"fact {key!r} lacks what, value or unit")
        elif isinstance(one["value"], str) != (one["unit"] in ("", "examples")):
            found.append(f"fact {key!r}: a number needs a unit, and a text has none")
        if one.get("source") not in sources:
            found.append(f"fact {key!r} has no source that is listed")
        if one.get("confirmed") not in LEVELS:
            found.append(f"fact {key!r} does not say how it was confirmed ({', '.join(LEVELS)})")
        elif one["confirmed"] in LEVELS[:2] and not one.get("where"):
            found.append(f"fact {key!r} names no section or table")
    unused = set(sources) - {one.get("source") for part in ("models", "facts") for one in data.get(part, {}).values()}
    return found + [f"source {key!r} is not used" for key in sorted(unused)]
