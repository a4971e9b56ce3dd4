"""A small simulated table top: blocks in stacks, two trays, one gripper, and what the robot senses of them.

Knows nothing about language models or goals. The robot senses two things. Its camera sees the blocks on the table,
but neither what the gripper holds nor what lies in the high-walled trays. Its state vector has the gripper's position
and opening, the color under its fingers, and the weight on each tray's scale. Neither tells what the other does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from llm_course.arguments import number_in
from llm_course.errors import BadInput
from llm_course.worlds.tabletop_layout import (
    BLOCK_HEIGHT,
    BLOCK_KG,
    BLOCK_WIDTH,
    COLORS,
    HEIGHT,
    PLACES,
    SPACING,
    STATE,
    TABLE_COLOR,
    TRAY_ROOM,
    TRAYS,
    WIDTH,
    Layout,
    describe,
)
from llm_course.worlds.tabletop_view import svg


class StepFailed(Exception):
    """A step did not do what it says. The text says why; the table shows where things are now."""


def after(layout: Layout, step: str, slips: bool = False) -> Layout:
    """The layout after one step; the laws of this small world.

    ``pick COLOR`` needs an empty gripper and a block with nothing on it. ``place on COLOR`` needs a block with nothing
    on it, ``place on table`` takes the first free place from the left, ``place in left tray`` and ``place in right
    tray`` need room there. A pick that slips leaves the block where it is. A placing that slips drops it on the table.

    Raises:
        StepFailed: the step is impossible here, or no step at all; nothing moves.
    """
    words = tuple(step.split())
    stacks = [list(stack) for stack in layout.stacks]
    trays = [list(tray) for tray in layout.trays]
    held = layout.held
    if len(words) == 2 and words[0] == "pick" and words[1] in COLORS:
        color, found = words[1], layout.place_of(words[1])
        if held:
            raise StepFailed(f"the gripper already holds {held}")
        if not found:
            raise StepFailed(f"there is no {color} block on the table")
        if layout.above(color):
            raise StepFailed(f"{layout.above(color)[0]} lies on {color}")
        if not slips:
            held = stacks[found[0]].pop()
    elif words[:2] == ("place", "on") and len(words) == 3 and words[2] in (*COLORS, "table"):
        found = layout.place_of(words[2])
        _needs_held(held)
        if words[2] != "table" and not found:
            raise StepFailed(f"there is no {words[2]} block on the table")
        if words[2] != "table" and layout.above(words[2]):
            raise StepFailed(f"{layout.above(words[2])[0]} lies on {words[2]}")
        target = _free(stacks) if slips or not found else found[0]
        stacks[target].append(str(held))
        held = None
    elif len(words) == 4 and words[:2] == ("place", "in") and words[2] in TRAYS and words[3] == "tray":
        _needs_held(held)
        tray = trays[TRAYS.index(words[2])]
        if len(tray) >= TRAY_ROOM:
            raise StepFailed(f"the {words[2]} tray is full")
        (stacks[_free(stacks)] if slips else tray).append(str(held))
        held = None
    else:
        raise StepFailed("this is no step that the robot knows")
    return Layout(tuple(map(tuple, stacks)), held, (tuple(trays[0]), tuple(trays[1])))


def _needs_held(held: str | None) -> None:
    if not held:
        raise StepFailed("the gripper holds nothing")


def _free(stacks: list[list[str]]) -> int:
    """The first free place from the left: there is one, since there are more places than blocks."""
    return next(place for place, stack in enumerate(stacks) if not stack)


# --- what the robot senses ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Looks:
    """What differs between two tables with the same layout: small shifts in pixels, light, and sensor noise."""

    shift: tuple[tuple[int, int], ...]  # of each place: to the right (-1 to 1), and away from the camera (0 to 4)
    wobble: dict[str, int]  # of each block in its stack, to the right: -1 to 1
    light: float
    grain: int  # seed of the image's noise
    noise: tuple[float, ...]  # added to the state vector

    @classmethod
    def draw(cls, random: np.random.Generator) -> Looks:
        """Looks at random."""
        right, back = random.integers(-1, 2, PLACES), random.integers(0, 5, PLACES)
        return cls(
            tuple(zip(right.tolist(), back.tolist(), strict=True)),
            dict(zip(COLORS, random.integers(-1, 2, len(COLORS)).tolist(), strict=True)),
            float(random.uniform(0.85, 1.08)),
            int(random.integers(2**31)),
            tuple(random.normal(0, 0.02, len(STATE)).tolist()),
        )


def boxes(layout: Layout, looks: Looks) -> list[tuple[str, int, int]]:
    """Color, left and top pixel of each block in the image, from the bottom up in each stack."""
    found = []
    for place, stack in enumerate(layout.stacks):
        right, back = looks.shift[place]
        for level, color in enumerate(stack):
            left = 3 + SPACING * place + right + looks.wobble[color]
            found.append((color, left, HEIGHT - 2 - back - BLOCK_HEIGHT * (level + 1)))
    return found


def picture(layout: Layout, looks: Looks) -> np.ndarray:
    """The camera's image, ``(HEIGHT, WIDTH, 3)``, 0 to 255 as uint8: the blocks on the table, from the front."""
    image = np.empty((HEIGHT, WIDTH, 3), np.float32)
    image[:] = TABLE_COLOR
    for color, left, top in boxes(layout, looks):
        block = image[top : top + BLOCK_HEIGHT, left : left + BLOCK_WIDTH]
        block[:] = COLORS[color]
        block[:2] = block[:2] * 0.65 + 88  # the top face is lit
        block[-1] *= 0.6
        block[:, -1] *= 0.75
    image *= looks.light
    image += np.random.default_rng(looks.grain).standard_normal((HEIGHT, WIDTH, 1), np.float32) * 4
    return image.clip(0, 255).astype(np.uint8)


