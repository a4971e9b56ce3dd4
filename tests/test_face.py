"""The face of the package: what ``import llm_course as lc`` offers, and how little it loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

import llm_course as lc


def test_every_name_is_there() -> None:
    assert sorted(lc.__all__) == lc.__all__, "sorted, capitals first"
    for name in lc.__all__:
        assert getattr(lc, name) is not None
    assert set(lc.__all__) <= set(dir(lc))
    with pytest.raises(AttributeError, match="no 'sumarize'.*summarize"):
        _ = lc.sumarize


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
