"""The focus stays where it was while the page around it is made anew; what a screen reader hears is in one place.

Knows nothing about what is drawn; ``test_explorer.py`` has the way through everything by keyboard.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from made_up_attention import MadeUp

from llm_course.attention.explorer import explore, save_html

if TYPE_CHECKING:
    from explorer_page import ExplorerPage

pytest_plugins = ["explorer_page"]  # its fixtures
pytestmark = pytest.mark.browser


def test_a_list_that_makes_the_page_anew_keeps_the_focus(shown: ExplorerPage, folder: Path) -> None:
    attention = MadeUp.translation(["Hello", "my", "friend"], ["Bonjour", "mon", "ami", "</s>"])
    shown.open(save_html(attention, folder / "lists.html", MadeUp(5, model="other")), tab="map")
    said = shown.page.locator("[aria-live]").element_handle()
    for name in ("Show", "Attention", "Side"):
        shown.page.get_by_label(name, exact=True).focus()
        shown.press("ArrowDown")
        assert shown.focused() == f"SELECT {name}"
    view = shown.view
    assert (view["source"], view["side"]) == ("average", 1) and shown.page.locator("[aria-live]").count() == 1
    assert said.evaluate("(one) => one.isConnected"), "a screen reader listens to an element, not to its name"


def test_a_text_that_is_run_again_keeps_the_focus(shown: ExplorerPage) -> None:
    shown.live(explore(MadeUp(4), rerun=lambda text, pair: MadeUp(4), text="one two"), {"tab": "map"})
    said = shown.page.locator("[aria-live]").element_handle()
    field = shown.page.get_by_role("textbox", name="Text")
    field.fill("one two three")
    field.press("ArrowLeft")
    shown.page.keyboard.press("Enter")
    assert shown.page.evaluate("() => window.sent.at(-1)")["text"] == "one two three"
    shown.page.evaluate("() => window.edit({ turn: 1, text: 'one two three' })")
    shown.ready()
    assert shown.focused() == "INPUT Text" and shown.heard == "Read again: 4 tokens."
    shown.page.keyboard.type("x")
    assert field.input_value() == "one two threxe", "and the caret is where it was"
    shown.page.get_by_role("button", name="Run again").focus()
    shown.page.keyboard.press("Enter")
    assert shown.focused() == "BUTTON Running…"
    shown.page.evaluate("() => window.edit({ turn: 2, problem: 'No such word.' })")
    shown.ready()
    assert said.evaluate("(one) => one.isConnected") and shown.page.get_by_role("alert").inner_text() == "No such word."
    shown.page.evaluate("() => document.activeElement.blur()")
    shown.page.evaluate("() => window.edit({ turn: 3 })")
    shown.ready()
    assert shown.page.evaluate("() => document.activeElement === document.body"), "nothing is taken that was not had"


def test_averages_are_one_stop_for_tab(shown: ExplorerPage, folder: Path) -> None:
    shown.open(save_html(MadeUp(5, layers=3, heads=4), folder / "stops.html"), tab="map", source="average", set=[])
    stops = shown.page.locator(".lcx-chooser table [tabindex='0']")
    assert stops.count() == 1
    stops.focus()
    shown.press("ArrowDown", "ArrowRight", "ArrowRight", "Space")
    assert shown.view["set"] == [[0, 1]] and stops.count() == 1
    assert shown.focused() == "INPUT Layer 0, head 1"
    shown.press("Tab")
    assert not shown.focused().startswith("INPUT Layer"), "out of the table with one key"


def test_the_help_names_the_views_that_are_there(shown: ExplorerPage, folder: Path) -> None:
    one = save_html(MadeUp(3), folder / "one.html")
    two = save_html(MadeUp(3), folder / "two.html", MadeUp(3, model="other"))
    for path, words in ((one, "1 to 4"), (two, "1 to 5")):
        shown.open(path)
        shown.press("?")
        assert words in shown.page.get_by_role("dialog").inner_text()


def test_style_that_means_something_is_seen_and_said(shown: ExplorerPage, folder: Path) -> None:
    tokens, special = "[CLS] a [SEP] b".split(), [True, False, True, False]
    pair = MadeUp(tokens, special=special, segments=[0, 0, 0, 1])
    shown.open(save_html(pair, folder / "pair.html"), tab="map")
    names = ["[CLS], special token", "a", "[SEP], special token", "b, text B"]
    assert shown.page.locator("[role=option]:visible").all_text_contents() == names
    shown.open(save_html(MadeUp(list("abcd"), bias="causal", written=2), folder / "wrote.html"), tab="map")
    options = shown.page.locator("[role=option]:visible")
    assert options.all_text_contents() == ["a", "b", "c, generated", "d, generated"]
    edges = options.evaluate_all("(all) => all.map((one) => parseFloat(getComputedStyle(one).borderLeftWidth) > 0)")
    assert edges == [False, False, True, False], "a line stands where the model began to write"


@pytest.mark.parametrize("keys", ["Control+s", "Control+Enter", "Shift+Enter", "Meta+s", "Alt+x", "F1", "Tab"])
def test_what_belongs_to_the_notebook_reaches_it(shown: ExplorerPage, folder: Path, keys: str) -> None:
    shown.open(save_html(MadeUp(4), folder / "keys.html"), tab="map")
    shown.page.evaluate(
        "() => { window.heard = []; document.addEventListener('keydown', (e) => window.heard.push(e.key)); }"
    )
    board = shown.page.locator(".lcx-board")
    board.focus()
    shown.page.keyboard.press(keys)
    assert shown.page.evaluate("() => window.heard").pop() == keys.split("+")[-1]
    assert shown.view["row"] is None, "and it pins nothing"
    board.focus()
    shown.page.evaluate("() => { window.heard = []; }")
    for key in ("a", "d", "j", "Enter", "ArrowDown", "Escape", "?", "Escape", "2"):
        shown.page.keyboard.press(key)
    assert shown.page.evaluate("() => window.heard") == [], "letters, arrows and Enter would be commands there"
