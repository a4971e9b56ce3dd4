"""The instructor's version of every lesson is whole: minutes add up, every prediction has its answer."""

from __future__ import annotations

import re

import pytest
from nbformat import v4

from instructors import Call, calls, page, sections
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
    assert found[0] == Call("predict", "k", "What?", ("a", "b"))
    assert found[1].name == "reveal" and found[1].key == "k"
    assert calls("lc.predict(key, 'What?', options=names)") == [Call("predict", "key", "What?", "names")]
    assert calls("%magic") == []


def test_minutes_go_to_the_sections_that_have_more_to_do() -> None:
    prose = ("# T", "## A\n" + "word " * 180, "## B\nshort")
    cells = [*map(v4.new_markdown_cell, prose), v4.new_code_cell("lc.quiz('sentiment')")]
    opening, a, b = sections(v4.new_notebook(cells=cells))
    assert (a.title, b.title) == ("A", "B") and b.weight > a.weight > opening.weight
