"""Figures: shown with words as their alternative text, in the metadata and below, closed, and small."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import Any

import pytest

import llm_course as lc
from llm_course.errors import BadOption
from llm_course.teaching import figures


@pytest.fixture
def figure() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    drawn, axes = pyplot.subplots()
    axes.plot([1, 2, 4])
    return drawn


def test_image_and_words(notebook: Any, page: Any, figure: Any) -> None:
    from matplotlib import pyplot

    lc.show(figure, alt="A line that rises\n from 1 to 4, <steeply> & more.")
    image, words = notebook.bundles
    assert base64.b64decode(image["image/png"]).startswith(b"\x89PNG")
    alt = "A line that rises from 1 to 4, <steeply> & more."
    assert notebook.metadata[0]["image/png"]["alt"] == alt
    assert image["text/plain"] == f"Figure: {alt}"
    shown = page(image["text/html"])
    assert shown.tags == ["img"]
    assert image["text/html"].count("alt=") == 1 and f'alt="{escape(alt)}"' in image["text/html"]
    assert image["image/png"] in image["text/html"], "whatever a front end takes, it is the same image"
    read = page(words["text/html"])
    assert alt in read.text and read.tags[0] == "details" and "base64" not in words["text/html"]
    assert figure.number not in pyplot.get_fignums()


def test_fewer_colors_are_not_seen(figure: Any) -> None:
    import numpy as np
    from PIL import Image

    weights = np.random.default_rng(0).random((30, 30))
    figure.axes[0].imshow(weights, cmap="viridis")
    whole = io.BytesIO()
    figure.savefig(whole, format="png", dpi=figures.DOTS_PER_INCH, bbox_inches="tight")
    shown = io.BytesIO(base64.b64decode(figures.png(figure)))
    before, after = (np.asarray(Image.open(one).convert("RGB")).astype(int) for one in (whole, shown))
    assert np.abs(before - after).max() <= 16
    assert len(shown.getvalue()) < 0.6 * len(whole.getvalue())


def test_nbconverts_classic_template_writes_the_alt_attribute(notebook: Any, figure: Any) -> None:
    import nbconvert
    from nbformat import v4

    lc.show(figure, alt="A rising line.")
    outputs = [
        v4.new_output("display_data", data=data, metadata=meta)
        for data, meta in zip(notebook.bundles, notebook.metadata, strict=True)
    ]
    page = v4.new_notebook(cells=[v4.new_code_cell("x", outputs=outputs)])
    html, _ = nbconvert.HTMLExporter(template_name="classic").from_notebook_node(page)
    assert 'alt="A rising line."' in html and "The figure in words" in html


@pytest.mark.parametrize("alt", ["", "  ", None, 3])
def test_words_are_not_optional(figure: Any, alt: Any) -> None:
    with pytest.raises(BadOption, match="needs alt="):
        lc.show(figure, alt=alt)


def test_axes_are_not_a_figure(figure: Any) -> None:
    with pytest.raises(BadOption, match="not Axes. From axes: axes.figure"):
        lc.show(figure.axes[0], alt="x")
