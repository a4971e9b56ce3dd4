"""A learner's code, watched: values as text, and where an error happened."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from llm_course.checks.learner_code import NotWritten, Stopped, call, describe


def test_an_array_of_many_axes_is_told_at_once() -> None:
    begun = time.process_time()
    assert describe(np.zeros((4,) * 10, bool)) == "[" + ", ".join(["False"] * 12) + "] ..."
    assert time.process_time() - begun < 10
    assert describe(np.zeros((50, 50))).startswith("[[0., 0., ..., 0., 0.]")


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.1 + 0.2, "0.3"), ("a" * 500, "'aaa"), (list(range(1000)), "[0, 1, 2"), (object(), "<object object>")],
)
def test_a_value_takes_one_line_without_addresses(value: Any, said: str) -> None:
    text = describe(value)
    assert text.startswith(said) and len(text) <= 120 and "0x" not in text


def test_tensors_are_shown_as_arrays_whatever_they_hold() -> None:
    import torch

    assert describe(torch.tensor([1.0, 2.5], requires_grad=True)) == "[1. , 2.5]"
    assert describe(torch.ones(2, dtype=torch.bfloat16)).startswith("tensor([1., 1.]")


def helper(x: Any) -> Any:
    return x["missing"]


def uses_helper(x: Any) -> Any:
    return helper(x)


def test_what_stops_is_one_sentence_with_the_line_of_the_learner() -> None:
    with pytest.raises(Stopped, match=r"`uses_helper\({}\)` stopped in the line `return x\[.missing.\]`. KeyError"):
        call(uses_helper, ({},))
    with pytest.raises(Stopped, match=r"`root\(2, 3\)` could not be called. TypeError"):
        call(abs, (2, 3), name="root")
    with pytest.raises(NotWritten):
        call(lambda: ...)
    assert call(dict.get, ({}, 1), none_is_an_answer=True) is None
