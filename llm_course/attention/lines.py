"""Attention as lines between two columns of tokens: who looks at whom.

Knows nothing about models: it draws what :mod:`llm_course.attention.capture` read, or an array.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from llm_course.arguments import number_in
from llm_course.attention import drawing
from llm_course.attention.drawing import LOOKED_AT, LOOKING, SHARE, readable
from llm_course.errors import BadOption

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOR = "#1b3a6b"  # dark blue: far from white for every eye; what differs is width and opacity
THICKEST = 5.0  # points
FAINTEST = 0.05  # of the largest weight: thinner lines would be a gray haze
MOST = 4000  # lines in a picture


def line_view(
    weights: Any,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    *,
    layer: int | None = None,
    head: int | None = None,
    token: int | str | None = None,
    title: str | None = None,
) -> Figure:
    """Tokens in two columns, and a line from each that looks to what it looks at: thicker and darker for more weight.

    Width and opacity are measured by the largest weight of the picture; the legend gives three weights. Lines under a
    twentieth of the largest are left out.

    Args:
        weights: an ``Attention`` (averaged over heads if ``head`` is ``None``, over layers if ``layer``
            is ``None``), or an array ``(rows, columns)``.
        rows, columns: token labels, when ``weights`` is an array.
        layer, head: which head of an ``Attention``, counted from 0.
        token: show the lines of this row alone, with their weights in figures: its place, counted from 0, or its text
            if no other row has the same.
        title: the figure's title, plain text; one is made if there is none.

    Returns:
        A matplotlib figure that no window shows by itself. ``figure.alt`` describes it in words.

    Raises:
        BadOption: there is no such layer, head or token.
        BadInput: the array has another shape, or holds what is no number.
    """
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgba
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    values, rows, columns, made = drawing.chosen(weights, rows, columns, layer, head)
    title = title or made or "Attention weights"
    picked = None if token is None else _place(token, rows)
    shown = values if picked is None else np.where(np.arange(len(rows))[:, None] == picked, values, 0)
    largest = max(float(shown.max()), 1e-9)
    i, j = np.nonzero(shown >= FAINTEST * largest)
    strong = np.argsort(shown[i, j], kind="stable")[-MOST:]  # the strongest last: they lie on top
    i, j = i[strong], j[strong]
    part = shown[i, j] / largest

    longest = max(len(rows), len(columns))
    high = drawing.side(longest) * min(1, 0.8 + 0.005 * max(0, longest - 24))
    size, step = drawing.lettering(longest, high)
    room = 0.5 if picked is not None else 0.0
    wide = drawing.width_of(rows, size) + drawing.width_of(columns, size) + 3.6 + room
    figure = Figure(figsize=(wide, high + 1.4), layout="constrained", facecolor="white")
    axes = figure.subplots()
    segments = np.stack([np.stack([np.zeros(len(i)), i], axis=1), np.stack([np.ones(len(j)), j], axis=1)], axis=1)
    colors = np.tile(to_rgba(COLOR), (len(i), 1))
    colors[:, 3] = 0.1 + 0.9 * part
    axes.add_collection(LineCollection(segments, linewidths=_widths(part), colors=colors, capstyle="round"))  # type: ignore[arg-type]
    right = axes.twinx()
    for one in (axes, right):
        one.set_xlim(0, 1)
        one.set_ylim(longest - 0.5, -0.5)
        one.tick_params(length=0)
        one.spines[:].set_visible(False)
    axes.set_xticks([])
    drawing.ticks(axes.yaxis, rows, size, step)
    drawing.ticks(right.yaxis, columns, size, step)
    axes.set_ylabel(LOOKING + drawing.every(step))
    right.set_ylabel(LOOKED_AT + drawing.every(step))
    if picked is not None:
        _mark(axes, right, picked, rows, columns, values[picked], set(j.tolist()), size)
    legend = [
        Line2D([], [], color=COLOR, lw=_widths(p), alpha=0.1 + 0.9 * p, label=f"{p * largest:.2f}")
        for p in (1.0, 0.5, 0.1)
    ]
    figure.legend(
        handles=legend, loc="outside lower center", ncols=3, title=SHARE, fontsize=9, title_fontsize=9, frameon=False
    )
    drawing.set_title(axes, title, wide - 0.6)
    if picked is None:
        told = drawing.strongest(values, rows, columns)
    else:
        order = np.argsort(-values[picked], kind="stable")[:5]
        best = "; ".join(f"{readable(columns[k])} {values[picked, k]:.2f}" for k in order)
        told = f"Lines of {readable(rows[picked])} (row {picked}) alone. It looks most at: {best}."
    figure.alt = f"Lines from tokens that look to tokens looked at, {drawing.spoken(title)}. {told}"  # type: ignore[attr-defined]
    return figure


def _widths(part: Any) -> Any:
    return 0.4 + (THICKEST - 0.4) * part


def _place(token: int | str, rows: Sequence[str]) -> int:
    if not isinstance(token, str):
        return number_in("token", token, 0, len(rows) - 1, int)
    places = [i for i, row in enumerate(rows) if row == token] or [i for i, r in enumerate(rows) if r.strip() == token]
    if len(places) == 1:
        return places[0]
    if places:
        raise BadOption(f"Several rows are {token!r}: {', '.join(map(str, places))}. Give the place of one.")
    names = ", ".join(repr(row) for row in rows[:40])
    raise BadOption(f"No row is {token!r}. The rows are: {names}{', ...' if len(rows) > 40 else ''}.")


def _apart(places: list[int], step: int) -> list[int]:
    """The places in order, without those that lie too close to an earlier one of the list."""
    kept: list[int] = []
    for place in places:
        if all(abs(place - other) >= step for other in kept):
            kept.append(place)
    return sorted(kept)


def _mark(
    axes: Any, right: Any, picked: int, rows: Sequence[str], columns: Sequence[str], values: np.ndarray,
    drawn: set[int], size: float,
) -> None:  # fmt: skip
    """Bold and a triangle for the row that was picked, and the weight in figures beside each column it looks at."""
    # Of a text so long that only some tokens are labeled, those that say something come first, by weight.
    step = max(1, int(np.diff(axes.get_yticks()[:2]).sum()))
    left_places = _apart([picked, *map(int, axes.get_yticks())], step)
    right_places = _apart([*sorted(drawn, key=lambda j: -values[j]), *map(int, right.get_yticks())], step)
    style = dict(fontsize=size, fontfamily=drawing.families(), **drawing.PLAIN)
    axes.yaxis.set_ticks(
        left_places, [("▶ " if i == picked else "") + drawing.drawable(rows[i]) for i in left_places], **style
    )
    right.yaxis.set_ticks(
        right_places,
        [drawing.drawable(columns[j]) + (f"  {values[j]:.2f}" if j in drawn else "") for j in right_places],
        **style,
    )
    for place, text in zip(left_places, axes.get_yticklabels(), strict=True):
        text.set_fontweight("bold" if place == picked else "normal")
    for place, text in zip(right_places, right.get_yticklabels(), strict=True):
        text.set_fontweight("bold" if place in drawn else "normal")
