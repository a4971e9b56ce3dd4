"""How a cell is read and run, without a sandbox: magics, and what notebooks have that plain Python lacks."""

from __future__ import annotations

from typing import Any

import pytest

from llm_course.grading.feedback import _safe
from llm_course.grading.sandbox import runner


@pytest.mark.parametrize(
    ("code", "runs", "left_out"),
    [
        ("x = 1", "x = 1", []),
        ("%matplotlib inline\n!ls -l\nx = 1\nx?", "pass\npass\nx = 1\npass", ["%matplotlib inline", "!ls -l", "x?"]),
        ("%time y = f(x)\nz = y", "y = f(x)\nz = y", ["%time"]),
        ("if True:\n    %time y = 3\n    %cd x", "if True:\n    y = 3\n    pass", ["%time", "%cd x"]),
        ("%timeit f(x)", "pass", ["%timeit f(x)"]),
        ("%%time\nx = 1\n%pip install y", "\nx = 1\npass", ["%%time", "%pip install y"]),
        ("%%bash\nls", "", ["%%bash"]),
        ('%pylab\nt = """\nIs it raining?\n% of\n"""', 'pass\nt = """\nIs it raining?\n% of\n"""', ["%pylab"]),
        ('!ls\nx = ("a %s"\n     % 3)', 'pass\nx = ("a %s"\n     % 3)', ["!ls"]),
        ("!ls (\nx = 1", "pass\nx = 1", ["!ls ("]),
        ("!echo it's\nx = 1", "pass\nx = 1", ["!echo it's"]),
        ("%cd x\ndef f(:\n    pass", "pass\ndef f(:\n    pass", ["%cd x"]),
        ("%a\n" * 300, "pass\n" * 300, ["%a"] * 300),
        ("x\0", "x\0", []),
    ],
)
def test_only_lines_that_python_cannot_read_are_left_out(code: str, runs: str, left_out: list[str]) -> None:
    assert runner.without_magics(code) == (runs, left_out)


def test_what_notebooks_have(capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, Any] = {"display": runner.display, "get_ipython": runner.Shell}
    runner.run("display(3, 'a', display_id=True, clear=True)", 1, namespace)
    runner.run("get_ipython().run_line_magic('matplotlib', 'inline')\nshell = get_ipython()", 2, namespace)
    runner.run("shell.events.register('x', print); shell.magic('time')\ny = 2", 3, namespace)
    assert capsys.readouterr().out == "3 a\n" and namespace["y"] == 2
    with pytest.raises(AttributeError):
        runner.run("shell.__array__", 4, namespace)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (-1.0, "-1.0"),
        (None, ""),
        (True, "True"),
        ("ann", "ann"),
        ("=1+1", "'=1+1"),
        ("\n=1+1", "'\n=1+1"),
        (" @x", "' @x"),
        ("-x", "'-x"),
        ("\tx", "'\tx"),
        ("", ""),
    ],
)
def test_no_field_is_a_formula_and_numbers_stay_numbers(value: Any, shown: str) -> None:
    assert _safe(value) == shown
