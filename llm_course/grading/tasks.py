"""What an assignment asks for, as its judging file says it: tasks, right answers, known mistakes.

Knows nothing about sandboxes, notebooks or students. A judging file, ``assignments/src/NAME/judging.py``, defines
``TASKS`` out of these. It stays on the instructor's side: neither it nor what it computes for hidden cases is ever
released.
"""

from __future__ import annotations

import copy
import importlib.util
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_course.checks.cases import Arguments, Case
from llm_course.checks.compare import Comparison, close
from llm_course.errors import BadCourse
from llm_course.grading import wire
from llm_course.grading.judged import Section

if TYPE_CHECKING:
    from numpy.random import Generator

Function = Callable[..., Any]
Cases = list[Arguments]


@dataclass(frozen=True)
class Mistake:
    """A known wrong answer: it proves the checks, and names the error to the student.

    Args:
        name: what is wrong, "softmax over the wrong axis".
        function: the wrong implementation, with the reference's signature.
        hint: what a student is told whose visible case gives exactly this output.
    """

    name: str
    function: Function
    hint: str


@dataclass(frozen=True)
class Task:
    """One function that the student writes, or one variable that the student's notebook sets.

    Arguments and results are plain data (``llm_course.grading.wire``): None, bool, int, float, str, list, tuple, dict
    with text keys, numpy arrays. A tensor that a student returns arrives as an array.

    Args:
        name: an identifier; the notebook's grade cells are ``NAME-visible`` and ``NAME-hidden``.
        calls: the name of the function (or variable) in the student's notebook.
        reference: the trusted solution; expected values come from it, outside the sandbox. For a variable it takes no
            arguments and returns the expected value.
        visible: argument tuples of the visible check; ``((),)`` for a variable.
        hidden: makes fresh argument tuples from a random generator; ``None`` if the task has no hidden cases.
        points: points of the visible and of the hidden cases. A part gives all its points or none.
        compare: is an answer right? ``close``, ``exact``, ``text`` or ``any_order`` of ``llm_course.checks.compare``.
        mistakes: known wrong answers.
        right: other legal solutions, which must pass.
        seconds: limit for all the visible or all the hidden calls together.
        variable: ``calls`` is the name of a variable.
    """

    name: str
    calls: str
    reference: Function
    visible: tuple[Arguments, ...]
    hidden: Callable[[Generator], Cases] | None
    points: tuple[float, float]
    compare: Comparison = close(1e-5)
    mistakes: tuple[Mistake, ...] = ()
    right: tuple[Function, ...] = ()
    seconds: float = 20
    variable: bool = False

    def hidden_cases(self, seed: int) -> Cases:
        """The hidden argument tuples of this seed: the same for every student of a batch, and in a regrade."""
        if self.hidden is None:
            return []
        import numpy

        return self.hidden(numpy.random.default_rng([seed, zlib.crc32(self.name.encode())]))

    def worth(self, section: Section) -> float:
        """The points of the visible or of the hidden cases."""
        return self.points[0] if section == "visible" else self.points[1]

    def expected(self, arguments: Arguments) -> object:
        """What the reference gives; it gets a copy, so that it cannot change the arguments."""
        return self.reference(*copy.deepcopy(arguments))

    def case(self, arguments: Arguments, hints: bool = True) -> Case:
        """A case with its expected value, and if wanted the results of known mistakes, as they cross the boundary.

        Raises:
            BadCourse: the reference fails, or a value is no plain data.
        """
        try:
            plain = wire.crossed(tuple(arguments))
            expected = wire.crossed(self.expected(plain))
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            raise BadCourse(f"Task {self.name}: its reference fails on one of its own cases: {said}") from error
        found = []
        for mistake in self.mistakes if hints else ():
            try:
                wrong = wire.crossed(mistake.function(*copy.deepcopy(plain)))
            except Exception:
                continue  # a mistake that fails on this case explains itself by its error
            if not self.is_right(wrong, expected):
                found.append((wrong, mistake.hint))
        return Case(plain, expected, tuple(found))

    def is_right(self, answer: object, expected: object) -> bool:
        """The trusted comparison; one that fails on an odd answer says no."""
        try:
            return bool(self.compare(answer, expected))
        except Exception:
            return False


def load_tasks(path: Path) -> tuple[Task, ...]:
    """Read a judging file. It is the instructor's own code and runs with the instructor's rights.

    Raises:
        BadCourse: the file is not there, fails, or defines no ``TASKS`` that fit together.
    """
    if not path.is_file():
        raise BadCourse(f"There is no judging file {path}. An assignment that is judged has one, with its TASKS.")
    spec = importlib.util.spec_from_file_location(f"judging_{path.parent.name}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise BadCourse(f"The judging file {path} fails: {type(error).__name__}: {error}") from error
    tasks = tuple(getattr(module, "TASKS", ()))
    if not tasks or not all(isinstance(task, Task) for task in tasks):
        raise BadCourse(f"The judging file {path} must define TASKS, a tuple of llm_course.grading.tasks.Task.")
    names = [task.name for task in tasks]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise BadCourse(f"The judging file {path} has two tasks named {', '.join(sorted(doubled))}.")
    for task in tasks:
        if not task.name.isidentifier() or not task.calls.isidentifier():
            raise BadCourse(f"Task {task.name!r} in {path}: its name and what it calls must be Python names.")
        if len(task.points) != 2 or min(task.points) < 0 or not sum(task.points):
            raise BadCourse(f"Task {task.name!r} in {path}: points are two numbers from 0 up, not both 0.")
        if not task.visible and task.points[0] or task.hidden is None and task.points[1]:
            raise BadCourse(f"Task {task.name!r} in {path} gives points for cases that it does not have.")
    return tasks


def checks(tasks: tuple[Task, ...]) -> str:
    """The text of ``checks.json``, which is released: visible cases, expected values, and outputs of known mistakes.

    Plain data only, no code; nothing of it is used to judge.

    Raises:
        BadCourse: a reference fails on a visible case, or a value is no plain data.
    """
    listed = {}
    for task in tasks:
        cases = [
            {
                "arguments": wire.encode(case.arguments),
                "expected": wire.encode(case.expected),
                "hints": [[wire.encode(wrong), hint] for wrong, hint in case.hints],
            }
            for case in map(task.case, task.visible)
        ]
        spec = list(task.compare.spec)
        listed[task.name] = {"calls": task.calls, "variable": task.variable, "compare": spec, "cases": cases}
    return json.dumps({"tasks": listed}, allow_nan=False, indent=1) + "\n"
