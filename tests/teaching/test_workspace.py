"""The learner's working folder: open questions, nothing lost, newer lessons beside what was worked in."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from llm_course.teaching.workspace import copy_lessons, lessons_folder, open_questions


def cell(source: str, output: str = "42\n") -> dict:
    outputs = [{"output_type": "stream", "name": "stdout", "text": [output]}]
    return {
        "cell_type": "code",
        "source": source.splitlines(True),
        "outputs": outputs,
        "execution_count": 1,
        "id": "a",
        "metadata": {},
    }


def notebook(*sources: str) -> bytes:
    return json.dumps(
        {"cells": [cell(s) for s in sources], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    ).encode()


def with_outputs(copy: bytes) -> list[bool]:
    return [bool(c["outputs"]) for c in json.loads(copy)["cells"]]


def test_outputs_from_a_prediction_to_its_answer_are_gone_and_others_stay() -> None:
    copy = open_questions(
        notebook(
            "x = 1\nprint(x)",
            'lc.predict("k", "How many?", options=["1", "2"])',
            "print(2)",
            'lc.reveal("k", answer="2")',
            "print(3)",
            'lc.check("f", f)',
            'lc.quiz("start_here")',
            "def f(:\n    ...\nlc.check('f', f)",
            "%time print(1)",
        )
    )
    assert with_outputs(copy) == [True, False, False, False, True, False, False, False, True]


def test_the_course_meets_no_reader_with_an_answer(tmp_path: Path) -> None:
    copy_lessons(tmp_path)
    copies = sorted(tmp_path.glob("[0-9]*.ipynb"))
    assert len(copies) == len(list(lessons_folder().glob("*.ipynb"))) > 10
    kept = 0
    for path in copies:
        for one in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            text = json.dumps(one.get("outputs", []))
            assert "The answer:" not in text and "Answer to question" not in text, path.name
            kept += bool(one.get("outputs"))
    assert kept > 100, "results that answer no question are there to be read"
    terms = json.loads((tmp_path / "glossary.ipynb").read_text(encoding="utf-8"))["cells"]
    ids = {one["id"] for one in terms}
    assert len(ids) == len(terms) > 100
    linked = set(re.findall(r"glossary\.ipynb#cell-id=([\w-]+)", "".join(path.read_text("utf-8") for path in copies)))
    assert len(linked) > 50 and linked <= ids, "every link to a term leads to its cell"


@pytest.fixture
def course(tmp_path: Path) -> Path:
    source = tmp_path / "course"
    source.mkdir()
    (source / "00_a.ipynb").write_bytes(notebook("print(1)"))
    (source / "glossary.md").write_text("# Glossary\n", encoding="utf-8")
    return source


def states(folder: Path, course: Path) -> dict[str, str]:
    return {one.file.name: one.state for one in copy_lessons(folder, course)}


def test_what_was_worked_in_is_never_written_over(tmp_path: Path, course: Path) -> None:
    work = tmp_path / "work"
    assert states(work, course) == {"00_a.ipynb": "new", "glossary.ipynb": "new"}
    assert states(work, course) == {"00_a.ipynb": "same", "glossary.ipynb": "same"}
    (course / "00_a.ipynb").write_bytes(notebook("print(2)"))
    assert states(work, course)["00_a.ipynb"] == "updated", "an untouched copy follows the course"
    mine = notebook("my = 'work'")
    (work / "00_a.ipynb").write_bytes(mine)
    assert states(work, course)["00_a.ipynb"] == "yours"
    (course / "00_a.ipynb").write_bytes(notebook("print(3)"))
    assert states(work, course) == {"00_a (newer).ipynb": "beside", "glossary.ipynb": "same"}
    assert (work / "00_a.ipynb").read_bytes() == mine
    assert b"print(3)" in (work / "00_a (newer).ipynb").read_bytes()
    assert states(work, course)["00_a.ipynb"] == "yours", "it is offered once"
    (course / "00_a.ipynb").write_bytes(notebook("print(4)"))
    assert states(work, course) == {"00_a (newer 2).ipynb": "beside", "glossary.ipynb": "same"}


def test_damaged_notes_cost_no_work(tmp_path: Path, course: Path) -> None:
    work = tmp_path / "work"
    copy_lessons(work, course)
    mine = notebook("my = 'work'")
    (work / "00_a.ipynb").write_bytes(mine)
    (work / ".llm-course.json").write_text("{", encoding="utf-8")
    (course / "00_a.ipynb").write_bytes(notebook("print(5)"))
    copy_lessons(work, course)
    assert (work / "00_a.ipynb").read_bytes() == mine
