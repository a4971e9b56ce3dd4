"""The seven as a course runs them: released by nbgrader, worked solutions judged in the sandbox, feedback written.

Also nbgrader's own "Validate" on a release. Tests that need bubblewrap skip with a reason where there is none, and fail
instead when LLM_COURSE_REQUIRE_SANDBOX=1.
"""

import copy
import html
import io
import json
import os
import shutil

import pytest
from assignment_cases import ALL, of, solutions

import assignments as tool
from grading.conftest import sandboxed as sandboxed
from llm_course.grading.tasks import load_tasks

SECONDS = 300  # an instructor's wait for one student, on two cores
BYTES = 1_500_000_000  # what sandbox and student code take together, without the files that they only read

nbgrader = pytest.importorskip("nbgrader", reason="needs nbgrader: pip install 'llm-course[grade]'")


@pytest.fixture
def course(tmp_path):
    from llm_course.grading.course import Course

    folder = tmp_path / "course"
    folder.mkdir()
    for name in ("source", "src"):
        shutil.copytree(tool.COURSE / name, folder / name)
    shutil.copy(tool.COURSE / "nbgrader_config.py", folder)
    return Course(folder)


def _name(cell):
    return cell["metadata"].get("nbgrader", {}).get("grade_id")


def _written(released, answers):
    """A release with answer cells replaced, as a student hands it in."""
    notebook = copy.deepcopy(released)
    for cell in notebook["cells"]:
        cell["source"] = answers.get(_name(cell), cell["source"])
    return notebook


def _answers(one):
    """The worked solutions, by the answer cell that each belongs to."""
    source = json.loads(one.notebook.read_text("utf-8"))
    marks = [cell for cell in source["cells"] if cell["metadata"].get("nbgrader", {}).get("solution")]
    return {_name(cell): "".join(cell["source"]) for cell in marks if cell["cell_type"] == "code"}


def _read(path):
    notebook = json.loads(path.read_text("utf-8"))
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
    return notebook


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_worked_solutions_in_the_sandbox_and_what_feedback_tells(one, course, sandboxed):  # noqa: F811
    from llm_course.grading import feedback
    from llm_course.grading.assign import assign
    from llm_course.grading.batch import grade
    from llm_course.grading.journal import Graded, Journal

    released = _read(assign(one.name, course) / f"{one.name}.ipynb")
    tasks = load_tasks(one.judging)
    handed_in = {
        "blank": released,
        "solved": _written(released, _answers(one)),
        "zero": _written(released, {f"{task.name}-answer": f"def {task.calls}(*_):\n    return 0" for task in tasks}),
    }
    for student, notebook in handed_in.items():
        folder = course.path("submitted", one.name, student)
        folder.mkdir(parents=True)
        (folder / f"{one.name}.ipynb").write_text(json.dumps(notebook), "utf-8")
    done = grade(one.name, course, seed=1, workers=2)
    assert sorted(done.graded) == sorted(handed_in) and done.failed == []

    journal = Journal(course, one.name).read()
    solved = journal.last(Graded, student="solved").judged
    assert [part for part in solved.parts if not part.right] == []
    assert solved.seconds < SECONDS
    assert 0 < solved.peak < BYTES
    blank, zero = (journal.last(Graded, student=student).judged for student in ("blank", "zero"))
    assert blank.points == zero.points == 0
    said = {part.verdict.kind for part in blank.parts if part.section == "visible"}
    assert said == {"blank"}, "what is not written is called so by the judge, too"

    secret = {line for line in solutions(_read(one.notebook)) if len(line) > 12}
    assert len(secret) > 20
    shown = {line.strip() for cell in released["cells"] for line in cell["source"].splitlines()}
    for page in feedback.write(one.name, course):
        text = html.unescape(page.read_text("utf-8"))
        assert "points</b>" in text
        assert [line for line in secret - shown if line in text] == [], page
        assert not [word for word in ("SOLUTION", "MARK SCHEME", "Rubric", "A good answer") if word in text]


def test_nbgrader_validates_solutions_and_nothing_less(course, monkeypatch):
    from nbgrader.validator import Validator

    from llm_course.grading.assign import assign

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tool.ROOT), os.environ.get("PYTHONPATH")])))
    one = of("2")
    path = assign(one.name, course) / f"{one.name}.ipynb"
    released = _read(path)
    validator = Validator()

    words = {"parked": "Softmax saturates; the mask hid the answer."}  # the written question, which a person marks
    path.write_text(json.dumps(_written(released, words)), "utf-8")
    failed = validator.validate(str(path))["failed"]
    assert len(failed) == len(load_tasks(one.judging))
    assert all("Not written yet" in cell["raw_error"] for cell in failed)

    answers = _answers(one) | words
    wrong = _written(released, answers | {"heads-answer": "def split_heads(X, heads):\n    return X"})
    path.write_text(json.dumps(wrong), "utf-8")
    heads, layer = validator.validate(str(path))["failed"]
    assert "Not yet: in case 1 of 2" in heads["raw_error"] and "multi_head" in layer["raw_error"]  # which calls it

    path.write_text(json.dumps(_written(released, answers)), "utf-8")
    validator.stream = io.StringIO()
    validator.validate_and_print(str(path))
    assert validator.stream.getvalue() == "Success! Your notebook passes all the tests.\n"
