"""The check that students call in their notebook: right, not yet and perhaps why, or not written yet.

Knows nothing about judging: it reads the released ``checks.json`` beside the notebook, which holds visible cases only,
and what it prints counts for nothing. Whatever the student's code does, a line or two come out, never a traceback.
Only nbgrader's "Validate" gets an error for what is not right: it looks for errors and reads nothing that is printed.

>>> check("softmax", softmax)  # doctest: +SKIP
Right: softmax gives what it should on 3 visible cases.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from llm_course.checks import compare
from llm_course.checks import verdict as verdicts
from llm_course.checks.cases import Case, called, try_cases
from llm_course.checks.learner_code import Stopped, call
from llm_course.checks.verdict import Verdict, Wrong
from llm_course.errors import BadCourse, LLMCourseError, NotPlain
from llm_course.grading import wire

CHECKS = "checks.json"
TO_DO = "Replace the line that raises NotImplementedError, run its cell, then this one."


def check(name: str, answer: object) -> None:
    """Try an answer on the visible cases of a task and print what came of it.

    Args:
        name: the task's name.
        answer: the student's function, or the value of the variable that the task asks for.

    Raises:
        BadCourse: ``checks.json`` is not beside the notebook, is damaged, or has no such task.
        AssertionError: nbgrader is validating the notebook, and the answer is not right.
    """
    found = verdict(name, answer)
    if os.environ.get("NBGRADER_VALIDATING") and found.kind != "right":
        raise AssertionError(found.text)
    print(found.text)


def verdict(name: str, answer: object, folder: Path | None = None) -> Verdict:
    """What :func:`check` prints, as data; ``folder`` holds ``checks.json``."""
    task = _read((folder or Path()) / CHECKS, name)

    def given(case: Case) -> object:
        arguments = wire.crossed(case.arguments)  # its own, so that it cannot spoil the case
        value = answer
        if callable(answer) and not task.variable:
            value = call(answer, arguments, name=task.calls, none_is_an_answer=True)  # the case says if it is
        try:
            return wire.crossed(value)
        except NotPlain as error:
            raise Stopped(
                f"`{called(task.calls, case.arguments, task.variable)}` gives what cannot be judged. {error}"
            ) from None

    def tried() -> str:
        if not task.variable and not callable(answer):
            kind, what = type(answer).__name__, task.calls
            raise Wrong(f"{what} is of type {kind}; the check needs the function itself: {what}, not {what}(...).")
        return try_cases(task.calls, task.cases, given, task.is_right, task.variable)

    return verdicts.of_learner(task.calls, answer, tried, TO_DO)


@dataclass(frozen=True)
class _Task:
    """A task as ``checks.json`` has it."""

    calls: str
    variable: bool
    is_right: compare.Comparison
    cases: tuple[Case, ...]


def _read(path: Path, name: str) -> _Task:
    try:
        tasks = wire.parse(path.read_bytes())["tasks"]
        if name in tasks:
            told = tasks[name]
            cases = []
            for case in told["cases"]:
                hints = tuple((wire.decode(wrong), str(hint)) for wrong, hint in case["hints"])
                cases.append(Case(wire.decode(case["arguments"]), wire.decode(case["expected"]), hints))
            return _Task(told["calls"], told["variable"], compare.from_spec(told["compare"]), tuple(cases))
    except FileNotFoundError:
        raise BadCourse(
            f"{CHECKS} is not in {path.parent.resolve()}. It comes with the assignment: put it beside the notebook."
        ) from None
    except (LLMCourseError, OSError, KeyError, TypeError, ValueError) as error:
        raise BadCourse(f"{CHECKS} cannot be read ({error}). Get the assignment's files again.") from None
    raise BadCourse(f"{CHECKS} has no task {name!r}. It has: {', '.join(tasks)}.")
