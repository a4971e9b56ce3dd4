"""Heat maps of attention: one head or a mean, and the alignment of a translation.

Knows nothing about models: it draws what :mod:`llm_course.attention.capture` read, or an array. All heads at once are
in :mod:`llm_course.attention.figures.heads`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from llm_course.attention.figures import drawing
from llm_course.attention.figures.drawing import LOOKED_AT, LOOKING, SHARE, LabeledWeights
from llm_course.attention.measures import is_attention
from llm_course.errors import BadOption

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

    from llm_course.attention.capture import Attention

SQUARES = 600  # more rows or columns than this are drawn as blocks


def heat_map(
    weights: Attention | ArrayLike,
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
    shown = drawing.labeled(weights, rows, columns, layer, head)
    return _draw(shown, title or shown.title or "Attention weights", "Heat map", label=label)


def alignment(
    weights: Attention | ArrayLike,
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
    shown = drawing.labeled(weights, rows, columns, layer, head, "alignment")
    return _draw(
        shown,
        title or shown.title or "Alignment",
        "Alignment as a heat map, a ring on the strongest square of each row",
        looking="written (query)",
        looked_at="read (key)",
        rings=True,
    )


def _draw(
    shown: LabeledWeights,
    title: str,
    what: str,
    *,
    label: str = SHARE,
    looking: str = LOOKING,
    looked_at: str = LOOKED_AT,
    rings: bool = False,
) -> Figure:
    from matplotlib.figure import Figure

    values, rows, columns = shown.values, shown.rows, shown.columns
    wide, high = drawing.inches_for(len(columns)), drawing.inches_for(len(rows))
    (row_size, row_step), (size, step) = drawing.font_for(len(rows), high), drawing.font_for(len(columns), wide)
    steep = step > 1 or len(columns) > 30
    below = drawing.width_of(columns, size) * (1 if steep else 0.87)
    figure = Figure(
        figsize=(wide + drawing.width_of(rows, row_size) + 1.7, high + below + 1.1),
        layout="constrained",
        facecolor="white",
    )
    axes = figure.subplots()
    image = axes.imshow(
        drawing.pooled(values, SQUARES),
        cmap=drawing.MAP,
        vmin=0,
        vmax=max(float(values.max()), 1e-9),
        aspect="auto",
        interpolation="nearest",
        extent=(-0.5, len(columns) - 0.5, len(rows) - 0.5, -0.5),
    )
    turn = {"rotation": 90 if steep else 60, "ha": "center" if steep else "right"}
    drawing.ticks(axes.xaxis, columns, size, step, rotation_mode="default" if steep else "anchor", **turn)
    drawing.ticks(axes.yaxis, rows, row_size, row_step)
    blocks = ["", "; blocks show their largest weight"][max(values.shape) > SQUARES]
    axes.set_xlabel(looked_at + drawing.labels_left_out(step) + blocks)
    axes.set_ylabel(looking + drawing.labels_left_out(row_step))
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
