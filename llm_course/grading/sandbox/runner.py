"""The runner inside the sandbox: runs the notebook's cells and calls the student's functions when asked.

Knows nothing about expected values, points or verdicts, and is trusted with nothing: student code lives in the same
process and can make it say anything. The judge outside takes what it says as this student's values only.

Started by the judge as a script: limits, the folder of release files, the working folder to make. It reads one
request a line from standard input and answers each with one line on what was standard output::

    {"id": ..., "kind": "hello"}
    {"id": ..., "kind": "cell", "number": 3, "code": ..., "seconds": ...}  -> {"id", "error", "printed"}
    {"id": ..., "kind": "call", "name": ..., "variable": ..., "arguments": ..., "seconds": ...}
                                         -> {"id", "value", "blank"}, {"id", "error"} or {"id", "blank": true}
"""

from __future__ import annotations

import ast
import inspect
import io
import json
import linecache
import os
import re
import resource
import shutil
import signal
import sys
import types
from typing import Any

from llm_course.checks.learner_code import explain, is_blank
from llm_course.errors import NotPlain
from llm_course.grading import wire


class Late(BaseException):
    """The time of this cell or call is over. No ``Exception``, so that an honest ``except Exception`` lets it pass."""


class Capped(io.TextIOBase):
    """Keeps the first characters that are printed and drops the rest."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[str] = []
        self._length = 0

    def write(self, text: str) -> int:
        if self._length < self._limit:
            self._parts.append(text[: self._limit - self._length])
        self._length += len(text)
        return len(text)

    def take(self) -> str:
        printed = "".join(self._parts)
        if self._length > self._limit:
            printed += f"\n... ({self._length - self._limit} more characters)"
        self._parts, self._length = [], 0
        return printed


def bound(limits: dict[str, float]) -> None:
    """Set the kernel's limits of this process and all it starts. They can be lowered, never raised again."""
    wanted = {
        "RLIMIT_DATA": limits["data"],
        "RLIMIT_FSIZE": limits["file"],
        "RLIMIT_NOFILE": limits["files"],
        "RLIMIT_CPU": limits["cpu"],
        "RLIMIT_CORE": 0,
        "RLIMIT_MSGQUEUE": 0,
        "RLIMIT_NPROC": limits["processes"] or -1,
    }
    for name, value in wanted.items():
        number = getattr(resource, name, None)
        if number is None or value == -1:
            continue
        most = resource.getrlimit(number)[1]
        value = int(value) if most == resource.RLIM_INFINITY else min(int(value), most)
        resource.setrlimit(number, (value, value))


MAGICS = 200  # lines that are left out of one cell, at most: each is a new attempt to read it


def without_magics(code: str) -> tuple[str, list[str]]:
    """Leave out what only IPython understands: lines with ``%``, ``!`` or a trailing ``?``, and cell magics.

    A line is left out only where Python cannot read it, so that a line of a text, or one that goes on with ``% 3)``,
    stays.

    Returns:
        the code to run and what was left out. ``%%time``, ``%%timeit`` and ``%%capture`` leave the cell's body,
        ``%time`` its statement.
    """
    lines, left_out = code.split("\n"), []
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    if lines[first].startswith("%%"):
        magic = lines[first].split()[0]
        if magic not in ("%%time", "%%timeit", "%%capture"):
            return "", [lines[first]]
        left_out.append(lines[first])
        lines[first] = ""
    tried = list(lines)
    for _ in range(MAGICS):
        try:
            ast.parse("\n".join(tried))
            return "\n".join(tried), left_out
        except SyntaxError as error:
            number = (error.lineno or 0) - 1
        except ValueError:  # a null character
            return code, []
        if not 0 <= number < len(tried) or not _is_magic(tried[number]):
            break
        tried[number], magic = _plainly(tried[number])
        left_out.append(magic)
    # Python may find the error behind the line that made it, a bracket in "!ls (": then leave out all such lines.
    every = [_plainly(line) if _is_magic(line) else (line, "") for line in lines]
    try:
        ast.parse("\n".join(line for line, _ in every))
    except (SyntaxError, ValueError):
        return "\n".join(tried), left_out  # an honest error; it names the line that the student wrote
    return "\n".join(line for line, _ in every), [magic for _, magic in every if magic]


