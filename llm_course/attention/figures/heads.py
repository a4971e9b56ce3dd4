"""All heads of a model in one picture: a thumbnail for each, or a dot for each in a chart of their effects.

Knows nothing about models: it draws what :mod:`llm_course.attention.capture` read, one head at a time, and numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from llm_course.attention.figures.drawing import MAP, PLAIN, SHARE, pooled, set_title, spoken
from llm_course.attention.measures import MEASURES, measure_all, measure_name
from llm_course.attention.measures import measure as measured  # head_grid() has an option of the plain name
from llm_course.errors import BadInput

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from llm_course.attention.capture import Attention

DOTS = 64  # rows and columns of a thumbnail
INCHES = 0.98  # of a thumbnail with its gap, where there are many
FILLS = 0.84  # part of that which the thumbnail takes; the rest is gap and title
NAMED = ("diagonal", "previous token", "next token", "first token", "separators", "same token", "induction")
COLOR = "#3b6ea5"  # of a dot


def head_grid(attention: Attention, *, measure: str | None = None, title: str | None = None) -> Figure:
    """A thumbnail of every head: layers from top to bottom, heads from left to right, one scale for all.

    Above each stands its name: "L2 H5" is layer 2, head 5, counted from 0. In a thumbnail rows look and columns are
    looked at, as in a heat map; of a long text a dot is the largest weight of a block. The scale goes with the square
    root of the weight, so that small ones are seen.

    Args:
        attention: an ``Attention``.
        measure: a measure to write above each head, see :data:`llm_course.attention.measures.MEASURES`.
        title: the figure's title, plain text; one is made if there is none.

    Returns:
        A matplotlib figure that no window shows by itself. ``figure.alt`` says which heads do what.

    Raises:
        BadOption, BadInput: no such measure, or it does not fit the attention or the text.
    """
    from matplotlib.colors import PowerNorm
    from matplotlib.figure import Figure

    if not hasattr(attention, "layers"):
        raise BadInput(f"head_grid() takes an Attention, not {type(attention).__name__}: lc.attend(text).")
    layers, heads = attention.layers, attention.heads
    name = None if measure is None else measure_name(measure)
    values = None if name is None else measured(attention, name)
    thumbs = [[pooled(attention.head(layer, head), DOTS) for head in range(heads)] for layer in range(layers)]
    largest = max(max(float(one.max()) for one in row) for row in thumbs)
    norm = PowerNorm(0.5, vmin=0, vmax=max(largest, 1e-9))
    inches = max(INCHES, min(5 / max(layers, heads), 2.4 / min(layers, heads)))
    wide, high = heads * inches, layers * inches
    figure = Figure(figsize=(wide + 1.7, high + 1.3), layout="constrained", facecolor="white")
    axes = figure.subplots()
    for layer, row in enumerate(thumbs):
        for head, one in enumerate(row):
            place = (head, head + FILLS, layer + FILLS, layer)
            image = axes.imshow(one, cmap=MAP, norm=norm, extent=place, interpolation="nearest", aspect="auto")
            short = f"L{layer} H{head}" + ("" if values is None else f": {values[layer, head]:.2f}")
            axes.text(head + FILLS / 2, layer - 0.02, short, fontsize=7.5, ha="center", va="bottom", **PLAIN)
    axes.set_xlim(-0.04, heads - 1 + FILLS + 0.04)
    axes.set_ylim(layers - 1 + FILLS + 0.03, -0.18)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks([h + FILLS / 2 for h in range(heads)], [str(h) for h in range(heads)])
    axes.set_yticks([layer + FILLS / 2 for layer in range(layers)], [str(layer) for layer in range(layers)])
    axes.set_xlabel("head (number)")
    axes.set_ylabel("layer (number)")
    shown = "" if name is None else f"; {name} ({MEASURES[name].unit})"
    title = title or f"{attention.model}: {attention.kind} attention, all heads{shown}"
    set_title(axes, title, wide + 0.8)
    figure.colorbar(image, fraction=0.6 / (wide + 1.7), pad=0.02, aspect=30).set_label(
        f"{SHARE},\nsquare-root scale", fontsize=9
    )
    told = _ranked(values, name) if values is not None and name is not None else _told(attention)
    figure.alt = (  # type: ignore[attr-defined]
        f"Grid of thumbnails, {layers} layers by {heads} heads, one scale from 0 to {largest:.2f}: {spoken(title)}. "
        f"{told}"
    )
    return figure


def effect_chart(
    scores: np.ndarray, effects: Mapping[str, np.ndarray], score: str, effect: str, *, named: int = 2
) -> Figure:
    """Scatter plots, a dot per head: what a measure says of it, against what happens when it is off.

    Args:
        scores: ``(layers, heads)``, a measure.
        effects: a title for each panel, and its ``(layers, heads)`` as :func:`llm_course.attention.effects` gives
            them. All panels have the same scale.
        score, effect: what the axes show, with units.
        named: how many heads are labeled, those with the highest scores.

    Returns:
        A matplotlib figure that no window shows by itself. ``figure.alt`` describes it in words.

    Raises:
        BadInput: the shapes differ.
    """
    from matplotlib.figure import Figure

    scores = np.asarray(scores, dtype=float)
    if scores.ndim != 2 or not effects or any(np.shape(one) != scores.shape for one in effects.values()):
        raise BadInput(f"Scores and effects must be tables of the same shape (layers, heads), not {scores.shape}.")
    figure = Figure(figsize=(0.6 + 4.2 * len(effects), 3.5), layout="constrained", facecolor="white")
    panels = figure.subplots(1, len(effects), sharey=True, squeeze=False)[0]
    top = [divmod(int(k), scores.shape[1]) for k in np.argsort(-scores, axis=None, kind="stable")[:named]]
    told = []
    for axes, (title, rise) in zip(panels, effects.items(), strict=True):
        axes.scatter(scores, rise, color=COLOR)
        axes.axhline(0, color="black", linewidth=0.8)
        for rank, place in enumerate(top):
            axes.scatter(scores[place], rise[place], s=110, facecolor="none", edgecolor="black")
            side = "right" if scores[place] > scores.mean() else "left"
            axes.annotate(
                f"layer {place[0]}, head {place[1]}",
                (scores[place], rise[place]),
                fontsize=8.5,
                ha=side,
                xytext=(-9 if side == "right" else 9, 0),
                textcoords="offset points",
                va="top" if rank % 2 else "bottom",  # two dots side by side keep their labels apart
            )
        axes.set_title(title, fontsize=11, **PLAIN)
        axes.set_xlabel(score)
        axes.set_ylabel(effect)
        best = "; ".join(f"layer {a} head {b}: score {scores[a, b]:.2f}, effect {rise[a, b]:.2f}" for a, b in top)
        told.append(f"{title}: {best}; all heads from {np.nanmin(rise):.2f} to {np.nanmax(rise):.2f}.")
    figure.alt = (  # type: ignore[attr-defined]
        f"Scatter plot, a dot per head, {effect} against {score}. The {named} highest scores are ringed. "
        + " ".join(told)
    )
    return figure


def _ranked(values: np.ndarray, name: str) -> str:
    flat = values.ravel()
    order = [int(k) for k in np.argsort(-flat, kind="stable")[:5] if not np.isnan(flat[k])]
    best = "; ".join(f"layer {k // values.shape[1]} head {k % values.shape[1]} {flat[k]:.2f}" for k in order)
    return f"Highest {name}: {best}."


def _told(attention: Attention) -> str:
    """Which heads put more than half of their weight on one kind of place."""
    found = []
    for name, values in measure_all(attention, NAMED).items():
        places = [(int(a), int(b)) for a, b in zip(*np.nonzero(np.nan_to_num(values) > 0.5), strict=True)]
        if places:
            names = ", ".join(f"layer {a} head {b}" for a, b in places[:8])
            more = f" and {len(places) - 8} more" if len(places) > 8 else ""
            found.append(f"{name}: {names}{more}")
    if not found:
        return "No head puts more than half of its weight on one kind of place."
    return f"Heads that put more than half of their weight on one kind of place. {'; '.join(found)}."
