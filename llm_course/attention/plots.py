"""Pictures of attention weights, drawn with matplotlib.

Knows nothing about models: it draws what :mod:`llm_course.attention.capture` read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from llm_course.attention.capture import Attention

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def heat_map(
    weights: Attention | np.ndarray,
    rows: tuple[str, ...] | list[str] | None = None,
    columns: tuple[str, ...] | list[str] | None = None,
    *,
    layer: int | None = None,
    head: int | None = None,
    title: str | None = None,
) -> Figure:
    """A heat map with one square per pair of tokens: the brighter, the more the row looks at the column.

    Args:
        weights: an :class:`Attention` (averaged over heads if ``head`` is ``None``, over layers if ``layer``
            is ``None``), or an array ``(rows, columns)`` with values from 0 to 1.
        rows, columns: token labels, when ``weights`` is an array.
        layer, head: which head of an :class:`Attention`, counted from 0.
        title: the figure's title; one is made if there is none.

    Returns:
        A matplotlib figure that no window shows by itself. ``figure.alt`` describes it in words.
    """
    from matplotlib.figure import Figure

    if isinstance(weights, Attention):
        rows, columns = weights.rows, weights.columns
        where = (
            "all layers and heads"
            if layer is None
            else f"layer {layer}, " + ("all heads" if head is None else f"head {head}")
        )
        title = title or f"{weights.model}: {weights.kind} attention, {where}"
        values = weights.mean(layer) if layer is None or head is None else weights.head(layer, head)
    else:
        values = np.asarray(weights)
        rows = rows if rows is not None else [str(i) for i in range(values.shape[0])]
        columns = columns if columns is not None else [str(i) for i in range(values.shape[1])]
        title = title or "Attention weights"
    figure = Figure(figsize=(1.8 + 0.36 * len(columns), 1.5 + 0.32 * len(rows)), layout="constrained")
    axes = figure.subplots()
    # Cividis reads the same to colour-blind eyes and in grey.
    image = axes.imshow(values, cmap="cividis", vmin=0, vmax=max(float(values.max()), 1e-9), aspect="auto")
    axes.set_xticks(range(len(columns)), [_shown(c) for c in columns], rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), [_shown(r) for r in rows])
    axes.set_xlabel("looked at (key)")
    axes.set_ylabel("looking (query)")
    axes.set_title(title)
    figure.colorbar(image, label="attention weight (share of the row)")
    best = values.argmax(axis=1)
    strongest = "; ".join(
        f"{_shown(r)} to {_shown(columns[b])} {values[i, b]:.2f}"
        for i, (r, b) in enumerate(zip(rows, best, strict=True))
    )
    figure.alt = f"Heat map, {title}. Each row's largest weight: {strongest}."  # type: ignore[attr-defined]
    return figure


def _shown(token: str) -> str:
    """A token as an axis label: blanks visible, and ``$`` not read as mathematics."""
    return (token.replace("\n", "⏎").replace(" ", "␣") or "∅").replace("$", r"\$")
