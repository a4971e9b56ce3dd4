"""The commands of instructors: assign, grade, feedback, grades.

Knows nothing about arguments (``cli.py`` reads them); says in words what was done and what to do next.
"""

from __future__ import annotations

import sys
from pathlib import Path


def assign(name: str, course: Path) -> None:
    """Make the release of an assignment and say where it is."""
    from llm_course.grading.assign import assign
    from llm_course.grading.course import Course

    release = assign(name, Course(course))
    files = ", ".join(sorted(path.name for path in release.iterdir()))
    print(f"{name} is ready for students in {release}: {files}.")


def grade(name: str, course: Path, student: str | None, seed: int | None, unsafe: bool, regrade: bool) -> None:
    """Grade what was handed in and say what came of it."""
    from llm_course.errors import LLMCourseError
    from llm_course.grading.batch import grade
    from llm_course.grading.course import Course

    if unsafe:
        print("--unsafe: student code runs with your rights and can read and change your files.", file=sys.stderr)

    done = grade(name, Course(course), student=student, seed=seed, unsafe=unsafe, regrade=regrade, report=_say)
    if done.backup:
        _say(f"The gradebook as it was before: {done.backup}")
    _say(f"Seed of the hidden cases: {done.seed}")
    for one, other, share in done.alike:
        _say(f"Alike beyond the starter code: {one} and {other} ({share:.0%} of token runs in common)")
    for folder in done.strange:
        _say(f"Left out: the folder {folder}; its name cannot be written. Rename it and run the command again.")
    _say(f"Graded {len(done.graded)}; unchanged since they were graded: {len(done.skipped)}.")
    if done.failed:
        names = ", ".join(student for student, _ in done.failed)
        raise LLMCourseError(f"Not graded: {names} (reasons above). Run the command again to try only these.")


def _say(line: str) -> None:
    """Print a line whatever letters a student's name has and the terminal lacks."""
    encoding = sys.stdout.encoding or "utf-8"
    print(line.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def feedback(name: str, course: Path, student: str | None) -> None:
    """Write the feedback of an assignment."""
    from llm_course.grading.course import Course
    from llm_course.grading.feedback import write

    written = write(name, Course(course), student)
    print(f"Feedback for {len(written)} student{'' if len(written) == 1 else 's'} of {name}.")
    if written:
        _say(f"For example: {written[0]}")


def grades(name: str, course: Path, csv: Path | None, format: str = "nbgrader") -> None:
    """Write the grades of an assignment as CSV in one of the formats of ``feedback.HEADS``, or print them."""
    from llm_course.grading.course import Course
    from llm_course.grading.feedback import HEADS, table

    rows = table(name, Course(course), format)
    if csv is None:
        sys.stdout.write(rows)
        return
    csv.write_text(rows, encoding="utf-8")
    print(f"Grades of {rows.count(chr(10)) - HEADS[format]} students: {csv}")
