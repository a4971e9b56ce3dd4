"""The visible check that students call in their notebook: right, not written yet, or wrong and perhaps why.

Knows nothing about judging: it reads the released ``checks.json`` beside the notebook, which holds visible cases only,
and what it prints counts for nothing. Whatever the student's code does, a line or two come out, never a traceback.
Only nbgrader's "Validate" gets an error for what is not right: it looks for errors and reads nothing that is printed.

>>> check("softmax", softmax)  # doctest: +SKIP
Right: softmax gives what it should on 3 visible cases.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from llm_course.errors import BadCourse, LLMCourseError, NotPlain
from llm_course.grading import plain
from llm_course.grading.compare import close, from_spec, text

CHECKS = "checks.json"


def check(name: str, answer: Any) -> None:
    """Try an answer on the visible cases of a task and print what came of it.

    Args:
        name: the task's name.
        answer: the student's function, or the value of the variable that the task asks for.

    Raises:
        BadCourse: ``checks.json`` is not beside the notebook, is damaged, or has no such task.
        AssertionError: nbgrader is validating the notebook, and the answer is not right.
    """
    said = verdict(name, answer)
    if os.environ.get("NBGRADER_VALIDATING") and not said.startswith("Right"):
        raise AssertionError(said)
    print(said)


def verdict(name: str, answer: Any, folder: Path | None = None) -> str:
    """What :func:`check` prints: "Right: ...", "Not yet: ..." or "Not written yet: ..."."""
    task = _read((folder or Path()) / CHECKS, name)
    what, cases = task["calls"], task["cases"]
    if answer is ... or (answer is None and task["variable"]):
        return _blank(what)
    if not task["variable"] and not callable(answer):
        kind = type(answer).__name__
        return f"Not yet: {what} is of type {kind}; the check needs the function itself: {what}, not {what}(...)."
    right = from_spec(task["compare"])
    for number, case in enumerate(cases, 1):
        arguments = plain.decode(case["arguments"])
        try:
            given = answer if task["variable"] else answer(*plain.decode(case["arguments"]))
        except NotImplementedError:
            return _blank(what)
        except KeyboardInterrupt:
            return f"Not yet: you stopped {what}. Is there a loop that never ends?"
        except Exception as error:
            return f"Not yet: {call(what, arguments, task['variable'])} stops with {failure(error)}"
        expected = plain.decode(case["expected"])
        try:
            given = plain.decode(plain.encode(given))
        except NotPlain as error:
            return f"Not yet: {call(what, arguments, task['variable'])}: {error}"
        if given is None and expected is not None:
            return f"Not yet: {call(what, arguments, task['variable'])} gives None. Is a return missing?"
        if not right(given, expected):
            said = explain(what, arguments, given, expected, task["variable"])
            hints = [hint for wrong, hint in case["hints"] if right(given, plain.decode(wrong))]
            return f"Not yet, case {number} of {len(cases)}: {said}" + (f"\nHint: {hints[0]}" if hints else "")
    return f"Right: {what} gives what it should on {len(cases)} visible case{'s' if len(cases) != 1 else ''}."


def call(what: str, arguments: tuple[Any, ...], variable: bool = False) -> str:
    """A call as the student would write it, each argument cut to a length that fits a line."""
    return what if variable else f"{what}({', '.join(brief(argument) for argument in arguments)})"


def explain(what: str, arguments: tuple[Any, ...], given: Any, expected: Any, variable: bool = False) -> str:
    """What was called, what came and what was expected; shapes first where they differ, records where they do."""
    said = call(what, arguments, variable)
    shapes = getattr(given, "shape", None), getattr(expected, "shape", None)
    if None not in shapes and shapes[0] != shapes[1]:
        return f"{said} has shape {shapes[0]}; it should have shape {shapes[1]}."
    if where := _first_record(given, expected):
        place, ours, theirs = where
        return f"{said}: in record {place} you give {brief(ours)}; it should be {brief(theirs)}."
    return f"{said} is {brief(given)}; it should be {brief(expected)}."


def _first_record(given: Any, expected: Any) -> tuple[str, Any, Any] | None:
    """Where two lists of records (dictionaries) of equal length and keys first differ: place and key, both values."""
    if not (isinstance(given, list | tuple) and isinstance(expected, list | tuple) and len(given) == len(expected)):
        return None
    for number, (ours, theirs) in enumerate(zip(given, expected, strict=True)):
        if not (isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys()):
            return None
        for key in theirs:
            if not (close()(ours[key], theirs[key]) or text()(ours[key], theirs[key])):  # whatever the task's rule
                return f"{number + 1}, {key!r},", ours[key], theirs[key]
    return None


def brief(value: Any, length: int = 120) -> str:
    """A plain value in one line of at most ``length`` characters."""
    more = ""
    if hasattr(value, "shape"):
        import numpy

        if value.ndim > 5 and value.size > 1000:  # numpy shortens each axis to four: of eleven, millions would be left
            value, more = value.reshape(-1)[:12], " ..."
        shown = numpy.array2string(value, precision=4, threshold=12, edgeitems=2, suppress_small=True, separator=", ")
    else:
        shown = repr(round(value, 6) if isinstance(value, float) else value)
    shown = " ".join(shown.split()) + more
    return shown if len(shown) <= length else shown[: length - 4] + " ..."


def failure(error: BaseException) -> str:
    """An error in one line: its type, what it says, and the line of the student's code where it happened."""
    lines, trace = [], error.__traceback__
    while trace is not None:
        if "ipython" in trace.tb_frame.f_code.co_filename or trace.tb_frame.f_code.co_filename.startswith("<"):
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    said = " ".join(str(error).split())[:200]
    where = f" (line {lines[-1]} of its cell)" if lines else ""
    return f"{type(error).__name__}: {said}{where}" if said else f"{type(error).__name__}{where}"


def _blank(what: str) -> str:
    return f"Not written yet: {what}. Replace the line that raises NotImplementedError, run its cell, then this one."


def _read(path: Path, name: str) -> dict[str, Any]:
    try:
        tasks = plain.parse(path.read_bytes())["tasks"]
    except FileNotFoundError:
        raise BadCourse(
            f"{CHECKS} is not in {path.parent.resolve()}. It comes with the assignment: put it beside the notebook."
        ) from None
    except (LLMCourseError, OSError, KeyError, TypeError) as error:
        raise BadCourse(f"{CHECKS} cannot be read ({error}). Get the assignment's files again.") from None
    if name not in tasks:
        raise BadCourse(f"{CHECKS} has no task {name!r}. It has: {', '.join(tasks)}.")
    task: dict[str, Any] = tasks[name]
    return task
