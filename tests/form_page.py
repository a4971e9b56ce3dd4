"""What tests of forms share: a stand-in for a notebook and its kernel, a reader of HTML, a page in Chromium.

Knows nothing about single tests; the fixtures are in ``tests/teaching/conftest.py``.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from llm_course.teaching import page_forms
from llm_course.teaching.content import INDENT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

KNOWN = set("section p b i ul ol li details summary pre code table caption thead tbody tr th td br span img".split())
KNOWN |= {"svg", "rect", "text"}  # the robot's table
KNOWN |= {"div", "button"}  # a playground's bars, and its tokens
BUNDLE = re.compile(r"<style data-lc>([^<]*)</style>(<section .*</section>)<script data-lc>(.*)</script>", re.DOTALL)
NASTY = "<script>alert(1)</script><img src=x onerror=alert(1)> & \"'<b>"


class Page(HTMLParser):
    """Reads a static form: its text, and every tag in it; asserts that tags are known and closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], f"not closed: {self.open}"

    @property
    def text(self) -> str:
        return "".join(self.parts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in KNOWN, f"a tag that no form should have: {tag}"
        assert not any(name.startswith("on") for name, _ in attrs)
        self.tags.append(tag)
        if tag == "img":
            assert dict(attrs).get("alt"), "a picture without words for it"
        if tag not in ("br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.parts.append(data)


class Notebook:
    """Collects what is displayed, as a kernel does."""

    def __init__(self) -> None:
        self.bundles: list[dict[str, Any]] = []
        self.metadata: list[dict[str, Any]] = []

    def display(self, bundle: dict[str, Any], *, raw: bool, metadata: dict[str, Any]) -> None:
        assert raw
        self.bundles.append(bundle)
        self.metadata.append(metadata)

    @property
    def last(self) -> dict[str, Any]:
        return self.bundles[-1]

    @property
    def html(self) -> str:
        """The last output's HTML: style, static form and script."""
        return str(self.last["text/html"])

    @property
    def static(self) -> Page:
        """The static form of the last output, read; around it stand a style and a script, and nothing else."""
        assert set(self.last) == {"text/plain", "text/html"}, "a form is HTML and one line, never a widget's view"
        assert "\n" not in self.last["text/plain"]
        found = BUNDLE.fullmatch(self.html)
        assert found, self.html[:200]
        style, section, script = found.groups()
        assert "\n" not in style + script, "a notebook would store every line apart"
        assert "</script" not in script.lower() and "@import" not in style and "url(" not in style
        return Page(section)

    @property
    def spec(self) -> dict[str, Any]:
        """What the last output tells its script."""
        (found,) = re.findall(r'data-lc-spec="([^"]*)"', self.html)
        return unveiled(found)


def unveiled(text: str) -> Any:
    return json.loads(base64.b64decode(text).decode("utf-8"))


class Kernel:
    """The kernel's side of the links: the real models, whose messages to the page are kept here."""

    def __init__(self, links: dict[str, Any]) -> None:
        self.links = links
        self.answers: list[dict[str, Any]] = []

    @property
    def playground(self) -> str:
        """The name of the playground shown last."""
        return next(name for name in reversed(self.links) if name.startswith("playground-"))

    def send(self, name: str, message: Any) -> dict[str, Any]:
        """What the model called ``name`` answers to a message of the page."""
        before = len(self.answers)
        self.links[name]._handle_custom_msg(message, [])
        assert len(self.answers) == before + 1, "the page would wait for ever"
        return self.answers[-1]

    def play(self, values: dict[str, Any], pressed: bool = False) -> dict[str, Any]:
        """What the last playground answers to these values."""
        return self.send(self.playground, {"values": values, "pressed": pressed, "turn": "t"})


ADDRESS = "http://course.test/"  # never asked for: the test answers, and browsers keep records by address
# Loads link.js as anywidget does, and makes models whose messages are kept, or answered by `window.toKernel`.
MODELS = """
window.sent = []; window.ends = {};
window.addModel = async (name) => {
  const { default: link } = await import(URL.createObjectURL(new Blob([LINK], { type: "text/javascript" })));
  const heard = [];
  const model = {
    get: (key) => ({ name })[key],
    on: (event, act) => { if (event === "msg:custom") heard.push(act); },
    send: (message) => {
      if (window.kernelGone) throw new Error("the kernel is gone");
      const plain = JSON.parse(JSON.stringify(message));
      window.sent.push(plain);
      window.toKernel?.(name, plain).then(window.answer);
    },
  };
  window.answer = (message) => heard.forEach((act) => act(message));
  window.ends[name] = link.initialize({ model });
};
"""

# Controls and lines that stand over one another, and a page that is wider than its window.
OVERLAPS = """() => {
  const problems = [];
  const wide = document.documentElement;
  if (wide.scrollWidth > wide.clientWidth) problems.push(`the page scrolls sideways: ${wide.scrollWidth}`);
  const kinds = ".lc-form :is(code, button, input, select, textarea, output, label > span)";
  const text = "legend, label code, .lc-help, .lc-feedback, p";
  const parts = [...document.querySelectorAll(kinds)]
    .filter((element) => !element.closest(text) && element.checkVisibility());
  const boxes = parts.map((element) => [element, element.getBoundingClientRect()]);
  boxes.forEach(([one, a], index) => boxes.slice(index + 1).forEach(([other, b]) => {
    if (one.contains(other) || other.contains(one)) return;
    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (across > 1 && down > 1) problems.push(`${one.outerHTML} | ${other.outerHTML}`);
  }));
  return problems;
}"""


class FormPage:
    """A page in Chromium that shows forms, with no kernel unless a test adds a model.

    Keeps what went wrong: complaints of the console, dialogs, and whatever was asked of the network.
    """

    def __init__(self, browser: Browser, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.wrong: list[str] = []
        self.document = ""
        self.context.route("**/*", self._answer)
        self.page = self.context.new_page()
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda dialog: self.wrong.append("a script ran"))

    def _answer(self, route: Any) -> None:
        if route.request.url == ADDRESS:
            route.fulfill(body=self.document, content_type="text/html; charset=utf-8")
        else:
            self.wrong.append(route.request.url)
            route.abort()

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(message.text)

    def open(self, *forms: str, head: str = "") -> None:
        """Show outputs, one under the other."""
        head = f'<!DOCTYPE html><html lang="en"><title>forms</title><link rel="icon" href="data:,">{head}'
        self.document = f"{head}<body>{''.join(forms)}</body>"
        self.page.goto(ADDRESS)

    def add_model(self, name: str, kernel: Kernel | None = None) -> None:
        """Let a model be there, as a kernel makes it; ``kernel`` answers for it, or nobody."""
        link = (page_forms.FRONT / "link.js").read_text(encoding="utf-8")
        self.page.evaluate(f"() => {{ {MODELS.replace('LINK', json.dumps(link))} }}")
        if kernel is not None:
            self.page.expose_function("toKernel", kernel.send)
        self.page.evaluate("(name) => window.addModel(name)", name)

    @property
    def sent(self) -> list[dict[str, Any]]:
        """What the page has sent to models."""
        return list(self.page.evaluate("window.sent"))

    def record(self) -> dict[str, Any]:
        """What the browser keeps."""
        return dict(json.loads(self.page.evaluate('localStorage.getItem("llm-course-progress")')))

    def overlaps(self) -> list[str]:
        """What cannot be read in a window of this width."""
        return list(self.page.evaluate(OVERLAPS))

    def form(self, name: str | re.Pattern[str]) -> Locator:
        """The form of this name, as screen readers hear it."""
        return self.page.get_by_role("region", name=name)


def plain(text: str) -> str:
    """Text as the page shows it: what stands between backticks is set as code."""
    return text.replace("`", "")


def solve(form: Locator, lines: Sequence[str]) -> None:
    """Put the lines of a puzzle in order by keyboard, leave out the others, and check the program."""
    items = form.get_by_role("list", name="Lines of the program").get_by_role("listitem")
    texts = items.locator("code").all_inner_texts()
    right = [line.strip() for line in lines]
    for text in [text for text in texts if text not in right]:
        items.nth(texts.index(text)).press("Delete")
        texts.remove(text)
    for place, text in enumerate(right):
        at = texts.index(text, place)
        texts.insert(place, texts.pop(at))
        items.nth(at).focus()
        level = (len(lines[place]) - len(lines[place].lstrip())) // INDENT
        for key in ["ArrowUp"] * (at - place) + ["ArrowRight"] * level:
            form.page.keyboard.press(f"Alt+{key}")  # the focus follows the line
    form.get_by_role("button", name="Check the program").click()
