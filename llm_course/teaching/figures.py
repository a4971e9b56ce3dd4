"""Show a matplotlib figure with words for those who do not see it.

Knows nothing about what the figure shows. No front end of today reads words for an image output aloud: JupyterLab
(4.6), Sphinx and nbconvert's default template give it no ``alt`` attribute, or none that says anything; nbconvert's
classic template takes it from the metadata. So the image is HTML that has the attribute, as well as a PNG for what
shows no HTML, and the words also stand folded below it, for everybody to read. The notebooks of the repository store
the PNG alone: every viewer of notebooks shows that, while some take images out of HTML.
"""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING

from llm_course.errors import BadOption
from llm_course.teaching.output import emit, inline, is_stored

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS_PER_INCH = 110


def show(figure: Figure, alt: str) -> None:
    """Display a figure and close it.

    Args:
        figure: a matplotlib figure.
        alt: what the figure shows, in a sentence or two of plain text.

    Raises:
        BadOption: ``alt`` is blank, or ``figure`` is no figure.
    """
    if not isinstance(alt, str) or not alt.strip():
        raise BadOption("show() needs alt=: a sentence that says what the figure shows.")
    if not hasattr(figure, "savefig"):
        raise BadOption(f"show() takes a matplotlib figure, not {type(figure).__name__}. From axes: axes.figure.")
    words = " ".join(alt.split())
    # The image and its description are two outputs: a front end shows only one form of each.
    image = png(figure)
    html = "" if is_stored() else as_html(image, words)
    emit(html=html, plain=f"Figure: {words}", image_png=image, metadata={"image/png": {"alt": words}})
    folded = f"<details><summary>The figure in words</summary><p>{inline(words)}</p></details>"
    emit(html=folded, plain="The figure in words, folded.", full="")
    from matplotlib import pyplot

    pyplot.close(figure)


def as_html(image: str, words: str) -> str:
    """A PNG in base64 as HTML with its words."""
    return f'<img alt="{escape(words)}" src="data:image/png;base64,{image}">'


def png(figure: Figure) -> str:
    """The figure as PNG, base64; without the date and program name that matplotlib adds.

    It has the 256 colors that come nearest, which no eye tells from all of them (the lessons' figures: at most 6 of
    255 off) and which take a third of the bytes: a notebook stores each image twice.
    """
    from PIL import Image

    whole, small = io.BytesIO(), io.BytesIO()
    figure.savefig(whole, format="png", dpi=DOTS_PER_INCH, bbox_inches="tight", metadata={"Software": None})
    with Image.open(whole) as image:
        few = image.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(small, format="png", optimize=True)
    return base64.b64encode(small.getvalue()).decode("ascii")
