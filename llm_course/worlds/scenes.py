"""Scenes: simple pictures of colored shapes that the project draws itself, for vision-mini and the lessons.

Knows nothing about models or questions. A scene is a short list of things on a plain ground; the place and
radius of a thing are shares of the picture's side, so that a scene can be drawn at any size. Colors follow
those of Okabe and Ito ("Color Universal Design", 2002, modified 2008), made for eyes with and without color
vision deficiencies, under plain names; red is a little redder than their vermilion.
"""

from __future__ import annotations

import math
import random as randoms
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from llm_course.errors import BadOption

SHAPES = ("circle", "square", "triangle", "star", "cross", "heart")
COLORS = {
    "red": (213, 60, 0),
    "orange": (230, 159, 0),
    "yellow": (240, 228, 66),
    "green": (0, 158, 115),
    "blue": (0, 114, 178),
    "pink": (204, 121, 167),
    "black": (30, 30, 30),
}
SIZES = {"small": 0.11, "big": 0.18}  # radius as a share of the side
GROUND = (245, 245, 245)
SIDE, MOST = 60, 4  # pixels of the pictures that vision-mini sees; most things in a random scene
DESCRIBE = "describe the picture."  # how vision-mini is asked for all that is on one
TOUCH = 8.0  # pixels (of 60 x 60) that two things must share to count as overlapping


@dataclass(frozen=True)
class Thing:
    """One shape: ``x`` and ``y`` are the shares of the side from the left and from the top, between 0 and 1."""

    shape: str
    color: str
    size: str
    x: float
    y: float

    @property
    def radius(self) -> float:
        """Half of its width, as a share of the picture's side."""
        return SIZES[self.size]

    def __str__(self) -> str:
        return f"{self.size} {self.color} {self.shape}"


Spec = Thing | tuple[str, str, str, float, float]  # a thing, or its shape, color, size and place


