"""The table top for people: one layout as SVG or on matplotlib axes, and a strip of frames.

Knows nothing about how layouts change or about models. People see more than the robot's camera: the gripper with what
it holds, and into the trays. Each block bears the first letter of its color, so that color is not needed to read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import zip_longest
from typing import TYPE_CHECKING, Protocol

from llm_course.errors import BadOption
from llm_course.worlds.tabletop_layout import COLORS, PLACES, STATE, Layout, describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from llm_course.worlds.tabletop import Move, Table

GRAY = (150, 150, 150)
# One unit is the width of a block; the table's surface is at height 0, the trays stand beside it.
SPAN, TOP = (-2.0, PLACES * 1.25 + 1.75), 6.6
Box = tuple[str, float, float]  # color, left, bottom


def blocks_of(layout: Layout) -> list[Box]:
    """Every block with its left and bottom edge, in units of a block's width."""
    found = [
        (color, 1.25 * place + 0.1, float(level))
        for place, stack in enumerate(layout.stacks)
        for level, color in enumerate(stack)
    ]
    for left, tray in zip((-1.6, PLACES * 1.25 + 0.35), layout.trays, strict=True):
        found += [(color, left, float(level)) for level, color in enumerate(tray)]
    if layout.held:
        found.append((layout.held, PLACES * 1.25 / 2 - 0.5, 5.2))
    return found


def walls() -> list[tuple[float, float, float, float]]:
    """Left, bottom, width and height of what never moves: the table, and the walls of both trays."""
    found = [(0.0, -0.2, PLACES * 1.25, 0.2)]
    for left in (-1.75, PLACES * 1.25 + 0.2):
        found += [(left, -0.2, 1.3, 0.2), (left, 0.0, 0.1, 2.1), (left + 1.2, 0.0, 0.1, 2.1)]
    return found


def fingers() -> list[tuple[float, float, float, float]]:
    """The gripper: two fingers and a palm."""
    middle = PLACES * 1.25 / 2
    return [(middle - 0.62, 5.3, 0.1, 1.1), (middle + 0.52, 5.3, 0.1, 1.1), (middle - 0.62, 6.3, 1.24, 0.12)]


def _shade(color: str) -> tuple[int, int, int]:
    return COLORS.get(color, GRAY)


def _letter(color: str) -> str:
    """The color's first letter; none on the gray blocks in the trays, whose letter would be green's."""
    return color[0].upper() if color in COLORS else ""


def _ink(color: str) -> str:
    """Black on light blocks, white on dark ones."""
    red, green, blue = _shade(color)
    return "#000" if 0.3 * red + 0.59 * green + 0.11 * blue > 140 else "#fff"


def svg(layout: Layout, title: str = "") -> str:
    """The layout as an SVG picture in HTML, with its description in words; the same text on every machine."""
    unit = 30

    def rectangle(left: float, bottom: float, wide: float, high: float, fill: str) -> str:
        x, y = (left - SPAN[0]) * unit, (TOP - bottom - high) * unit
        return (
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide * unit:.1f}" height="{high * unit:.1f}" fill="{fill}" '
            'stroke="#333" stroke-width="1"/>'
        )

    parts = [rectangle(*wall, "#b9a98a") for wall in walls()] + [rectangle(*finger, "#777") for finger in fingers()]
    for color, left, bottom in blocks_of(layout):
        parts.append(rectangle(left, bottom, 1, 1, "#{:02x}{:02x}{:02x}".format(*_shade(color))))
        x, y = (left + 0.5 - SPAN[0]) * unit, (TOP - bottom - 0.33) * unit
        parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="middle" font-family="sans-serif" font-size="14" '
            f'fill="{_ink(color)}">{escape(_letter(color))}</text>'
        )
    wide, high = (SPAN[1] - SPAN[0]) * unit, (TOP + 0.3) * unit
    words = escape(f"{title}{': ' if title else ''}{describe(layout)}")
    return (
        f'<svg role="img" aria-label="{words}" width="{wide:.0f}" height="{high:.0f}" '
        f'viewBox="0 0 {wide:.0f} {high:.0f}" style="background:#fff;max-width:100%">{"".join(parts)}</svg>'
    )


def draw(axes: Axes, layout: Layout, title: str = "") -> None:
    """The layout on matplotlib axes, which are cleared first."""
    from matplotlib.patches import Rectangle

    axes.clear()
    for shapes, fill in ((walls(), "#b9a98a"), (fingers(), "#777777")):
        for left, bottom, wide, high in shapes:
            axes.add_patch(Rectangle((left, bottom), wide, high, facecolor=fill, edgecolor="#333333", linewidth=0.7))
    for color, left, bottom in blocks_of(layout):
        shade = tuple(value / 255 for value in _shade(color))
        axes.add_patch(Rectangle((left, bottom), 1, 1, facecolor=shade, edgecolor="#333333", linewidth=0.7))
        axes.text(left + 0.5, bottom + 0.47, _letter(color), ha="center", va="center", color=_ink(color), fontsize=8)
    axes.set(xlim=SPAN, ylim=(-0.4, TOP), aspect="equal", xticks=[], yticks=[])
    axes.set_title(title, fontsize=8)


class Episode(Protocol):
    """What is drawn of an episode, such as :func:`llm_course.carry_out` gives: where it began, and what was tried."""

    @property
    def instruction(self) -> str: ...
    @property
    def start(self) -> Layout: ...
    @property
    def moves(self) -> Sequence[Move]: ...


def frames_of(episode: Episode) -> list[tuple[Layout, str]]:
    """The start and what each step left, with a caption."""
    found = [(episode.start, "start")]
    for number, move in enumerate(episode.moves, 1):
        found.append((move.after, f"{number}. {move.step}" + (f"\n{move.problem}" if move.problem else "")))
    return found


def strip(episode: Episode, columns: int = 4) -> Figure:
    """All frames of an episode side by side, for places where nothing moves.

    Raises:
        BadOption: ``columns`` is below 1.
    """
    from matplotlib.figure import Figure

    if not isinstance(columns, int) or columns < 1:
        raise BadOption(f"columns={columns!r} is not allowed: it must be a whole number from 1 on.")
    frames = frames_of(episode)
    columns = min(columns, len(frames))
    rows = -(-len(frames) // columns)
    figure = Figure(figsize=(2.6 * columns, 2.0 * rows + 0.4), layout="constrained")
    for axes, frame in zip_longest(figure.subplots(rows, columns, squeeze=False).flat, frames):
        axes.axis("on" if frame else "off")
        if frame:
            draw(axes, *frame)
    figure.suptitle(episode.instruction, fontsize=10)
    return figure


def senses(table: Table) -> Figure:
    """What the model gets of a table: the camera's image, and the state vector as named bars."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 2.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
    left.imshow(table.image())
    left.set(title="The image: 48 x 64 pixels", xlabel="pixels", ylabel="pixels")
    right.barh(STATE, table.state(), color="#3b6ea5")
    right.invert_yaxis()
    right.set(title="The state: 8 numbers", xlabel="value (kg for the trays, else 0 to 1)")
    return figure
