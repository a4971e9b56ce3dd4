"""The claims of popular introductions, each with a verdict, where the course shows it, and a source.

Knows nothing about how a claim was tested: that stands in the lessons. ``claims.json`` holds one entry a claim; its
evidence is a heading of a lesson, a source is a fact of ``facts.json`` or a text with a link.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from llm_course.errors import BadOption
from llm_course.lessons import Lesson, facts, find

FILE = Path(__file__).parent / "claims.json"
VERDICTS = ("holds", "holds with limits", "wrong")


@dataclass(frozen=True)
class Evidence:
    """Where the course shows it: a lesson, and the heading of the section."""

    lesson: Lesson
    heading: str

    @property
    def link(self) -> str:
        """The address of the section, seen from ``notebooks/``: Jupyter writes a heading's spaces as dashes."""
        return f"{self.lesson.name}.ipynb#{quote(self.heading.replace(' ', '-'))}"

    def __str__(self) -> str:
        return f"{self.lesson.number}: {self.heading}"


@dataclass(frozen=True)
class Claim:
    """One claim, in our words; ``sources`` are pairs of text and address."""

    id: str
    claim: str
    verdict: str
    truth: str
    evidence: tuple[Evidence, ...]
    sources: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        shown = "; ".join(map(str, self.evidence))
        return f"{self.claim}\n  {self.verdict.upper()}. {self.truth}\n  lesson {shown}"


@dataclass(frozen=True)
class Claims:
    """Some claims, shown as a table."""

    claims: tuple[Claim, ...]

    def __str__(self) -> str:
        return "\n".join(map(str, self.claims))

    def __repr__(self) -> str:
        count = Counter(one.verdict for one in self.claims)
        return f"{len(self.claims)} claims: " + ", ".join(f"{count[v]} {v}" for v in VERDICTS if count[v])

    def _repr_html_(self) -> str:
        left = ' style="text-align:left;vertical-align:top"'
        head = "".join(
            f'<th scope="col"{left}>{w}</th>' for w in ("claim", "verdict", "what is true", "shown", "source")
        )
        rows = "".join(
            f'<tr><th scope="row"{left}>{escape(one.claim)}</th><td{left}><b>{one.verdict}</b></td>'
            f"<td{left}>{escape(one.truth)}</td><td{left}>{_links((str(e), e.link) for e in one.evidence)}</td>"
            f"<td{left}>{_links(one.sources)}</td></tr>"
            for one in self.claims
        )
        caption = f'<caption style="text-align:left">{escape(repr(self))}</caption>'
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _links(pairs: Any) -> str:
    return "<br>".join(f'<a href="{escape(address)}">{escape(text)}</a>' for text, address in pairs)


@cache
def all_claims() -> tuple[Claim, ...]:
    """Every claim of the file, in its order: that of the lessons where they are shown first."""
    return tuple(_claim(one) for one in json.loads(FILE.read_text(encoding="utf-8")))


def _claim(data: Mapping[str, Any]) -> Claim:
    sources = dict(
        (f"{known.model}: {known.cite}", known.source.url)
        if (known := facts.fact(one["fact"]) if "fact" in one else None)
        else (one["text"], one["url"])
        for one in data["sources"]
    )
    evidence = tuple(Evidence(find(one["lesson"]), one["heading"]) for one in data["evidence"])
    return Claim(data["id"], data["claim"], data["verdict"], data["truth"], evidence, tuple(sources.items()))


def table(verdict: str | None = None, about: str = "", lesson: str = "") -> Claims:
    """The claims as a table: all, or those with a verdict, with a word in them, or shown in a lesson.

    Args:
        verdict: ``"holds"``, ``"holds with limits"`` or ``"wrong"``.
        about: a word or part of one, in the claim or in what is true; capitals do not matter.
        lesson: the name of a lesson, ``"five_models"``.

    Raises:
        BadOption: there is no such verdict or lesson, or no claim fits.
    """
    if verdict is not None and verdict not in VERDICTS:
        raise BadOption(f"verdict={verdict!r} is not allowed: it is one of {', '.join(map(repr, VERDICTS))}.")
    shown_in = find(lesson) if lesson else None
    found = tuple(
        one
        for one in all_claims()
        if (verdict is None or one.verdict == verdict)
        and about.lower() in f"{one.claim} {one.truth}".lower()
        and (shown_in is None or any(e.lesson == shown_in for e in one.evidence))
    )
    if not found:
        raise BadOption("No claim fits. claims.table() shows all of them.")
    return Claims(found)


def problems(data: Any, headings: Mapping[str, Set[str]]) -> list[str]:
    """What is wrong with a file of claims, as sentences; empty for a good one.

    Args:
        data: the content of the file.
        headings: the headings of each lesson, by its slug.
    """
    found, seen = [], set()
    for number, one in enumerate(data, 1):
        name = one.get("id") or f"number {number}"
        if name in seen:
            found.append(f"claim {name!r} is there twice")
        seen.add(name)
        found += [f"claim {name!r} lacks {key!r}" for key in ("id", "claim", "truth") if not one.get(key)]
        if one.get("verdict") not in VERDICTS:
            found.append(f"claim {name!r} has no verdict of {', '.join(VERDICTS)}")
        if not one.get("evidence"):
            found.append(f"claim {name!r} has no evidence")
        if not one.get("sources"):
            found.append(f"claim {name!r} has no source")
        for place in one.get("evidence", ()):
            lesson, heading = place.get("lesson", ""), place.get("heading", "")
            if lesson not in headings:
                found.append(f"claim {name!r} points to lesson {lesson!r}, which is not there")
            elif heading not in headings[lesson]:
                found.append(f"claim {name!r} points to {heading!r}, which is no heading of {lesson}")
        for source in one.get("sources", ()):
            if "fact" in source:
                if source["fact"] not in facts.keys():
                    found.append(f"claim {name!r} names the fact {source['fact']!r}, which is not in facts.json")
            elif not source.get("text") or not source.get("url", "").startswith("https://"):
                found.append(f"claim {name!r} has a source without text or link")
    return found
