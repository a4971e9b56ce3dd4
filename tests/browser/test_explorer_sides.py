"""Two texts or models beside each other: what is said belongs to the picture that is pointed at, and signs are written.

Knows nothing about one text alone; ``test_explorer.py`` has that.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from made_up_attention import MadeUp

from llm_course.attention.explorer import save_html

if TYPE_CHECKING:
    from explorer_page import ExplorerPage

pytest_plugins = ["explorer_page"]  # its fixtures
pytestmark = pytest.mark.browser

TOKENS = "the quick brown fox jumps over it".split()


@pytest.fixture(scope="module")
def two(folder: Path) -> tuple[MadeUp, MadeUp, Path]:
    one, other = (MadeUp(TOKENS, d=16, seed=seed, model=f"m{seed}") for seed in (0, 1))
    return one, other, save_html(one, folder / "sides.html", other)


def number(text: str, after: str) -> float:
    """The number that follows some words."""
    return float(text.split(after)[1].split(";")[0].split(",")[0].split()[0].replace("−", "-").replace("<", ""))


def test_words_belong_to_the_picture_that_is_pointed_at(shown: ExplorerPage, two: tuple[MadeUp, MadeUp, Path]) -> None:
    one, other, path = two
    shown.open(path, tab="compare", layer=1, head=2, layer2=0, head2=1)
    boards = shown.page.locator(".lcx-board")
    first, second = one.head(1, 2), other.head(0, 1)
    for board, weights, where in ((1, second, "m1, layer 0, head 1"), (0, first, "m0, layer 1, head 2")):
        boards.nth(board).hover(position=shown.cell(3, 5, board))
        shown.ready()
        assert shown.status.startswith("“fox” (3) looks at “over” (5) with weight") and where in shown.status
        assert abs(number(shown.status, "weight ") - weights[3, 5]) < 0.01
    apart = first - second
    for row, col in (np.argwhere(apart > 0.05)[0], np.argwhere(apart < -0.05)[0]):
        boards.nth(2).hover(position=shown.cell(row, col, 2))
        shown.ready()
        assert abs(number(shown.status, "difference ") - apart[row, col]) < 0.015
        assert ("+" if apart[row, col] > 0 else "−") in shown.status
        assert abs(number(shown.status, "weight ") - first[row, col]) < 0.01
        assert abs(number(shown.status, "first, ") - second[row, col]) < 0.01
    boards.nth(2).click(position=shown.cell(row, col, 2))
    shown.ready()
    assert shown.heard.startswith("Pinned.") and "difference −" in shown.heard
    boards.nth(1).focus()
    shown.press("ArrowDown")
    assert "m1, layer 0, head 1" in shown.heard and "difference" not in shown.heard


def test_a_second_text_may_be_longer(shown: ExplorerPage, folder: Path) -> None:
    path = save_html(MadeUp(5), folder / "longer.html", MadeUp(8, model="other"))
    for more in ({}, {"source": "average"}):
        shown.open(path, tab="compare", **more)
        shown.page.locator(".lcx-board").nth(1).click(position=shown.cell(7, 3, 1))
        shown.ready()
        assert (shown.view["row"], shown.view["col"]) == (7, 3)
        assert shown.heard.startswith("Pinned. “t7” (7) looks at “t3” (3)")
    shown.change(tab="map")
    assert shown.view["row"] is None, "the first text has no such token"


def test_where_a_difference_has_no_room_for_numbers_a_sign_is_drawn(shown: ExplorerPage, folder: Path) -> None:
    one, other = (MadeUp(2, layers=1, heads=1, recorded=False, model=f"m{n}") for n in range(2))
    one.head = lambda layer, head: np.array([[1, 0], [0.5, 0.5]], np.float32)  # type: ignore[method-assign]
    other.head = lambda layer, head: np.array([[0, 1], [0.5, 0.5]], np.float32)  # type: ignore[method-assign]
    shown.open(save_html(one, folder / "signs.html", other), tab="compare", zoom=-5)
    upright = shown.page.evaluate("""() => {
      const { canvas, chart: { left, top, cell } } = document.querySelector("[data-explorer]").lcx.boards[2];
      const color = (x, y) => canvas.getContext("2d").getImageData(Math.round(x), Math.round(y), 1, 1).data.join();
      return [[0, 0], [0, 1], [1, 0]].map(([i, j]) => {
        const [x, y] = [left + (j + 0.5) * cell, top + (i + 0.5) * cell];
        return [[0, -3], [3, 0]].map(([dx, dy]) => color(x + dx - 0.5, y + dy - 0.5) !== color(x + 5, y - 5));
      });
    }""")
    assert upright == [[True, True], [False, True], [False, False]], "plus, minus, and nothing where nothing differs"


def test_a_side_without_weights_says_so(shown: ExplorerPage, two: tuple[MadeUp, MadeUp, Path]) -> None:
    shown.open(two[2])
    shown.page.evaluate("""() => document.querySelectorAll('[data-block^="1."][data-block*=".layer."]')
      .forEach((one) => one.remove())""")
    shown.change(tab="compare")
    assert "not stored here" in shown.missing and "not stored here" in shown.heard
    shown.change(tab="map")
    assert shown.missing == "", "the first side has its weights"


def test_an_average_takes_the_heads_that_each_side_has(shown: ExplorerPage, folder: Path) -> None:
    one, other = MadeUp(TOKENS, layers=3, heads=4), MadeUp(TOKENS, seed=1, model="smaller")
    path = save_html(one, folder / "sizes.html", other)
    shown.open(path, tab="compare", source="average", set=[[0, 1], [1, 2], [2, 3]])
    assert shown.missing == "" and min(shown.shades()) > 20
    second = "() => Array.from(document.querySelector('[data-explorer]').lcx.second.row(2))"
    mean = (other.head(0, 1) + other.head(1, 2)) / 2
    assert np.abs(np.array(shown.page.evaluate(second)) - mean[2]).max() <= 0.004
    shown.page.locator(".lcx-board").nth(1).hover(position=shown.cell(2, 3, 1))
    shown.ready()
    assert "smaller, average of 2 heads" in shown.status
