"""Is an answer right: by hand, the legal forms of the same answer, and answers that only look alike."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from llm_course.checks.compare import any_order, close, exact, from_spec, text
from llm_course.errors import BadCourse

nan = float("nan")


@pytest.mark.parametrize(
    ("answer", "expected", "right"),
    [
        (1.000001, 1.0, True),
        (1.1, 1.0, False),
        (1000.001, 1000.0, True),
        (1, 1.0, True),
        (True, 1, True),
        ([1, 2.0], np.array([1, 2]), True),
        (np.array([[1.0]]), [1.0], False),
        ((1, 2), [1, 2], True),
        (nan, nan, True),
        (nan, 1.0, False),
        (1.0, nan, False),
        (float("inf"), float("inf"), True),
        (float("-inf"), float("inf"), False),
        (float("inf"), 1.0, False),
        (None, None, True),
        (None, 0, False),
        (0, None, False),
        ("1", 1, False),
        (1, "1", False),
        ("a", "a", True),
        ("a", "b", False),
        (["a"], "a", False),
        ({"a": 1.0}, {"a": 1}, True),
        ({"a": 1, "b": 2}, {"a": 1}, False),
        ([1], {"a": 1}, False),
        ([["a", 1.0]], [("a", 1)], True),
        ([["a", 2.0]], [("a", 1)], False),
        ([[1], [1, 2]], [[1], [1, 2]], True),
        ([[1], [1, 3]], [[1], [1, 2]], False),
        ([], [], True),
        ([], [1], False),
        (10**30, 10**30, True),
        (10**30, 1, False),
        (["1"], [1], False),
        ([None], [1.0], False),
        (0.0, [], False),
        (np.zeros((0, 3)), np.zeros((0, 2)), False),
    ],
)
def test_close(answer: Any, expected: Any, right: bool) -> None:
    assert close()(answer, expected) is right


def test_texts_where_numbers_are_expected_take_no_room() -> None:
    tracemalloc.start()
    answer = ["a"] * 150 + ["x" * 1_000_000]
    assert not close()(answer, [1, 2, 3]) and not close()(answer, 1.0) and not close()([answer, [1]], [[1], [1]])
    assert tracemalloc.get_traced_memory()[1] < 50_000_000  # numpy would make a table of 604 MB
    tracemalloc.stop()


def test_exact_text_and_order() -> None:
    assert exact()([0.5, "a"], [0.5, "a"]) and not exact()(0.5000001, 0.5)
    assert text()("  Bon  jour\n", "bon jour") and not text(case=True)("Bon", "bon")
    assert text()(["A", {"k": "b "}], ["a", {"k": "B"}]) and not text()("ab", "a b")
    assert any_order()([3, 1.0, 2], [1, 2, 3]) and not any_order()([1, 1, 2], [1, 2, 2])
    assert text()("cafe\u0301", "caf\u00e9") and not text()("cafe", "caf\u00e9")
    assert any_order(text())(["B", "a"], ["A", "b"]) and not any_order()(3, [3])


@pytest.mark.parametrize("rule", [close(0.1), exact(), text(True), any_order(close(0.1))])
def test_a_released_file_names_the_same_comparison(rule: Any) -> None:
    assert from_spec(list(rule.spec)) == rule


@pytest.mark.parametrize("spec", [None, [], ["eval"], "close", [["close"]]])
def test_unknown_names_are_refused(spec: Any) -> None:
    with pytest.raises((BadCourse, TypeError)):
        from_spec(spec)
