"""Check an exercise and show its hint or solution, as the cells of a lesson do.

Knows nothing about the exercises; they register themselves (``llm_course.checks.exercises``), and the verdict is made
there. Whatever the learner's code does, one or two lines come out, never a traceback.
"""

from __future__ import annotations

from dataclasses import replace
from html import escape

from llm_course.checks.exercises import find
from llm_course.checks.verdict import Verdict
from llm_course.teaching import progress_file
from llm_course.teaching.output import emit, inline


def check(name: str, answer: object) -> None:
    """Check an answer and print the verdict: "Right: ...", "Not yet: ..." or "Not written yet: ...".

    Args:
        name: the name of the exercise.
        answer: what the learner wrote, usually a function.

    Raises:
        BadOption: there is no such exercise; the nearest names are offered.
    """
    print(verdict(name, answer).text)


def verdict(name: str, answer: object) -> Verdict:
    """What :func:`check` prints, as data. The try goes into the progress record, unless nothing was written."""
    found = find(name).verdict(answer)
    if found.kind != "blank":
        progress_file.note_try("exercises", (name,), found.kind == "right")
    return replace(found, said=f'{found.said}\nFor a hint: lc.hint("{name}")') if found.kind == "wrong" else found


def hint(name: str) -> None:
    """Show the hint of an exercise, folded: one click away."""
    task = find(name)
    emit(
        html=f"<details><summary>Hint for {escape(name)}</summary><p>{inline(task.hint)}</p></details>",
        plain=f"Hint for {name}: {task.hint}",
    )


def solution(name: str) -> None:
    """Show the solution of an exercise, folded twice: two clicks away."""
    task = find(name)
    code = f"<pre><code>{escape(task.solution.strip())}</code></pre>"
    inner = f"<details><summary>I have tried, and want to compare</summary>{code}</details>"
    emit(
        html=f"<details><summary>Solution of {escape(name)}</summary>{inner}</details>",
        plain=f"Solution of {name}:\n{task.solution.strip()}",
    )
