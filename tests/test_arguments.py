"""Checks of what a caller hands over: what is wrong is named, and what is allowed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from llm_course.arguments import number_in, texts_of
from llm_course.errors import BadInput, BadOption


def test_one_text_and_a_list_are_told_apart() -> None:
    assert texts_of("a word") == (["a word"], True)
    assert texts_of(("a", "b")) == (["a", "b"], False)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "empty"),
        (" \n\t", "blank"),
        ("\u200b\u202e", "blank"),
        (["fine", ""], "number 1 of the list"),
        ([], "The list of texts is empty"),
        (b"bytes", "not bytes"),
        (["fine", b"bytes"], "decode('utf-8')"),
        (None, "not NoneType"),
        ([["nested"]], "not list"),
        (3.5, "not float"),
        ("half \ud800 a pair", "lone surrogate"),
        ({"a": 1}, "not dict"),
    ],
)
def test_bad_texts_say_what_is_wrong(value: object, says: str) -> None:
    with pytest.raises(BadInput) as caught:
        texts_of(value)
    assert says in str(caught.value)


def test_the_message_stays_short_for_a_long_value() -> None:
    with pytest.raises(BadInput) as caught:
        texts_of(b"x" * 10_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.1, 2.1, "1", None, [1], True, 1j])
def test_numbers_outside_the_range_are_named(value: object) -> None:
    with pytest.raises(BadOption, match=r"temperature=.* must be a number from 0 to 2\."):
        number_in("temperature", value, 0, 2)


def test_numbers_of_numpy_are_numbers() -> None:
    found = [number_in("a", np.int64(3), 0, 9, int), number_in("b", np.float32(0.5), 0, 1), number_in("c", 1, 0, 1)]
    assert found == [3, 0.5, 1] and [type(one) for one in found] == [int, float, float]
    with pytest.raises(BadOption):
        number_in("a", np.float64(3), 0, 9, int)


def test_whole_numbers_are_whole_and_the_range_is_written_out() -> None:
    assert number_in("seed", 2**63 - 1, 0, 2**63 - 1, int) == 2**63 - 1
    with pytest.raises(BadOption, match="a whole number from 0 to 9223372036854775807"):
        number_in("seed", 1.0, 0, 2**63 - 1, int)
