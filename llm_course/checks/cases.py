"""An answer tried on cases whose results are known: the first that is wrong is explained, a known mistake named.

Knows nothing about where answers come from: the student's own check calls a function here, the judge asks a sandbox.
Both compare the values that came with these, so both say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from llm_course.checks.compare import close, text
from llm_course.checks.learner_code import describe, returned_nothing, written_call
from llm_course.checks.verdict import Wrong

Arguments = tuple[Any, ...]  # of a call; plain data
IsRight = Callable[[object, object], bool]


@dataclass(frozen=True)
class Case:
    """One call and what is expected of it.

    Attributes:
        arguments: of the call; plain data.
        expected: the right result; plain data.
        hints: (wrong result, hint) of each known mistake that this case tells from a right answer.
    """

    arguments: Arguments
    expected: object
    hints: tuple[tuple[object, str], ...] = ()

    def hint(self, given: object, is_right: IsRight) -> str:
        """The hint of the known mistake that gives exactly this result; empty if none does."""
        return next((hint for wrong, hint in self.hints if is_right(given, wrong)), "")


def try_cases(
    name: str, cases: Sequence[Case], answer: Callable[[Case], object], is_right: IsRight, variable: bool = False
) -> str:
    """Try an answer on all cases, in order.

    Args:
        name: what the learner was to write: a function, or with ``variable`` a variable.
        cases: the cases.
        answer: gives the learner's result for a case, as plain data.
        is_right: compares a result with the expected one.
        variable: whether ``name`` is a variable.

    Returns:
        a sentence for success.

    Raises:
        Wrong: a result is wrong; the text says in which case, what came, what was expected, and the likely mistake.
    """
    for number, case in enumerate(cases, 1):
        given = answer(case)
        if given is None and case.expected is not None and not variable:
            raise Wrong(returned_nothing(written_call(name, case.arguments)))
        if not is_right(given, case.expected):
            said = difference(called(name, case.arguments, variable), given, case.expected)
            hint = case.hint(given, is_right)
            raise Wrong(f"in case {number} of {len(cases)}, {said}" + (f"\nHint: {hint}" if hint else ""))
    return f"{name} gives what it should on {len(cases)} visible case{'s' if len(cases) != 1 else ''}."


def called(name: str, arguments: Arguments, variable: bool = False) -> str:
    """A call as the learner would write it, or the name of a variable."""
    return name if variable else written_call(name, arguments)


def difference(call: str, given: object, expected: object) -> str:
    """What came of a call and what was expected; shapes first where they differ, records where they do."""
    shapes = getattr(given, "shape", None), getattr(expected, "shape", None)
    if None not in shapes and shapes[0] != shapes[1]:
        return f"`{call}` has shape {shapes[0]}; it should have shape {shapes[1]}."
    if where := _first_record(given, expected):
        place, ours, theirs = where
        return f"`{call}`: in record {place} you give {describe(ours)}; it should be {describe(theirs)}."
    return f"`{call}` is {describe(given)}; it should be {describe(expected)}."


def _first_record(given: object, expected: object) -> tuple[str, object, object] | None:
    """Where two lists of records (dictionaries) of equal length and keys first differ: place and key, both values."""
    if not (isinstance(given, list | tuple) and isinstance(expected, list | tuple) and len(given) == len(expected)):
        return None
    for number, (ours, theirs) in enumerate(zip(given, expected, strict=True), 1):
        if not (isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys()):
            return None
        for key in theirs:
            if not (close()(ours[key], theirs[key]) or text()(ours[key], theirs[key])):  # whatever the task's rule
                return f"{number}, {key!r},", ours[key], theirs[key]
    return None
