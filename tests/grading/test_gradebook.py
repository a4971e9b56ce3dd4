"""What the instructor's browser gets: nothing that runs, leads away unseen, or loads from elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from llm_course.grading.gradebook import harmless

TEXTS = (
    "[x](javascript:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](javascript&#58;alert(1))",
    "[x](java&#115;cript:alert(1))",
    "[x](<&#106;avascript: alert(1)>)",
    "[x](java&Tab;script:alert(1))",
    "[x][y]\n\n[y]: javascript&colon;alert(1)",
    "[x]\n\n[x]: javascript&colon;alert(1)",
    "[x][]\n\n[x]: javascript&colon;alert(1)",
    "[x][y]\n\n[y]:\njavascript&colon;alert(1)",
    "[x](javascript\\:alert(1))",
    "[x](java\\script:alert(1))",
    "[x]\n(javascript&colon;alert(1))",
    "[x\\](javascript&colon;alert(1))",
    "[[x]](javascript&colon;alert(1))",
    "[x](a)[y](javascript&colon;alert(1))",
    '[x](x "t\\"onmouseover=alert(1)")',
    "[x](java\x01script:alert(1))",
    "[x](\x01javascript:alert(1))",
    "[^1] a\n\n[^1]: javascript&colon;alert(1)",
    "[a](https://x.test){onclick=alert(1)}",
    '![a](x"onerror=alert(1) )',
    "![t](https://x.test/track.png)",
    "![t][u]\n\n[u]: https://x.test/track.png",
    "[![t](https://x.test/track.png)](javascript&colon;alert(1))",
    "<script>alert(1)</script>",
    "<\x0cscript>alert(1)</script>",
    "\\<img src=x onerror=alert(1)>",
    "<\\img src=x onerror=alert(1)>",
    "<&#105;mg src=x onerror=alert(1)>",
    "&lt;img src=x onerror=alert(1)&gt;",
    "$<img src=x onerror=alert(1)>$",
    "$$<\nimg src=x onerror=alert(1)>$$",
    '## a "onmouseover=alert(1) x="',
    "<javascript:alert(1)> <&#106;avascript:alert(1)>",
)


class Reader(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "img", "iframe", "object", "embed", "style", "link", "form", "svg", "base", "meta"):
            self.found.append(tag)
        for name, value in attributes:
            web = (value or "").startswith(("#", "https://", "http://"))
            if name.startswith("on") or name in ("src", "style") or (name == "href" and not web):
                self.found.append(f"{name}={value}")


@pytest.mark.parametrize("text", TEXTS)
def test_nothing_of_a_text_runs_or_loads(text: str) -> None:
    render = pytest.importorskip("nbconvert.filters.markdown_mistune").markdown2html_mistune
    reader = Reader()
    reader.feed(render(harmless(text)))
    assert reader.found == []


def test_honest_text_stays_readable() -> None:
    text = "Because $a<b$ and `x[0]`: see [1] and *this*.\n\n- one\n- two"
    assert harmless(text) == "Because $a< b$ and `x[0]`: see [1] and *this*.\n\n- one\n- two"
    assert harmless("`rows[0][1]`") == "`rows[0] [1]`"
