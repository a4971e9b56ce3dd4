"""Checks: unfinished work is met kindly, errors become a sentence, and no traceback gets out."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import llm_course as lc
from llm_course.checks import exercises
from llm_course.checks.exercises import Wrong, exercise
from llm_course.checks.learner_code import is_blank
from llm_course.errors import BadOption
from llm_course.lessons import contents
from llm_course.teaching import progress_file
from llm_course.teaching.checking import verdict


@pytest.fixture(autouse=True)
def _double(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exercises, "_exercises", {})

    @exercise("double_it", hint="Use `*` & <b>", solution="def double_it(x):\n    return 2 * x  # <ok>")
    def check_double(answer: Callable[[float], float]) -> str:
        if answer(3) == 9:
            raise Wrong("It squares instead: f(3) is 9.")
        if answer(3) != 6:
            raise Wrong("f(3) is not 6.")
        return "it doubles."

    @exercise("number", hint="Count.", solution="42")
    def check_number(answer: int) -> None:
        if answer + 0 != 42:
            raise Wrong("It is another number.")


def written(body: str, head: str = "def double_it(x):") -> Any:
    """A function as a learner writes it, in a file of its own, so that its source can be read."""
    import linecache

    source = f"{head}\n" + "\n".join(f"    {line}" for line in body.splitlines()) + "\n"
    name = f"<cell {abs(hash(source))}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    space: dict[str, Any] = {}
    exec(compile(source, name, "exec"), space)
    return space["double_it"]


BLANK = "Not written yet: double_it. Fill in what is missing (...), then run this cell again."


@pytest.mark.parametrize(
    "body",
    [
        "...",
        "pass",
        "'''Docstring.'''",
        "'''Docstring.'''\n...",
        "return None",
        "return ...",
        "y = ...\nreturn y",
        "y = 2 * ...\nreturn y",
        "if x:\n    ...\nreturn 2 * x",
        "raise NotImplementedError",
        "raise NotImplementedError('later')",
    ],
)
def test_unfinished_functions_are_met_kindly(body: str) -> None:
    found = verdict("double_it", written(body))
    assert (found.kind, found.text) == ("blank", BLANK)
    assert progress_file.read()["exercises"] == {}, "what is not written is no failed try"


@pytest.mark.parametrize("answer", [None, ..., [..., 1], {"a": ...}, lambda x: ..., lambda x: None])
def test_unfinished_values_are_met_kindly(answer: Any) -> None:
    assert verdict("double_it", answer).text == BLANK


def test_blank_is_seen_without_source() -> None:
    space: dict[str, Any] = {}
    exec("def f(x): ...\ndef g(x): return 2 * x\ndef h(x):\n    'doc'", space)
    assert is_blank(space["f"]) and is_blank(space["h"]) and not is_blank(space["g"])


def test_dots_in_an_index_are_no_gap() -> None:
    import numpy as np

    array = np.array([1.0])
    body = "import numpy as np\nreturn (2 * np.array([[x]]))[..., 0][0]"
    assert verdict("double_it", written(body)).kind == "right"
    assert not is_blank(array) and not is_blank([array]) and not is_blank({"a": array})


def test_right(capsys: Any) -> None:
    lc.check("double_it", written("return 2 * x"))
    assert capsys.readouterr().out == "Right: it doubles.\n"
    lc.check("number", 42)
    assert capsys.readouterr().out == "Right: number does what it should.\n"
    assert progress_file.read()["exercises"]["double_it"] == {"right": True, "tries": 1}


def test_wrong_names_the_mistake_and_where_the_hint_is(capsys: Any) -> None:
    lc.check("double_it", written("return x ** 2"))
    assert capsys.readouterr().out == ('Not yet: It squares instead: f(3) is 9.\nFor a hint: lc.hint("double_it")\n')
    assert progress_file.read()["exercises"]["double_it"] == {"right": False, "tries": 1}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("y = x\nreturn y / 0", "`double_it(3)` stopped in the line `return y / 0`. ZeroDivisionError: division"),
        ("return undefined", "in the line `return undefined`. NameError: name 'undefined' is not defined"),
        ("y = 2 * x", "`double_it(3)` returned None. Does every way through the function end in a `return`?"),
        ("return double_it(x)", "`double_it(3)` stopped in the line `return double_it(x)`. RecursionError"),
        ("exit(3)", "SystemExit: 3"),
        ("return 'six' + x", "in the line `return 'six' + x`. TypeError"),
        ("return object().x", "AttributeError: 'object' object has no attribute 'x'"),
        ("raise ValueError(object())", "ValueError: <object object>"),
        ("raise ValueError('a\\nb')", "ValueError: a b"),
    ],
)
def test_errors_become_one_sentence(body: str, said: str, capsys: Any) -> None:
    lc.check("double_it", written(body))
    printed = capsys.readouterr().out
    assert said in printed and printed.startswith("Not yet: ")
    assert len(printed.splitlines()) == 2 and "Traceback" not in printed and " 0x" not in printed


def test_a_function_of_another_shape_is_named() -> None:
    found = verdict("double_it", written("return x", head="def double_it(x, y):"))
    assert "`double_it(3)` could not be called. TypeError" in found.text and "'y'" in found.text


@pytest.mark.parametrize(
    ("name", "answer", "said"),
    [
        ("number", "forty-two", "an answer of the kind str"),
        ("number", 41, "It is another number."),
        ("double_it", 6, "an answer of the kind int"),
        ("double_it", int, "f(3) is not 6."),
        ("double_it", functools.partial(pow, 3), "f(3) is not 6."),
    ],
)
def test_answers_of_the_wrong_kind(name: str, answer: Any, said: str) -> None:
    found = verdict(name, answer)
    assert found.kind == "wrong" and said in found.text and len(found.text.splitlines()) == 2


class Doubler:
    def __call__(self, x: float) -> float:
        return x / 0


def test_errors_inside_an_object_of_the_learners_are_located() -> None:
    assert "stopped in the line `return x / 0`. ZeroDivisionError" in verdict("double_it", Doubler()).text


def test_a_generator_fails_when_the_check_reads_it() -> None:
    @exercise("counts", hint="h", solution="s")
    def check(answer: Callable[[], Iterator[int]]) -> None:
        list(answer())

    space: dict[str, Any] = {}
    exec("def counts():\n    yield 1\n    yield 1 / 0", space)
    assert "ZeroDivisionError" in verdict("counts", space["counts"]).text


def test_an_endless_loop_can_be_stopped() -> None:
    def double_it(x: float) -> float:
        raise KeyboardInterrupt

    assert "you stopped it" in verdict("double_it", double_it).text


def test_a_check_can_ask_for_an_error_or_allow_none() -> None:
    @exercise("refuses", hint="h", solution="s", none_is_an_answer=True)
    def check(answer: Any) -> None:
        assert answer(1) is None
        with pytest.raises(ValueError):
            answer.__wrapped__(-1)

    def refuses(x: float) -> None:
        if x < 0:
            raise ValueError("negative")

    assert verdict("refuses", refuses).kind == "right"


def test_unknown_names_offer_the_nearest() -> None:
    for name in ("duble_it", "double-it", "Double_it"):
        with pytest.raises(BadOption, match="Did you mean 'double_it'"):
            lc.check(name, None)
    for wrong in (None, 3, "", "zzzzzz"):
        with pytest.raises(BadOption, match="No exercise is called"):
            lc.hint(wrong)  # type: ignore[arg-type]


def test_hint_and_solution_are_folded(notebook: Any, page: Any) -> None:
    lc.hint("double_it")
    read = page(notebook.last["text/html"])
    assert "Use * & <b>" in read.text and read.tags.count("details") == 1
    lc.solution("double_it")
    read = page(notebook.last["text/html"])
    assert "return 2 * x  # <ok>" in read.text and read.tags.count("details") == 2
    assert read.open == [] and "b" not in read.tags


def test_names_are_taken_once() -> None:
    with pytest.raises(ValueError, match="needs a hint"):
        exercise("empty", hint=" ", solution="s")

    def check(answer: Any) -> None: ...

    check.__module__ = "elsewhere"
    with pytest.raises(ValueError, match="is in .* already"):
        exercise("double_it", hint="h", solution="s")(check)


def test_finding_an_exercise_imports_its_own_lesson_alone() -> None:
    name, slug = next(iter(exercises.index().items()))
    code = (
        "import sys; from llm_course.checks.exercises import find, index; index()\n"
        "def loaded(): return [m for m in sys.modules if m.startswith('llm_course.lessons.') and 'exercises' in m]\n"
        "assert loaded() == []\n"
        f"assert find({name!r}).name == {name!r}\n"
        f"assert loaded() == ['llm_course.lessons.{slug}.exercises'], loaded()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)


def test_every_file_of_exercises_is_in_the_index() -> None:
    files = {lesson.slug for lesson in contents() if (lesson.folder / "exercises.py").is_file()}
    assert files == set(exercises.index().values())


VERBS = [name for name, home in lc._MODULE_OF.items() if home.startswith("llm_course.teaching.")]


def test_loading_the_verbs_is_light() -> None:
    heavy = ("torch", "transformers", "ipywidgets", "anywidget", "matplotlib", "IPython", "numpy", "platformdirs")
    code = f"import sys, llm_course as lc; {', '.join(f'lc.{verb}' for verb in VERBS)}\n"
    code += f"print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", VERBS)
def test_every_public_name_is_a_function_with_a_docstring(name: str) -> None:
    found = getattr(lc, name)
    assert callable(found) and found.__doc__


def test_unknown_public_names_are_explained() -> None:
    with pytest.raises(AttributeError, match="has no 'quizz'. It has: .*chat_box"):
        lc.quizz  # noqa: B018
