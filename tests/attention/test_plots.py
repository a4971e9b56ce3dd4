"""Plots of attention: labels, units, words for those who do not see, and values drawn as they are."""

from __future__ import annotations

import numpy as np
import pytest

import llm_course as lc
import tiny_models
from llm_course.attention.plots import heat_map


def test_a_heat_map_shows_the_values_with_title_labels_and_units() -> None:
    values = np.array([[0.9, 0.1], [0.25, 0.75]])
    figure = heat_map(values, ["the", "cat"], ["le", "chat"], title="A test")
    axes, bar = figure.axes
    assert np.array_equal(axes.images[0].get_array(), values) and axes.images[0].get_clim() == (0, 0.9)
    assert axes.get_title() == "A test" and axes.get_xlabel() and axes.get_ylabel() and "share" in bar.get_ylabel()
    assert [t.get_text() for t in axes.get_yticklabels()] == ["the", "cat"]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["le", "chat"]
    assert "the to le 0.90; cat to chat 0.75" in figure.alt


@pytest.mark.parametrize(
    ("layer", "head", "says"), [(None, None, "all layers"), (1, None, "layer 1, all heads"), (1, 0, "layer 1, head 0")]
)
def test_an_attention_is_averaged_as_asked(layer: int | None, head: int | None, says: str) -> None:
    found = lc.attend("the cat sat", model=tiny_models.folder("bert"))
    figure = heat_map(found, layer=layer, head=head)
    assert says in figure.axes[0].get_title()
    expected = found.mean() if layer is None else found.mean(1) if head is None else found.head(1, 0)
    assert np.allclose(figure.axes[0].images[0].get_array(), expected)


def test_tokens_that_matplotlib_would_read_as_mathematics_are_drawn_as_they_are(tmp_path: object) -> None:
    figure = heat_map(np.eye(4), ["$x_1$", "\n", " a", ""], ["$", "_", "^", "\\"])
    figure.savefig(f"{tmp_path}/figure.png")
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == [r"\$x_1\$", "⏎", "␣a", "∅"]


def test_no_figure_stays_open() -> None:
    import matplotlib.pyplot as plt

    heat_map(np.eye(2))
    assert plt.get_fignums() == []
