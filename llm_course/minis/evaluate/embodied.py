"""How well a robot's model plans: the share of wishes fulfilled in the simulator, on arrangements never trained on.

Knows nothing about how the model was trained, beyond which arrangements were kept out. Every wish that can be
fulfilled is carried out on the simulated table, with and without slipping steps; the judge looks at the table, not at
the words. Then the model's senses are taken away one by one. Beside it stand the oracle, which sees all, and a
robot that knows the words only.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from llm_course.minis.evaluate.record import Table, goal, stamp
from llm_course.shelf.loading import LanguageModel, load
from llm_course.use_cases.embodied import RobotPlan, act, carry_out_all, steps_of
from llm_course.worlds import tabletop as world
from llm_course.worlds import tabletop_goals as goals

TABLES, ASKS, SLIP, SUCCESS = 500, 6, 0.15, 0.9
HOW = (
    "Unseen arrangements of blocks (one in ten is kept out of training by a hash; places, light and noise at random), "
    "one wish each. Success: of the wishes that can be fulfilled and are not yet, the share that the simulator finds "
    f"fulfilled after carrying out the plan, with at most {ASKS} plans, a new one whenever a step fails. Answers: of "
    "the other wishes, the share answered as the oracle does. Without the image: the model is shown an empty table. "
    "Without the state: the vector of an empty gripper and empty trays. Shuffled: the image, or the state, of another "
    "table of the test. Words only: it picks the block that is named and places it where it should be."
)


class Seen:
    """A table seen through other senses: its own, or those that are given."""

    def __init__(self, table: Any, image: np.ndarray | None, state: np.ndarray | None) -> None:
        self._table, self._image, self._state = table, image, state

    def image(self) -> np.ndarray:
        """The given image, else the table's."""
        return self._table.image() if self._image is None else self._image

    def state(self) -> np.ndarray:
        """The given state, else the table's."""
        return self._table.state() if self._state is None else self._state


def unseen(count: int, seed: int = 1) -> list[tuple[world.Layout, goals.Goal, str]]:
    """Layouts whose arrangement was kept out of training, each with a wish and its words."""
    random = np.random.default_rng([seed, 99])
    found: list[tuple[world.Layout, goals.Goal, str]] = []
    while len(found) < count:
        layout = goals.random_layout(random)
        if goals.held_out(layout):
            wish = goals.random_goal(layout, random)
            found.append((layout, wish, goals.worded(wish, random)))
    return found


def words_only(instruction: str) -> RobotPlan:
    """What can be planned without looking: the named block is free, the gripper empty, both trays have room."""
    wish = goals.goal_of(instruction)
    assert wish is not None
    blocks = [block for block in (wish.block, wish.on) if block]
    guess = world.Layout(tuple((block,) for block in dict.fromkeys(blocks)) + ((),))
    if wish.kind == "free":
        guess = replace(guess, held="red")
    if wish.kind == "table":
        guess = replace(guess, stacks=(("other", wish.block), ()))
    steps = goals.plan(guess, wish)
    return RobotPlan(" ; ".join(steps), steps_of(" ; ".join(steps)), instruction, "words only")


def oracle(instruction: str, table: Any) -> RobotPlan:
    """The plan of the oracle, which sees the layout itself."""
    wish = goals.goal_of(instruction)
    assert wish is not None
    text = " ; ".join(goals.plan(table.layout, wish))
    return RobotPlan(text, steps_of(text), instruction, "oracle")


def planner(kind: str, lm: LanguageModel, tests: list[Any]) -> Any:
    """A function from instructions and tables to plans, with the senses that ``kind`` leaves."""
    if kind == "words only":
        return lambda said, tables: [words_only(text) for text in said]
    if kind == "oracle":
        return lambda said, tables: [oracle(text, table) for text, table in zip(said, tables, strict=True)]
    bare = world.Table([])
    others = [world.Table.of(layout, seed=number) for number, (layout, _, _) in enumerate(tests)]
    shift = np.random.default_rng(5)

    def plans(said: list[str], tables: list[Any]) -> list[RobotPlan]:
        seen = []
        for table in tables:
            other = others[int(shift.integers(len(others)))]
            image = {"without the image": bare.image(), "shuffled images": other.image()}.get(kind)
            state = {"without the state": bare.state(), "shuffled states": other.state()}.get(kind)
            seen.append(Seen(table, image, state))
        found: list[RobotPlan] = act(said, seen, model=lm)
        return found

    return plans


