"""What students and learning platforms get: a page of feedback for each student, and the grades as CSV.

Knows nothing about judging files: it reads the gradebook and the journal only, so neither solutions nor hidden cases
can get into a page. For hidden cases a page has their name and points. The template is ``feedback.html``; jinja2
escapes every value in it.
"""

from __future__ import annotations

import csv
import io
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_course.errors import BadCourse
from llm_course.grading import integrity
from llm_course.grading.course import Course
from llm_course.grading.journal import Graded, Journal

if TYPE_CHECKING:
    from jinja2 import Template

_COLUMNS = tuple(
    "assignment duedate timestamp student_id last_name first_name email raw_score late_submission_penalty score "
    "max_score needs_manual_grade".split()
)
# What Canvas's importer of gradebooks expects before the assignments' columns (lib/gradebook_importer.rb in the
# repository instructure/canvas-lms). It finds a student by ID, else by SIS user ID, SIS login ID, or name.
_CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
HEADS = {"nbgrader": 1, "canvas": 2}  # each format of `table`, and how many lines come before the first student
_EXCHANGE = ("timestamp.txt", "submission_secret.txt")


def write(name: str, course: Course, student: str | None = None) -> list[Path]:
    """Write ``feedback/STUDENT/NAME/NAME.html`` for each graded student, or for one.

    Returns:
        the pages, in the order of the students' names.

    Raises:
        BadCourse: the gradebook does not know the assignment, or nobody (or not this student) has been graded.
    """
    journal = Journal(course, name).read()
    pages = []
    with course.gradebook() as gradebook:
        for submission in sorted(_submissions(name, gradebook), key=lambda one: str(one.student.id)):
            who = submission.student.id
            graded = journal.last(Graded, student=who)
            if student not in (None, who) or graded is None:
                continue
            page = course.path("feedback", name, who) / f"{name}.html"
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(_page(name, gradebook, graded), encoding="utf-8", errors="replace")
            _address(name, course, who, page.parent)
            pages.append(page)
    if not pages:
        raise BadCourse(f"There is nothing graded to write feedback for. First: llm-course grade {name}")
    return pages


def _address(name: str, course: Course, student: str, folder: Path) -> None:
    """Put beside a page the two files by which ``nbgrader release_feedback`` finds the student it is for.

    Only what came through nbgrader's exchange has them, and only while what was graded is what is there now.
    """
    submitted, graded = course.path("submitted", name, student), course.path("autograded", name, student)
    for file in _EXCHANGE:
        (folder / file).unlink(missing_ok=True)
    found = [submitted / file for file in _EXCHANGE]
    if any(one.is_symlink() or not one.is_file() or one.stat().st_size > 1000 for one in found):  # students write them
        return
    stamp = graded / "timestamp.txt"
    if stamp.is_file() and stamp.read_bytes() == found[0].read_bytes():
        for one in found:
            shutil.copy(one, folder)


def _submissions(name: str, gradebook: Any) -> list[Any]:
    from nbgrader.api import MissingEntry

    try:
        return list(gradebook.find_assignment(name).submissions)
    except MissingEntry:
        raise BadCourse(f"The gradebook does not know {name}. First: llm-course assign {name}") from None


@dataclass(frozen=True)
class _Row:
    """A line of the page's table. ``code`` is set as code is."""

    label: str
    points: str
    code: str = ""
    remark: str = ""


@dataclass(frozen=True)
class _Note:
    """An item of one of the page's lists."""

    where: str
    code: str = ""


@cache
def _template() -> Template:
    """The page. Students' text goes into it, so every value is escaped, and a name that is missing is an error."""
    from jinja2 import Environment, StrictUndefined

    around = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return around.from_string((Path(__file__).parent / "feedback.html").read_text(encoding="utf-8"))


