"""What can be read and taken away: contrast of every number, bars of odd measures, masked pairs, pictures as files.

Knows nothing about the keyboard; ``test_explorer_focus.py`` has that.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from made_up_attention import MadeUp
from PIL import Image

from llm_course.attention.explorer import encoding, save_html

if TYPE_CHECKING:
    from explorer_page import ExplorerPage

pytest_plugins = ["explorer_page"]  # its fixtures
pytestmark = pytest.mark.browser

# Every number that is written on a cell, with its color and the color below it.
NUMBERS = """async () => {
  const found = [], { lcx } = document.querySelector("[data-explorer]");
  const { fillText } = CanvasRenderingContext2D.prototype, inside = (at, low, high) => at > low && at < high;
  CanvasRenderingContext2D.prototype.fillText = function (text, x, y, ...more) {
    const { left, top } = lcx.boards.find((one) => one.canvas === this.canvas).chart;
    const seen = inside(x, left, this.canvas.width) && inside(y, top, this.canvas.height);
    if (seen && /^[+−]?[.1]/.test(text)) {
      const [r, g, b] = this.getImageData(Math.floor(x), Math.floor(y), 1, 1).data;
      found.push([this.fillStyle, [r, g, b]]);
    }
    return fillText.call(this, text, x, y, ...more);
  };
  lcx.repaint();
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)));
  return found;
}"""


def luminance(color: Any) -> float:
    """WCAG's relative luminance of a color, given as numbers or as #rrggbb or rgb(...)."""
    if isinstance(color, str):
        color = [int(color[i : i + 2], 16) for i in (1, 3, 5)] if color[0] == "#" else color[4:-1].split(",")[:3]
    parts = [float(one) / 255 for one in color]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one: Any, other: Any) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("shown", [{"color_scheme": "light"}, {"color_scheme": "dark"}], indirect=True, ids=str)
def test_every_number_can_be_read_on_its_color(shown: ExplorerPage, folder: Path) -> None:
    one, other = (MadeUp(16, layers=1, heads=1, recorded=False, model=f"m{n}") for n in range(2))
    steps = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    one.head = lambda layer, head: steps  # type: ignore[method-assign]
    other.head = lambda layer, head: steps[::-1]  # type: ignore[method-assign]
    path = save_html(one, folder / "numbers.html", other)
    for tab, zoom, least in (("map", 2, 200), ("compare", 8, 100)):
        shown.open(path, tab=tab, zoom=zoom)
        found = shown.page.evaluate(NUMBERS)
        assert len(found) > least and min(contrast(*pair) for pair in found) >= 4.5


@pytest.mark.parametrize("shown", [{"color_scheme": "light"}, {"color_scheme": "dark"}], indirect=True, ids=str)
def test_special_tokens_and_the_edges_of_controls_can_be_seen(shown: ExplorerPage, folder: Path) -> None:
    attention = MadeUp(["[CLS]", "a", "b"], special=[True, False, False])
    shown.open(save_html(attention, folder / "edges.html"), tab="map", row=1)
    style = "(one, name) => getComputedStyle(one)[name]"
    back = shown.page.locator(".lcx").evaluate(style, "backgroundColor")
    assert contrast(shown.page.locator(".lcx-special").first.evaluate(style, "color"), back) >= 7
    for control in shown.page.locator(".lcx-controls select:visible, .lcx-tools button").all():
        assert contrast(control.evaluate(style, "borderTopColor"), back) >= 3


def test_heads_without_a_number_come_last_and_have_no_bar(shown: ExplorerPage, folder: Path) -> None:
    odd = np.array([[np.nan, 0.2, 0.9], [0.1, np.nan, 0.5]])
    path = save_html(MadeUp(5), folder / "odd.html", measures={"odd": odd})
    for sort, wanted in (("down", [0.9, 0.5, 0.2, 0.1]), ("up", [0.1, 0.2, 0.5, 0.9])):
        shown.open(path, measure="odd", sort=sort)
        names = [str(one.text_content()).split("odd ")[1] for one in shown.page.locator(".lcx-thumb").all()]
        assert names == [*(f"{value:.2f}" for value in wanted), "–", "–"]
        widths = shown.page.locator(".lcx-measure i").evaluate_all(
            "(all) => all.map((one) => parseFloat(one.style.width))"
        )
        assert widths == pytest.approx([*(100 * value / 0.9 for value in wanted), 0, 0], abs=0.1)