def _is_magic(line: str) -> bool:
    start = line.strip()
    return start.startswith(("%", "!", "?")) or (start.endswith("?") and not start.startswith("#"))


def _plainly(line: str) -> tuple[str, str]:
    """A line without its magic, and what was left out of it."""
    start = line.lstrip()
    indent = line[: len(line) - len(start)]
    if timed := re.match(r"%time\s+(?=\S)", start):
        return indent + start[timed.end() :], "%time"
    return indent + "pass", start


class Shell:
    """What ``get_ipython()`` gives here: everything can be asked of it, and nothing happens."""

    def __getattr__(self, name: str) -> Shell:
        if name.startswith("__"):
            raise AttributeError(name)
        return Shell()

    def __call__(self, *_: object, **__: object) -> None:
        return None


def display(*values: object, **_: object) -> None:
    """IPython's ``display``, with whatever settings, as text."""
    print(*values)


def run(code: str, number: int, namespace: dict[str, Any]) -> None:
    """Run a cell as a notebook does: top-level ``await`` works, and the value of a last expression is printed."""
    name = f"<cell {number}>"
    code, left_out = without_magics(code)
    for line in left_out:
        print(f"(left out when graded: {line})")
    linecache.cache[name] = (len(code), None, code.splitlines(True), name)
    tree = ast.parse(code, name)
    last = tree.body[-1] if tree.body else None
    if isinstance(last, ast.Expr):
        tree.body.pop()
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    _wait(eval(compile(tree, name, "exec", flags, dont_inherit=True), namespace))
    if isinstance(last, ast.Expr):
        code_object = compile(ast.Expression(last.value), name, "eval", flags, dont_inherit=True)
        value = eval(code_object, namespace)
        if code_object.co_flags & inspect.CO_COROUTINE:
            value = _wait(value)
        if value is not None:
            print(repr(value))


def _wait(value: object) -> object:
    if not inspect.iscoroutine(value):
        return value
    import asyncio

    return asyncio.run(value)


def answer(request: dict[str, Any], namespace: dict[str, Any]) -> dict[str, Any]:
    """Do what one request asks, within its seconds."""
    if request["kind"] == "hello":
        return {}

    def late(*_: object) -> None:
        raise Late(f"its {request['seconds']:.0f} s were over")

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, max(0.1, request["seconds"]))
    try:
        if request["kind"] == "cell":
            run(request["code"], request["number"], namespace)
            return {"error": None}
        asked = namespace[request["name"]]
        value = asked if request["variable"] else asked(*wire.decode(request["arguments"]))
        if value is Ellipsis:
            return {"blank": True}
        return {"value": wire.encode(value), "blank": value is None and is_blank(asked)}
    except BaseException as error:
        if request["kind"] == "call":
            if isinstance(error, NotImplementedError):
                return {"blank": True}
            if isinstance(error, KeyError) and request["name"] not in namespace:
                return {"error": "is not defined in the notebook"}
            if isinstance(error, NotPlain):
                return {"error": f"gives what cannot be judged. {error}"}
        return {"error": explain(error)}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def main(words: str, release: str, work: str) -> None:
    """Serve requests until there are no more."""
    limits = {name: float(value) for name, value in (word.split("=") for word in words.split(","))}
    bound(limits)
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    shutil.copytree(release, work, ignore=shutil.ignore_patterns("*.ipynb"), symlinks=True)
    os.chdir(work)
    sys.path[0] = work  # in place of this script's own folder
    printed = Capped(int(limits["printed"]))
    sys.stdout = sys.stderr = printed
    module = types.ModuleType("__main__")
    module.__dict__.update(display=display, get_ipython=Shell)
    sys.modules["__main__"] = module
    sys.argv[:] = [""]
    own = os.getpid()
    for line in requests:
        request = json.loads(line)
        reply = answer(request, module.__dict__)
        if os.getpid() != own:  # a cell forked, and this is the copy
            os._exit(0)
        if request["kind"] == "cell":
            reply["printed"] = printed.take()
        reply["id"] = request["id"]
        try:
            text = json.dumps(reply, allow_nan=False)
        except Exception as error:
            text = json.dumps({"id": request["id"], "error": explain(error)})
        data = memoryview(text.encode("utf-8", "replace") + b"\n")
        while data:
            data = data[os.write(replies, data) :]


if __name__ == "__main__":
    main(*sys.argv[1:])
