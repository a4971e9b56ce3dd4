"""Exercises of lesson 12: the cost of training, and the time that a token takes.

Knows nothing about models. Each check calls the reader's function on figures whose answer is known, and names the
mistake that a wrong answer points to.
"""

from __future__ import annotations

import math
from typing import Any

from llm_course.lesson.exercises import Wrong, exercise


def _number(result: Any) -> float:
    try:
        return float(result)
    except (TypeError, ValueError):
        raise Wrong(f"your function gives back {type(result).__name__}, where a number is expected.") from None


@exercise(
    "training_kwh",
    hint="Gap 1: operations divided by operations per second gives seconds. `useful` is the share of the peak speed "
    "that is reached, so it makes the time longer: divide by `peak * useful`. Gap 2: watts times seconds is joules; a "
    "kilowatt-hour is 3.6 million joules.",
    solution="""def training_kwh(operations, peak, useful, watts):
    seconds = operations / (peak * useful)
    return watts * seconds / 3.6e6""",
)
def check_training_kwh(answer: Any) -> str | None:
    """``answer(operations, peak, useful, watts)``: energy in kilowatt-hours."""
    given = (7.2e18, 1e14, 0.25, 500.0)
    found = _number(answer(*given))
    seconds = given[0] / (given[1] * given[2])
    right = given[3] * seconds / 3.6e6
    if math.isclose(found, right, rel_tol=1e-6):
        return "energy is power times time; a processor that waits half of the time still draws power."
    for wrong, why in (
        (given[3] * seconds, "that is in joules (watts times seconds). Divide by 3.6 million for kilowatt-hours."),
        (right * 1000, "that is in watt-hours. A kilowatt-hour is a thousand of them: divide by 3.6 million in all."),
        (right * given[2], "`useful` is missing: only a share of the peak speed is reached, so it takes longer."),
        (right * given[2] ** 2, "you multiplied by `useful`. A smaller share makes the time longer: divide by it."),
        (seconds, "that is the time in seconds. Multiply by the power, and change the unit."),
    ):
        if math.isclose(found, wrong, rel_tol=1e-6):
            raise Wrong(why)
    raise Wrong(f"for {given} expected {right:.1f} kWh, got {found:.4g}.")


@exercise(
    "seconds_per_token",
    hint="For each token every parameter is fetched once. Bytes to move: parameters times bytes per parameter. Divide "
    "by the bandwidth, which is in bytes per second.",
    solution="""def seconds_per_token(parameters, bytes_each, bandwidth):
    return parameters * bytes_each / bandwidth""",
)
def check_seconds_per_token(answer: Any) -> str | None:
    """``answer(parameters, bytes_each, bandwidth)``: bytes over bytes per second."""
    given = (8e9, 2.0, 1e12)
    found, right = _number(answer(*given)), 0.016
    if math.isclose(found, right, rel_tol=1e-6):
        return "16 ms for 8 billion parameters in 16 bits at a terabyte a second: at most 62 tokens a second."
    if math.isclose(found, 1 / right, rel_tol=1e-6):
        raise Wrong("that is tokens per second. Seconds per token is its inverse.")
    if math.isclose(found, 8e9 / 1e12, rel_tol=1e-6):
        raise Wrong("the bytes of each parameter are missing: in 16 bits a parameter takes 2.")
    if math.isclose(found, right / 4, rel_tol=1e-6):
        raise Wrong("you divided by the bytes of each parameter. More bytes take longer: multiply.")
    raise Wrong(f"for {given} expected {right} s, got {found:.4g}.")
