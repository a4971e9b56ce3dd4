"""Lines and the grid of heads: each line and thumbnail is where it belongs, and the words say what is seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from llm_course.attention import head_grid, line_view, save
from llm_course.attention.lines import FAINTEST, THICKEST
from llm_course.errors import BadInput, BadOption
from made_up_heads import HOSTILE, MadeUp, at_random, names

WEIGHTS = np.array([[0.8, 0.15, 0.05], [0.0, 0.4, 0.6]])
ROWS, COLUMNS = ["le", "chat"], ["the", "black", "cat"]


def lines(figure: Any) -> dict[tuple[int, int], tuple[float, float]]:
    """Row and column of each line, with its width and opacity."""
    (found,) = figure.axes[0].collections
    return {
        (int(ends[0][1]), int(ends[1][1])): (width, color[3])
        for ends, width, color in zip(found.get_segments(), found.get_linewidths(), found.get_colors(), strict=True)
    }


def test_lines_are_as_thick_and_dark_as_the_weight() -> None:
    figure = line_view(WEIGHTS, ROWS, COLUMNS, title="A test")
    found = lines(figure)
    assert set(found) == {(0, 0), (0, 1), (0, 2), (1, 1), (1, 2)}  # none for the weight 0
    assert found[0, 0] == (THICKEST, 1)
    order = sorted(found, key=lambda cell: WEIGHTS[cell])
    for kind in (0, 1):  # width, opacity
        assert [found[cell][kind] for cell in order] == sorted(found[cell][kind] for cell in order)
    assert found[1, 1][0] == pytest.approx(0.4 + (THICKEST - 0.4) / 2)
    left, right = figure.axes
    assert names(left.get_yticklabels()) == ROWS and names(right.get_yticklabels()) == COLUMNS
    assert left.get_ylim() == right.get_ylim() == (2.5, -0.5) and left.get_title() == "A test"
    assert left.get_ylabel() == "looking (query)" and right.get_ylabel() == "looked at (key)"
    (legend,) = figure.legends
    assert names(legend.get_texts()) == ["0.80", "0.40", "0.08"] and "share" in legend.get_title().get_text()
    assert "A test. Each row's largest weight: le to the 0.80; chat to cat 0.60." in figure.alt
    for label in (*left.get_yticklabels(), *right.get_yticklabels()):
        assert not label.get_parse_math()


def test_faint_lines_are_left_out() -> None:
    found = lines(line_view(np.array([[1.0, FAINTEST * 0.99, FAINTEST * 1.01]])))
    assert set(found) == {(0, 0), (0, 2)}


@pytest.mark.parametrize("token", [1, "chat", " chat"])
def test_one_token_alone_with_its_weights_in_figures(token: int | str) -> None:
    rows = ["le", " chat"] if token == " chat" else ROWS
    figure = line_view(WEIGHTS, rows, COLUMNS, token=token)
    found = lines(figure)
    assert set(found) == {(1, 1), (1, 2)} and found[1, 2] == (THICKEST, 1)  # measured by its own largest weight
    left, right = figure.axes
    assert names(left.get_yticklabels())[1].startswith("▶ ") and not names(left.get_yticklabels())[0].startswith("▶")
    assert names(right.get_yticklabels()) == ["the", "black  0.40", "cat  0.60"]
    assert [t.get_fontweight() for t in right.get_yticklabels()] == ["normal", "bold", "bold"]
    assert "(row 1) alone" in figure.alt and "cat 0.60; black 0.40" in figure.alt


def test_which_token_must_be_clear() -> None:
    with pytest.raises(BadOption, match="0, 2"):
        line_view(np.eye(3), ["a", "b", "a"], token="a")
    with pytest.raises(BadOption, match="'a', 'b', 'c'"):
        line_view(np.eye(3), list("abc"), token="d")
    for place in (3, -1, 0.5, True):
        with pytest.raises(BadOption, match="token"):
            line_view(np.eye(3), token=place)  # type: ignore[arg-type]


def test_lines_of_an_attention() -> None:
    found = at_random(("a", "b", "c"), layers=2, heads=2)
    figure = line_view(found, layer=1, head=0)
    assert "layer 1, head 0" in figure.axes[0].get_title().replace("\n", " ")
    strongest = max(lines(figure), key=lambda cell: lines(figure)[cell][0])
    assert strongest == np.unravel_index(found.head(1, 0).argmax(), (3, 3))
    with pytest.raises(BadInput):
        line_view(np.ones(3))


def test_long_texts_keep_the_labels_that_matter() -> None:
    weights = np.eye(300, k=-100)
    weights[201] = 0
    weights[201, [7, 50, 51]] = 0.5, 0.3, 0.2
    figure = line_view(weights, token=201)
    left, right = figure.axes
    places = [int(p) for p in right.get_yticks()]
    shown = dict(zip(places, names(right.get_yticklabels()), strict=True))
    assert shown[7] == "7  0.50" and shown[50] == "50  0.30" and 51 not in shown  # no room for both neighbors
    step = min(np.diff(places))
    assert step >= 2 and 201 in left.get_yticks() and len(places) < 160
    assert len(lines(line_view(np.full((120, 120), 1 / 120)))) == 4000  # a haze of lines has an end
    assert max(figure.get_size_inches()) < 16


# --- grid -----------------------------------------------------------------------------------------------------------


def planted() -> MadeUp:
    weights = np.full((2, 3, 4, 4), 0.25)
    weights[1, 2] = 0.9 * np.eye(4, k=-1) + 0.1 * np.eye(4)
    weights[1, 2, 0] = 0.25
    return MadeUp(weights, tuple("abcd"), tuple("abcd"))


def test_every_head_has_its_thumbnail_in_its_place_on_one_scale() -> None:
    figure = head_grid(planted())
    axes, bar = figure.axes
    assert len(axes.images) == 6 and len({id(image.norm) for image in axes.images}) == 1
    assert (axes.images[0].norm.vmin, axes.images[0].norm.vmax) == (0, pytest.approx(0.9))
    for place, image in enumerate(axes.images):
        layer, head = divmod(place, 3)
        left, right, low, high = image.get_extent()
        assert (left, high) == (head, layer) and head < right < head + 1 and layer < low < layer + 1
        assert np.allclose(image.get_array(), planted().weights[layer, head])
    assert names(axes.texts) == ["L0 H0", "L0 H1", "L0 H2", "L1 H0", "L1 H1", "L1 H2"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # layer 0 on top, as its labels say
    assert "square-root" in bar.get_ylabel() and "layer" in axes.get_ylabel() and "head" in axes.get_xlabel()
    assert "2 layers by 3 heads" in figure.alt and "previous token: layer 1 head 2." in figure.alt


def test_a_measure_above_each_head() -> None:
    figure = head_grid(planted(), measure="previous_token")
    assert names(figure.axes[0].texts)[-1] == "L1 H2: 0.90" and names(figure.axes[0].texts)[0] == "L0 H0: 0.25"
    assert "previous token (share)" in figure.axes[0].get_title().replace("\n", " ")
    assert "Highest previous token: layer 1 head 2 0.90" in figure.alt
    with pytest.raises(BadOption, match="induction"):
        head_grid(planted(), measure="beauty")
    with pytest.raises(BadInput, match="Attention"):
        head_grid(np.eye(3))


def test_a_grid_of_a_long_text_keeps_thumbnails_small() -> None:
    found = at_random(tuple(f"t{i}" for i in range(200)), layers=1, heads=2, sharp=4)
    figure = head_grid(found, measure="entropy")
    for head, image in enumerate(figure.axes[0].images):
        assert max(image.get_array().shape) <= 64 and image.get_array().max() == found.weights[0, head].max()
    assert found.asked == 4  # each head once for the picture, once for the measure


@pytest.mark.parametrize("picture", [line_view, head_grid])
def test_hostile_tokens(picture: Any, tmp_path: Any, recwarn: pytest.WarningsRecorder) -> None:
    found = at_random(HOSTILE, layers=1, heads=1)
    found.model = "$evil$\x00 <b>"
    figure = picture(found, **({"token": 7} if picture is line_view else {}))
    save(figure, tmp_path / "figure.png", dpi=40)
    assert figure.alt.isprintable() and not [w for w in recwarn if "Glyph" in str(w.message)]
