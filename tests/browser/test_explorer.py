"""The explorer as a reader meets it: a saved page opened from a file, with no network, by mouse, keyboard and ear.

Nothing may complain in the console, and nothing may be asked of any machine. ``test_explorer_lab.py`` has JupyterLab.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np
import pytest
from made_up_attention import MadeUp
from playwright.sync_api import expect

from llm_course.attention.explorer import save_html

if TYPE_CHECKING:
    from explorer_page import ExplorerPage

pytest_plugins = ["explorer_page"]  # its fixtures
pytestmark = pytest.mark.browser

TOKENS = "[CLS] the quick brown fox jumps . [SEP] it was not amused . [SEP]".split()
SPECIAL = [token.startswith("[") for token in TOKENS]
SEGMENTS = [0] * 8 + [1] * 6


@pytest.fixture(scope="module")
def pair(folder: Path) -> tuple[MadeUp, Path]:
    attention = MadeUp(TOKENS, layers=3, heads=4, d=16, special=SPECIAL, segments=SEGMENTS)
    return attention, save_html(attention, folder / "pair.html")


@pytest.fixture(scope="module")
def two(folder: Path) -> tuple[MadeUp, MadeUp, Path]:
    one, other = (MadeUp(TOKENS, d=16, special=SPECIAL, seed=seed, model=f"m{seed}") for seed in (0, 1))
    return one, other, save_html(one, folder / "two.html", other)


# ---- what is drawn


@pytest.mark.parametrize(
    ("view", "canvases"),
    [
        ({"tab": "map", "layer": 1, "head": 2, "row": 4}, 1),
        ({"tab": "lines", "layer": 1, "head": 2}, 1),
        ({"tab": "map", "source": "average", "set": [[0, 0], [2, 3]]}, 1),
        ({"tab": "lines", "source": "rollout"}, 1),
    ],
    ids=str,
)
def test_each_view_draws(shown: ExplorerPage, pair: tuple[MadeUp, Path], view: dict[str, Any], canvases: int) -> None:
    shown.open(pair[1], **view)
    found = shown.shades()
    assert len(found) == canvases and min(found) > 20
    assert shown.view["tab"] == view["tab"] and shown.page.locator("[role=tab][aria-selected=true]").count() == 1


def test_the_overview_shows_every_head_with_its_measure(shown: ExplorerPage, pair: tuple[MadeUp, Path]) -> None:
    shown.open(pair[1])
    heads = shown.page.locator(".lcx-thumb")
    assert heads.count() == 12 and min(shown.shades(".lcx-thumb canvas")) > 10
    weights = pair[0].head(1, 2)
    entropy = -(weights * np.log2(weights)).sum(axis=1).mean()
    expect(heads.nth(6)).to_have_accessible_name(f"Layer 1 · head 2 entropy {entropy:.2f}")
    shown.page.get_by_label("Order").select_option("down")
    values = [float(one.text_content().split()[-1]) for one in heads.all()]
    assert values == sorted(values, reverse=True) and heads.count() == 12
    shown.page.get_by_label("Measure").select_option("mean distance")
    assert "mean distance" in heads.first.text_content()
    heads.first.click()
    shown.ready()
    assert shown.view["tab"] == "map" and len(shown.shades()) == 1


@pytest.mark.parametrize("bias", ["none", "causal", "alibi", "window", "other", "unrecorded", "grouped"])
def test_the_browser_s_weights_are_the_model_s(shown: ExplorerPage, folder: Path, bias: str) -> None:
    more = {"unrecorded": {"recorded": False}, "grouped": {"groups": 2, "bias": "causal"}}.get(bias, {"bias": bias})
    attention = MadeUp(70, layers=2, heads=4, d=16, sharp=4, **more)
    shown.open(save_html(attention, folder / f"{bias}.html"))
    for layer, head in ((0, 0), (1, 3), (0, 1)):
        assert np.abs(shown.weights(layer, head) - attention.head(layer, head)).max() <= 0.004
    mean = (attention.head(0, 1) + attention.head(1, 2)) / 2
    assert np.abs(shown.weights(source="average", set=[[0, 1], [1, 2]]) - mean).max() <= 0.004
    rolled = np.eye(70)
    for layer in range(2):
        rolled = 0.5 * (attention.mean(layer) + np.eye(70)) @ rolled
    assert np.abs(shown.weights(source="rollout") - rolled).max() <= 0.004


def test_cells_have_the_colors_of_their_weights(shown: ExplorerPage, folder: Path) -> None:
    attention = MadeUp(3, layers=1, heads=1)
    weights = np.array([[1, 0, 0], [0, 0.25, 0.75], [0.5, 0.5, 0]], np.float32)
    attention.recorded, attention.head = False, lambda layer, head: weights  # type: ignore[method-assign]
    shown.open(save_html(attention, folder / "cells.html"), tab="map")
    colors = shown.page.evaluate("""() => {
      const board = document.querySelector("[data-explorer]").lcx.boards[0], { left, top, cell } = board.chart;
      const ctx = board.canvas.getContext("2d");
      return [0, 1, 2].map((i) => [0, 1, 2].map((j) =>
        [...ctx.getImageData(left + j * cell + 3, top + i * cell + 3, 1, 1).data].slice(0, 3).reduce((a, b) => a + b)));
    }""")
    light = np.array(colors, float)
    assert light[weights == 0].min() == light[weights == 0].max() > 700, "nothing is nearly white"
    order = [light[1, 1], light[2, 0], light[1, 2], light[0, 0]]
    assert order == sorted(order, reverse=True) and light[0, 0] < 150, "the larger the weight, the darker"


def test_query_and_key_explain_the_score(shown: ExplorerPage, pair: tuple[MadeUp, Path]) -> None:
    attention, path = pair
    shown.open(path, tab="pair", layer=2, head=1, row=4, col=9)
    products = attention.query(2, 1)[4] * attention.key(2, 1)[9] * attention.scale(2, 1)
    text = shown.page.locator(".lcx-pair").inner_text()
    score = float(text.split("score ")[1].split()[0].replace("−", "-"))
    assert score == pytest.approx(products.sum(), abs=0.06)
    assert f"weight {attention.head(2, 1)[4, 9]:.3f}"[:10] in text
    bars = shown.page.locator(".lcx-pair rect")
    assert bars.count() == 16 and shown.page.locator(".lcx-plus").count() == (products > 0).sum()
    largest = int(shown.page.locator(".lcx-pair tbody th, .lcx-pair table th[scope=row]").first.inner_text())
    assert largest == np.abs(products).argmax()
    shown.page.get_by_label("largest first").check()
    shown.ready()
    assert f"dimension {largest}:" in bars.first.locator("title").text_content()


def test_a_masked_pair_says_so(shown: ExplorerPage, folder: Path) -> None:
    shown.open(save_html(MadeUp(6, bias="causal"), folder / "masked.html"), tab="pair", row=1, col=4)
    assert "masked: a later token" in shown.page.locator(".lcx-sum").inner_text()


def test_without_queries_and_keys_the_view_explains(shown: ExplorerPage, folder: Path) -> None:
    shown.open(save_html(MadeUp(6, recorded=False), folder / "unseen.html"), tab="pair", row=1, col=4)
    assert "were not recorded" in shown.page.locator(".lcx-pair").inner_text()


# ---- two sides, three kinds


def test_two_models_side_by_side_with_their_difference(shown: ExplorerPage, two: tuple[MadeUp, MadeUp, Path]) -> None:
    one, other, path = two
    shown.open(path, tab="compare", layer=1, head=2)
    assert len(shown.shades()) == 3 and min(shown.shades()) > 20
    assert shown.page.locator("figcaption").all_inner_texts() == ["m0", "m1", "Difference: first − second"]
    found = shown.page.evaluate("() => Array.from(document.querySelector('[data-explorer]').lcx.difference().row(3))")
    assert np.abs(np.array(found) - (one.head(1, 2) - other.head(1, 2))[3]).max() <= 0.008
    shown.page.get_by_label("with layer").select_option("0")
    shown.ready()
    found = shown.page.evaluate("() => Array.from(document.querySelector('[data-explorer]').lcx.difference().row(3))")
    assert np.abs(np.array(found) - (one.head(1, 2) - other.head(0, 2))[3]).max() <= 0.008
    shown.page.get_by_label("Side").select_option("1")
    shown.ready()
    assert "m1" in shown.page.locator(".lcx-title").inner_text()


def test_texts_of_different_lengths_have_no_difference(shown: ExplorerPage, folder: Path) -> None:
    shown.open(save_html(MadeUp(5), folder / "lengths.html", MadeUp(8, model="other")), tab="compare")
    assert len(shown.shades()) == 2 and "no difference to show" in shown.page.locator(".lcx-compare").inner_text()


def test_the_kinds_of_an_encoder_decoder_model(shown: ExplorerPage, folder: Path) -> None:
    attention = MadeUp.translation(["Hello", "my", "friend"], ["Bonjour", "mon", "ami", "</s>"])
    shown.open(save_html(attention, folder / "kinds.html"), tab="map")
    assert shown.page.locator("[role=listbox]:visible").count() == 2, "cross-attention has two texts"
    assert np.abs(shown.weights(1, 1) - attention.head(1, 1)).max() <= 0.004
    shown.page.get_by_label("Attention", exact=True).select_option("encoder")
    shown.ready()
    assert shown.page.locator("[role=listbox]:visible").count() == 1
    assert shown.page.locator("[role=option]:visible").all_inner_texts() == ["Hello", "my", "friend"]
    assert shown.weights(0, 0, kind="decoder").shape == (4, 4)


# ---- pointing, pinning, filtering, remembering


def test_pointing_and_pinning_with_the_mouse(shown: ExplorerPage, pair: tuple[MadeUp, Path]) -> None:
    attention, path = pair
    shown.open(path, tab="map", layer=1, head=0)
    board = shown.page.locator(".lcx-board")
    board.hover(position=shown.cell(2, 5))
    shown.ready()
    weight = attention.head(1, 0)[2, 5]
    assert shown.status.startswith("“quick” (2) looks at “jumps” (5) with weight")
    assert abs(float(shown.status.split("weight ")[1].split(";")[0].replace("<", "")) - weight) < 0.006
    board.click(position=shown.cell(2, 5))
    shown.ready()
    shown.page.mouse.move(2, 2)
    assert (shown.view["row"], shown.view["col"]) == (2, 5) and "jumps" in shown.status, "pinned: it stays"
    assert shown.heard.startswith("Pinned.")
    shown.page.get_by_role("option", name="fox").click()
    shown.ready()
    strongest = TOKENS[attention.head(1, 0)[4].argmax()]
    assert shown.view["row"] == 4 and f"looks most at “{strongest}”" in shown.heard
    assert shown.page.locator("[role=option][aria-selected=true]").all_inner_texts() == ["fox"]
    assert shown.page.locator(".lcx-top li bdi").first.inner_text() == strongest


def test_filters_keep_the_rows_and_columns_asked_for(shown: ExplorerPage, pair: tuple[MadeUp, Path]) -> None:
    shown.open(pair[1], tab="map")
    shown.page.get_by_label("From").select_option("0")
    shown.page.get_by_label("to", exact=True).select_option("1")
    shown.page.get_by_label("special tokens").uncheck()
    shown.ready()
    kept = shown.page.evaluate(
        "() => { const e = document.querySelector('[data-explorer]').lcx; return e.filter(e.data); }"
    )
    assert kept["rowsAt"] == [1, 2, 3, 4, 5, 6] and kept["colsAt"] == [8, 9, 10, 11, 12]
    assert min(shown.shades()) > 20


def test_the_view_is_kept_in_the_address(shown: ExplorerPage, pair: tuple[MadeUp, Path]) -> None:
    shown.open(pair[1], tab="map", layer=2, head=3, row=4)
    shown.press("1", "2")
    shown.page.get_by_label("Layer", exact=True).select_option("1")
    shown.until(lambda: '"layer":1' in unquote(shown.page.evaluate("() => location.hash")))
    shown.page.reload()
    shown.ready()
    view = shown.view
    assert (view["tab"], view["layer"], view["head"], view["row"]) == ("map", 1, 3, 4)
    shown.page.goto("about:blank")
    shown.page.goto(pair[1].as_uri() + "#%7Bbroken")
    shown.ready()
    assert shown.view["tab"] == "overview"


def test_averages_over_chosen_heads(shown: ExplorerPage, pair: tuple[MadeUp, Path]) -> None:
    shown.open(pair[1], tab="map")
    shown.page.get_by_label("Show").select_option("average")
    shown.ready()
    assert shown.view["set"] == [[0, n] for n in range(4)], "the layer that was shown"
    shown.page.get_by_label("Every head of layer 0").click()
    shown.ready()
    assert shown.view["set"] == [] and "Choose the heads" in shown.page.locator(".lcx-missing").inner_text()
    shown.page.get_by_label("Layer 2, head 3", exact=True).check()
    shown.page.get_by_label("Head 1 of every layer").click()
    shown.ready()
    assert shown.view["set"] == [[0, 1], [1, 1], [2, 1], [2, 3]] and "average of 4 heads" in shown.status.lower()
    assert min(shown.shades()) > 20


# ---- keyboard and screen reader


def test_everything_by_keyboard(shown: ExplorerPage, pair: tuple[MadeUp, Path]) -> None:
    attention, path = pair
    shown.open(path)
    for _ in range(30):
        shown.press("Tab")
        if shown.focused().startswith("BUTTON Layer 0 · head 0"):
            break
    shown.press("ArrowRight", "ArrowDown")
    assert shown.focused().startswith("BUTTON Layer 1 · head 1")
    shown.press("Enter")
    view = shown.view
    assert (view["tab"], view["layer"], view["head"]) == ("map", 1, 1)
    assert shown.focused().startswith("application Heat map"), "the picture that was opened"
    shown.press("ArrowDown", "Enter")
    assert shown.view["row"] == 0 and "looks at" in shown.heard
    shown.press("Escape")
    for _ in range(20):
        shown.press("Shift+Tab")
        if shown.focused().startswith("tab "):
            break
    shown.press("ArrowRight")
    assert shown.view["tab"] == "lines" and shown.focused() == "tab Lines"
    shown.press("2", "]", ".", ".")
    view = shown.view
    assert (view["tab"], view["layer"], view["head"]) == ("map", 2, 3) and shown.heard == "Layer 2, head 3"
    shown.press("]", ".")
    assert (shown.view["layer"], shown.view["head"]) == (0, 0), "around the end"
    shown.press("t")
    assert shown.focused() == "option [CLS], special token"
    shown.press("ArrowRight", "ArrowRight", "Enter")
    strongest = TOKENS[attention.head(0, 0)[2].argmax()]
    assert shown.view["row"] == 2 and f"“quick” (2) looks most at “{strongest}”" in shown.heard
    shown.press("Tab")
    while not shown.focused().startswith("application"):
        shown.press("Tab")
    shown.press("ArrowDown", "ArrowDown", "ArrowRight", "Enter")
    assert (shown.view["row"], shown.view["col"]) == (4, 1) and "“fox” (4) looks at “the” (1)" in shown.heard
    shown.press("Escape")
    assert shown.view["row"] is None and shown.heard == "Released."
    before = shown.page.evaluate("() => document.querySelector('[data-explorer]').lcx.boards[0].chart.cell")
    shown.press("+", "+")
    assert shown.page.evaluate("() => document.querySelector('[data-explorer]').lcx.boards[0].chart.cell") > before
    shown.press("0", "?")
    assert (
        shown.page.get_by_role("dialog").is_visible()
        and "layer before" in shown.page.get_by_role("dialog").inner_text()
    )
    shown.press("Escape")
    assert not shown.page.get_by_role("dialog").is_visible()


def test_what_has_the_focus_can_be_seen(shown: ExplorerPage, pair: tuple[MadeUp, Path]) -> None:
    shown.open(pair[1], tab="map")
    for _ in range(14):
        shown.page.keyboard.press("Tab")
        seen = shown.page.evaluate("""() => { const s = getComputedStyle(document.activeElement);
          const drawn = s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 1;
          return document.activeElement === document.body || drawn; }""")
        assert seen, shown.focused()


def test_every_control_has_a_name(shown: ExplorerPage, two: tuple[MadeUp, MadeUp, Path]) -> None:
    for tab in ("overview", "map", "lines", "pair", "compare"):
        shown.open(two[2], tab=tab, source="average")
        nameless = shown.page.evaluate("""() => [...document.querySelectorAll(
            "button, select, input, [role=application], [role=listbox], [role=grid], [role=tabpanel], [role=dialog]")]
          .filter((e) => !(e.getAttribute("aria-label") || e.getAttribute("aria-labelledby") || e.textContent.trim()
            || e.labels?.length)).map((e) => e.outerHTML)""")
        assert nameless == []


# ---- dark, and on paper


@pytest.mark.parametrize("shown", [{"color_scheme": "dark"}], indirect=True)
def test_dark(shown: ExplorerPage, pair: tuple[MadeUp, Path]) -> None:
    shown.open(pair[1], tab="map", row=3)
    back, front = shown.page.evaluate("""() => { const s = getComputedStyle(document.querySelector(".lcx"));
      return [s.backgroundColor, s.color].map((c) => c.match(/\\d+/g).map(Number).reduce((a, b) => a + b)); }""")
    assert back < 120 and front > 550
    corner = shown.page.evaluate("""() => [...document.querySelector(".lcx-board canvas").getContext("2d")
      .getImageData(1, 1, 1, 1).data].slice(0, 3).reduce((a, b) => a + b)""")
    assert corner < 120 and min(shown.shades()) > 20
    shown.page.emulate_media(color_scheme="light")
    shown.until(
        lambda: shown.page.evaluate("""() => document.querySelector(".lcx-board canvas").getContext("2d")
      .getImageData(1, 1, 1, 1).data[0] > 200""")
    )
