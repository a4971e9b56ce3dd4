"""The students' own check: what it says for each kind of answer; released checks hold no code and no hidden case."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llm_course.errors import BadCourse
from llm_course.grading.student_check import check, verdict
from llm_course.grading.tasks import Mistake, Task, checks, load_tasks


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def over_columns(x: Any) -> Any:
    e = np.exp(x)
    return e / e.sum(0)


CASE = (np.array([[0.0, 1.0], [2.0, 3.0]]),)
MISTAKES = (
    Mistake("axis", over_columns, "Over which axis do the rows sum to 1?"),
    Mistake("fails", lambda x: 1 / 0, "never told"),
)
TASKS = (
    Task("softmax", "softmax", softmax, (CASE,), lambda rng: [(rng.normal(size=(2, 2)),)], (1, 2), mistakes=MISTAKES),
    Task("size", "size", lambda: 2048, ((),), lambda rng: [()], (1, 1), variable=True),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "checks.json").write_text(checks(TASKS))
    return tmp_path


def not_written(x: Any) -> Any:
    raise NotImplementedError


def nothing(x: Any) -> Any:
    x = softmax(x)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (softmax, "Right: softmax gives what it should on 1 visible case."),
        (lambda x: softmax(x).tolist(), "Right"),
        (over_columns, "Hint: Over which axis do the rows sum to 1?"),
        (lambda x: softmax(x)[0], "has shape (2,); it should have shape (2, 2)"),
        (lambda x: 1 / 0, "stopped in the line `(lambda x: 1 / 0, "),
        (nothing, "returned None. Does every way through the function end in a `return`?"),
        (lambda x: object(), "gives what cannot be judged. A value is of type object. Return plain data"),
        (np.zeros(2), "needs the function itself: softmax, not softmax(...)"),
        (not_written, "Not written yet"),
        (..., "Not written yet"),
    ],
)
def test_what_it_says(folder: Path, answer: Any, said: str) -> None:
    assert said in verdict("softmax", answer, folder).text


def test_a_function_cannot_spoil_the_case(folder: Path) -> None:
    def spoils(x: Any) -> Any:
        y = softmax(x)
        x[:] = 0
        return y

    assert verdict("softmax", spoils, folder).kind == "right"


def test_variables(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert verdict("size", 2048, folder).kind == "right"
    assert verdict("size", 7, folder).text == "Not yet: in case 1 of 1, `size` is 7; it should be 2048."
    assert verdict("size", None, folder).kind == "blank"
    monkeypatch.chdir(folder)
    check("size", 2048)
    assert capsys.readouterr().out.startswith("Right: size")


def test_the_first_record_that_differs_is_named(tmp_path: Path) -> None:
    def records(gist: str) -> Any:
        return [{"name": "Ann", "gist": "a " * 200}, {"name": "Bob", "gist": gist}]

    one = Task("box", "box", lambda: records("right"), ((),), lambda rng: [()], (1, 1))
    (tmp_path / "checks.json").write_text(checks((one,)))
    said = verdict("box", lambda: records("wrong"), tmp_path).said
    assert said == "in case 1 of 1, `box()`: in record 2, 'gist', you give 'wrong'; it should be 'right'."
    assert "it should be [" in verdict("box", lambda: records("right")[:1], tmp_path).said
    assert "it should be [" in verdict("box", lambda: [{"name": "Ann"}, {"name": "Bob"}], tmp_path).said
    assert "it should be [" in verdict("box", lambda: [1, 2], tmp_path).said


def test_for_nbgrader_validating_only_what_is_right_passes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    for answer in (not_written, over_columns):
        check("softmax", answer)
        assert capsys.readouterr().out.startswith("Not ")
    monkeypatch.setenv("NBGRADER_VALIDATING", "1")
    check("softmax", softmax)
    assert capsys.readouterr().out.startswith("Right")
    with pytest.raises(AssertionError, match="Not written yet"):
        check("softmax", not_written)
    with pytest.raises(AssertionError, match="Hint: Over which axis"):
        check("softmax", over_columns)


def test_what_is_missing_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadCourse, match="It has: softmax, size"):
        verdict("other", softmax, folder)
    with pytest.raises(BadCourse, match="beside the notebook"):
        verdict("softmax", softmax, tmp_path / "nowhere")
    (folder / "checks.json").write_text("{")
    with pytest.raises(BadCourse, match="cannot be read"):
        verdict("softmax", softmax, folder)


def test_released_checks_are_plain_and_hold_visible_cases_only() -> None:
    read = json.loads(checks(TASKS))["tasks"]
    assert set(read) == {"softmax", "size"}
    assert set(read["softmax"]) == {"calls", "variable", "compare", "cases"}
    assert len(read["softmax"]["cases"]) == 1 and len(read["softmax"]["cases"][0]["hints"]) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "no judging file"),
        ("1 / 0", "ZeroDivisionError"),
        ("TASKS = ()", "must define TASKS"),
        (
            "from llm_course.grading.tasks import Task\nt = Task('a', 'f', abs, ((1,),), None, (1, 0))\nTASKS = (t, t)",
            "two",
        ),
        (
            "from llm_course.grading.tasks import Task\nTASKS = (Task('a', 'f', abs, ((1,),), None, (1, 2)),)",
            "does not have",
        ),
        ("from llm_course.grading.tasks import Task\nTASKS = (Task('a b', 'f', abs, ((1,),), None, (1, 0)),)", "names"),
    ],
)
def test_judging_files_are_checked(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "x.py").write_text(text)
    with pytest.raises(BadCourse, match=said):
        load_tasks(tmp_path / "x.py")
