"""Figures: shown as PNG with words in the metadata and below, closed, and stable where outputs are compared."""

from __future__ import annotations

import base64
from typing import Any

import pytest

import llm_course as lc
from llm_course.errors import BadOption


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
    assert "text/html" not in image, "a front end would take it instead of the image"
    read = page(words["text/html"])
    assert alt in read.text and read.tags[0] == "details" and "base64" not in words["text/html"]
    assert figure.number not in pyplot.get_fignums()


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
