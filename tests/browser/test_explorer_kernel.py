"""The widget where its kernel is silent, late or gone, and what it leaves in the notebook; no JupyterLab is needed.

Knows nothing about views. ``test_explorer_lab.py`` has a real kernel.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from made_up_attention import MadeUp

from llm_course.attention.explorer import WIDGET_VIEW, explore, page

if TYPE_CHECKING:
    from explorer_page import ExplorerPage

pytest_plugins = ["explorer_page"]  # its fixtures
pytestmark = pytest.mark.browser

CHANGE = "(view) => document.querySelector('[data-explorer]').lcx.change(view)"  # and do not wait for its weights
LATER = 16_000  # milliseconds


def test_a_silent_kernel_is_said_to_be_silent(shown: ExplorerPage) -> None:
    shown.page.clock.install()
    shown.live(explore(MadeUp(6)), {"tab": "map", "row": 2})
    assert "layer 0, head 0" in shown.status
    shown.page.evaluate("() => { window.silent = true; }")
    shown.page.evaluate(CHANGE, {"layer": 1, "head": 2})
    shown.page.get_by_role("option", name="t3").hover()
    assert "“t3” (3)" in shown.status and "layer 0, head 0" in shown.status, (
        "the weights are still those of the old head"
    )
    shown.page.clock.fast_forward(LATER)
    shown.ready()
    assert "has not answered for 15 seconds" in shown.missing and "run the cell again" in shown.missing
    assert "has not answered" in shown.heard
    asked = shown.page.evaluate("() => window.sent.length")
    shown.page.evaluate("() => window.answer(window.sent.at(-1))")
    shown.until(lambda: shown.missing == "" and "layer 1, head 2" in shown.status)
    assert shown.page.evaluate("() => window.sent.length") == asked, "a late answer is used; nothing is asked twice"


def test_the_kernel_s_own_words_are_shown(shown: ExplorerPage) -> None:
    shown.live(explore(MadeUp(6)), {"tab": "map"})
    shown.page.evaluate("() => { window.silent = true; }")
    shown.page.evaluate(CHANGE, {"layer": 1})
    shown.page.evaluate("() => window.tell({ id: window.sent.at(-1).id, problem: 'MemoryError: too long' })")
    shown.ready()
    assert shown.missing == "MemoryError: too long"
    shown.page.evaluate("() => { window.model.send = () => { throw new Error('comm is closed'); }; }")
    shown.change(layer=0, head=1)
    assert "cannot be asked (comm is closed)" in shown.missing


def test_running_does_not_last_for_ever(shown: ExplorerPage) -> None:
    shown.page.clock.install()
    shown.live(explore(MadeUp(4), rerun=lambda text, pair: MadeUp(4), text="a"))
    go = shown.page.locator(".lcx-form button")
    go.click()
    assert go.inner_text() == "Running…"
    shown.page.clock.fast_forward(LATER)
    shown.until(lambda: go.inner_text() == "Run again")
    assert "has not answered" in shown.page.get_by_role("alert").inner_text()


def test_a_view_from_anywhere_is_brought_into_range(shown: ExplorerPage) -> None:
    odd = {"tab": "toString", "layer": -3, "head": 1.5, "row": -1, "col": 99, "set": "x", "zoom": "a", "shade": -1,
           "from": 7, "sort": 1, "side": -1, "layer2": "z", "kind": [], "more": 1}  # fmt: skip
    shown.live(explore(MadeUp(6)), odd)
    shown.change(tab="map", set=[[0, 1], [9, 9], "ab", [1]])
    view = shown.view
    assert view["set"] == [[0, 1]] and (view["layer"], view["head"], view["row"], view["col"]) == (0, 0, None, None)
    assert min(shown.shades()) > 20 and "more" not in view


def test_the_colors_are_those_of_the_theme_also_when_it_is_made_before_it_is_shown(shown: ExplorerPage) -> None:
    shown.live(explore(MadeUp(6)), {"tab": "map"}, start=False)
    shown.page.add_style_tag(
        content=":root { --jp-layout-color1: #111111; --jp-ui-font-color0: #ffffff; --jp-ui-font-color1: #eeeeee; }"
    )
    shown.page.evaluate("""() => {
      const here = document.getElementById("here"), away = document.createElement("div");
      here.removeAttribute("data-explorer");
      away.setAttribute("data-explorer", "");
      window.show(away);
      here.append(away); }""")
    shown.ready()
    shown.until(lambda: shown.page.evaluate("() => document.querySelector('[data-explorer]').lcx.colors.dark"))
    assert shown.page.locator(".lcx.lcx-dark").count() == 1
    corner = """() => document.querySelector(".lcx-board canvas").getContext("2d").getImageData(1, 1, 1, 1).data[0]"""
    shown.until(lambda: shown.page.evaluate(corner) < 60)


def test_a_long_text_that_nobody_looks_at_is_read_no_further(shown: ExplorerPage) -> None:
    shown.live(explore(MadeUp(2500, layers=1, heads=1, d=8)), {"tab": "map"})
    left = shown.page.evaluate("""async () => {
      const { matrix, boards: [board] } = document.querySelector("[data-explorer]").lcx;
      matrix.pooled.clear();
      board.drawOn(board.canvas, 300, 300, 0, 0, 1);
      const begun = matrix.pooled.size;
      window.leave[0]();
      await new Promise((done) => setTimeout(done, 500));
      return [begun, [...matrix.pooled.values()].filter((one) => one.ready).length];
    }""")
    assert left == [1, 0]


CELL = """([key, html]) => {
  const output = { output_type: "display_data", data: { "text/html": html, "VIEW": { explorer: key } } }, meta = {};
  const shared = Object.create({ toJSON: () => ({ outputs: [output] }) });
  shared.getOutputs = () => [output];
  const cell = {
    type: "code", sharedModel: shared, getMetadata: (name) => meta[name],
    setMetadata: (name, value) => { meta[name] = value; } };
  Object.assign(window, { shared, saved: () => shared.toJSON().outputs[0].data });
  window.model.widget_manager = { context: { model: { cells: [cell] } } };
  window.show(document.getElementById("here"));
  window.show(document.body.appendChild(document.createElement("div")));
}"""


@pytest.mark.parametrize("long", [True, False])
def test_the_saved_notebook_shows_what_was_looked_at(
    shown: ExplorerPage, folder: Path, monkeypatch: pytest.MonkeyPatch, long: bool
) -> None:
    """In two windows on one notebook, of which one is closed; of a long text the page has one head, the wrong one."""
    if long:
        monkeypatch.setattr(page, "OUTPUT_WHOLE", 0)
    attention = MadeUp(20, layers=3, heads=4)
    explorer = explore(attention)
    output = page.output(explorer._parts, explorer.labels, view={})
    shown.live(explorer, start=False)
    shown.page.evaluate(CELL.replace("VIEW", WIDGET_VIEW), ["k", output])
    shown.ready()
    shown.change(tab="map", layer=2, head=3, row=5)
    html = "() => window.saved()['text/html']"
    shown.until(lambda: '"layer":2,"head":3' in shown.page.evaluate(html))
    shown.until(lambda: not long or "kept 0.encoder head 2 3" in shown.page.evaluate(html))
    shown.page.evaluate("() => window.leave[1]()")
    saved: dict[str, Any] = shown.page.evaluate("() => window.saved()")
    assert WIDGET_VIEW not in saved, "also when the other window is closed"
    shown.page.evaluate("() => window.leave[0]()")
    assert WIDGET_VIEW in shown.page.evaluate("() => window.saved()")

    path = folder / f"saved{long}.html"
    path.write_text(f"<!doctype html><meta charset=utf-8><body>{saved['text/html']}", encoding="utf-8")
    source = shown.page.evaluate(
        "(html) => new DOMParser().parseFromString(html, 'text/html').querySelector('iframe').srcdoc",
        path.read_text("utf-8"),
    )
    path.write_text(source, encoding="utf-8")
    shown.open(path)
    assert (shown.view["tab"], shown.view["layer"], shown.view["head"], shown.view["row"]) == ("map", 2, 3, 5)
    assert shown.missing == "" and "“t5” (5) looks most at" in shown.status
    assert np.abs(shown.weights(2, 3) - attention.head(2, 3)).max() <= 0.004
    shown.change(layer=1)
    assert ("not stored here" in shown.missing) is long
