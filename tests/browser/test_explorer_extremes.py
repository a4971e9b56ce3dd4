"""The explorer where others break: hostile tokens, 4,096 tokens, a thousand edits.

Knows nothing about views; ``test_explorer.py`` tries each.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from made_up_attention import MadeUp

from llm_course.attention.explorer import explore, save_html

if TYPE_CHECKING:
    from explorer_page import ExplorerPage

pytest_plugins = ["explorer_page"]  # its fixtures
pytestmark = pytest.mark.browser

HOSTILE = [
    "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "שלום", "\u202eevil", "\x00\x1b[31m", "a\nb",
    "", "&amp;", "]]>", "<!--", "\ud83d", " cat",
]  # fmt: skip


def test_hostile_tokens_are_text(shown: ExplorerPage, folder: Path) -> None:
    path = save_html(MadeUp(HOSTILE, model="<b>bold</b>"), folder / "hostile.html", MadeUp(HOSTILE, model="x"))
    for tab in ("overview", "map", "lines", "pair", "compare"):
        shown.open(path, tab=tab, row=1, col=0)
        options = shown.page.locator("[role=option]")
        assert options.nth(0).text_content() == HOSTILE[0]
        assert options.nth(1).text_content() == "<img␣src=x␣onerror=alert(1)>"
        assert options.nth(3).text_content() == "‹202E›evil" and options.nth(4).text_content() == "‹00›‹1B›[31m"
        assert options.nth(5).text_content() == "a⏎b" and options.nth(6).text_content() == "∅"
        assert shown.page.locator(".lcx img, .lcx script, .lcx b").count() == 0
        assert shown.page.locator("[role=option] > :not(bdi)").count() == 0
    assert shown.page.locator(".lcx-title strong").inner_text() == "<b>bold</b>"


def test_four_thousand_tokens_zoom_and_scroll(shown: ExplorerPage, folder: Path) -> None:
    attention = MadeUp(4096, layers=1, heads=2, d=8, bias="causal")
    shown.open(save_html(attention, folder / "long.html"), tab="map", head=1)
    drawn = "() => document.querySelector('[data-explorer]').lcx.boards[0]"
    shown.until(
        lambda: shown.page.evaluate(
            f"{drawn.replace('() => ', '() => [...')}.chart.content().matrix.pooled.values()].every((p) => p.ready)"
        )
    )
    assert min(shown.shades()) > 20
    shown.press(*["+"] * 14)
    size = shown.page.evaluate(f"{drawn}.spacer.offsetHeight")
    canvas = shown.page.evaluate(f"{drawn}.canvas.height")
    assert size > 20_000 and canvas <= 900, "the picture is large, the canvas is not"
    shown.page.evaluate(
        f"() => {{ const {{ el }} = ({drawn})(); el.scrollTop = el.scrollHeight / 2; el.scrollLeft = 0; }}"
    )
    shown.page.wait_for_timeout(300)
    assert min(shown.shades()) > 20
    kept = shown.page.evaluate("() => document.querySelector('[data-explorer]').lcx.matrix.kept.size")
    assert kept <= 1500, "only some rows are held"
    row = shown.page.evaluate("() => Array.from(document.querySelector('[data-explorer]').lcx.matrix.row(4000))")
    assert np.abs(np.array(row) - attention.head(0, 1)[4000]).max() <= 0.004
    shown.change(tab="lines", row=4000)
    assert min(shown.shades()) > 20


def test_a_thousand_edits_leak_nothing(shown: ExplorerPage) -> None:
    """The widget's script with a stand-in for its model, which says a thousand times that the text has changed."""
    explorer = explore(MadeUp(4, layers=1, heads=1), rerun=lambda text, pair: MadeUp(4))
    shown.live(explorer, {"tab": "map"})
    tools = shown.page.context.new_cdp_session(shown.page)

    def held(times: int) -> tuple[float, int, int]:
        """Bytes, nodes and listeners that are left after so many edits."""
        shown.page.evaluate(
            """async (times) => { for (let n = 0; n < times; n++) { window.edit({ turn: n });
                 if (n % 20 === 0) await new Promise((done) => setTimeout(done)); } }""",
            times,
        )
        shown.page.wait_for_timeout(300)
        tools.send("HeapProfiler.collectGarbage")
        count = tools.send("Memory.getDOMCounters")
        return tools.send("Runtime.getHeapUsage")["usedSize"], count["nodes"], count["jsEventListeners"]

    before, after = held(50), held(1000)
    assert after[0] - before[0] < 500_000 and after[1] <= before[1] + 50 and after[2] <= before[2] + 20
    assert shown.page.evaluate("() => Object.values(window.listeners).map((all) => all.length)") == [1, 1]
    shown.page.evaluate("() => window.leave[0]()")
    assert shown.page.evaluate("() => Object.values(window.listeners).map((all) => all.length)") == [0, 0]
    assert shown.page.locator(".lcx").count() == 0
