"""What each head of a model is worth for a number: all heads switched off, one after the other, and a chart of it.

Knows nothing about what the number is: a loss, the length of an answer, a share of right labels. So that no head is
picked by hand, every head is tried and every head is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from llm_course.attention.ablation import ablate, places_of
from llm_course.attention.drawing import PLAIN
from llm_course.errors import BadInput
from llm_course.shelf.loading import load

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOR = "#3b6ea5"


def effects(model: Any, run: Callable[[], float], *, kind: str | None = None, device: str = "auto") -> np.ndarray:
    """How a number changes when each head is switched off alone.

    Args:
        model: a shelf name, Hub id, folder or loaded model.
        run: gives the number; it must use this very model. Called once with all heads on, and once for each head.
        kind: for encoder-decoder models ``"encoder"``, ``"decoder"`` or ``"cross"`` (the default).
        device: where to load the model.

    Returns:
        float64 ``(layers, heads)``: the number with the head off minus the number with all heads on.

    Raises:
        BadOption, WrongTask: as :func:`llm_course.attention.ablation.ablate`.
    """
    lm = load(model, device)
    places = places_of(lm, kind)
    before = float(run())
    found = np.full((len(places), max(place.heads for place in places)), np.nan)
    for layer, place in enumerate(places):
        for head in range(place.heads):
            with ablate(lm, [(layer, head)], kind=kind):
                found[layer, head] = float(run()) - before
    return found


def effect_chart(
    scores: np.ndarray, effects: Mapping[str, np.ndarray], score: str, effect: str, *, named: int = 2
) -> Figure:
    """Scatter plots, a dot per head: what a measure says of it, against what happens when it is off.

    Args:
        scores: ``(layers, heads)``, a measure.
        effects: a title for each panel, and its ``(layers, heads)`` as :func:`effects` gives them. All panels have
            the same scale.
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
                f"layer {place[0]}, head {place[1]}", (scores[place], rise[place]), fontsize=8.5, ha=side,
                xytext=(-9 if side == "right" else 9, 0), textcoords="offset points",
                va="top" if rank % 2 else "bottom",  # two dots side by side keep their labels apart
            )  # fmt: skip
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
