"""Pictures: values drawn as they are, labels with units, words for those who do not see, and tokens of any kind."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import pytest

import llm_course as lc
import tiny_models
from llm_course.attention import alignment, effect_chart, head_grid, heat_map
from llm_course.attention.figures import drawing
from llm_course.attention.figures.drawing import drawable, font_for, inches_for, pooled, readable
from llm_course.errors import BadInput, BadOption
from made_up_heads import HOSTILE, MadeUp, at_random, names


def test_a_heat_map_shows_the_values_with_title_labels_and_units() -> None:
    values = np.array([[0.9, 0.1], [0.25, 0.75]])
    figure = heat_map(values, ["the", "cat"], ["le", "chat"], title="A test")
    axes, bar = figure.axes
    image = axes.images[0]
    assert np.array_equal(image.get_array(), values) and image.get_clim() == (0, 0.9)
    assert image.get_cmap().name == "cividis" and image.get_extent() == [-0.5, 1.5, 1.5, -0.5]
    assert axes.get_title() == "A test" and axes.get_xlabel() and axes.get_ylabel() and "share" in bar.get_ylabel()
    assert names(axes.get_yticklabels()) == ["the", "cat"] and list(axes.get_yticks()) == [0, 1]
    assert names(axes.get_xticklabels()) == ["le", "chat"]
    assert figure.alt == "Heat map, A test. Each row's largest weight: the to le 0.90; cat to chat 0.75."


@pytest.mark.parametrize(
    ("layer", "head", "says"), [(None, None, "all layers"), (1, None, "layer 1, all heads"), (1, 0, "layer 1, head 0")]
)
def test_an_attention_is_averaged_as_asked(layer: int | None, head: int | None, says: str) -> None:
    found = lc.attend("the cat sat", model=tiny_models.folder("bert"))
    figure = heat_map(found, layer=layer, head=head)
    assert says in figure.axes[0].get_title().replace("\n", " ")
    expected = found.mean() if layer is None else found.mean(1) if head is None else found.head(1, 0)
    assert np.allclose(figure.axes[0].images[0].get_array(), expected)


@pytest.mark.parametrize("picture", [heat_map, alignment])
def test_what_cannot_be_drawn_is_said(picture: Any) -> None:
    for bad in (np.ones(3), np.ones((2, 2, 2)), np.ones((0, 2)), np.array([[np.nan, 1]]), [["a", "b"]]):
        with pytest.raises(BadInput, match="rows, columns"):
            picture(bad)
    with pytest.raises(BadInput, match="2 rows.*3 tokens"):
        picture(np.eye(2), ["a", "b", "c"], ["a", "b"])
    with pytest.raises(BadOption, match="layer"):
        picture(at_random(("a", "b"), kind="cross"), head=1)
    with pytest.raises(BadOption, match="weights"):
        picture(np.eye(2), layer=1)


def test_no_figure_stays_open() -> None:
    import matplotlib.pyplot as plt

    heat_map(np.eye(2))
    assert plt.get_fignums() == []


# --- tokens ---------------------------------------------------------------------------------------------------------


def test_tokens_are_shown_as_text() -> None:
    figure = heat_map(np.eye(4), ["$x_1$", "\n", " a", ""], ["$", "_", "^", "\\"], title="$\\frac$")
    axes = figure.axes[0]
    assert names(axes.get_yticklabels()) == ["$x_1$", "⏎", "␣a", "∅"]
    assert axes.get_title() == "$\\frac$"
    for text in (*axes.get_xticklabels(), *axes.get_yticklabels(), axes.title):
        assert not text.get_parse_math() and not text.get_usetex()


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        (" the", "␣the"),
        ("\t", "⇥"),
        ("\x1b[0m", "\\x1b[0m"),
        ("\u202eabc", "\\u202eabc"),
        ("\u00a0", "\\xa0"),
        ("\ud800", "\\ud800"),
        ("\U000e0001", "\\U000e0001"),
        ("שלום", "שלום"),
        ("می\u200cخواهم", "می\u200cخواهم"),  # a joiner inside a word is part of it
        ("\u200d", "\\u200d"),
        ("\u0301", "◌\u0301"),
        ("x" * 24, "x" * 24),
        ("x" * 25, "x" * 23 + "…"),
    ],
)
def test_what_cannot_be_seen_is_written_out(token: str, shown: str) -> None:
    assert readable(token) == shown


def test_a_character_without_a_font_is_written_as_code_point(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "families", lambda: ["DejaVu Sans"])  # what comes with matplotlib
    assert drawable("中a") == "\\u4e2da" and drawable("é") == "é" and drawable("🙂" * 30).endswith("…")


@pytest.mark.parametrize("picture", [heat_map, alignment, head_grid])
def test_hostile_tokens_are_drawn_without_a_warning(picture: Any) -> None:
    found = at_random(HOSTILE, layers=1, heads=1, kind="cross" if picture is alignment else "encoder")
    found.model = "$evil$\x00 <b>"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = picture(found)
        figure.savefig(io.BytesIO(), dpi=40)
    assert figure.alt.isprintable()
    figure.alt.encode("utf-8")
    if picture is head_grid:
        return  # it names heads, not tokens
    labels = names(figure.axes[0].get_yticklabels())
    assert len(labels) == len(HOSTILE) and all(label.isprintable() and len(label) <= 48 for label in labels)
    assert "<img␣src=x␣onerror=aler…" in labels and "$x_1$" in labels
    assert "שלום" in figure.alt and "中文字" in figure.alt


# --- long texts -----------------------------------------------------------------------------------------------------


def overlapping(labels: Any, renderer: Any, axis: int) -> int:
    """How many neighbors among labels overlap along an axis."""
    spans = sorted(
        (b.intervalx if axis == 0 else b.intervaly).tolist() for b in (t.get_window_extent(renderer) for t in labels)
    )
    return sum(right[0] < left[1] - 1 for left, right in zip(spans, spans[1:], strict=False))


def test_80_tokens_all_have_a_label_of_at_least_7_points_and_none_overlap() -> None:
    tokens = tuple(f"token{i}" for i in range(80))
    figure = heat_map(np.eye(80), tokens, tokens)
    axes = figure.axes[0]
    assert len(axes.get_xticklabels()) == len(axes.get_yticklabels()) == 80
    assert min(t.get_fontsize() for t in (*axes.get_xticklabels(), *axes.get_yticklabels())) >= 7
    assert max(figure.get_size_inches()) < 15
    figure.draw_without_rendering()
    renderer = figure._get_renderer()  # type: ignore[attr-defined]
    assert overlapping(axes.get_xticklabels(), renderer, 0) == overlapping(axes.get_yticklabels(), renderer, 1) == 0
    whole = figure.bbox
    for text in (*axes.get_xticklabels(), *axes.get_yticklabels(), axes.title, axes.xaxis.label, axes.yaxis.label):
        box = text.get_window_extent(renderer)
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= whole.x1 and box.y1 <= whole.y1


def test_longer_texts_have_fewer_labels_and_say_so() -> None:
    figure = heat_map(np.eye(300), title="long")
    axes = figure.axes[0]
    places = list(axes.get_yticks())
    step = int(places[1])
    assert step > 1 and names(axes.get_yticklabels())[:3] == ["0", str(step), str(2 * step)]
    assert f"every {step}" in axes.get_ylabel() and f"every {step}" in axes.get_xlabel()
    assert max(figure.get_size_inches()) < 16
    assert "300 rows, 300 columns" in figure.alt and figure.alt.count("(row ") == 10


def test_sizes_grow_and_letters_stay_legible() -> None:
    sides = [inches_for(count) for count in range(1, 3000, 7)]
    assert sides == sorted(sides) and sides[-1] < 13
    for count in (1, 10, 24, 40, 80, 100, 500, 4096):
        size, step = font_for(count, inches_for(count))
        assert 7 <= size <= 10 and size <= step * inches_for(count) * 72 / count
        assert step == 1 or count > 80


def test_of_thousands_of_tokens_blocks_keep_the_largest_weight() -> None:
    weights = np.zeros((1300, 1300))
    weights[700, 3] = 0.9  # one bright cell does not get lost
    figure = heat_map(weights)
    shown = figure.axes[0].images[0].get_array()
    assert max(shown.shape) <= 600 and shown.max() == 0.9 and (shown > 0).sum() == 1
    assert "largest weight" in figure.axes[0].get_xlabel()
    assert pooled(np.array([[1, 5, 2], [3, 4, 9], [7, 0, 1]]), 2).tolist() == [[5, 9], [7, 1]]


# --- alignment ------------------------------------------------------------------------------------------------------


def test_an_alignment_marks_the_strongest_square_of_each_row() -> None:
    weights = np.array([[[[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.2, 0.5, 0.3]]]])
    found = MadeUp(weights, ("la", "voiture", "rouge"), ("the", "red", "car"), "cross", model="marian-mini")
    figure = alignment(found)
    axes = figure.axes[0]
    for line in axes.lines:  # a ring and its rim: seen without any color
        assert (
            line.get_marker() == "o" and line.get_xdata().tolist() == [0, 2, 1] and list(line.get_ydata()) == [0, 1, 2]
        )
    assert {line.get_markeredgecolor() for line in axes.lines} == {"black", "white"}
    assert "written" in axes.get_ylabel() and "read" in axes.get_xlabel()
    assert "ring" in figure.alt and "voiture to car 0.60; rouge to red 0.50" in figure.alt
    assert axes.get_xlim() == (-0.5, 2.5) and axes.get_ylim() == (2.5, -0.5)


def test_an_alignment_takes_the_cross_attention_of_the_run() -> None:
    cross = at_random(("le", "chat"), kind="cross", columns=("the", "cat"))
    encoder = at_random(("the", "cat"))
    encoder.others = (cross,)
    assert np.allclose(alignment(encoder).axes[0].images[0].get_array(), cross.mean())
    with pytest.raises(BadOption, match="marian-mini"):
        alignment(at_random(("a", "b")))


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


# --- chart ----------------------------------------------------------------------------------------------------------


def test_the_chart_has_a_dot_for_every_head_and_says_what_it_shows() -> None:
    scores = np.array([[0.1, 0.9], [0.5, 0.2]])
    rise = {"one text": np.array([[0.0, 0.7], [-0.1, 0.2]]), "another $1 text": np.zeros((2, 2))}
    figure = effect_chart(scores, rise, "score (share)", "rise (nats)", named=1)
    for axes, (title, values) in zip(figure.axes, rise.items(), strict=True):
        dots = np.asarray(axes.collections[0].get_offsets())
        assert sorted(map(tuple, dots.tolist())) == sorted(zip(scores.ravel(), values.ravel(), strict=True))
        assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == (title, "score (share)", "rise (nats)")
        assert [text.get_text().strip() for text in axes.texts] == ["layer 0, head 1"]
    assert "layer 0 head 1: score 0.90, effect 0.70; all heads from -0.10 to 0.70" in figure.alt
    figure.canvas.draw()


def test_tables_that_do_not_fit() -> None:
    for scores, rise in (
        (np.ones((2, 2)), {"a": np.ones((2, 3))}),
        (np.ones((2, 2)), {}),
        (np.ones(4), {"a": np.ones(4)}),
    ):
        with pytest.raises(BadInput):
            effect_chart(scores, rise, "score", "rise")
