"""A learner's code, watched: what is blank, what stops with an error, what returns nothing; values as short text.

Knows nothing about exercises or assignments. :func:`call` calls a function so that each of these becomes one exception
with one clear sentence; those derive from ``BaseException``, so that no check swallows them by accident.
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
from collections.abc import Callable, Collection
from typing import Any

LENGTH = 120  # characters of a value in a sentence


class NotWritten(BaseException):
    """The answer is still blank, or has gaps (``...``) left."""


class Stopped(BaseException):
    """The learner's code raised an error, or returned nothing; the text says where."""


_short = reprlib.Repr()
_short.maxstring = _short.maxother = LENGTH
_short.maxlist = _short.maxtuple = _short.maxdict = 40


def describe(value: object, length: int = LENGTH) -> str:
    """A value as text on one line of at most ``length`` characters, without memory addresses; numbers are rounded."""
    more = ""
    if hasattr(value, "dtype") and hasattr(value, "ndim") and hasattr(value, "reshape"):
        if value.ndim > 4:  # numpy would write every axis in full
            value, more = value.reshape(-1)[:12], " ..."
        text = _array(value)
    else:
        text = _short.repr(round(value, 6) if isinstance(value, float) else value)
    text = _without_addresses(text) + more
    return text if len(text) <= length else text[: length - 4] + " ..."


def _array(value: Any) -> str:
    import numpy

    try:  # a tensor may follow its gradient, lie on another device, or have numbers that numpy lacks
        value = numpy.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    except (TypeError, RuntimeError):
        return _short.repr(value)
    return numpy.array2string(value, precision=4, threshold=12, edgeitems=2, suppress_small=True, separator=", ")


def _without_addresses(text: str) -> str:
    return re.sub(r"\s*\bat 0x[0-9a-fA-F]+", "", " ".join(text.split()))


def written_call(name: str, arguments: tuple[Any, ...], options: dict[str, Any] | None = None) -> str:
    """A call as one would write it, each argument cut to a length that fits a line."""
    parts = [describe(value) for value in arguments] + [
        f"{key}={describe(value)}" for key, value in (options or {}).items()
    ]
    return f"{name}({', '.join(parts)})"


def returned_nothing(said: str) -> str:
    """The sentence about a call, written out in ``said``, that returned ``None`` where a value is wanted."""
    return f"`{said}` returned None. Does every way through the function end in a `return`?"


def is_blank(answer: object) -> bool:
    """Whether nothing has been written: ``None``, ``...``, a function without a body, or gaps left in it."""
    if answer is None or answer is Ellipsis:
        return True
    if isinstance(answer, list | tuple | dict):
        return any(item is Ellipsis for item in (answer.values() if isinstance(answer, dict) else answer))
    if not isinstance(answer, types.FunctionType | type):
        return False
    tree = _tree(answer)
    return (tree is not None and _has_gap(tree)) or (isinstance(answer, types.FunctionType) and _does_nothing(answer))


def _tree(thing: types.FunctionType | type) -> ast.AST | None:
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


def call(
    function: Callable[..., Any],
    arguments: tuple[Any, ...] = (),
    options: dict[str, Any] | None = None,
    *,
    name: str = "",
    none_is_an_answer: bool = False,
) -> Any:
    """Call a learner's function; what goes wrong in it becomes one sentence.

    Args:
        function: the function, or another object that can be called.
        arguments: its arguments by place.
        options: its arguments by name.
        name: what it is called in the sentence; by default its own name.
        none_is_an_answer: whether it may return ``None``. If not, that is taken for a missing ``return``.

    Raises:
        NotWritten: it raised ``NotImplementedError`` or returned ``...``.
        Stopped: it raised another error, or returned ``None``.
    """
    name = name or getattr(function, "__name__", type(function).__name__)
    said = written_call(name, arguments, options)  # before it can change its arguments
    try:
        value = function(*arguments, **(options or {}))
    except NotImplementedError:
        raise NotWritten() from None
    except (Exception, SystemExit) as error:
        raise Stopped(f"`{said}` {explain(error, files_of(function))}") from None
    if value is Ellipsis:
        raise NotWritten()
    if value is None and not none_is_an_answer:
        raise Stopped(returned_nothing(said))
    return value


def watched(function: Any, none_is_an_answer: bool = False) -> Any:
    """The same function, called by way of :func:`call`. Anything but a plain function comes back unchanged."""
    if not isinstance(function, types.FunctionType):
        return function

    @functools.wraps(function)
    def calling(*arguments: Any, **options: Any) -> Any:
        return call(function, arguments, options, none_is_an_answer=none_is_an_answer)

    return calling


def files_of(answer: object) -> set[str]:
    """The files, or notebook cells, in which a function, or the methods of a class or object, were written."""
    if isinstance(answer, types.FunctionType):
        return {answer.__code__.co_filename}
    kind = answer if isinstance(answer, type) else type(answer)
    return {part.__code__.co_filename for part in vars(kind).values() if isinstance(part, types.FunctionType)}


def explain(error: BaseException, files: Collection[str] = ()) -> str:
    """The end of a sentence that begins with a call: in which line of the learner's code it stopped, and why."""
    text = _without_addresses(str(error))[:200]
    said = type(error).__name__ + (f": {text}" if text else "")
    line = last_line(error, files)
    if line is None and isinstance(error, TypeError):  # it takes other arguments
        return f"could not be called. {said}"
    source = linecache.getline(*line).strip() if line else ""
    return f"stopped{f' in the line `{source}`' if source else ''}. {said}"


def last_line(error: BaseException, files: Collection[str]) -> tuple[str, int] | None:
    """File and number of the last line of the learner's code that the error came through; ``None`` if it did not.

    The learner's code is what stands in ``files`` or in a cell of a notebook.
    """
    found, trace = None, error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name in files or "ipykernel_" in name or name.startswith(("<ipython-input-", "<cell ")):
            found = (name, trace.tb_lineno)
        trace = trace.tb_next
    return found
