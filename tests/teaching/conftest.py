"""What the lesson tests share: a stand-in for a notebook's front end, and a reader of HTML.

Knows nothing about single tests.
"""

from __future__ import annotations

from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import pytest

from llm_course.teaching import output

KNOWN = set("section p b i ul ol li details summary pre code table caption thead tbody tr th td br span img".split())
KNOWN |= {"svg", "rect", "text"}  # the robot's table


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


@pytest.fixture
def page() -> type[Page]:
    return Page


class Notebook:
    """Collects what is displayed, as a kernel with a widget front end would."""

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

    def widget(self) -> Any:
        """The widget behind the last output's live view."""
        from ipywidgets.widgets.widget import _instances

        return _instances[self.last[output.WIDGET_VIEW]["model_id"]]


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    """From here on the lesson functions believe they run in a notebook."""
    found = Notebook()
    monkeypatch.setattr(output, "shell", lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setattr("IPython.display.display", found.display)
    return found


def press(widget: Any, **message: Any) -> dict[str, Any]:
    """Send a message as the browser does; returns the widget's state after it."""
    before = widget.state["turn"]
    widget._handle_custom_msg(message, [])
    assert widget.state["turn"] == before + 1, "the browser would wait for ever"
    return widget.state


@pytest.fixture(name="press")
def _press() -> Any:
    return press