def _page(name: str, gradebook: Any, graded: Graded) -> str:
    notebook = gradebook.find_submission_notebook(name, name, graded.student)
    grades = {grade.name: grade for grade in notebook.grades}
    comments = {comment.name: comment.comment for comment in notebook.comments}
    waiting = any(one.needs_manual_grade for one in grades.values())
    rows = []
    for part in graded.judged.parts:
        grade = grades.pop(part.cell, None)
        if grade is None:
            continue
        changed = grade.manual_score is not None and grade.manual_score != grade.auto_score
        rows.append(
            _Row(
                f"{part.task}, {part.section} check",
                _points(grade),
                "" if part.right or part.section != "visible" else part.verdict.text,
                " (changed by your teacher)" if changed else "",
            )
        )
    for cell, grade in grades.items():
        said = "to be marked by a person" if grade.needs_manual_grade else comments.get(cell) or ""
        rows.append(_Row(cell, _points(grade), remark=said))
    cells = graded.restored.notebook["cells"]
    errors = [
        _Note(integrity.grade_id(cells[number]) or f"the code cell at place {number + 1}", run.error)
        for number, run in graded.judged.runs.items()
        if run.error
    ]
    told = [_Note(f"{cell}: {text}") for cell, text in comments.items() if text and cell not in grades]
    return _template().render(
        name=name,
        points=_points(notebook),
        waiting=waiting,
        penalty=f"{notebook.late_submission_penalty:g}" if notebook.late_submission_penalty else "",
        rows=rows,
        lists=[
            ("Comments", told),
            ("Cells that stopped with an error", errors),
            ("Changes to your notebook before it was run", [_Note(note) for note in graded.restored.notes]),
        ],
    )


def _points(scored: Any) -> str:
    """The score of a grade or a notebook of nbgrader's."""
    return f"{scored.score:g} of {scored.max_score:g}"


def table(name: str, course: Course, format: str = "nbgrader") -> str:
    """The grades of an assignment as CSV: nbgrader's own columns, and whether a person has still to mark something.

    In the format "canvas" it has the columns that Canvas imports, with the student's id as login.
    Students who handed in nothing are in it with 0 points.

    Raises:
        BadCourse: the gradebook does not know the assignment.
    """
    rows: list[dict[str, object]] = []
    with course.gradebook() as gradebook:
        submissions = {submission.student.id: submission for submission in _submissions(name, gradebook)}
        assignment = gradebook.find_assignment(name)
        for student in sorted(gradebook.students, key=lambda one: str(one.id)):
            submission = submissions.get(student.id)
            penalty = (submission.late_submission_penalty or 0.0) if submission else 0.0
            raw = submission.score if submission else 0.0
            score = max(0.0, raw - penalty)
            if format == "canvas":
                called = ", ".join(filter(None, (student.last_name, student.first_name))) or student.id
                rows.append({"Student": called, "SIS Login ID": student.id, name: score})
                continue
            rows.append(
                {
                    "assignment": name,
                    "duedate": assignment.duedate,
                    "timestamp": submission.timestamp if submission else None,
                    "student_id": student.id,
                    "last_name": student.last_name,
                    "first_name": student.first_name,
                    "email": student.email,
                    "raw_score": raw,
                    "late_submission_penalty": penalty,
                    "score": score,
                    "max_score": assignment.max_score,
                    "needs_manual_grade": bool(submission and submission.needs_manual_grade),
                }
            )
        most = assignment.max_score
    text = io.StringIO()
    columns = (*_CANVAS, name) if format == "canvas" else _COLUMNS
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writeheader()
    if format == "canvas":
        table.writerow({"Student": "Points Possible", name: most})
    table.writerows({column: _safe(value) for column, value in row.items()} for row in rows)
    return text.getvalue()


def _safe(value: object) -> str:
    """A field that no spreadsheet takes for a formula."""
    if not isinstance(value, str):  # a number may be negative
        return "" if value is None else str(value)
    return f"'{value}" if value.lstrip()[:1] in ("=", "+", "-", "@") or value[:1] in ("\t", "\r") else value