def sensed(layout: Layout, looks: Looks, gripper: tuple[float, float]) -> np.ndarray:
    """The state vector, ``(len(STATE),)`` float32; ``STATE`` names its numbers. Positions run from 0 to 1."""
    finger = np.array(COLORS[layout.held]) / 255 if layout.held else np.zeros(3)
    opening = 0.4 if layout.held else 1.0
    weights = [BLOCK_KG * len(tray) for tray in layout.trays]
    return (np.array([*gripper, opening, *finger, *weights]) + looks.noise).astype(np.float32)


class Table:
    """A table that can be looked at and acted on.

    Args:
        stacks: up to six stacks from left to right, each a list of colors from the bottom up.
        held: the color in the gripper.
        trays: how many gray blocks, 0 to 2, lie in the left and in the right tray.
        slip: probability from 0 to 1 that a step slips.
        seed: decides small shifts, light, noise, and which steps slip.

    Raises:
        BadInput: a color is unknown or there twice, a stack or a tray does not fit.
        BadOption: ``slip`` or ``seed`` is not allowed.
    """

    def __init__(
        self,
        stacks: Sequence[Iterable[str]],
        held: str | None = None,
        trays: tuple[int, int] = (0, 0),
        *,
        slip: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.layout = checked(stacks, held, trays)
        self.slip = number_in("slip", slip, 0, 1)
        self._random = np.random.default_rng([number_in("seed", seed, 0, 2**31, int), 7])
        self.looks = Looks.draw(self._random)
        self.gripper = (round(float(self._random.uniform(0, 1)), 2), 0.9)
        self.moves: list[Move] = []  # what has happened so far

    @classmethod
    def of(cls, layout: Layout, *, slip: float = 0.0, seed: int = 0) -> Table:
        """A table with that layout."""
        table = cls((), slip=slip, seed=seed)
        table.layout = layout
        return table

    def image(self) -> np.ndarray:
        """What the camera sees: ``(48, 64, 3)`` as uint8."""
        return picture(self.layout, self.looks)

    def state(self) -> np.ndarray:
        """What the other sensors say: ``(8,)`` float32; ``lc.tabletop.STATE`` names the numbers."""
        return sensed(self.layout, self.looks, self.gripper)

    def do(self, step: str) -> Move:
        """Try one step. Slipping is drawn at random; the returned :class:`Move` says what came of it."""
        before = self.layout
        slips = bool(self._random.random() < self.slip)
        try:
            self.layout = after(before, step, slips)
            problem = "it slipped" if slips else ""
        except StepFailed as failed:
            problem = str(failed)
        if not problem or slips:
            self.gripper = self._reach(before, step)
        self.moves.append(Move(step, before, self.layout, problem))
        return self.moves[-1]

    def run(self, plan: object) -> list[Move]:
        """Do the steps of a plan in their order, up to the first that fails.

        Args:
            plan: what ``lc.act`` gave, or steps as text, for instance ``"pick red ; place on blue"``.
        """
        steps = getattr(plan, "steps", None)
        if steps is None:
            if not isinstance(plan, str):
                raise BadInput(f"run() takes a plan or a str, not {type(plan).__name__}.")
            steps = [step.strip() for step in plan.split(";") if step.strip()]
        done: list[Move] = []
        for step in steps:
            done.append(self.do(step))
            if done[-1].problem:
                break
        return done

    def copy(self, *, slip: float | None = None, seed: int = 0) -> Table:
        """The same layout on another table, which can be tried without moving this one."""
        return Table.of(self.layout, slip=self.slip if slip is None else slip, seed=seed)

    def _reach(self, before: Layout, step: str) -> tuple[float, float]:
        """Where the gripper stands after a step: above the place that changed."""
        changed = [p for p in range(PLACES) if before.stacks[p] != self.layout.stacks[p]]
        if changed:
            return round((changed[0] + 0.5) / PLACES, 2), round(0.15 * len(self.layout.stacks[changed[0]]) + 0.1, 2)
        if "tray" in step:
            return (0.0 if "left" in step else 1.0), 0.3
        return self.gripper

    def __repr__(self) -> str:
        return f"Table({describe(self.layout)})"

    def _repr_html_(self) -> str:
        return svg(self.layout)


@dataclass(frozen=True)
class Move:
    """One step that was tried: the layouts before and after, and ``problem``, empty when it worked."""

    step: str
    before: Layout
    after: Layout
    problem: str = ""

    def __str__(self) -> str:
        return f"{self.step}: {self.problem or 'done'}"


def checked(stacks: Sequence[Iterable[str]], held: str | None, trays: tuple[int, int]) -> Layout:
    """A layout from plain lists.

    Raises:
        BadInput: a color is unknown or there twice, there are too many stacks, or a tray is too full.
    """
    lists = (list, tuple)
    if not isinstance(stacks, lists) or not all(isinstance(stack, lists) for stack in stacks):
        raise BadInput('A stack is a list of colors from the bottom up: Table([["blue", "red"], ["green"]]).')
    found = tuple(tuple(stack) for stack in stacks)
    if len(found) > PLACES:
        raise BadInput(f"There are {len(found)} stacks; the table has {PLACES} places.")
    if not isinstance(trays, lists) or len(trays) != 2 or any(load not in range(TRAY_ROOM + 1) for load in trays):
        raise BadInput(f"trays={trays!r}: give two numbers from 0 to {TRAY_ROOM}, for the left and the right tray.")
    blocks = [*(color for stack in found for color in stack), *([] if held is None else [held])]
    for color in blocks:
        if not isinstance(color, str) or color not in COLORS:
            raise BadInput(f"{color!r} is no color of this table. There are: {', '.join(COLORS)}.")
    if twice := {color for color in blocks if blocks.count(color) > 1}:
        raise BadInput(f"There is one block of each color; {', '.join(sorted(twice))} is there twice.")
    left, right = (("gray",) * load for load in trays)
    return Layout(found + ((),) * (PLACES - len(found)), held, (left, right))
