"""Heat maps: labels, units, words for those who do not see, values drawn as they are, and tokens of any kind."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import llm_course as lc
import tiny_models
from llm_course.attention import alignment, heat_map, rollout, rollout_map, save
from llm_course.attention.drawing import drawable, lettering, pooled, readable, side
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
    from llm_course.attention import drawing

    monkeypatch.setattr(drawing, "families", lambda: ["DejaVu Sans"])  # what comes with matplotlib
    assert drawable("中a") == "\\u4e2da" and drawable("é") == "é" and drawable("🙂" * 30).endswith("…")


@pytest.mark.parametrize("picture", [heat_map, alignment, rollout_map])
def test_hostile_tokens_are_drawn_without_a_warning(picture: Any, tmp_path: Path) -> None:
    found = at_random(HOSTILE, layers=1, heads=1, kind="cross" if picture is alignment else "encoder")
    found.model = "$evil$\x00 <b>"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = picture(found)
        save(figure, tmp_path / "figure.png", dpi=40)
    labels = names(figure.axes[0].get_yticklabels())
    assert len(labels) == len(HOSTILE) and all(label.isprintable() and len(label) <= 48 for label in labels)
    assert "<img␣src=x␣onerror=aler…" in labels and "$x_1$" in labels
    assert figure.alt.isprintable() and "שלום" in figure.alt and "中文字" in figure.alt
    figure.alt.encode("utf-8")


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
    sides = [side(count) for count in range(1, 3000, 7)]
    assert sides == sorted(sides) and sides[-1] < 13
    for count in (1, 10, 24, 40, 80, 100, 500, 4096):
        size, step = lettering(count, side(count))
        assert 7 <= size <= 10 and size <= step * side(count) * 72 / count
        assert step == 1 or count > 80


def test_of_thousands_of_tokens_blocks_keep_the_largest_weight() -> None:
    weights = np.zeros((1300, 1300))
    weights[700, 3] = 0.9  # one bright cell does not get lost
    figure = heat_map(weights)
    shown = figure.axes[0].images[0].get_array()
    assert max(shown.shape) <= 600 and shown.max() == 0.9 and (shown > 0).sum() == 1
    assert "largest weight" in figure.axes[0].get_xlabel()
    assert pooled(np.array([[1, 5, 2], [3, 4, 9], [7, 0, 1]]), 2).tolist() == [[5, 9], [7, 1]]


# --- alignment and rollout ------------------------------------------------------------------------------------------


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


def test_a_rollout_map_shows_the_rollout() -> None:
    found = at_random(("a", "b", "c"), layers=3)
    figure = rollout_map(found)
    axes, bar = figure.axes
    assert np.allclose(axes.images[0].get_array(), rollout(found))
    assert "rollout, layers 0 to 2" in axes.get_title().replace("\n", " ") and "rollout" in bar.get_ylabel()
    assert axes.get_ylabel() == "token after layer 2" and axes.get_xlabel() == "input token"
    first = rollout_map(found.weights, ["x", "y", "z"], layer=0, residual=0.25)
    assert np.allclose(first.axes[0].images[0].get_array(), rollout(found, layer=0, residual=0.25))
    assert names(first.axes[0].get_xticklabels()) == ["x", "y", "z"] and "layer 0" in first.alt
