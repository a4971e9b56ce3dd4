"""What students and learning platforms get: a page of feedback for each student, and the grades as CSV.

Knows nothing about judging files: it reads the gradebook and the journal only, so neither solutions nor hidden cases
can get into a page. For hidden cases a page has their name and points. Everything in it is escaped text.
"""

from __future__ import annotations

import csv
import io
import shutil
from html import escape
from pathlib import Path
from typing import Any

from llm_course.errors import BadCourse
from llm_course.grading import integrity
from llm_course.grading.course import Course, Journal

_STYLE = (
    "body{font-family:sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem;line-height:1.5}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #ccc;padding:.4rem;text-align:left;"
    "vertical-align:top}td.points{white-space:nowrap}code{background:#f3f3f3;white-space:pre-wrap}"
)
_COLUMNS = (
    "assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email", "raw_score",
    "late_submission_penalty", "score", "max_score", "needs_manual_grade",
)  # fmt: skip
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
            verdict = journal.last("judged", student=who)
            if student not in (None, who) or verdict is None:
                continue
            page = course.path("feedback", name, who) / f"{name}.html"
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(_page(name, gradebook, submission, verdict), encoding="utf-8", errors="replace")
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


def _page(name: str, gradebook: Any, submission: Any, verdict: dict[str, Any]) -> str:
    notebook = gradebook.find_submission_notebook(name, name, submission.student.id)
    grades = {grade.name: grade for grade in notebook.grades}
    comments = {comment.name: comment.comment for comment in notebook.comments}
    waiting = [one for one in grades.values() if one.needs_manual_grade]
    lines = [
        f"<h1>{escape(name)}</h1>",
        f"<p><b>{notebook.score:g} of {notebook.max_score:g} points</b>"
        + (" so far: some answers are still to be marked by a person" if waiting else "")
        + "</p>",
    ]
    if notebook.late_submission_penalty:
        lines.append(f"<p>Taken off because it came late: {notebook.late_submission_penalty:g} points.</p>")
    lines.append("<h2>Tasks</h2><table><tr><th>Task</th><th>Points</th><th></th></tr>")
    for part in verdict["parts"]:
        grade = grades.pop(f"{part['task']}-{part['part']}", None)
        if grade is None:
            continue
        label = "visible check" if part["part"] == "visible" else "hidden check"
        said = "" if part["right"] or part["part"] != "visible" else f"<code>{escape(part['said'])}</code>"
        if grade.manual_score is not None and grade.manual_score != grade.auto_score:
            said += " (changed by your teacher)"
        lines.append(_row(f"{part['task']}, {label}", grade, said))
    for cell, grade in grades.items():
        said = escape(comments.get(cell) or "")
        lines.append(_row(cell, grade, "to be marked by a person" if grade.needs_manual_grade else said))
    lines.append("</table>")
    told = [f"{escape(cell)}: {escape(text)}" for cell, text in comments.items() if text and cell not in grades]
    lines += _list("Comments", told)
    by_number = verdict["notebook"]["cells"]
    errors = []
    for number, run in verdict["runs"].items():
        if run["error"]:
            cell = integrity.grade_id(by_number[int(number)]) or f"the code cell at place {int(number) + 1}"
            errors.append(f"{escape(cell)}: <code>{escape(run['error'])}</code>")
    lines += _list("Cells that stopped with an error", errors)
    lines += _list("Changes to your notebook before it was run", [escape(note) for note in verdict["notes"]])
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Feedback: {escape(name)}</title>'
        f"<style>{_STYLE}</style></head><body>\n" + "\n".join(lines) + "\n</body></html>\n"
    )


def _row(label: str, grade: Any, said: str) -> str:
    points = f"{grade.score:g} of {grade.max_score:g}"
    return f'<tr><td>{escape(label)}</td><td class="points">{points}</td><td>{said}</td></tr>'


def _list(title: str, items: list[str]) -> list[str]:
    return [f"<h2>{title}</h2><ul>", *(f"<li>{item}</li>" for item in items), "</ul>"] if items else []


def table(name: str, course: Course, format: str = "nbgrader") -> str:
    """The grades of an assignment as CSV: nbgrader's own columns, and whether a person has still to mark something.

    In the format "canvas" it has the columns that Canvas imports, with the student's id as login.
    Students who handed in nothing are in it with 0 points.

    Raises:
        BadCourse: the gradebook does not know the assignment.
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_COLUMNS if format == "nbgrader" else (*_CANVAS, name))
    with course.gradebook() as gradebook:
        submissions = {submission.student.id: submission for submission in _submissions(name, gradebook)}
        assignment = gradebook.find_assignment(name)
        if format == "canvas":
            rows.writerow(("Points Possible", "", "", "", "", assignment.max_score))
        for student in sorted(gradebook.students, key=lambda one: str(one.id)):
            submission = submissions.get(student.id)
            penalty = (submission.late_submission_penalty or 0.0) if submission else 0.0
            raw = submission.score if submission else 0.0
            score = max(0.0, raw - penalty)
            if format == "canvas":
                called = ", ".join(filter(None, (student.last_name, student.first_name))) or student.id
                rows.writerow(_safe(value) for value in (called, None, None, student.id, None, score))
                continue
            rows.writerow(
                _safe(value)
                for value in (
                    name, assignment.duedate, submission.timestamp if submission else None, student.id,
                    student.last_name, student.first_name, student.email, raw, penalty, score,
                    assignment.max_score, bool(submission and submission.needs_manual_grade),
                )
            )  # fmt: skip
    return text.getvalue()


def _safe(value: Any) -> str:
    """A field that no spreadsheet takes for a formula."""
    if not isinstance(value, str):  # a number may be negative
        return "" if value is None else str(value)
    return f"'{value}" if value.lstrip()[:1] in ("=", "+", "-", "@") or value[:1] in ("\t", "\r") else value
