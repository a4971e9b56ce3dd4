"""The explorer in Chromium as a test drives it: open a saved page, look at what is drawn, ask for a weight.

Knows nothing about JupyterLab. Test files take its fixtures by naming it as a plugin. The page's own policy forbids
``eval``, so waiting is done by selectors and by looking again and again.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from llm_course.attention.explorer import encoding
from llm_course.attention.explorer import page as explorer_html

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split() + ["--host-resolver-rules=MAP * ~NOTFOUND"]  # no name resolves: there is no network
SECONDS = 120  # machines that test are busy
WEIGHTS = """async (asked) => {
  const explorer = document.querySelector("[data-explorer]").lcx;
  const data = explorer.spec.sides[asked.side].kinds.find((one) => !asked.kind || one.kind === asked.kind);
  if (asked.set) explorer.view.set = asked.set;
  explorer.view.source = asked.source;
  const matrix = await explorer.load(data, asked.layer, asked.head);
  return matrix && data.rows.map((_, i) => Array.from(matrix.row(i)));
}"""
SHADES = """(canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return new Set(new Uint32Array(data.buffer)).size;
}"""


# A widget without a notebook: its model answers as a kernel would, unless `silent`; `sent` is what it was asked.
MODEL = """
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const listeners = {}, given = DATA, heads = HEADS;
Object.assign(window, { listeners, sent: [], silent: false, reports: 0 });
for (const name in given.blocks) given.blocks[name] = bytes(given.blocks[name]);
const call = (name, ...given) => (listeners[name] ?? []).forEach((f) => f(...given));
window.tell = (message, raw) => call("msg:custom", message, raw ? [new DataView(raw.buffer)] : []);
window.answer = ({ id, data, layer, head }) => window.tell({ id }, bytes(heads[`${data} ${layer} ${head}`]));
window.model = {
  get: (name) => given[name], set: (name, value) => { given[name] = value; }, save_changes: () => { window.reports++; },
  send: (message) => {
    window.sent.push(message);
    if (!window.silent && message.type === "head") setTimeout(() => window.answer(message));
  },
  on: (name, f) => { (listeners[name] ??= []).push(f); },
  off: (name, f) => { listeners[name] = (listeners[name] ?? []).filter((g) => g !== f); } };
window.edit = (spec) => { given.spec = { ...given.spec, ...spec }; call("change:spec"); };
window.leave = [];
const blob = new Blob([SCRIPT], { type: "text/javascript" });
import(URL.createObjectURL(blob)).then(({ default: explorer }) => {
  window.show = (el) => window.leave.push(explorer.render({ model: window.model, el }));
  if (START) window.show(document.getElementById("here"));
  window.started = true; });
