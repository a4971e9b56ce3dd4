"""One page of JupyterLab as a test drives it: open a notebook, run it, find its forms, say what went wrong.

Knows nothing about what a lesson contains; forms are found by the names that screen readers hear.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from playwright.sync_api import TimeoutError

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

OPEN = """async (path) => {
  const app = window.jupyterapp;
  await app.restored;
  const panel = await app.commands.execute("docmanager:open", { path, factory: "Notebook" });
  await panel.context.ready;
  await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
  app.shell.activateById(panel.id);
  await panel.revealed;
}"""
# Run All goes through the command: clicking it while the kernel only seems idle loses cells.
RUN = """async (_) => { await window.jupyterapp.commands.execute("notebook:run-all-cells"); }"""
CELLS = """() => {
  const found = [];
  for (const cell of window.jupyterapp.shell.currentWidget.context.model.cells) {
    if (cell.type === "code") found.push(cell.toJSON());
  }
  return found;
}"""
REVEAL = """async (text) => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  const index = notebook.widgets.findIndex((cell) => cell.model.type === "code"
    && cell.model.sharedModel.getSource().includes(text));
  if (index < 0) return -1;
  notebook.activeCellIndex = index;
  await notebook.scrollToItem(index, "start");
  return index;
}"""


class LabPage:
    """A browser page on JupyterLab that keeps what the page asked for and complained about.

    Args:
        page: a fresh playwright page.
        url: JupyterLab's address with its token.
    """

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda said: said.type == "error" and self.complaints.append(said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.context.on("request", lambda request: self.asked.append(request.url))
        page.on("websocket", lambda socket: self.asked.append(socket.url))
        page.set_default_timeout(120_000)

    def run(self, notebook: str, timeout: float = 1200) -> list[dict[str, Any]]:
        """Open a notebook by name, run it from top to bottom, and give its code cells as they are then.

        Raises ``AssertionError`` naming the first cell that failed or did not run.
        """
        self.page.goto(self.url)
        self.page.wait_for_function("() => window.jupyterapp !== undefined")
        self._do(OPEN, notebook, seconds=300)
        self._do(RUN, None, seconds=timeout)
        cells: list[dict[str, Any]] = self.page.evaluate(CELLS)
        for cell in cells:
            source = "".join(cell["source"])
            errors = [output for output in cell["outputs"] if output["output_type"] == "error"]
            assert not errors, f"{errors[0]['ename']}: {errors[0]['evalue']} in\n{source}"
            assert cell["execution_count"], f"did not run:\n{source}"
        return cells

    def _do(self, script: str, argument: object, seconds: float) -> None:
        """Run an async JavaScript function; raises ``AssertionError`` if it takes longer than ``seconds``."""
        late = "new Promise((done) => setTimeout(() => done('late'), milliseconds))"
        race = f"([argument, milliseconds]) => Promise.race([({script})(argument), {late}])"
        assert self.page.evaluate(race, [argument, seconds * 1000]) != "late", f"not done after {seconds} s:\n{script}"

    def form(self, code: str, name: str | re.Pattern[str]) -> Locator:
        """The live form called ``name`` below the cell that contains ``code``; scrolls to it."""
        shown = self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) section.lc-form")  # JupyterLab reopens others
        form = shown.and_(self.page.get_by_label(name, exact=True)).first
        for _ in range(20):  # JupyterLab hides what it takes to be out of sight, and while cells grow it may be wrong
            assert self.page.evaluate(REVEAL, code) >= 0, f"no cell contains {code!r}"
            try:
                form.wait_for(state="visible", timeout=3000)
            except TimeoutError:
                continue
            break
        form.scroll_into_view_if_needed()
        return form

    def away(self) -> list[str]:
        """Requests to anything but this machine."""
        inside = {"data", "blob", "about", "chrome-error"}
        return [
            url for url in self.asked if urlsplit(url).scheme not in inside and urlsplit(url).hostname != "127.0.0.1"
        ]

    def picture(self, path: Path) -> None:
        """Save what the page shows now as a PNG."""
        self.page.screenshot(path=str(path))
