"""The instructor's version of every lesson is whole: minutes add up, every prediction has its answer."""

from __future__ import annotations

import re

import pytest

from instructors import calls, minutes_of, page, sections
from nb_source import lessons


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.name)
def test_each_page_answers_what_its_lesson_asks(lesson) -> None:
    text = page(lesson)
    minutes = [int(found) for found in re.findall(r"^\| .+ \| (\d+) \| \d+ \|", text, re.M)]
    stated = minutes_of(lesson.source.read_text(encoding="utf-8"))
    assert abs(sum(minutes) - stated) <= 0.35 * stated
    assert "Comes out: **?**" not in text and "(see the cell's output)" not in text
    asked = len(re.findall(r"lesson\.predict\(", lesson.source.read_text(encoding="utf-8")))
    assert text.count("Comes out: **") == asked
    assert text.count("  Right: **") == text.count("\n- ", text.index("## Usual"), text.index("## The puzzle"))


def test_calls_are_read_from_code() -> None:
    code = 'lc.predict("k", "What?", options=["a", "b"])\nlc.lesson.reveal("k", answer=f(x))\nprint(1)'
    found = calls(code)
    assert found[0] == {"name": "predict", "key": "k", "question": "What?", "options": ["a", "b"]}
    assert found[1]["name"] == "reveal" and found[1]["key"] == "k"
    assert calls("%magic") == []


def test_minutes_go_to_the_sections_that_have_more_to_do() -> None:
    def cell(kind, source):
        return {"cell_type": kind, "source": source, "outputs": []}

    cells = [cell("markdown", "# T"), cell("markdown", "## A\n" + "word " * 180), cell("markdown", "## B\nshort"),
             cell("code", "lc.quiz('08')")]  # fmt: skip
    opening, a, b = sections({"cells": cells})
    assert (a.title, b.title) == ("A", "B") and b.weight > a.weight > opening.weight
