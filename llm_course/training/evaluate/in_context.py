"""How well incontext-mini learns from the examples in its prompt, and what it needs its heads for.

Knows nothing about how the model was trained. Codes are drawn anew for every prompt; accuracy is taken against the
number of examples, for dictionaries and for codes by kind, and for pairs of word and code word that training left out.
The heads are ranked by the share of attention that goes to the token after an earlier copy (the "induction" measure of
the attention package) on rows of one code; then the first ones are switched off, and as many others for comparison.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from llm_course.attention import ablate, attend
from llm_course.attention import measure as measure_heads
from llm_course.shelf.loading import load
from llm_course.training.evaluate.record import Table, goal, stamp
from llm_course.use_cases.in_context import RULES, accuracy_curve, draw_problem, make_prompt

SHOTS, PROBLEMS, WANTED = (0, 1, 2, 4, 8, 12, 16, 20), 1000, 0.9
TEXTS, OFF = 20, 2
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
    scores = induction(lm)
    heads = sorted(((float(scores[i, j]), i, j) for i, j in np.ndindex(*scores.shape)), reverse=True)
    first, last = heads[:OFF], heads[-OFF:]
    most = SHOTS[-1]
    off: dict[str, dict[str, Any]] = {}
    for name, chosen in (("none", []), ("highest induction", first), ("lowest induction", last)):
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
        "without_heads": off,
        "goals": [
            goal(f"accuracy with {most} examples, dictionary", WANTED, reached),
            goal("of it lost without the two heads of highest induction", 0.5,
                 reached - off["highest induction"]["dictionary"]),
        ],
        **stamp("incontext-mini", lm.device.type),
    }  # fmt: skip


def induction(lm: Any) -> np.ndarray:
    """How much of its attention each head gives to what followed an earlier copy of the token: ``(layers, heads)``.

    The mean over :data:`TEXTS` rows of dictionaries; a head that looks at all alike scores about 0.05.
    """
    random = np.random.default_rng(0)
    found = []
    for _ in range(TEXTS):
        problem = draw_problem(16, random)
        text = make_prompt(problem.examples, problem.query)
        found.append(measure_heads(attend(text, model=lm), "induction"))
    return np.mean(found, axis=0)


def headline(measured: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Accuracy with the most examples, beside chance, the best learner, and the model without its induction heads."""
    curve = measured["curves"]["dictionary"]
    beside = f"without an example {curve['accuracy'][0]:.3f}; a blind guess {curve['chance']:.3f}"
    off = measured["without_heads"]["highest induction"]["dictionary"]
    return [
        (f"accuracy with {measured['shots'][-1]} examples in the prompt", f"{curve['accuracy'][-1]:.3f}", beside),
        ("the same without the two heads of highest induction", f"{off:.3f}",
         f"without the two lowest {measured['without_heads']['lowest induction']['dictionary']:.3f}"),
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
    heads = tuple((f"{one['layer']}, {one['head']}", f"{one['share']:.2f}") for one in measured["induction"])
    found.append(
        Table("Attention to the token after an earlier copy", ("layer, head (counted from 0)", "share"), heads)
    )
    off = tuple(
        (name, ", ".join(f"({i}, {j})" for i, j in one["heads"]) or "none", *(f"{one[rule]:.3f}" for rule in RULES))
        for name, one in measured["without_heads"].items()
    )
    found.append(Table(f"Accuracy with {shots[-1]} examples and some heads off", ("which heads", "off", *RULES), off))
    return found