KINDS = (
    "whole",
    "without the image",
    "without the state",
    "shuffled images",
    "shuffled states",
    "words only",
    "oracle",
)


def success(tests: list[Any], plans: Any, slip: float, doable: list[bool]) -> dict[str, float]:
    """Share of the doable wishes that are fulfilled in the end, and plans asked for on the mean."""
    own = [test for test, can in zip(tests, doable, strict=True) if can]
    tables = [world.Table.of(layout, slip=slip, seed=number) for number, (layout, _, _) in enumerate(own)]
    episodes = carry_out_all([said for _, _, said in own], tables, model=plans, asks=ASKS)
    return {
        "success": round(float(np.mean([bool(episode.success) for episode in episodes])), 4),
        "plans": round(float(np.mean([len(episode.plans) for episode in episodes])), 2),
    }


def measure(data: str | Path | None = None, limit: int | None = None, *, model: Any = "palm-e-mini") -> dict[str, Any]:
    """Measure a robot's model; ``limit`` is the number of tables (else 500). ``data`` is not needed."""
    lm = load(model, task="act")
    tests = unseen(limit or TABLES)
    right = [" ; ".join(goals.plan(layout, wish)) for layout, wish, _ in tests]
    doable = [bool(steps_of(text)) for text in right]
    found: dict[str, dict[str, float]] = {}
    kinds: dict[str, list[bool]] = {}
    for kind in KINDS:
        plans = planner(kind, lm, tests)
        name = lm.name if kind == "whole" else kind if kind in ("words only", "oracle") else f"{lm.name}, {kind}"
        still = success(tests, plans, 0.0, doable)
        slippery = success(tests, plans, SLIP, doable)
        tables = [world.Table.of(layout, seed=n) for n, (layout, _, _) in enumerate(tests)]
        said = [plan.text for plan in plans([words for _, _, words in tests], tables)]
        same = [text == wanted for text, wanted, can in zip(said, right, doable, strict=True) if not can]
        found[name] = {
            "success": still["success"], "success, slipping": slippery["success"], "plans, slipping": slippery["plans"],
            "answers": round(float(np.mean(same)), 4),
        }  # fmt: skip
        if kind == "whole":
            for (_, wish, _), text, wanted in zip(tests, said, right, strict=True):
                kinds.setdefault(wish.kind, []).append(text == wanted)
    own = found[lm.name]
    blind, numb = (found[f"{lm.name}, without the {sense}"]["success"] for sense in ("image", "state"))
    return {
        "how": HOW,
        "tables": len(tests),
        "doable": sum(doable),
        "slip": SLIP,
        "planners": found,
        "first plan as the oracle's": {kind: round(float(np.mean(same)), 4) for kind, same in sorted(kinds.items())},
        "goals": [
            goal("success on unseen arrangements", SUCCESS, own["success"]),
            goal("the same, when 15% of the steps slip", SUCCESS, own["success, slipping"]),
            goal("success lost without the image", 0.1, own["success"] - blind),
            goal("success lost without the state", 0.1, own["success"] - numb),
        ],
        **stamp(lm.name, lm.device.type),
    }


def headline(measured: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Success, with the other planners' beside it."""
    (_, own), *others = measured["planners"].items()
    beside = "; ".join(f"{name.split(', ')[-1]} {figures['success']:.3f}" for name, figures in others)
    return [("wishes fulfilled, unseen arrangements", f"{own['success']:.3f}", beside)]


def tables(measured: dict[str, Any]) -> list[Table]:
    """Success of every planner, and the first plans by kind of wish."""
    names = ("success", "success, slipping", "plans, slipping", "answers")
    rows = tuple(
        (name, *(f"{figures[n]:.2f}" if n.startswith("plans") else f"{figures[n]:.3f}" for n in names))
        for name, figures in measured["planners"].items()
    )
    head = ("planner", "success", f"success, {measured['slip']:.0%} of steps slip", "plans asked for then", "answers")
    title = f"Wishes fulfilled: {measured['doable']} of {measured['tables']} unseen tables, answers on the others"
    kinds = tuple((kind, f"{share:.3f}") for kind, share in measured["first plan as the oracle's"].items())
    return [
        Table(title, head, rows),
        Table("First plans that are word for word the oracle's", ("kind of wish", "share"), kinds),
    ]
