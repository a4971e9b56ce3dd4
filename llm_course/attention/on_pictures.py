"""Attention on a picture: which patches a word of a question, or of its answer, looked at.

Knows nothing about models: it draws what ``lc.look(image, question)`` read. The picture lies beneath in grey, since
the color shows the weight; each patch has a frame whose width also grows with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from llm_course.arguments import number_in
from llm_course.attention import drawing
from llm_course.errors import BadInput, BadOption

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHARE = "attention weight (share of the word's whole)"


def picture_map(
    look: Any, word: str | int | None = None, *, layer: int | None = None, head: int | None = None,
    title: str | None = None,
) -> Figure:  # fmt: skip
    """Draw where one word looked, beside the picture itself.

    Args:
        look: what ``lc.look()`` gave.
        word: a word of the question or the answer, or its place counted from 0; ``None`` takes the question's
            last token, from which the answer is written.
        layer: one layer, from 0; ``None`` averages over all.
        head: one head of that layer; ``None`` averages over all.
        title: the figure's title, plain text; one is made if there is none.

    Returns:
        A matplotlib figure that no window shows by itself. ``figure.alt`` describes it in words.

    Raises:
        BadInput: it is no look.
        BadOption: there is no such word, layer or head, or a head is given without its layer.
    """
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    values, place, where = looked_at(look, word, layer, head)
    token = look.words[place]
    rows, columns = values.shape
    side = look.picture.shape[0]
    figure = Figure(figsize=(7.4, 3.7), layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2)
    left.imshow(look.picture)
    grey = np.repeat(look.picture.mean(-1, keepdims=True), 3, axis=2).astype(np.uint8)
    right.imshow(grey)
    top = max(float(values.max()), 1e-9)
    image = right.imshow(
        values, cmap=drawing.MAP, vmin=0, vmax=top, alpha=0.75, interpolation="nearest",
        extent=(-0.5, side - 0.5, side - 0.5, -0.5),
    )  # fmt: skip
    step = side / columns
    for row, column in zip(*np.nonzero(values >= 0.5 * top), strict=True):
        corner = (column * step - 0.5 + 0.02 * step, row * step - 0.5 + 0.02 * step)
        right.add_patch(Rectangle(corner, step * 0.96, step * 0.96, fill=False, ec="white", lw=1.6))
    for axes in (left, right):
        axes.set_xticks([])
        axes.set_yticks([])
    said = " ".join(look.words[: look.asked])
    drawing.set_title(left, f"{said} {look.answer}", 3.4)
    drawing.set_title(right, title or f"where “{token}” looks: {where}", 3.4)
    figure.colorbar(image, ax=right, label=SHARE, shrink=0.9).ax.tick_params(labelsize=9)
    order = np.argsort(-values, axis=None, kind="stable")[:3]
    best = "; ".join(f"row {i // columns + 1}, column {i % columns + 1}: {values.flat[i]:.2f}" for i in map(int, order))
    figure.alt = (  # type: ignore[attr-defined]
        f"A picture beside the same picture in {rows} by {columns} patches, colored by attention. Question and answer: "
        f"{drawing.spoken(said)} {drawing.spoken(look.answer)}. The word {drawing.readable(token)!r} ({where}) puts "
        f"{values.sum():.2f} of its attention on patches, most on {best}. White frames: at least half of the largest."
    )
    return figure


def looked_at(look: Any, word: str | int | None, layer: int | None, head: int | None) -> tuple[np.ndarray, int, str]:
    """The weights of one word on the patches ``(rows, columns)``, the word's place, and which heads in words."""
    if not hasattr(look, "weights") or not hasattr(look, "asked"):
        raise BadInput(f"picture_map() takes what lc.look(image, question) gave, not {type(look).__name__}.")
    if word is None:
        place = look.asked - 1
    elif isinstance(word, str):
        if word not in look.words:
            raise BadOption(f"There is no word {word!r}. There are: {', '.join(look.words)}.")
        place = look.words.index(word)
    else:
        place = number_in("word", word, 0, len(look.words) - 1, int)
    if head is not None and layer is None:
        raise BadOption(f"head={head} needs its layer: give layer=, from 0 to {look.layers - 1}.")
    if layer is None:
        return look.weights[:, :, place].mean((0, 1)), place, "all layers and heads"
    number_in("layer", layer, 0, look.layers - 1, int)
    if head is None:
        return look.weights[layer, :, place].mean(0), place, f"layer {layer}, all heads"
    number_in("head", head, 0, look.heads - 1, int)
    return look.weights[layer, head, place], place, f"layer {layer}, head {head}"
