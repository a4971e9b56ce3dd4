"""Calls to a learner's function, watched: what is blank, what stops with an error, what returns nothing.

Knows nothing about exercises. :func:`watched` wraps a function so that each of these becomes one exception with one
clear sentence; those derive from ``BaseException``, so that no check function swallows them by accident.
"""

from __future__ import annotations

import ast
import dis
import functools
import inspect
import linecache
import re
import reprlib
import textwrap
import types
from typing import Any


class NotWritten(BaseException):
    """The answer is still blank, or has gaps (``...``) left."""


class Stopped(BaseException):
    """The learner's code raised an error, or returned nothing; the text says where."""


_short = reprlib.Repr()
_short.maxstring = _short.maxother = 40
_short.maxlist = _short.maxtuple = _short.maxdict = 5


def describe(value: Any) -> str:
    """A value as short text on one line, without memory addresses."""
    return re.sub(r"\s*\bat 0x[0-9a-fA-F]+", "", " ".join(_short.repr(value).split()))


def is_blank(answer: Any) -> bool:
    """Whether nothing has been written: ``None``, ``...``, a function without a body, or gaps left in it."""
    if answer is None or answer is Ellipsis:
        return True
    if isinstance(answer, (list, tuple, dict)):
        return any(item is Ellipsis for item in (answer.values() if isinstance(answer, dict) else answer))
    if not isinstance(answer, (types.FunctionType, type)):
        return False
    tree = _tree(answer)
    return (tree is not None and _has_gap(tree)) or (isinstance(answer, types.FunctionType) and _does_nothing(answer))


def _tree(thing: Any) -> ast.AST | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(thing)))
    except (OSError, TypeError, SyntaxError, ValueError):  # a lambda inside a call, code without a file
        return None


def _has_gap(tree: ast.AST) -> bool:
    """Whether a bare ``...`` stands anywhere but in an index: ``x[..., 0]`` is a way to write code, not a gap."""
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Subscript) for part in ast.walk(node.slice)}
    return any(
        isinstance(node, ast.Constant) and node.value is Ellipsis and id(node) not in inside for node in ast.walk(tree)
    )


def _does_nothing(function: types.FunctionType) -> bool:
    """Whether a function only returns ``None`` or ``...``; read off its compiled code, which is always there."""
    steps = [step for step in dis.get_instructions(function) if step.opname not in ("RESUME", "NOP", "COPY_FREE_VARS")]
    return all(
        step.opname == "RETURN_VALUE" or ("CONST" in step.opname and step.argval in (None, Ellipsis)) for step in steps
    )


def watched(function: Any, none_is_an_answer: bool = False) -> Any:
    """The same function, with its troubles turned into :class:`NotWritten` and :class:`Stopped`.

    Anything but a plain function comes back unchanged.
    """
    if not isinstance(function, types.FunctionType):
        return function

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        try:
            value = function(*args, **options)
        except NotImplementedError:
            raise NotWritten() from None
        except (Exception, SystemExit) as error:
            raise Stopped(explain(error, files_of(function), shown(function, args, options))) from None
        if value is Ellipsis:
            raise NotWritten()
        if value is None and not none_is_an_answer:
            said = shown(function, args, options)
            raise Stopped(f"`{said}` returned None. Does every way through the function end in a `return`?")
        return value

    return call


def shown(function: types.FunctionType, args: tuple[Any, ...], options: dict[str, Any]) -> str:
    """The call as one would write it, cut to a readable length."""
    parts = [describe(value) for value in args] + [f"{name}={describe(value)}" for name, value in options.items()]
    text = f"{function.__name__}({', '.join(parts)})"
    return text if len(text) <= 100 else text[:96] + "...)"


def files_of(answer: Any) -> set[str]:
    """The files, or notebook cells, in which a function, or the methods of a class or object, were written."""
    if isinstance(answer, types.FunctionType):
        return {answer.__code__.co_filename}
    kind = answer if isinstance(answer, type) else type(answer)
    return {part.__code__.co_filename for part in vars(kind).values() if isinstance(part, types.FunctionType)}


def explain(error: BaseException, files: set[str], call: str) -> str:
    """One sentence: which call stopped, in which line of the learner's code (in ``files``), with which error."""
    text = re.sub(r"\s*\bat 0x[0-9a-fA-F]+", "", " ".join(str(error).split()))
    said = type(error).__name__ + (f": {text[:200]}" if text else "")
    line = last_line(error, files)
    if line is None:
        return f"`{call}` could not be called. {said}"
    source = linecache.getline(*line).strip()
    where = f" in the line `{source}`" if source else ""
    return f"`{call}` stopped{where}. {said}"


def last_line(error: BaseException, files: set[str]) -> tuple[str, int] | None:
    """File and number of the last line in ``files`` that the error came through; ``None`` if it did not."""
    found, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in files:
            found = (trace.tb_frame.f_code.co_filename, trace.tb_lineno)
        trace = trace.tb_next
    return found