@dataclass(frozen=True)
class Scene:
    """A picture's content: things, the later ones in front. ``np.asarray(scene)`` is the picture."""

    things: tuple[Thing, ...]

    def __array__(self, dtype: type | np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return draw(self).astype(dtype or np.uint8)

    def __str__(self) -> str:
        return "; ".join(map(str, self.things)) or "nothing"

    def _repr_html_(self) -> str:
        return f'<img alt="{self}" width="240" height="240" src="data:image/png;base64,{png(draw(self, 240))}">'


def scene(*things: Spec) -> Scene:
    """A scene of things, each a :class:`Thing` or ``(shape, color, size, x, y)``.

    Raises:
        BadOption: a shape, color, size or place is not allowed.
    """
    made = []
    for one in things:
        if not isinstance(one, Thing):
            if not isinstance(one, (list, tuple)) or len(one) != 5:
                raise BadOption(f"{one!r} is no thing: give (shape, color, size, x, y).")
            one = Thing(*one)
        for name, allowed in (("shape", SHAPES), ("color", tuple(COLORS)), ("size", tuple(SIZES))):
            if not isinstance(getattr(one, name), str) or getattr(one, name) not in allowed:
                raise BadOption(f"{name}={getattr(one, name)!r} is not allowed: it is one of {', '.join(allowed)}.")
        for name in ("x", "y"):
            place = getattr(one, name)
            if isinstance(place, bool) or not isinstance(place, (int, float)) or not 0 <= place <= 1:
                raise BadOption(f"{name}={place!r} is not allowed: it is a share of the side, from 0 to 1.")
        made.append(one)
    return Scene(tuple(made))


def draw(scene: Scene | Sequence[Spec], size: int = SIDE, *, random: randoms.Random | None = None) -> np.ndarray:
    """The picture of a scene, ``(size, size, 3)`` of ``uint8``, edges smoothed.

    Args:
        scene: a scene, or things for :func:`scene`.
        size: pixels of a side, 16 to 2048.
        random: shifts colors and brightness a little, as the training pictures have it.

    Raises:
        BadOption: the size or a thing is not allowed.
    """
    if isinstance(size, bool) or not isinstance(size, int) or not 16 <= size <= 2048:
        raise BadOption(f"size={size!r} is not allowed: it is a number of pixels from 16 to 2048.")
    if not isinstance(scene, (Scene, list, tuple)):
        raise BadOption(f"{scene!r} is no scene: give one, or a list of things (shape, color, size, x, y).")
    things = scene.things if isinstance(scene, Scene) else _scene(*scene).things

    def shifted(color: Iterable[int]) -> np.ndarray:
        values = [min(255.0, max(0.0, c + random.uniform(-12, 12))) if random else c for c in color]
        return np.array(values, dtype=np.float32)

    picture = np.empty((size, size, 3), dtype=np.uint8)
    picture[:] = shifted(GROUND)
    for thing in things:
        cover, rows, columns = _placed(thing, size)
        part = picture[rows, columns]
        picture[rows, columns] = part + cover[:, :, None] * (shifted(COLORS[thing.color]) - part) + 0.5
    return picture


_scene = scene  # inside draw() the name means its argument


@lru_cache(maxsize=256)
def _template(shape: str, radius: float) -> np.ndarray:
    """The share of each pixel that a shape in the middle of a square covers; ``radius`` is in pixels."""
    fine, reach = 4, math.ceil(radius * 1.25) + 1
    steps = (np.arange(2 * reach * fine) + 0.5) / fine - reach
    u, v = np.meshgrid(steps / radius, steps / radius)
    inside = _inside(shape, u, v)
    return inside.reshape(2 * reach, fine, 2 * reach, fine).mean((1, 3)).astype(np.float32)


def _inside(shape: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Whether points belong to a shape of radius 1; ``u`` to the right, ``v`` downwards."""
    if shape == "circle":
        return u**2 + v**2 <= 0.95
    if shape == "square":
        return np.maximum(abs(u), abs(v)) <= 0.85
    if shape == "triangle":  # corners (0, -1), (-1.05, 0.85), (1.05, 0.85)
        return (v <= 0.85) & (abs(u) <= (v + 1) * 1.05 / 1.85)
    if shape == "cross":
        return (np.minimum(abs(u), abs(v)) <= 0.3) & (np.maximum(abs(u), abs(v)) <= 1)
    if shape == "heart":
        x, y = 1.15 * u, 0.1 - 1.15 * v
        return (x**2 + y**2 - 1) ** 3 <= x**2 * y**3
    # A star: in each tenth of the circle the edge is a line from an outer corner to an inner one.
    sector = math.pi / 5
    angle = (np.arctan2(u, -v) + sector) % (2 * sector) - sector
    x, y = np.hypot(u, v) * np.cos(angle), np.hypot(u, v) * np.sin(abs(angle))
    outer, inner_x, inner_y = 1.15, 0.5 * math.cos(sector), 0.5 * math.sin(sector)
    return (inner_x - outer) * y - inner_y * (x - outer) >= 0


def _placed(thing: Thing, size: int) -> tuple[np.ndarray, slice, slice]:
    """A thing's coverage on a picture, cut at the edges: the values, and their rows and columns."""
    cover = _template(thing.shape, thing.radius * size)
    reach = len(cover) // 2
    top, left = round(thing.y * size) - reach, round(thing.x * size) - reach
    rows, columns = (slice(max(0, s), max(0, min(size, s + 2 * reach))) for s in (top, left))
    return cover[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left], rows, columns


def covers(scene: Scene, size: int = SIDE) -> np.ndarray:
    """The share of each pixel that each thing covers, hidden parts included: ``(things, size, size)``."""
    found = np.zeros((len(scene.things), size, size), dtype=np.float32)
    for plane, thing in zip(found, scene.things, strict=True):
        cover, rows, columns = _placed(thing, size)
        plane[rows, columns] = cover
    return found


def shared(one: Thing, other: Thing) -> float:
    """The area that two things have in common, in pixels of a picture of 60 x 60."""
    if math.hypot(one.x - other.x, one.y - other.y) > 1.2 * (one.radius + other.radius):
        return 0.0
    (first, rows, columns), (second, its_rows, its_columns) = _placed(one, SIDE), _placed(other, SIDE)
    top, bottom = max(rows.start, its_rows.start), min(rows.stop, its_rows.stop)
    left, right = max(columns.start, its_columns.start), min(columns.stop, its_columns.stop)
    if bottom <= top or right <= left:
        return 0.0
    first = first[top - rows.start : bottom - rows.start, left - columns.start : right - columns.start]
    second = second[
        top - its_rows.start : bottom - its_rows.start, left - its_columns.start : right - its_columns.start
    ]
    return float((first * second).sum())


def apart(one: Thing, other: Thing) -> bool:
    """Whether there is a clear gap between two things."""
    return math.hypot(one.x - other.x, one.y - other.y) >= one.radius + other.radius + 0.05


def random_scene(
    random: randoms.Random,
    *,
    most: int = MOST,
    avoid: frozenset[tuple[str, str]] = frozenset(),
    among: Sequence[tuple[str, str]] = (),
) -> Scene:
    """Draw a scene of 1 to ``most`` things by lot; two of them may overlap, all others stand apart.

    Args:
        random: the source of chance; the same state gives the same scene.
        most: most things, at least 1.
        avoid: pairs of color and shape that do not occur.
        among: pairs of which the first thing is one.
    """
    count = random.randint(1, most)
    # In some scenes colors or shapes repeat, so that there is something to count and to tell apart.
    shapes = random.sample(SHAPES, 2) if random.random() < 0.3 else SHAPES
    colors = random.sample([*COLORS], 2) if random.random() < 0.3 else [*COLORS]
    together = count > 1 and random.random() < 0.35
    things: list[Thing] = []
    for number in range(count):
        for _ in range(30):
            color, shape = random.choice(colors), random.choice(shapes)
            if number == 0 and among:
                color, shape = random.choice(among)
            if (color, shape) in avoid:
                continue
            size = random.choice(("small", "big"))
            low = SIZES[size] + 0.01
            x, y = random.uniform(low, 1 - low), random.uniform(low, 1 - low)
            if number == 1 and together:
                size = "small" if things[0].size == "small" else size  # the smaller one is in front
                angle, near = random.uniform(0, 2 * math.pi), random.uniform(0.5, 0.8)
                distance = near * (things[0].radius + SIZES[size])
                x, y = things[0].x + distance * math.cos(angle), things[0].y + distance * math.sin(angle)
                if not (low <= x <= 1 - low and low <= y <= 1 - low):
                    continue
            # On whole pixels of 60 x 60: what is drawn is exactly what the questions reckon with.
            thing = Thing(shape, color, size, round(x * SIDE) / SIDE, round(y * SIDE) / SIDE)
            if number == 1 and together:
                if shared(things[0], thing) < TOUCH or color == things[0].color:
                    continue
            elif not all(apart(thing, other) for other in things):
                continue
            things.append(thing)
            break
    return Scene(tuple(things))


def png(picture: np.ndarray) -> str:
    """A picture as PNG in base64, for a page."""
    import base64
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode()
