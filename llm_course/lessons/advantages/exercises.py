"""Exercises: what training costs in hours and days, and what more parameters buy under a power law.

Knows nothing about notebooks or models. Each check calls the reader's function on cases whose answer is known, and
names the mistake that a wrong answer points to.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from llm_course.checks.exercises import Wrong, exercise
from llm_course.lessons.answers import number

# Operations, operations a second at the peak, share of the peak that is reached.
BILL = (7.2e20, 2e14, 0.4)
# Parameters, tokens, machines, operations a second of each at its peak, share of the peak: 20 days.
CLUSTER = (1.536e9, 1.2e11, 8, 2e14, 0.4)


def _near(found: float, expected: float) -> bool:
    return math.isclose(found, expected, rel_tol=1e-6)


@exercise(
    "gpu_hours",
    hint="Gap 1: a machine that reaches 40% of its peak does 0.4 times the peak, so multiply. Gap 2: operations over "
    "operations a second are seconds; an hour has 3,600 of them.",
    solution="""def gpu_hours(operations, peak, share):
    speed = peak * share                # what the machine really does in a second
    seconds = operations / speed
    return seconds / 3600""",
)
def check_gpu_hours(answer: Callable[..., object]) -> str | None:
    """``answer(operations, peak, share)``: hours on one machine."""
    operations, peak, share = BILL
    hours = operations / (peak * share) / 3600
    found = number(answer(*BILL))
    if _near(found, hours * 3600):
        raise Wrong("these are seconds. An hour has 3,600 of them: divide.")
    if _near(found, hours * 60):
        raise Wrong("these are minutes: an hour has 3,600 seconds, not 60.")
    if _near(found, hours * 3600**2):
        raise Wrong("you multiplied by 3,600. There are fewer hours than seconds: divide.")
    if _near(found, hours * share):
        raise Wrong("you took the peak for what is reached. The machine does peak * share operations a second.")
    if _near(found, hours * share**2):
        raise Wrong("you divided the peak by the share, so your machine is faster than its peak. Multiply.")
    if _near(found, hours / 24):
        raise Wrong("these are days. Hours are asked for.")
    if not _near(found, hours):
        wanted = f"{operations:g} operations at {share:.0%} of {peak:g} a second"
        raise Wrong(f"for {wanted} expected {hours:,.0f} hours, got {found:g}.")
    if not _near(number(answer(operations, peak, 1.0)), hours * share):
        raise Wrong("with another share of the peak the answer is wrong: use the argument share, not a fixed number.")
    return f"{hours:,.0f} hours on one machine; on 100 machines a day and a bit."


@exercise(
    "training_days",
    hint="Operations: 6 * parameters * tokens. In a second the machines together do machines * peak * share of them. "
    "Divide, and you have seconds; a day has 86,400.",
    solution="""def training_days(parameters, tokens, machines, peak, share):
    seconds = 6 * parameters * tokens / (machines * peak * share)
    return seconds / 86_400""",
)
def check_training_days(answer: Callable[..., object]) -> str | None:
    """``answer(parameters, tokens, machines, peak, share)``: days of a training run on many machines."""
    days = 20.0
    machines, share = CLUSTER[2], CLUSTER[4]
    found = number(answer(*CLUSTER))
    for wrong, why in (
        (days * 86_400, "these are seconds. A day has 86,400 of them: divide."),
        (days * 24, "these are hours. A day has 24 of them."),
        (days / 6, "each parameter and token takes 6 operations. The 6 is missing."),
        (days / 3, "that is the forward pass alone, 2 operations. The backward pass takes 4 more."),
        (days * share, "you took the peak for what is reached. A machine does peak * share operations a second."),
        (days * share**2, "you divided the peak by the share, so your machines are faster than their peak. Multiply."),
        (days * machines, "these are the days of one machine. They work at the same time: divide by their number."),
        (days * machines**2, "you multiplied by the machines. More of them are done sooner: divide."),
    ):
        if _near(found, wrong):
            raise Wrong(why)
    if not _near(found, days):
        raise Wrong(f"for {CLUSTER} expected {days:g} days, got {found:g}.")
    if not _near(number(answer(*CLUSTER[:4], 0.2)), 2 * days):
        raise Wrong("with half the share it must take twice as long: use the argument share, not a fixed number.")
    return "20 days on 8 machines. On one it would be 160, and the bill is the same."


@exercise(
    "loss_after",
    hint="A power law y = factor * n ** -exponent. If n grows by `times`, y is multiplied by times ** -exponent: the "
    "factor and the old n fall out.",
    solution="""def loss_after(loss, times, exponent):
    return loss * times ** -exponent""",
)
def check_loss_after(answer: Callable[..., object]) -> str | None:
    """``answer(loss, times, exponent)``: the loss of a model with ``times`` as many parameters."""
    found = number(answer(3.0, 16, 0.25))
    if _near(found, 6.0):
        raise Wrong("the loss rose from 3 to 6. More parameters lower it: the exponent enters with a minus sign.")
    if _near(found, 3.0 / (16 * 0.25)) or _near(found, 3.0 - 16 * 0.25):
        raise Wrong("the exponent is a power, not a factor: times ** -exponent.")
    if _near(found, 16**-0.25):
        raise Wrong("this is what the loss is multiplied by. Multiply the old loss with it.")
    if _near(found, 3.0 * math.exp(-0.25 * 16)):
        raise Wrong(
            "this is an exponential: the loss would fall by a factor with each parameter added, not with each doubling."
        )
    if not _near(found, 1.5):
        raise Wrong(f"for a loss of 3, sixteen times the parameters and exponent 0.25 expected 1.5, got {found:g}.")
    if not _near(number(answer(3.0, 1, 0.1)), 3.0):
        raise Wrong("with once as many parameters the loss must stay as it is.")
    if not _near(number(answer(1.0, 10, 0.076)), 10**-0.076):
        raise Wrong(f"for a loss of 1, ten times the parameters and exponent 0.076 expected {10**-0.076:.3f}.")
    return f"with an exponent of 0.076 ten times the parameters take {1 - 10**-0.076:.0%} off the loss."
