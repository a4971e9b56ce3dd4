"""How well incontext-mini learns from the examples in its prompt, and what it needs its heads for.

Knows nothing about how the model was trained. Codes are drawn anew for every prompt; accuracy is taken against the
number of examples, for dictionaries and for codes by kind, and for pairs of word and code word that training left out.
The heads are ranked by two measures of the attention package, on rows of one code: how much goes to the token after an
earlier copy ("induction"), and how much to the previous token, which is what induction is built on. Then the first ones
of each are switched off.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from llm_course.attention import ablate, attend
from llm_course.attention import measure as measure_heads
from llm_course.minis.evaluate.record import Table, goal, stamp
from llm_course.shelf.loading import load
from llm_course.use_cases.in_context import accuracy_curve, make_prompt
from llm_course.worlds.codes import RULES, draw_problem

SHOTS, PROBLEMS, WANTED = (0, 1, 2, 4, 8, 12, 16, 20), 1000, 0.9
TEXTS, OFF = 20, 3
HOW = (
    "Each problem draws a code anew: four words (or four kinds of words), four of the 16 code words, examples of them "
    "at random, and a question about one of them; the answer is the most probable code word. 1,000 problems for each "
    "number of examples. A question whose answer no example shows can only be guessed, so the best learner is not at 1 "
    "either."
)


def measure(data: str | Path | None, limit: int | None = None, *, model: Any = "incontext-mini") -> dict[str, Any]:
    """Measure accuracy by the number of examples, and what is left of it without the induction heads.

    Args:
        data: not read: the problems are drawn.
        limit: at most so many problems for each number of examples.
        model: what ``lc.load`` takes.
    """
    lm = load(model, task="generate")
    problems = min(limit or PROBLEMS, PROBLEMS)
    curves: dict[str, dict[str, Any]] = {}
    for name, options in (
        ("dictionary", {}),
        ("dictionary, pairs never met in training", {"unmet": True}),
        ("by kind, the word itself not shown", {"rule": "by kind"}),
    ):
        curve = accuracy_curve(SHOTS, model=lm, form="comma", problems=problems, **options)  # type: ignore[arg-type]
        curves[name] = {
            "accuracy": [round(value, 4) for value in curve.accuracy],
            "best_learner": [round(value, 4) for value in curve.ceiling],
            "chance": round(curve.chance, 4),
        }
    heads, previous = ranked(induction(lm)), ranked(induction(lm, "previous token"))
    most = SHOTS[-1]
    off: dict[str, dict[str, Any]] = {}
    for name, chosen in (
        ("none", []),
        *((f"highest induction, {count}", heads[:count]) for count in range(1, OFF + 1)),
        ("highest previous token, 1", previous[:1]),
        ("lowest induction, 1", heads[-1:]),
    ):
        with ablate(lm, [(i, j) for _, i, j in chosen]) as broken:
            off[name] = {
                "heads": [[i, j] for _, i, j in chosen],
                **{
                    rule: round(
                        accuracy_curve([most], model=broken, form="comma", rule=rule, problems=problems).accuracy[0], 4
                    )
                    for rule in RULES
                },
            }
    reached = curves["dictionary"]["accuracy"][-1]
    return {
        "how": HOW,
        "shots": list(SHOTS),
        "problems": problems,
        "curves": curves,
        "induction": [{"layer": i, "head": j, "share": round(value, 4)} for value, i, j in heads],
        "previous_token": [{"layer": i, "head": j, "share": round(value, 4)} for value, i, j in previous],
        "without_heads": off,
        "goals": [
            goal(f"accuracy with {most} examples, dictionary", WANTED, reached),
            goal(f"of it lost without the {OFF} heads of highest induction", 0.5,
                 reached - off[f"highest induction, {OFF}"]["dictionary"]),
        ],
        **stamp("incontext-mini", lm.device.type),
    }  # fmt: skip


def ranked(scores: np.ndarray) -> list[tuple[float, int, int]]:
    """Value, layer and head of every head, the highest value first."""
    return sorted(((float(scores[i, j]), i, j) for i, j in np.ndindex(*scores.shape)), reverse=True)


def induction(lm: Any, name: str = "induction") -> np.ndarray:
    """How much of its attention each head gives to what followed an earlier copy of the token: ``(layers, heads)``.

    The mean over :data:`TEXTS` rows of dictionaries. ``name`` can be another measure of the attention package.
    """
    random = np.random.default_rng(0)
    found = []
    for _ in range(TEXTS):
        problem = draw_problem(16, random)
        text = make_prompt(problem.examples, problem.query)
        found.append(measure_heads(attend(text, model=lm), name))
    return np.mean(found, axis=0)


def headline(measured: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Accuracy with the most examples, beside chance, the best learner, and the model without its induction heads."""
    curve = measured["curves"]["dictionary"]
    beside = f"without an example {curve['accuracy'][0]:.3f}; a blind guess {curve['chance']:.3f}"
    without = measured["without_heads"]
    off = without[f"highest induction, {OFF}"]["dictionary"]
    return [
        (f"accuracy with {measured['shots'][-1]} examples in the prompt", f"{curve['accuracy'][-1]:.3f}", beside),
        (f"the same without the {OFF} heads of highest induction", f"{off:.3f}",
         f"without one of them {without['highest induction, 1']['dictionary']:.3f}"),
    ]  # fmt: skip


def tables(measured: dict[str, Any]) -> list[Table]:
    """Accuracy by the number of examples; the heads by induction; what is left without some of them."""
    shots = tuple(map(str, measured["shots"]))
    lines = []
    for name, curve in measured["curves"].items():
        lines.append((name, *(f"{value:.3f}" for value in curve["accuracy"])))
        lines.append((f"{name}: the best learner", *(f"{value:.3f}" for value in curve["best_learner"])))
    title = f"Accuracy by the number of examples in the prompt ({measured['problems']} problems each)"
    found = [Table(title, ("codes", *shots), tuple(lines))]
    before = {(one["layer"], one["head"]): one["share"] for one in measured["previous_token"]}
    heads = tuple(
        (f"{one['layer']}, {one['head']}", f"{one['share']:.2f}", f"{before[one['layer'], one['head']]:.2f}")
        for one in measured["induction"]
    )
    found.append(
        Table(
            "Share of attention", ("layer, head from 0", "to the token after an earlier copy", "to the previous"), heads
        )
    )
    off = tuple(
        (name, ", ".join(f"({i}, {j})" for i, j in one["heads"]) or "none", *(f"{one[rule]:.3f}" for rule in RULES))
        for name, one in measured["without_heads"].items()
    )
    found.append(Table(f"Accuracy with {shots[-1]} examples and some heads off", ("which heads", "off", *RULES), off))
    return found
