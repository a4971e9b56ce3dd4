"""The instructor's version of every lesson is whole: minutes add up, every prediction has its answer."""

from __future__ import annotations

import re

import pytest

from instructors import calls, page, sections
from nb_source import lessons


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.name)
def test_each_page_answers_what_its_lesson_asks(lesson) -> None:
    text = page(lesson)
    minutes = [int(found) for found in re.findall(r"^\| .+ \| (\d+) \| \d+ \|", text, re.M)]
    assert abs(sum(minutes) - lesson.minutes) <= 0.35 * lesson.minutes
    assert "Comes out: **?**" not in text and "(see the cell's output)" not in text
    asked = len(re.findall(r"lc\.predict\(", lesson.source.read_text(encoding="utf-8")))
    assert text.count("Comes out: **") == asked
    assert text.count("  Right: **") == text.count("\n- ", text.index("## Usual"), text.index("## The puzzle"))


def test_calls_are_read_from_code() -> None:
    code = 'lc.predict("k", "What?", options=["a", "b"])\nlc.reveal("k", answer=f(x))\nprint(1)'
    found = calls(code)
    assert found[0] == {"name": "predict", "key": "k", "question": "What?", "options": ["a", "b"]}
    assert found[1]["name"] == "reveal" and found[1]["key"] == "k"
    assert calls("%magic") == []


def test_minutes_go_to_the_sections_that_have_more_to_do() -> None:
    def cell(kind, source):
        return {"cell_type": kind, "source": source, "outputs": []}

    prose = ("# T", "## A\n" + "word " * 180, "## B\nshort")
    cells = [*(cell("markdown", text) for text in prose), cell("code", "lc.quiz('sentiment')")]
    opening, a, b = sections({"cells": cells})
    assert (a.title, b.title) == ("A", "B") and b.weight > a.weight > opening.weight
