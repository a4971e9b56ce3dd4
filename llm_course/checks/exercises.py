"""The registry of exercises: which there are, who checks them, their hints and solutions.

Knows nothing about any exercise. Each lesson has a module ``exercises.py`` in its folder, whose check functions
register themselves with :func:`exercise`. Which module holds a name is read off the source, and only that one is
imported.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from llm_course.checks import verdict
from llm_course.checks.learner_code import watched
from llm_course.checks.verdict import Verdict, Wrong
from llm_course.errors import BadOption

__all__ = ["Exercise", "Wrong", "exercise", "find", "index"]
Check = Callable[[Any], "str | None"]


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        name: the name that ``lesson.check`` takes; that of the function to write, where there is one.
        check: takes the answer; raises :class:`Wrong`, or returns a sentence for success or ``None``.
        hint: one step that helps.
        solution: code that passes the check.
        none_is_an_answer: whether the learner's function may return ``None``. If not, a ``None`` is reported as a
            missing ``return`` before the check function sees it.
        module: the module that holds the check function.
    """

    name: str
    check: Check
    hint: str
    solution: str
    none_is_an_answer: bool
    module: str

    def verdict(self, answer: object) -> Verdict:
        """Try an answer; whatever the learner's code does, a verdict comes out."""
        return verdict.of_learner(self.name, answer, lambda: self.check(watched(answer, self.none_is_an_answer)))


_exercises: dict[str, Exercise] = {}


def exercise(name: str, *, hint: str, solution: str, none_is_an_answer: bool = False) -> Callable[[Check], Check]:
    """Register the check function that follows under ``name``; write the name out, as a plain string.

    The check function gets a function of the learner's in a wrapper that reports errors and ``None`` by itself. An
    exercise whose answer has to raise an error calls ``answer.__wrapped__`` instead, the function as written.

    Raises:
        ValueError: another module has an exercise of that name, or hint or solution is blank.
    """
    if not hint.strip() or not solution.strip():
        raise ValueError(f"The exercise {name!r} needs a hint and a solution.")

    def register(check: Check) -> Check:
        old = _exercises.get(name)
        if old is not None and old.module != check.__module__:
            raise ValueError(f"The exercise {name!r} is in {old.module} already.")
        _exercises[name] = Exercise(name, check, hint, solution, none_is_an_answer, check.__module__)
        return check

    return register


@cache
def index() -> dict[str, str]:
    """The name of every exercise in the lessons' ``exercises.py``, with the name of its lesson. Imports none."""
    found = {}
    for file in sorted((Path(__file__).parents[1] / "lessons").glob("*/exercises.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "exercise":
                if node.args and isinstance(node.args[0], ast.Constant):
                    found[str(node.args[0].value)] = file.parent.name
    return found


def find(name: str) -> Exercise:
    """The exercise of that name.

    Raises:
        BadOption: there is none; the nearest names are offered.
    """
    lesson = index().get(name) if isinstance(name, str) else None
    if lesson is not None:
        import_module(f"llm_course.lessons.{lesson}.exercises")
    if isinstance(name, str) and name in _exercises:
        return _exercises[name]
    known = sorted({*index(), *_exercises})
    near = difflib.get_close_matches(str(name), known, n=2, cutoff=0.5)
    offer = f" Did you mean {' or '.join(map(repr, near))}?" if near else f" There are: {', '.join(known) or 'none'}."
    raise BadOption(f"No exercise is called {name!r}.{offer}")
