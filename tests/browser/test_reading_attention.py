"""Reading attention with the keyboard alone: from a cell into its explorer and back out, as the lesson says."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from lab_page import LabPage
from playwright.sync_api import expect
from test_explorer_lab import SETUP, SHOW, live, store

pytestmark = pytest.mark.browser

SELECT = """async (index) => {
  window.jupyterapp.shell.currentWidget.content.activeCellIndex = index;
  await window.jupyterapp.commands.execute("notebook:enter-command-mode");
}"""


@pytest.mark.parametrize(("cell", "key"), [(1, "Tab"), (2, "Shift+Tab")], ids=["its own cell", "the cell below"])
def test_one_key_leads_from_a_selected_cell_into_the_explorer(
    page: LabPage, lab: tuple[str, Path], cell: int, key: str
) -> None:
    page.run(store(lab[1], "keys.ipynb", SETUP, SHOW, nbformat.v4.new_markdown_cell("below")))
    explorer = live(page)
    page.page.evaluate(SELECT, cell)
    page.page.keyboard.press(key)
    expect(page.page.locator(".lcx:focus-within")).to_have_count(1)
    page.page.keyboard.press("3")
    expect(explorer.get_by_role("tab", name="Lines")).to_have_attribute("aria-selected", "true")