def test_a_text_of_one_token_has_an_overview(shown: ExplorerPage, folder: Path) -> None:
    shown.open(save_html(MadeUp(1), folder / "short.html"))
    assert shown.page.locator(".lcx-thumb").first.text_content() == "Layer 0 · head 0"
    assert shown.page.locator(".lcx-choice:visible").count() == 0, "there is nothing to sort by"


def test_a_pair_that_a_window_masks_says_so(shown: ExplorerPage, folder: Path) -> None:
    shown.open(save_html(MadeUp(12, bias="window"), folder / "window.html"), tab="pair", row=1, col=9)
    text = shown.page.locator(".lcx-pair").inner_text()
    assert "masked, weight 0" in text and "Infinity" not in text and "NaN" not in text


def test_where_there_is_no_rollout_the_list_says_why(
    shown: ExplorerPage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "LONGEST_WHOLE", 20)
    option = shown.page.locator("option[value=rollout]")
    for attention, why in ((MadeUp(6, 6), "for self-attention only"), (MadeUp(30), "for up to 20 tokens")):
        shown.open(save_html(attention, folder / "unrolled.html"), tab="map", source="rollout")
        assert option.is_disabled() and option.text_content() == f"rollout ({why})" and shown.view["source"] == "head"
    shown.open(save_html(MadeUp(12), folder / "unrolled.html"), tab="map", source="rollout")
    assert option.is_enabled() and shown.view["source"] == "rollout"


# ---- pictures as files


def saved(shown: ExplorerPage, folder: Path) -> tuple[str, np.ndarray]:
    """Name and pixels of the picture that the button saves."""
    with shown.page.expect_download() as waiting:
        shown.page.get_by_role("button", name="Save this picture").click()
    waiting.value.save_as(folder / "p.png")
    return waiting.value.suggested_filename, np.asarray(Image.open(folder / "p.png").convert("RGB"), dtype=int)


def drawn(pixels: np.ndarray) -> float:
    """The share of pixels that are not white."""
    return float((pixels.sum(axis=2) < 740).mean())


def test_a_picture_is_named_by_what_it_shows(shown: ExplorerPage, folder: Path) -> None:
    path = save_html(MadeUp(6), folder / "names.html")
    for view, name in (
        ({"layer": 1, "head": 2}, "layer-1-head-2"),
        ({"source": "average", "set": [[0, 0], [1, 1]]}, "average-of-2-heads"),
        ({"source": "rollout"}, "rollout-over-all-layers"),
        ({"tab": "lines", "layer": 1}, "layer-1-head-0"),
    ):
        shown.open(path, **{"tab": "map", **view})
        found, pixels = saved(shown, folder)
        assert found == f"attention-{name}.png" and drawn(pixels) > 0.02


def test_a_comparison_is_saved_whole(shown: ExplorerPage, folder: Path) -> None:
    shown.open(save_html(MadeUp(6), folder / "both.html", MadeUp(6, seed=1, model="other")), tab="compare")
    found, pixels = saved(shown, folder)
    assert found == "attention-compare-layer-0-head-0.png"
    third = pixels.shape[1] // 3
    assert all(drawn(pixels[:, n * third : (n + 1) * third]) > 0.05 for n in range(3))
    assert drawn(pixels[:40]) > 0.002, "each picture has its name"


def test_a_picture_of_a_long_text_is_saved_to_its_end(shown: ExplorerPage, folder: Path) -> None:
    shown.open(save_html(MadeUp(700, layers=1, heads=1, d=4), folder / "wide.html"), tab="map", zoom=24)
    wide = shown.page.evaluate("() => document.querySelector('[data-explorer]').lcx.boards[0].spacer.offsetWidth")
    assert wide > 16_000, "larger than a browser's canvas may be"
    _, pixels = saved(shown, folder)
    assert max(pixels.shape) <= 16_000 and pixels.shape[0] * pixels.shape[1] <= 4.1e7
    assert drawn(pixels[-200:, -400:-100]) > 0.05, "the last tokens are on it"
