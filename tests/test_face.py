"""The face of the package: what ``import llm_course as lc`` offers, and how little it loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import llm_course as lc


def test_every_name_is_there() -> None:
    assert sorted(lc.__all__) == lc.__all__, "sorted, capitals first"
    for name in lc.__all__:
        assert getattr(lc, name) is not None
    assert set(lc.__all__) <= set(dir(lc))
    with pytest.raises(AttributeError, match="no 'sumarize'.*summarize"):
        _ = lc.sumarize


def test_the_stub_that_editors_read_is_the_list() -> None:
    assert lc.__file__
    stub = ast.parse(Path(lc.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imports = [part for part in stub.body if isinstance(part, ast.ImportFrom)]
    assert sorted(alias.asname or "" for part in imports for alias in part.names) == lc.__all__


def test_what_moved_says_where_to() -> None:
    with pytest.raises(AttributeError, match="are now lc.predict"):
        _ = lc.lesson


def test_one_error_class_catches_what_the_package_raises_on_purpose() -> None:
    with pytest.raises(lc.LLMCourseError, match="'tiny'"):
        lc.use("tiny")
    with pytest.raises(lc.LLMCourseError):
        lc.load("no-such-model")
    raised = [kind for kind in vars(lc.errors).values() if isinstance(kind, type)]
    assert len(raised) > 10 and all(issubclass(kind, lc.LLMCourseError) for kind in raised)


def test_importing_it_and_its_error_loads_no_library() -> None:
    code = (
        "import sys, llm_course as lc; lc.LLMCourseError\n"
        "heavy = {'numpy', 'torch', 'transformers', 'huggingface_hub', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
