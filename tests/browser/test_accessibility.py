"""What axe-core says to the site and to a saved explorer; ``test_accessibility_lab.py`` looks at JupyterLab.

Nothing critical or serious may be left, in light and in dark.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from axe import COLOR, barriers
from explorer_page import ExplorerPage
from made_up_attention import MadeUp

from llm_course.attention.explorer import save_html

pytest_plugins = ["explorer_page"]  # its fixtures
pytestmark = pytest.mark.browser

VIEWS = [
    {"tab": "overview"},
    {"tab": "overview", "measure": "mean distance", "sort": "down"},
    {"tab": "map", "row": 3},
    {"tab": "map", "source": "average", "set": [[0, 0], [1, 1]]},
    {"tab": "lines", "row": 3},
    {"tab": "pair", "row": 3, "col": 2},
    {"tab": "compare", "row": 3},
]


def test_axe_sees_what_keeps_readers_out(shown: ExplorerPage, axe: str) -> None:
    inner = "<!doctype html><html lang='en'><title>x</title><button></button>"
    shown.page.set_content(
        '<!doctype html><html lang="en"><title>A page</title><main><h1>Words</h1>'
        '<p style="color:#999;background:#fff">pale</p><img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">'
        f'<iframe title="inner" srcdoc="{inner}"></iframe></main></html>'
    )
    shown.page.frame_locator("iframe").locator("button").wait_for()
    found = barriers(shown.page, axe)
    assert [line.split()[0] for line in found] == ["color-contrast", "image-alt", "button-name"]
    assert [line.split()[0] for line in barriers(shown.page, axe, within="p", rules=COLOR)] == ["color-contrast"]


def test_every_page_of_the_site(shown: ExplorerPage, axe: str, site: Path) -> None:
    found = {}
    for path in sorted([*site.glob("*.html"), *site.glob("*/*.html")]):
        # without transitions, which frames out of sight do not finish
        shown.page.emulate_media(color_scheme="light", reduced_motion="reduce")
        shown.page.goto(path.as_uri())
        for frame in shown.page.locator("iframe").all():
            frame.scroll_into_view_if_needed()  # it is loaded when it is near
            frame.content_frame.locator(".lcx[data-ready]").wait_for()
        light = barriers(shown.page, axe)
        shown.page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        dark = barriers(shown.page, axe, rules=COLOR)
        if light + dark:
            found[path.name] = light + dark
    assert found == {}


@pytest.mark.parametrize("shown", [{"color_scheme": "light"}, {"color_scheme": "dark"}], indirect=True, ids=str)
def test_a_saved_explorer(shown: ExplorerPage, axe: str, folder: Path) -> None:
    tokens = "[CLS] the quick brown fox . [SEP] it was amused . [SEP]".split()
    special = [token.startswith("[") for token in tokens]
    one, other = (MadeUp(tokens, d=16, special=special, segments=[0] * 7 + [1] * 5, seed=seed) for seed in (0, 1))
    path = save_html(one, folder / "two.html", other)
    for view in VIEWS:
        shown.open(path, **view)
        assert barriers(shown.page, axe) == [], view
    assert shown.page.get_by_role("main").get_by_role("heading", level=1).count() == 1
    shown.press("?")
    assert shown.page.get_by_role("dialog").is_visible()
    assert barriers(shown.page, axe) == []
