"""What the tests of the assignments share: the assignments, their tasks, and models that are asked once.

Knows nothing about sandboxes: here the known answers run in this process, as values that have crossed the boundary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import llm_course as lc
from assignments import Assignment, assignments
from llm_course.grading import wire
from llm_course.grading.tasks import Task, load_tasks

ALL = assignments()
TASKS = [(one, task) for one in ALL for task in load_tasks(one.judging)]
NAMES = [f"{one.name}-{task.name}" for one, task in TASKS]


def seeds(task: Task) -> tuple[int, ...]:
    """Fewer for tasks that ask a model; they are the ones with a longer limit."""
    return (1,) if task.seconds > 60 else (1, 2, 3)


def crossed(value: Any) -> Any:
    """A value as the other side of the sandbox gets it."""
    return wire.loads(wire.dumps(value))


def answers(function: Any, cases: list[tuple[Any, ...]]) -> list[Any]:
    """What a student's function gives on each case; an error counts as the answer."""
    found = []
    for arguments in cases:
        try:
            found.append(crossed(function(*crossed(arguments))))
        except Exception as error:
            found.append(error)
    return found


def right(task: Task, function: Any, seed: int) -> list[bool]:
    """For each hidden case of a seed: is what the function gives right?"""
    cases, expected = _expected(task.name, task.calls, seed)
    return [task.is_right(one, wanted) for one, wanted in zip(answers(function, cases), expected, strict=True)]


@cache
def _expected(name: str, calls: str, seed: int) -> tuple[list[tuple[Any, ...]], list[Any]]:
    task = next(task for _, task in TASKS if (task.name, task.calls) == (name, calls))
    cases = task.hidden_cases(seed)
    return cases, [task.expected(arguments) for arguments in cases]


@contextmanager
def remembered() -> Iterator[None]:
    """Each text goes through a use case once: many known answers ask the same models about the same mails."""
    names, old = ("sentiment", "summarize", "translate", "perplexity"), {}
    for name in names:
        old[name] = getattr(lc, name)
        known: dict[Any, Any] = {}

        def ask(text: Any, *more: Any, known: Any = known, real: Any = old[name], **options: Any) -> Any:
            plain_options = all(isinstance(option, str | int | float) for option in options.values())
            if not isinstance(text, str) or not plain_options:  # a list, or a loaded model
                return real(text, *more, **options)
            key = (text, more, tuple(sorted(options.items())))
            if key not in known:
                known[key] = real(text, *more, **options)
            return known[key]

        setattr(lc, name, ask)
    try:
        yield
    finally:
        for name in names:
            setattr(lc, name, old[name])


def of(name: str) -> Assignment:
    """The assignment of that name or number."""
    return assignments([name])[0]


def solutions(notebook: Any) -> list[str]:
    """The lines of a notebook between BEGIN and END SOLUTION: code, and the rubric of the written question."""
    text = "\n".join(cell["source"] for cell in notebook["cells"])
    regions = re.findall(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", text, re.DOTALL)
    return [line.strip() for region in regions for line in region.splitlines() if line.strip()]
