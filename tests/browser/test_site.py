"""The website that ``make site`` builds: lessons with their outputs, read in a browser that has no network.

Knows nothing about what the explorer's views show; ``test_explorer.py`` tries each.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from explorer_page import FLAGS, ExplorerPage
from playwright.sync_api import expect, sync_playwright

from llm_course.lessons import find

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.browser


@pytest.fixture
def page(chromium: str) -> Iterator[ExplorerPage]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        try:
            yield ExplorerPage(browser.new_page(viewport={"width": 1280, "height": 1000}))
        finally:
            browser.close()


def test_every_lesson_is_reached_from_the_first_page(site: Path, page: ExplorerPage) -> None:
    page.page.goto((site / "index.html").as_uri())
    links = page.page.locator("article a[href]").evaluate_all("all => all.map((one) => one.href)")
    there = {Path(link.partition("#")[0]).stem for link in links}
    assert {path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb")} | {"glossary"} <= there
    assert page.complaints == []


def test_the_reference_says_what_a_function_takes_and_raises(site: Path, page: ExplorerPage) -> None:
    page.page.goto((site / "index.html").as_uri())
    page.page.locator("article").get_by_role("link", name="Reference", exact=True).click()
    page.page.locator("article").get_by_role("link", name="The face", exact=True).click()
    entry = page.page.locator("dl", has=page.page.locator("[id='llm_course.translate']"))
    expect(entry).to_contain_text("num_beams")
    expect(entry).to_contain_text("Parameters")
    expect(entry).to_contain_text("Raises")
    page.page.goto((site / "reference" / "attention.html").as_uri())
    expect(page.page.locator("[id='llm_course.attention.capture.attend']")).to_be_visible()
    assert page.complaints == []


def test_the_explorer_works_in_its_lesson(site: Path, page: ExplorerPage) -> None:
    page.page.goto((site / "notebooks" / f"{find('reading_attention').name}.html").as_uri())
    frame = page.page.frame_locator("iframe").first
    frame.get_by_role("button", name="Layer 2 · head 1 entropy").click()
    expect(frame.get_by_role("tab", name="Heat map")).to_have_attribute("aria-selected", "true")
    expect(frame.locator(".lcx-board canvas")).to_be_visible()
    frame.get_by_role("option", name="dog").first.click()
    expect(frame.locator(".lcx-status")).to_contain_text("looks most at")
    assert page.complaints == []


def test_formulas_and_pictures_need_no_other_server(site: Path, page: ExplorerPage) -> None:
    page.page.goto((site / "notebooks" / f"{find('limitations').name}.html").as_uri())
    formula = page.page.locator("math[display=block]").first
    assert formula.is_visible() and "operations" in (formula.text_content() or "")
    pictures = page.page.locator("article img")
    broken = pictures.evaluate_all("all => all.filter((one) => !one.complete || !one.naturalWidth).length")
    assert pictures.count() > 2 and broken == 0
    assert page.complaints == []
