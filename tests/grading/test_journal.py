"""The journal: typed lines come back as they were written; torn ones and those of other versions are left out."""

from __future__ import annotations

from typing import Any

from llm_course.checks.verdict import Verdict
from llm_course.grading.integrity import Restored
from llm_course.grading.journal import Begin, End, Graded, Journal, Marked
from llm_course.grading.judged import Judged, Part, Run

JUDGED = Judged(
    [
        Part("f", "visible", Verdict("wrong", "`f(1)` is 2; it should be 3."), 1),
        Part("f", "hidden", Verdict("right"), 2),
    ],
    {0: Run(None, "printed"), 3: Run("stopped in the line `1 / 0`. ZeroDivisionError: division by zero")},
    seconds=1.5,
    peak=10_000,
    sandboxes=1,
)
LINES = (
    Begin("b", 7, False, ("ann", "zoë")),
    Graded(
        "zoë", "digest", "b", "key", JUDGED, Restored({"cells": []}, ("a note",), (("f", "def f(): ..."), ("", "x")))
    ),
    Marked("zoë", "key"),
    End("b"),
)


def test_lines_come_back(tiny: Any) -> None:
    with Journal(tiny.course, "tiny").open() as journal:
        for line in LINES:
            journal.write(line)
    read = Journal(tiny.course, "tiny").read()
    assert tuple(read.lines) == LINES
    found = read.last(Graded, student="zoë")
    assert found is not None and (found.judged.points, found.judged.of) == (2, 3)
    assert read.last(Graded, student="ann") is None and read.last(Marked, student="zoë", key="other") is None


def test_torn_lines_and_lines_of_other_versions_are_left_out(tiny: Any) -> None:
    path = tiny.course.state / "journal" / "tiny.jsonl"
    with Journal(tiny.course, "tiny").open() as journal:
        journal.write(LINES[0])
    old = '{"kind": "judged", "student": "ann", "parts": [{"task": "f", "part": "visible", "right": true}]}'
    path.write_text(path.read_text() + f'{old}\n{{"kind": "end", "format": 1, "batch": "b"}}\n{{"kind": "en', "utf-8")
    with Journal(tiny.course, "tiny").open() as journal:
        assert journal.lines == [LINES[0]]
        journal.write(LINES[3])  # on a line of its own, behind the torn one
    assert Journal(tiny.course, "tiny").read().lines == [LINES[0], LINES[3]]
