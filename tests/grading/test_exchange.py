"""Through nbgrader's exchange and back: released, fetched, submitted, collected, judged; feedback to its student."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grading.conftest import RIGHT
from llm_course.grading import feedback


@pytest.fixture
def exchange(tiny: Any, tmp_path: Path) -> Callable[[str], None]:
    """Takes one of nbgrader's steps; its exchange and its student's folder are the test's."""
    from nbgrader.auth import Authenticator
    from nbgrader.exchange import default

    for name in ("exchange", "home"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o777)
    settings = {"root": "exchange", "cache": "cache", "assignment_dir": "home"}
    lines = [f"c.Exchange.{name} = {str(tmp_path / folder)!r}" for name, folder in settings.items()]
    head = ["c = get_config()", "c.CourseDirectory.course_id = 'tiny-course'"]
    (tiny.folder / "nbgrader_config.py").write_text("\n".join(head + lines) + "\n")

    def step(name: str) -> None:
        course = tiny.course
        course.directory.assignment_id = "tiny"
        who = Authenticator(config=course.config)
        getattr(default, f"Exchange{name}")(coursedir=course.directory, authenticator=who, config=course.config).start()

    return step


def test_feedback_goes_back_through_the_exchange(tiny: Any, exchange: Any, tmp_path: Path, sandboxed: str) -> None:
    exchange("ReleaseAssignment")
    exchange("FetchAssignment")
    handed_out = tmp_path / "home" / "tiny"
    assert sorted(path.name for path in handed_out.iterdir()) == ["checks.json", "tiny.ipynb"]
    notebook = json.loads((handed_out / "tiny.ipynb").read_text())
    for cell in notebook["cells"]:
        cell["source"] = RIGHT.get(cell["metadata"].get("nbgrader", {}).get("grade_id"), cell["source"])
    (handed_out / "tiny.ipynb").write_text(json.dumps(notebook))
    exchange("Submit")
    exchange("Collect")
    (student,) = tiny.grade().graded
    (page,) = feedback.write("tiny", tiny.course)
    exchange("ReleaseFeedback")
    exchange("FetchFeedback")
    assert [path.read_text() for path in handed_out.rglob("*.html")] == [page.read_text()]

    # What is there now is not what was graded: the page must not go to it.
    (tiny.folder / "submitted" / student / "tiny" / "timestamp.txt").write_text("2030-01-01 00:00:00.000000 UTC")
    feedback.write("tiny", tiny.course)
    assert [path.name for path in page.parent.iterdir()] == ["tiny.html"]


def test_no_link_is_followed_for_the_exchange(tiny: Any, tmp_path: Path, sandboxed: str) -> None:
    folder = tiny.submit("ann", RIGHT).parent
    (folder / "timestamp.txt").write_text("2026-01-01 00:00:00.000000 UTC")
    (tmp_path / "secret").write_text("the instructor's")
    (folder / "submission_secret.txt").symlink_to(tmp_path / "secret")
    tiny.grade()
    (page,) = feedback.write("tiny", tiny.course)
    assert [path.name for path in page.parent.iterdir()] == ["tiny.html"]


def test_canvas_gets_its_own_columns(tiny: Any, sandboxed: str) -> None:
    tiny.submit("ann", RIGHT)
    tiny.grade()
    with tiny.course.gradebook() as gradebook:
        gradebook.update_or_create_student("bob", last_name="Roy", first_name="Bob")
    assert feedback.table("tiny", tiny.course, "canvas").splitlines() == [
        "Student,ID,SIS User ID,SIS Login ID,Section,tiny",
        "Points Possible,,,,,9.0",
        "ann,,,ann,,7.0",
        '"Roy, Bob",,,bob,,0.0',
    ]
