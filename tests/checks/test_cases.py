"""Cases: the first that is wrong is told, with the hint of the mistake that gives the same result."""

from __future__ import annotations

from typing import Any

import pytest

from llm_course.checks import verdict
from llm_course.checks.cases import Case, try_cases
from llm_course.checks.compare import close
from llm_course.checks.learner_code import NotWritten
from llm_course.checks.verdict import Verdict

CASES = (
    Case((2,), 4, ((8, "You cubed."), (6, "You tripled."))),
    Case((3,), 6, ((27, "You cubed."), (9, "You squared."))),
)


def found(function: Any) -> Verdict:
    def check() -> str:
        return try_cases("double", CASES, lambda case: function(*case.arguments), close())

    return verdict.of("double", check)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: x + x, "Right: double gives what it should on 2 visible cases."),
        (lambda x: x * x, "Not yet: in case 2 of 2, `double(3)` is 9; it should be 6.\nHint: You squared."),
        (lambda x: 3 * x, "Not yet: in case 1 of 2, `double(2)` is 6; it should be 4.\nHint: You tripled."),
        (lambda x: 0, "Not yet: in case 1 of 2, `double(2)` is 0; it should be 4."),
    ],
)
def test_the_first_wrong_case_is_told_with_its_hint(function: Any, text: str) -> None:
    assert found(function).text == text


def test_what_is_not_written_has_a_verdict_of_its_own_and_other_errors_pass() -> None:
    def blank(x: int) -> int:
        raise NotWritten()

    assert found(blank).kind == "blank" and found(blank).text.startswith("Not written yet: double.")
    with pytest.raises(ZeroDivisionError):  # of a judge that is broken, which must not become a student's verdict
        found(lambda x: 1 / 0)
