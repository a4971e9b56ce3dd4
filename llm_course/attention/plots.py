"""Heat maps of attention: one head or a mean, the alignment of a translation, a rollout.

Knows nothing about models: it draws what :mod:`llm_course.attention.capture` read, or an array. Lines are in
:mod:`llm_course.attention.lines`, all heads at once in :mod:`llm_course.attention.grids`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from llm_course.attention import drawing
from llm_course.attention.drawing import LOOKED_AT, LOOKING, SHARE, is_attention
from llm_course.attention.through_layers import rollout
from llm_course.errors import BadOption

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SQUARES = 600  # more rows or columns than this are drawn as blocks


def heat_map(
    weights: Any,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    *,
    layer: int | None = None,
    head: int | None = None,
    title: str | None = None,
    label: str = SHARE,
) -> Figure:
    """A heat map with one square per pair of tokens: the brighter, the more the row looks at the column.

    Every token has a label up to about 100 tokens; of longer texts every second, third, ... token has one, and above
    600 tokens a square is the largest weight of a block.

    Args:
        weights: an ``Attention`` (averaged over heads if ``head`` is ``None``, over layers if ``layer``
            is ``None``), or an array ``(rows, columns)`` with values from 0.
        rows, columns: token labels, when ``weights`` is an array.
        layer, head: which head of an ``Attention``, counted from 0.
        title: the figure's title, plain text; one is made if there is none.
        label: what the colors measure, with its unit.

    Returns:
        A matplotlib figure that no window shows by itself. ``figure.alt`` describes it in words.

    Raises:
        BadOption: there is no such layer or head.
        BadInput: the array has another shape, or holds what is no number.
    """
    values, rows, columns, made = drawing.chosen(weights, rows, columns, layer, head)
    return _draw(values, rows, columns, title or made or "Attention weights", label, "Heat map")


def alignment(
    weights: Any,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    *,
    layer: int | None = None,
    head: int | None = None,
    title: str | None = None,
) -> Figure:
    """The cross-attention of a translation, with a ring on the strongest square of each row.

    The rings read as a word alignment: which source token each token looked at most while it was written (Bahdanau,
    Cho and Bengio 2015, arXiv 1409.0473, section 5.2.1). Koehn and Knowles 2017 (arXiv 1706.03872, section 3.5) show
    how far that carries: it can be off by a word while the translation is right.

    Arguments and errors as for :func:`heat_map`; of an encoder-decoder model's ``Attention`` the cross-attention
    is taken, whichever kind was asked for first.

    Raises:
        BadOption: the model has no cross-attention.
    """
    if is_attention(weights) and weights.kind != "cross":
        if "cross" not in weights.kinds:
            raise BadOption(
                f"{weights.model} has no cross-attention, so nothing is aligned. Models with an encoder and a decoder "
                "have it: lc.attend(text, model='marian-mini')."
            )
        weights = weights.of("cross")
    values, rows, columns, made = drawing.chosen(weights, rows, columns, layer, head, "alignment")
    return _draw(
        values, rows, columns, title or made or "Alignment", SHARE,
        "Alignment as a heat map, a ring on the strongest square of each row",
        looking="written (query)", looked_at="read (key)", rings=True,
    )  # fmt: skip


def rollout_map(
    attention: Any,
    tokens: Sequence[str] | None = None,
    *,
    layer: int | None = None,
    residual: float = 0.5,
    title: str | None = None,
) -> Figure:
    """A heat map of :func:`llm_course.attention.rollout`: which input tokens may have reached each token.

    Args:
        attention: self-attention, or an array as :func:`llm_course.attention.rollout` takes it.
        tokens: labels, when ``attention`` is an array.
        layer: up to and including this layer; ``None`` for all.
        residual: the part of itself that a token keeps in each layer.
        title: the figure's title, plain text; one is made if there is none.

    Raises:
        BadOption, BadInput: as :func:`llm_course.attention.rollout`.
    """
    values = rollout(attention, residual=residual, layer=layer)
    known = is_attention(attention)
    top = (attention.layers if known else len(attention)) - 1 if layer is None else layer
    made = "attention rollout, " + (f"layers 0 to {top}" if top else "layer 0")
    if known:
        tokens, made = attention.columns, f"{attention.model}: {made}"
    return _draw(
        *drawing.checked(values, tokens, tokens), title or made, "rollout (share of the row)", "Heat map",
        looking=f"token after layer {top}", looked_at="input token",
    )  # fmt: skip


def _draw(
    values: np.ndarray, rows: Sequence[str], columns: Sequence[str], title: str, label: str, what: str, *,
    looking: str = LOOKING, looked_at: str = LOOKED_AT, rings: bool = False,
) -> Figure:  # fmt: skip
    from matplotlib.figure import Figure

    wide, high = drawing.side(len(columns)), drawing.side(len(rows))
    (row_size, row_step), (size, step) = drawing.lettering(len(rows), high), drawing.lettering(len(columns), wide)
    steep = step > 1 or len(columns) > 30
    below = drawing.width_of(columns, size) * (1 if steep else 0.87)
    figure = Figure(
        figsize=(wide + drawing.width_of(rows, row_size) + 1.7, high + below + 1.1),
        layout="constrained",
        facecolor="white",
    )
    axes = figure.subplots()
    image = axes.imshow(
        drawing.pooled(values, SQUARES), cmap=drawing.MAP, vmin=0, vmax=max(float(values.max()), 1e-9), aspect="auto",
        interpolation="nearest", extent=(-0.5, len(columns) - 0.5, len(rows) - 0.5, -0.5),
    )  # fmt: skip
    turn = {"rotation": 90 if steep else 60, "ha": "center" if steep else "right"}
    drawing.ticks(axes.xaxis, columns, size, step, rotation_mode="default" if steep else "anchor", **turn)
    drawing.ticks(axes.yaxis, rows, row_size, row_step)
    blocks = ["", "; blocks show their largest weight"][max(values.shape) > SQUARES]
    axes.set_xlabel(looked_at + drawing.every(step) + blocks)
    axes.set_ylabel(looking + drawing.every(row_step))
    if rings:
        best = values.argmax(axis=1)
        dot = min(9.0, 0.45 * 72 * min(wide / len(columns), high / len(rows)))
        # A white ring with a black rim shows on every color.
        axes.plot(best, range(len(rows)), "o", ms=dot, mfc="none", mec="black", mew=dot / 2.6, clip_on=False)
        axes.plot(best, range(len(rows)), "o", ms=dot, mfc="none", mec="white", mew=dot / 6, clip_on=False)
        axes.set_xlim(-0.5, len(columns) - 0.5)
        axes.set_ylim(len(rows) - 0.5, -0.5)
    drawing.set_title(axes, title, wide + 1.2)
    figure.colorbar(image, label=label, aspect=max(20, 5 * high)).ax.tick_params(labelsize=9)
    figure.alt = f"{what}, {drawing.spoken(title)}. {drawing.strongest(values, rows, columns)}"  # type: ignore[attr-defined]
    return figure
