"""Stand-ins for a notebook, its kernel and its page; see ``form_page.py``."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from form_page import FormPage, Kernel, Notebook, Page
from llm_course.teaching import output, page_forms

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def page() -> type[Page]:
    return Page


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    """From here on the verbs believe they run in a notebook."""
    found = Notebook()
    monkeypatch.setattr(output, "shell", lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setattr("IPython.display.display", found.display)
    return found


@pytest.fixture
def kernel(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """A notebook whose kernel has models for the page."""
    links: dict[str, Any] = {}
    made = Kernel(links)

    class Link(page_forms._link_class()):  # type: ignore[misc]
        def send(self, content: dict[str, Any], buffers: Any = None) -> None:
            made.answers.append(json.loads(json.dumps(content)))

    monkeypatch.setattr(page_forms, "_links", links)
    monkeypatch.setattr(page_forms, "_link_class", lambda: Link)
    return made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = (os.environ.get("LLM_COURSE_CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if name and (found := shutil.which(name))), None)
    if path is None:
        if os.environ.get("LLM_COURSE_REQUIRE_BROWSER") == "1":
            pytest.fail("Chromium is required here and not found: make browser")
        pytest.skip("needs Chromium: make browser")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=20_000)
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=path, args=flags)
        yield running
        running.close()


@pytest.fixture
def forms(browser: Browser) -> Iterator[FormPage]:
    """A page for forms; afterwards nothing may have gone wrong, and nothing been fetched."""
    made = FormPage(browser)
    yield made
    made.context.close()
    assert made.wrong == []
