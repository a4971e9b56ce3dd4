"""nbgrader's steps that would undo ours refuse, as commands and as formgrader asks for them, and change nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from grading.conftest import RIGHT

ROOT = Path(__file__).resolve().parents[2]
STEPS = {
    "generate_assignment": "llm-course assign",
    "autograde": "llm-course grade",
    "generate_feedback": "llm-course feedback",
}


@pytest.fixture
def configured(tiny: Any) -> Any:
    """The tiny course with the settings that this repository's course has, something handed in, marked and told."""
    shutil.copy(ROOT / "assignments" / "nbgrader_config.py", tiny.folder)
    tiny.submit("ann", RIGHT)
    for step in ("autograded", "feedback"):
        shutil.copytree(tiny.folder / "release" / "tiny", tiny.folder / step / "ann" / "tiny")
    return tiny


def files(course: Any) -> dict[str, bytes]:
    """All that is in the course's folders, without the gradebook and logs."""
    kept = ("source", "src", "release", "submitted", "autograded", "feedback")
    found = [path for step in kept for path in (course.folder / step).rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in found}


@pytest.mark.parametrize("step", STEPS)
def test_the_command_refuses_and_names_ours(configured: Any, step: str) -> None:
    before = files(configured)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", step, "tiny", "--force"],
        cwd=configured.folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode != 0 and STEPS[step] in done.stderr and "Traceback" not in done.stderr
    assert files(configured) == before


def test_formgraders_buttons_refuse_and_name_ours(configured: Any) -> None:
    from nbgrader.apps.api import NbGraderAPI

    before = files(configured)
    course = configured.course
    api = NbGraderAPI(course.directory, config=course.config)
    made = {
        "generate_assignment": api.generate_assignment("tiny"),
        "autograde": api.autograde("tiny", "ann"),
        "generate_feedback": api.generate_feedback("tiny", "ann"),
    }
    for step, done in made.items():
        assert not done["success"] and STEPS[step] in done["log"], (step, done)
    assert files(configured) == before


def test_our_own_step_is_not_refused(configured: Any) -> None:
    shutil.rmtree(configured.folder / "release")
    assert sorted(path.name for path in configured.assign().iterdir()) == ["checks.json", "tiny.ipynb"]
    assert "your code here" in (configured.folder / "release" / "tiny" / "tiny.ipynb").read_text()
