"""Links of a lesson lead where they say: to the term in the glossary, to the lesson that follows."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab_page import LabPage
from playwright.sync_api import expect

from llm_course.lessons import contents

pytestmark = pytest.mark.browser

OPEN = """async (path) => {
  const app = window.jupyterapp;
  await app.restored;
  const panel = await app.commands.execute("docmanager:open", { path, factory: "Notebook" });
  await panel.context.ready;
  app.shell.activateById(panel.id);
  await panel.revealed;
}"""


def test_a_word_leads_to_its_place_in_the_glossary(page: LabPage, lab: tuple[str, Path]) -> None:
    page.page.goto(page.url)
    page.page.wait_for_function("() => window.jupyterapp !== undefined")
    page.page.evaluate(OPEN, f"{contents()[4].name}.ipynb")
    link = page.page.get_by_role("link", name="vocabulary").first
    link.scroll_into_view_if_needed()
    link.click()
    heading = page.page.get_by_role("heading", name="Vocabulary")
    expect(heading).to_be_in_viewport(timeout=60_000)
    expect(page.page.get_by_role("heading", name="Ablation")).not_to_be_in_viewport()
    assert page.away() == []


def test_the_end_of_a_lesson_leads_to_the_next(page: LabPage, lab: tuple[str, Path]) -> None:
    first, second = contents()[:2]
    page.page.goto(page.url)
    page.page.wait_for_function("() => window.jupyterapp !== undefined")
    page.page.evaluate(OPEN, f"{first.name}.ipynb")
    link = page.page.get_by_role("link", name=f"{second.number} {second.short_title}").last
    link.scroll_into_view_if_needed()
    link.click()
    expect(page.page.get_by_role("heading", name=second.title)).to_be_visible(timeout=60_000)
