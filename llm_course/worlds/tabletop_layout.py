"""Where everything on the table top is: stacks of blocks, two trays, what the gripper holds.

Knows nothing about how a layout changes, what a robot senses of it, or how it is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

COLORS = {
    "red": (214, 48, 44),
    "blue": (38, 104, 216),
    "green": (54, 158, 62),
    "yellow": (240, 198, 36),
    "purple": (150, 66, 178),
}
TRAYS = ("left", "right")
PLACES, TRAY_ROOM = 6, 2  # places for stacks on the table, in a row; blocks that a tray holds
HEIGHT, WIDTH = 48, 64  # of the camera's image, in pixels
STATE = ("gripper x", "gripper y", "opening", "finger red", "finger green", "finger blue", "left kg", "right kg")
BLOCK_WIDTH, BLOCK_HEIGHT, SPACING = 8, 7, 10  # in the image, in pixels
BLOCK_KG = 0.5
TABLE_COLOR = (222, 210, 190)


@dataclass(frozen=True)
class Layout:
    """Where everything is.

    Attributes:
        stacks: ``PLACES`` tuples of colors from the bottom up; an empty place is ``()``.
        held: the color in the gripper, or ``None``.
        trays: what lies in the left and in the right tray; ``"gray"`` is a block that was there before.
    """

    stacks: tuple[tuple[str, ...], ...]
    held: str | None = None
    trays: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

    def place_of(self, color: str) -> tuple[int, int] | None:
        """Place and height (0 is on the table) of a block; ``None`` if it is in no stack."""
        for place, stack in enumerate(self.stacks):
            if color in stack:
                return place, stack.index(color)
        return None

    def above(self, color: str) -> tuple[str, ...]:
        """The blocks above one, from the lowest up."""
        found = self.place_of(color)
        return self.stacks[found[0]][found[1] + 1 :] if found else ()

    def below(self, color: str) -> str | None:
        """The block right under one; ``"table"`` for a block on the table, ``None`` if it is in no stack."""
        found = self.place_of(color)
        if not found:
            return None
        return self.stacks[found[0]][found[1] - 1] if found[1] else "table"

    def seen(self) -> set[str]:
        """The colors on the table or in the gripper: those that the robot can still reach."""
        return {color for stack in self.stacks for color in stack} | ({self.held} if self.held else set())


def describe(layout: Layout) -> str:
    """A layout in words."""
    stacks = ", ".join("/".join(reversed(stack)) for stack in layout.stacks if stack) or "nothing on it"
    trays = f"trays {len(layout.trays[0])} and {len(layout.trays[1])} of {TRAY_ROOM}"
    return f"{stacks}; gripper {layout.held or 'empty'}; {trays}"
