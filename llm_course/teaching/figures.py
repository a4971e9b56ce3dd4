"""Show a matplotlib figure with words for those who do not see it.

Knows nothing about what the figure shows. No front end of today reads words for an image output aloud everywhere:
JupyterLab (4.6) and nbconvert's default template give it no ``alt`` attribute, nbconvert's classic template takes it
from the metadata. So the words go to both: into the metadata, and into a folded description below the image.
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

from llm_course.errors import BadOption
from llm_course.teaching.output import emit, inline

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
    emit(html="", plain=f"Figure: {words}", image_png=png(figure), metadata={"image/png": {"alt": words}})
    folded = f"<details><summary>The figure in words</summary><p>{inline(words)}</p></details>"
    emit(html=folded, plain="The figure in words, folded.", full="")
    from matplotlib import pyplot

    pyplot.close(figure)


def png(figure: Figure) -> str:
    """The figure as PNG, base64; without the date and program name that matplotlib adds."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, bbox_inches="tight", metadata={"Software": None})
    return base64.b64encode(buffer.getvalue()).decode("ascii")
