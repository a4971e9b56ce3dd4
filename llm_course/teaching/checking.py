"""Check an exercise: right, not written yet, or wrong in a way that has a name.

Knows nothing about the exercises; they register themselves (``exercises/``). Whatever the learner's code does, one
or two lines come out, never a traceback.
"""

from __future__ import annotations

import types
from dataclasses import dataclass
from html import escape
from typing import Any

from llm_course.checks.exercises import Wrong, find
from llm_course.checks.learner_code import NotWritten, Stopped, explain, files_of, is_blank, last_line, watched
from llm_course.teaching import progress_file
from llm_course.teaching.output import emit, inline


@dataclass(frozen=True)
class Verdict:
    """What a check found: ``"right"``, ``"wrong"`` or ``"blank"``, and what to say."""

    kind: str
    text: str


def check(name: str, answer: Any) -> None:
    """Check an answer and print the verdict: "Right: ...", "Not yet: ..." or "Not written yet: ...".

    Args:
        name: the name of the exercise.
        answer: what the learner wrote, usually a function.

    Raises:
        BadOption: there is no such exercise; the nearest names are offered.
    """
    print(verdict(name, answer).text)


def verdict(name: str, answer: Any) -> Verdict:
    """What :func:`check` prints, as data. The try goes into the progress record, unless nothing was written."""
    task = find(name)
    blank = Verdict("blank", f"Not written yet: {name}. Fill in what is missing (...), then run this cell again.")
    if is_blank(answer):
        return blank
    try:
        praise = task.check(watched(answer, task.none_is_an_answer))
    except NotWritten:
        return blank
    except (Wrong, Stopped) as found:
        wrong = str(found)
    except KeyboardInterrupt:
        wrong = "you stopped it. Is there a loop that never ends?"
    except Exception as error:
        wrong = _unusable(name, answer, error)
    else:
        progress_file.note_try("exercises", (name,), True)
        return Verdict("right", f"Right: {praise or f'{name} does what it should.'}")
    progress_file.note_try("exercises", (name,), False)
    return Verdict("wrong", f'Not yet: {wrong}\nFor a hint: lc.hint("{name}")')


def _unusable(name: str, answer: Any, error: Exception) -> str:
    """For an error that came through the check function: the learner's code, or a value the check cannot work on."""
    if last_line(error, files_of(answer)):  # a class, or a generator, which runs only when the check reads it
        return explain(error, files_of(answer), name)
    if isinstance(answer, types.FunctionType):
        what = f"what {name} returned"
    elif isinstance(answer, type):
        what = f"the class {answer.__name__}"
    else:
        what = f"an answer of the kind {type(answer).__name__}"
    said = " ".join(str(error).split())[:200]
    return f"the check cannot use {what}. Is it the kind of value the task asks for? ({type(error).__name__}: {said})"


def hint(name: str) -> None:
    """Show the hint of an exercise, folded: one click away."""
    task = find(name)
    emit(html=f"<details><summary>Hint for {escape(name)}</summary><p>{inline(task.hint)}</p></details>",
         plain=f"Hint for {name}: {task.hint}")  # fmt: skip


def solution(name: str) -> None:
    """Show the solution of an exercise, folded twice: two clicks away."""
    task = find(name)
    code = f"<pre><code>{escape(task.solution.strip())}</code></pre>"
    inner = f"<details><summary>I have tried, and want to compare</summary>{code}</details>"
    emit(html=f"<details><summary>Solution of {escape(name)}</summary>{inner}</details>",
         plain=f"Solution of {name}:\n{task.solution.strip()}")  # fmt: skip
