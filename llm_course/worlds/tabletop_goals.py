"""What can be wished for at the table: goals, how people word them, and a planner that never errs.

Knows nothing about language models. The planner sees the whole layout, which no robot does: it is the oracle that
the model learns from and is measured against. It clears what is in the way onto the table, the topmost block first.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from llm_course.worlds.tabletop import COLORS, PLACES, TRAY_ROOM, TRAYS, Layout, after

DONE, IMPOSSIBLE, FULL = "already done", "not possible", "both trays are full"


@dataclass(frozen=True)
class Goal:
    """A wish: its kind (a key of ``WORDINGS``), the block it is about, and the block it should lie on."""

    kind: str
    block: str = ""
    on: str = ""

    def holds(self, layout: Layout) -> bool:
        """Whether the layout fulfils the wish."""
        if self.kind == "on":
            return layout.below(self.block) == self.on
        if self.kind == "table":
            return layout.below(self.block) == "table"
        if self.kind == "clear":
            return layout.held == self.block or (
                layout.place_of(self.block) is not None and not layout.above(self.block)
            )
        if self.kind == "hold":
            return layout.held == self.block
        if self.kind == "free":
            return layout.held is None
        return any(self.block in tray for tray in self._trays(layout))

    def _trays(self, layout: Layout) -> list[tuple[str, ...]]:
        return [tray for name, tray in zip(TRAYS, layout.trays, strict=True) if self.kind in ("tray", name)]


# Goal kind -> how people say it. {a} is the block, {b} the one it should lie on.
WORDINGS: dict[str, tuple[str, ...]] = {
    "on": (
        "put the {a} block on the {b} one",
        "put {a} on {b}",
        "stack the {a} block on the {b} block",
        "place the {a} block on top of {b}",
        "the {a} block should be on the {b} one",
    ),
    "tray": ("put the {a} block in a tray", "put {a} in a tray", "the {a} block should be in a tray"),
    "left": ("put the {a} block in the left tray", "put {a} in the left tray"),
    "right": ("put the {a} block in the right tray", "put {a} in the right tray"),
    "table": ("put the {a} block on the table", "put {a} on the table", "the {a} block should be on the table"),
    "clear": ("clear the {a} block", "clear the top of {a}", "take everything off the {a} block"),
    "hold": ("pick up the {a} block", "take the {a} block", "pick {a} up"),
    "free": ("put down the block", "put down what you hold", "free the gripper"),
}


def plan(layout: Layout, goal: Goal) -> list[str]:
    """The oracle's steps to the goal, or one line that says why there are none.

    That line is ``already done``, ``no COLOR block`` (neither on the table nor held), ``not possible`` (a block on
    itself), ``left tray is full``, ``right tray is full`` or ``both trays are full``.
    """
    a, b = goal.block, goal.on
    for color in filter(None, (a, b)):
        if color not in layout.seen():
            return [f"no {color} block"]
    if goal.kind == "on" and a == b:
        return [IMPOSSIBLE]
    if goal.holds(layout):
        return [DONE]
    if goal.kind in ("tray", *TRAYS):
        room = {name: TRAY_ROOM - len(tray) for name, tray in zip(TRAYS, layout.trays, strict=True)}
        # A tray, whichever: the emptier one; the left one where both are alike.
        tray = goal.kind if goal.kind in TRAYS else max(TRAYS, key=lambda name: room[name])
        if not room[tray]:
            return [FULL] if goal.kind == "tray" else [f"{tray} tray is full"]
    steps: list[str] = []

    def do(step: str) -> None:
        nonlocal layout
        layout = after(layout, step)
        steps.append(step)

    def clear(color: str) -> None:
        for other in reversed(layout.above(color)):
            do(f"pick {other}")
            do("place on table")

    # What the gripper holds is in the way, unless it is the block that is wanted and can be put where it belongs.
    if layout.held and (layout.held != a or (b and layout.above(b))):
        do("place on table")
    if goal.kind in ("free", "clear"):
        clear(a)
        return steps
    if layout.held != a:
        clear(a)
        if b:
            clear(b)  # which may set the wanted block itself on the table
        do(f"pick {a}")
    if goal.kind in ("tray", *TRAYS):
        do(f"place in {tray} tray")
    elif goal.kind != "hold":
        do(f"place on {b or 'table'}")
    return steps


def answers(steps: list[str]) -> bool:
    """Whether a plan is an answer in words, which asks for no motion."""
    return not any(step.startswith(("pick ", "place ")) for step in steps)


# --- drawing layouts and wishes at random ---------------------------------------------------------------------


def arrangement(layout: Layout) -> str:
    """Which block lies on which, and what is held; not at which places the stacks stand, nor the trays."""
    return "|".join(sorted(",".join(stack) for stack in layout.stacks if stack)) + f"#{layout.held or ''}"


def held_out(layout: Layout) -> bool:
    """Whether an arrangement is kept for testing: one in ten, by a hash, so that it is the same everywhere."""
    return hashlib.md5(arrangement(layout).encode()).digest()[0] < 26


def random_layout(random: np.random.Generator) -> Layout:
    """Three to five blocks in stacks at random places; one of them held in four layouts of ten; trays at random."""
    colors = random.permutation(list(COLORS))[: random.choice([3, 4, 5], p=[0.15, 0.3, 0.55])].tolist()
    held = colors.pop() if random.random() < 0.4 else None
    stacks: list[tuple[str, ...]] = [()] * PLACES
    places = random.choice(PLACES, random.integers(1, len(colors) + 1), replace=False)
    for color in colors:
        place = int(random.choice(places))
        stacks[place] = (*stacks[place], color)
    loads = random.choice(3, 2, p=[0.35, 0.25, 0.4])
    left, right = (("gray",) * int(load) for load in loads)
    return Layout(tuple(stacks), held, (left, right))


KINDS = {"on": 0.46, "tray": 0.1, "left": 0.08, "right": 0.08, "table": 0.09, "clear": 0.07, "hold": 0.08, "free": 0.04}


def random_goal(layout: Layout, random: np.random.Generator) -> Goal:
    """A wish. One block in ten is of any color, so that some are not there; the others are on the table or held."""
    kind = str(random.choice(list(KINDS), p=list(KINDS.values())))
    if kind == "free":
        return Goal(kind)
    there = sorted(layout.seen())
    chosen = [str(random.choice(list(COLORS) if random.random() < 0.1 else there)) for _ in range(2)]
    if kind != "on":
        return Goal(kind, chosen[0])
    if chosen[0] == chosen[1] and random.random() < 0.8:  # a block on itself: rarely
        return random_goal(layout, random)
    return Goal(kind, *chosen)


def worded(goal: Goal, random: np.random.Generator) -> str:
    """The wish in words, one wording at random."""
    wordings = WORDINGS[goal.kind]
    return wordings[random.integers(len(wordings))].format(a=goal.block, b=goal.on)


def goal_of(instruction: str) -> Goal | None:
    """The goal that a known wording means; ``None`` for other words. For the judge, not for the model."""
    words = " ".join(instruction.lower().replace(".", " ").split())
    for kind, wordings in WORDINGS.items():
        for wording in wordings:
            for a in COLORS:
                for b in COLORS if "{b}" in wording else ("",):
                    if wording.format(a=a, b=b) == words:
                        return Goal(kind, "" if kind == "free" else a, b)
    return None
