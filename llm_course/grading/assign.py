"""Make the version of an assignment that students get, and register it in the gradebook.

Knows nothing about submissions. nbgrader strips solutions, hidden tests and mark schemes and writes down the cells and
points; this adds ``checks.json``, made from the judging file, and looks that nothing was left in and all fits together.
"""

from __future__ import annotations

import copy
import logging
import os
import shutil
import tempfile
from pathlib import Path

from llm_course.errors import BadCourse
from llm_course.grading import integrity
from llm_course.grading.course import Course
from llm_course.grading.judged import SECTIONS, cell_of
from llm_course.grading.student_check import CHECKS
from llm_course.grading.tasks import Task, checks, load_tasks

LEFT_OVERS = ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN", "END HIDDEN", "BEGIN MARK SCHEME", "END MARK SCHEME")


def assign(name: str, course: Course) -> Path:
    """Write ``release/NAME`` and register the assignment, its cells and its points.

    Returns:
        the folder of the release.

    Raises:
        BadCourse: source and judging file do not fit together, or nbgrader refuses the source.
    """
    source = course.path("source", name) / f"{name}.ipynb"
    if not source.is_file():
        raise BadCourse(f"There is no {source}. Build it first, or name the course with --course DIR.")
    tasks = load_tasks(course.judging(name))
    _fit(integrity.parse(source.read_bytes()), tasks, source)
    released_checks = checks(tasks)  # before anything is written: it can fail
    release = course.path("release", name)
    with tempfile.TemporaryDirectory(prefix="release-", dir=course.state) as aside:
        made = _generate(name, course, Path(aside))
        (made / CHECKS).write_text(released_checks, encoding="utf-8")
        os.chmod(made / CHECKS, 0o644)
        text = (made / f"{name}.ipynb").read_text(encoding="utf-8")
        if left := [mark for mark in LEFT_OVERS if mark in text]:
            raise BadCourse(
                f"The release of {name} would still hold {left[0]!r}; it was not written. Correct the source."
            )
        _put(made, release)
    return release


def _generate(name: str, course: Course, aside: Path) -> Path:
    """Let nbgrader make the release in a folder of its own, so that a failure leaves the one before as it was."""
    from nbgrader.converters import GenerateAssignment
    from nbgrader.coursedir import CourseDirectory
    from nbgrader.utils import capture_log

    config = copy.deepcopy(course.config)
    config.GenerateAssignment.pop("exporter_class", None)  # by it nbgrader's own command is refused
    config.CourseDirectory.release_directory = str(aside.relative_to(course.folder))
    directory = CourseDirectory(config=config)
    directory.assignment_id = name
    converter = GenerateAssignment(coursedir=directory, config=config)
    converter.force = True
    converter.log.setLevel(logging.INFO)
    converter.log.propagate = False
    done = capture_log(converter)
    if not done["success"]:
        raise BadCourse(f"nbgrader could not make the release of {name}: {_reason(done)}")
    return Path(os.path.normpath(directory.format_path(directory.release_directory, ".", name)))


def _put(made: Path, release: Path) -> None:
    """Put a finished folder in the place of another; the old one is there until the new one lies beside it."""
    release.parent.mkdir(parents=True, exist_ok=True)
    fresh, old = release.with_name(f".{release.name}.new"), release.with_name(f".{release.name}.old")
    for left in (fresh, old):
        shutil.rmtree(left, ignore_errors=True)
    shutil.copytree(made, fresh)
    if release.exists():
        os.replace(release, old)
    os.replace(fresh, release)
    shutil.rmtree(old, ignore_errors=True)


def _reason(done: dict[str, str]) -> str:
    """The line of nbgrader's log that says most: the error at the end of the first traceback, or the first error."""
    lines = [line.strip() for line in done.get("log", "").splitlines() if line.strip()]
    for number, line in enumerate(lines):
        if "Traceback" in line:
            after = next((index for index in range(number + 1, len(lines)) if lines[index].startswith("[")), len(lines))
            return lines[after - 1]
    wrong = [line for line in lines if line.startswith(("[ERROR]", "[CRITICAL]"))]
    return wrong[0] if wrong else str(done.get("error", "")).strip().splitlines()[-1]


def points(notebook: integrity.Notebook) -> dict[str, float]:
    """The points of each grade cell, by its id."""
    marks = [cell.get("metadata", {}).get("nbgrader", {}) for cell in notebook["cells"]]
    return {mark["grade_id"]: float(mark.get("points", 0)) for mark in marks if mark.get("grade")}


def _fit(notebook: integrity.Notebook, tasks: tuple[Task, ...], source: Path) -> None:
    given = points(notebook)
    for task in tasks:
        for section in SECTIONS:
            cell, wanted = cell_of(task.name, section), task.worth(section)
            if given.get(cell, 0) != wanted:
                raise BadCourse(
                    f"{source}: grade cell {cell} has {given.get(cell, 'no')} points; the judging file says {wanted:g}."
                )
    judged = {cell_of(task.name, section) for task in tasks for section in SECTIONS}
    marks = [cell.get("metadata", {}).get("nbgrader", {}) for cell in notebook["cells"]]
    by_hand = {mark["grade_id"] for mark in marks if mark.get("grade") and mark.get("solution")}
    if lost := sorted(set(given) - judged - by_hand):
        raise BadCourse(f"{source}: grade cell {lost[0]} belongs to no task of the judging file.")