"""


class ExplorerPage:
    """A browser page with an explorer in it, which keeps what it asked for and complained about.

    Args:
        page: a fresh playwright page.
    """

    def __init__(self, page: Any) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: (self.complaints.append("a script of a token ran"), dialog.dismiss()))
        page.on("request", self._asked)
        page.set_default_timeout(SECONDS * 1000)

    def _said(self, said: Any) -> None:
        # the tests look at pixels more often than a page would
        if said.type in ("error", "warning") and "willReadFrequently" not in said.text:
            self.complaints.append(said.text)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "blob:", "about:")):
            self.complaints.append(f"asked for {request.url}")

    def open(self, path: Path, **view: Any) -> ExplorerPage:
        """Open a saved page, at a view, and wait until it is drawn."""
        self.page.goto("about:blank")
        self.page.goto(path.as_uri() + (f"#{quote(json.dumps(view))}" if view else ""))
        self.ready()
        return self

    def live(self, explorer: Any, view: dict[str, Any] | None = None, *, start: bool = True) -> ExplorerPage:
        """Show an explorer's widget, with a stand-in for the model that a notebook would give it."""
        spec, blocks = explorer._first_message()
        text = {name: base64.b64encode(data).decode() for name, data in blocks.items()}
        data = {"spec": spec, "view": view or {}, "blocks": text, "key": "k"}
        heads = {
            f"{part.name} {layer} {head}": base64.b64encode(encoding.encode_head(part.attention, layer, head)).decode()
            for side in explorer._parts for part in side
            for layer in range(part.attention.layers) for head in range(part.attention.heads)
        }  # fmt: skip
        style = explorer_html.style()
        self.page.set_content(f'<style>{style}</style><div id="here" data-explorer></div>')
        script = MODEL.replace("DATA", encoding.to_json(data)).replace("HEADS", json.dumps(heads))
        script = script.replace("START", json.dumps(start))
        self.page.add_script_tag(content=script.replace("SCRIPT", json.dumps(explorer_html.script())))
        self.until(lambda: self.page.evaluate("() => window.started === true"))
        if start:
            self.ready()
        return self

    def ready(self) -> None:
        """Wait until the view that was asked for last is there."""
        until = "() => { const e = document.querySelector('[data-explorer]').lcx;"
        until += " return e && (e.view.tab !== 'overview' || Boolean(e.el.querySelector('.lcx-grid')))"
        until += " && e.el.dataset.ready === String(e.turn); }"
        self.until(lambda: self.page.evaluate(until))
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")

    def until(self, true: Callable[[], Any]) -> None:
        """Wait until something is true; ``AssertionError`` if it is not in time."""
        deadline = time.monotonic() + SECONDS
        while not true():
            assert time.monotonic() < deadline, f"not in {SECONDS} s"
            time.sleep(0.05)

    def change(self, **view: Any) -> None:
        """Change the view as a click would."""
        self.page.evaluate("(view) => document.querySelector('[data-explorer]').lcx.change(view, true)", view)
        self.ready()

    @property
    def view(self) -> dict[str, Any]:
        return self.page.evaluate("() => ({ ...document.querySelector('[data-explorer]').lcx.view })")

    @property
    def status(self) -> str:
        """What the line below says; without the marks that keep right-to-left text apart."""
        return str(self.page.locator(".lcx-status").inner_text()).replace("\u2068", "").replace("\u2069", "")

    @property
    def heard(self) -> str:
        """What a screen reader was told last."""
        return str(self.page.locator("[aria-live]").inner_text()).replace("\u2068", "").replace("\u2069", "")

    @property
    def missing(self) -> str:
        """Why there is nothing to see; empty where there is."""
        return (
            str(self.page.locator(".lcx-missing").text_content())
            if self.page.locator(".lcx-missing").is_visible()
            else ""
        )

    def cell(self, row: int, col: int, board: int = 0) -> dict[str, float]:
        """Where a cell of a heat map lies on it."""
        x, y, cell = self.page.evaluate(
            """(board) => {
              const { left, top, cell } = document.querySelector("[data-explorer]").lcx.boards[board].chart;
              return [left, top, cell]; }""",
            board,
        )
        return {"x": x + (col + 0.5) * cell, "y": y + (row + 0.5) * cell}

    def shades(self, selector: str = ".lcx-board canvas") -> list[int]:
        """How many colors each canvas shows; an empty one shows one."""
        return [one.evaluate(SHADES) for one in self.page.locator(selector).all()]

    def weights(
        self, layer: int = 0, head: int = 0, *, side: int = 0, kind: str = "", source: str = "head", set: Any = None
    ) -> np.ndarray:
        """What the browser computed, ``(rows, columns)``."""
        asked = {"layer": layer, "head": head, "side": side, "kind": kind, "source": source, "set": set}
        return np.array(self.page.evaluate(WEIGHTS, asked))

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
        self.ready()

    def focused(self) -> str:
        """The role and name of what has the focus."""
        script = "() => { const e = document.activeElement;"
        script += " return `${e.getAttribute('role') ?? e.tagName} ${e.getAttribute('aria-label') ?? e.textContent}`; }"
        return str(self.page.evaluate(script))


@pytest.fixture(scope="module")
def explorer_browser(chromium: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def shown(explorer_browser: Any, request: pytest.FixtureRequest) -> Iterator[ExplorerPage]:
    """A page; after the test nothing may have gone wrong in it."""
    context = explorer_browser.new_context(viewport={"width": 1100, "height": 900}, **getattr(request, "param", {}))
    opened = ExplorerPage(context.new_page())
    yield opened
    context.close()
    assert opened.complaints == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("explorer")
