"""A tiny course for the grader's tests: one assignment of two tasks and a written question, and students' notebooks.

Knows nothing about what is tested. Tests that need bubblewrap skip with a reason where there is none, and fail instead
when LLM_COURSE_REQUIRE_SANDBOX=1.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llm_course.errors import NoSandbox
from llm_course.grading.sandbox import Limits, engine

LIMITS = Limits(memory=300_000_000, cell=20, total=150, disk=8_000_000, file=4_000_000)

JUDGING = """
import numpy as np
from llm_course.grading.tasks import Mistake, Task

def double(values):
    return [2 * value for value in values]

def squares(values):
    return [value * value for value in values]

def mean(array):
    return np.asarray(array).mean(0)

def rows(array):
    return np.asarray(array).mean(1)

def lists(rng):
    return [(rng.integers(5, 99, 4).tolist(),) for _ in range(3)]

def arrays(rng):
    return [(rng.normal(size=(4, 3)),)]

TASKS = (
    Task("double", "double", double, (([1, 2, 3],),), lists, (1, 2), seconds=10,
         mistakes=(Mistake("squares", squares, "You squared the values."),)),
    Task("mean", "mean", mean, ((np.arange(6.0).reshape(2, 3),),), arrays, (1, 3), seconds=10,
         mistakes=(Mistake("wrong axis", rows, "That is the wrong axis."),)),
)
"""

RUBRIC = "### BEGIN MARK SCHEME\nThe rubric is secret.\n### END MARK SCHEME\n"
RIGHT = {
    "double": "def double(values):\n    return [2 * value for value in values]",
    "mean": "def mean(array):\n    return array.mean(0)",
    "why": "Because it is the middle.",
}


def cell(kind: str, source: str, name: str = "", **mark: Any) -> dict[str, Any]:
    """A notebook cell; with a name it is one of nbgrader's."""
    metadata: dict[str, Any] = {}
    if name:
        metadata["nbgrader"] = {
            "grade_id": name,
            "schema_version": 3,
            "grade": False,
            "solution": False,
            "locked": False,
            "task": False,
        } | mark
    made = {"cell_type": kind, "metadata": metadata, "source": source, "id": name or f"free-{abs(hash(source))}"}
    return made | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def grade_cells(task: str, points: tuple[float, float]) -> list[dict[str, Any]]:
    return [
        cell("code", f'check("{task}", {task})', f"{task}-visible", grade=True, locked=True, points=points[0]),
        cell("code", f"# hidden: {points[1]} points", f"{task}-hidden", grade=True, locked=True, points=points[1]),
    ]


def solution(code: str) -> str:
    head, *body = code.split("\n")
    return "\n".join([head, "    ### BEGIN SOLUTION", *body, "    ### END SOLUTION"])


def source() -> dict[str, Any]:
    cells = [
        cell("markdown", "# Tiny"),
        cell("code", "import numpy as np\nfrom llm_course.grading.student_check import check", "start", locked=True),
        cell("code", solution(RIGHT["double"]), "double", solution=True),
        *grade_cells("double", (1, 2)),
        cell("code", solution(RIGHT["mean"]), "mean", solution=True),
        *grade_cells("mean", (1, 3)),
        cell("markdown", RUBRIC + "Why the mean?", "why", grade=True, solution=True, points=2),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


class TinyCourse:
    """A course folder with the assignment ``tiny``."""

    name = "tiny"
    limits = LIMITS

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if folder.exists():
            return
        (folder / "source" / "tiny").mkdir(parents=True)
        (folder / "source" / "tiny" / "tiny.ipynb").write_text(json.dumps(source()))
        self.judging.parent.mkdir(parents=True)
        self.judging.write_text(JUDGING)

    @property
    def judging(self) -> Path:
        return self.folder / "src" / "tiny" / "judging.py"

    @property
    def course(self) -> Any:
        from llm_course.grading.course import Course

        return Course(self.folder)

    def assign(self) -> Path:
        from llm_course.grading.assign import assign

        return assign(self.name, self.course)

    def released(self) -> dict[str, Any]:
        path = self.folder / "release" / "tiny" / "tiny.ipynb"
        read: dict[str, Any] = json.loads(path.read_text())
        return read

    def submit(
        self,
        student: str,
        answers: dict[str, str] | None = None,
        change: Callable[[dict[str, Any]], Any] | None = None,
    ) -> Path:
        """Hand in a notebook: the release with these cells written by the student, and then changed."""
        notebook = copy.deepcopy(self.released())
        for one in notebook["cells"]:
            name = one["metadata"].get("nbgrader", {}).get("grade_id")
            if name in (answers or {}):
                one["source"] = (answers or {})[name]
        if change:
            change(notebook)
        path = self.folder / "submitted" / student / "tiny" / "tiny.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(notebook))
        return path

    def grade(self, **options: Any) -> Any:
        from llm_course.grading.batch import grade

        return grade(self.name, self.course, **{"seed": 7, "limits": self.limits} | options)

    def marks(self, student: str) -> dict[str, float]:
        """The gradebook's score of each grade cell."""
        with self.course.gradebook() as gradebook:
            notebook = gradebook.find_submission_notebook("tiny", "tiny", student)
            return {grade.name: grade.score for grade in notebook.grades}


@pytest.fixture(scope="session")
def _assigned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("nbgrader", reason="needs nbgrader: pip install 'llm-course[grade]'")
    made = TinyCourse(tmp_path_factory.mktemp("assigned") / "course")
    made.assign()
    return made.folder


@pytest.fixture
def tiny(_assigned: Path, tmp_path: Path) -> TinyCourse:
    """A course of its own for each test, its assignment released."""
    shutil.copytree(_assigned, tmp_path / "course")
    return TinyCourse(tmp_path / "course")


@pytest.fixture
def sandboxed() -> str:
    """The engine that shuts student code in."""
    try:
        return engine()
    except NoSandbox as error:
        if os.environ.get("LLM_COURSE_REQUIRE_SANDBOX") == "1":
            pytest.fail(f"LLM_COURSE_REQUIRE_SANDBOX=1, and there is no sandbox: {error}")
        pytest.skip(f"needs bubblewrap: {error}")
