"""Put verdicts where nbgrader keeps marks: the graded notebook in ``autograded/``, the scores in the gradebook.

Knows nothing about how a verdict came about. What is written for one student is one transaction: all of it or nothing.
Marks and comments that people gave by hand are kept.
"""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llm_course.errors import BadCourse
from llm_course.grading import integrity
from llm_course.grading.course import Course
from llm_course.grading.journal import Graded


def write(name: str, course: Course, graded: Graded) -> None:
    """Write one student's graded notebook and scores. Doing it twice changes nothing.

    Args:
        name: the assignment.
        course: the course.
        graded: the student's verdicts.

    Raises:
        BadCourse: the gradebook does not know the assignment.
    """
    folder = _write_notebook(name, course, graded.student, graded_notebook(graded))
    with transaction(course) as gradebook:
        _write_scores(name, course, gradebook, graded, folder)


@contextmanager
def transaction(course: Course) -> Iterator[Any]:
    """The gradebook, with everything done in it committed at the end, or nothing.

    nbgrader's functions commit by themselves; here their commits become flushes within one transaction.
    """
    with course.gradebook() as gradebook:
        session = gradebook.db()
        commit = session.commit
        gradebook.db.commit = session.flush
        try:
            with session.no_autoflush:  # nbgrader makes its rows in pieces and commits them whole
                yield gradebook
            commit()
        except BaseException:
            session.rollback()
            raise


def graded_notebook(graded: Graded) -> integrity.Notebook:
    """The restored notebook with what its cells printed and, in the grade cells, the verdicts.

    formgrader shows it in the instructor's browser, so nothing of a student's may run there: outputs are plain text,
    and what would be HTML in a student's text is taken apart.
    """
    notebook = copy.deepcopy(graded.restored.notebook)
    parts = {part.cell: part for part in graded.judged.parts}
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] != "code":
            if cell["metadata"].get("nbgrader", {}).get("solution", not integrity.grade_id(cell)):
                cell["cell_type"] = "markdown"  # a raw cell would be shown as the HTML that it holds
                cell["source"] = harmless(cell["source"])
            continue
        texts = []
        if run := graded.judged.runs.get(number):
            texts = [("stdout", run.printed), ("stderr", run.error or "")]
        if part := parts.get(integrity.grade_id(cell)):
            line = f"{part.verdict.heading}: {part.points:g} of {part.of:g} points."
            more = f"\n{part.verdict.said}" if part.verdict.said and not part.right else ""
            texts = [("stdout" if part.right else "stderr", line + more)]
        cell["outputs"] = [{"output_type": "stream", "name": stream, "text": text} for stream, text in texts if text]
    return notebook


def harmless(markdown: str) -> str:
    """Markdown in which no HTML tag, link or image is left: a space after ``<``, and after a ``]`` that begins one.

    A link's address can be written in more ways than a list of forbidden ones knows (``javascript&colon;``), and an
    image tells its server who looks at it. Bare addresses of web pages stay links; they show where they lead.
    """
    apart = re.sub(r"<(?=[A-Za-z/!?])", "< ", markdown)
    return re.sub(r"\](?=[(:\[])", "] ", apart)


def _write_notebook(name: str, course: Course, student: str, notebook: integrity.Notebook) -> Path:
    folder = course.path("autograded", name, student)
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    (fresh / f"{name}.ipynb").write_text(json.dumps(notebook, indent=1) + "\n", encoding="utf-8")
    try:
        stamp = integrity.read_file(course.path("submitted", name, student), "timestamp.txt", 1000)
        (fresh / "timestamp.txt").write_bytes(stamp)
    except (integrity.Unreadable, OSError):
        pass  # students may write this file, or none
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(fresh, folder)
    return folder


def _write_scores(name: str, course: Course, gradebook: Any, graded: Graded, folder: Path) -> None:
    from nbformat import from_dict
    from nbgrader.api import MissingEntry
    from nbgrader.utils import compute_checksum, parse_utc

    try:
        gradebook.find_notebook(name, name)
    except MissingEntry:
        raise BadCourse(f"The gradebook does not know {name}. First: llm-course assign {name}") from None
    student, scores = graded.student, {part.cell: part.points for part in graded.judged.parts}
    gradebook.update_or_create_student(student)
    more = {}
    if (folder / "timestamp.txt").is_file():
        try:
            more["timestamp"] = parse_utc((folder / "timestamp.txt").read_text(encoding="utf-8").strip())
        except Exception:
            pass  # students write this file
    submission = gradebook.update_or_create_submission(name, student, **more)
    for cell in graded.restored.notebook["cells"]:
        mark = cell["metadata"].get("nbgrader", {})
        if not (mark.get("grade") or mark.get("solution") or mark.get("task")):
            continue
        key = (mark["grade_id"], name, name, student)
        unanswered = mark.get("checksum") == compute_checksum(from_dict(cell)) or not integrity.text_of(cell).strip()
        if mark.get("grade"):
            grade = gradebook.find_grade(*key)
            by_hand = bool(mark.get("solution"))
            score = 0.0 if by_hand and unanswered else None if by_hand else scores.get(mark["grade_id"], 0.0)
            changed = grade.auto_score != score
            grade.auto_score = score
            # a mark given by hand is looked at again only where something has changed under it
            grade.needs_manual_grade = (
                grade.manual_score is None
                and score is None
                or (grade.manual_score is not None and (changed or bool(grade.needs_manual_grade)))
            )
        if mark.get("solution"):
            gradebook.find_comment(*key).auto_comment = "No response." if unanswered else None
    gradebook.db.flush()
    for one in submission.notebooks:
        if one.name == name:
            one.late_submission_penalty = _penalty(course, student, submission, one)


def _penalty(course: Course, student: str, submission: Any, notebook: Any) -> float | None:
    """What the course's plug-in for late submissions says, as nbgrader applies it."""
    if submission.total_seconds_late <= 0:
        return None
    from nbgrader.preprocessors import AssignLatePenalties

    assigner = AssignLatePenalties(config=course.config)
    assigner.init_plugin()
    penalty = assigner.plugin_inst.late_submission_penalty(student, notebook.score, submission.total_seconds_late)
    return None if penalty is None else max(0.0, min(penalty, notebook.score))
