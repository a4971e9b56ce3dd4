"""Exercises: the energy of training, and that of one token. Energy is power times time.

Knows nothing about models. Each check calls the reader's function on figures whose answer is known, and names the
mistake that a wrong answer points to.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from llm_course.checks.exercises import Wrong, exercise
from llm_course.lessons.answers import number


@exercise(
    "training_kwh",
    hint="Gap 1: operations divided by operations per second gives seconds. `useful` is the share of the peak speed "
    "that is reached, so it makes the time longer: divide by `peak * useful`. Gap 2: watts times seconds is joules; a "
    "kilowatt-hour is 3.6 million joules.",
    solution="""def training_kwh(operations, peak, useful, watts):
    seconds = operations / (peak * useful)
    return watts * seconds / 3.6e6""",
)
def check_training_kwh(answer: Callable[..., object]) -> str | None:
    """``answer(operations, peak, useful, watts)``: energy in kilowatt-hours."""
    given = (7.2e18, 1e14, 0.25, 500.0)
    found = number(answer(*given))
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
    "token_wh",
    hint="For each token every parameter is fetched once. Bytes to move: parameters times bytes per parameter. Over "
    "the bandwidth, in bytes per second, that is the time. Watts times seconds is joules; a watt-hour is 3,600.",
    solution="""def token_wh(parameters, bytes_each, bandwidth, watts):
    seconds = parameters * bytes_each / bandwidth
    return watts * seconds / 3600""",
)
def check_token_wh(answer: Callable[..., object]) -> str | None:
    """``answer(parameters, bytes_each, bandwidth, watts)``: power times (bytes over bytes per second), in hours."""
    given = (9e9, 2.0, 1e12, 400.0)
    found, right = number(answer(*given)), 0.002
    if math.isclose(found, right, rel_tol=1e-6):
        return "18 ms at 400 watts for 9 billion parameters in 16 bits: a lamp of 10 watts burns 0.7 seconds on it."
    for wrong, why in (
        (right * 3600, "that is in joules (watts times seconds). A watt-hour is 3,600 of them: divide."),
        (right / 1000, "that is in kilowatt-hours. Watt-hours are asked for."),
        (right * 3600**2, "you multiplied by 3,600. A watt-hour is more than a joule: divide."),
        (right / 2, "the bytes of each parameter are missing: in 16 bits a parameter takes 2."),
        (right / 4, "you divided by the bytes of each parameter. More bytes take longer: multiply."),
        (0.018, "that is the time in seconds. Multiply by the power, and change the unit."),
        (right / 400, "the power is missing: you have the time in hours. Multiply by the watts."),
        (400 / 0.018 / 3600, "you divided the power by the time. Energy is power times time."),
    ):
        if math.isclose(found, wrong, rel_tol=1e-6):
            raise Wrong(why)
    raise Wrong(f"for {given} expected {right} Wh, got {found:.4g}.")
