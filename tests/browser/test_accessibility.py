"""What axe-core says to all that a reader sees: the site, a saved explorer, and what cells show in JupyterLab.

Nothing critical or serious may be left, in light and in dark. JupyterLab's own menus and cells are not ours.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from axe import COLOR, barriers
from explorer_page import ExplorerPage
from lab_page import LabPage
from made_up_attention import MadeUp
from test_explorer_lab import THEME, open_only
from test_machinery import store

from llm_course.attention.explorer import save_html

pytest_plugins = ["explorer_page"]  # its fixtures
pytestmark = pytest.mark.browser

OUTPUTS = ".jp-OutputArea-output"
VIEWS = [
    {"tab": "overview"},
    {"tab": "overview", "measure": "mean distance", "sort": "down"},
    {"tab": "map", "row": 3},
    {"tab": "map", "source": "average", "set": [[0, 0], [1, 1]]},
    {"tab": "lines", "row": 3},
    {"tab": "pair", "row": 3, "col": 2},
    {"tab": "compare", "row": 3},
]
# Every verb that shows something, with the course's own models.
CELLS = (
    "import llm_course as lc",
    "from matplotlib import pyplot\n"
    "figure, axes = pyplot.subplots()\n"
    "axes.plot([1, 2, 4])\n"
    "lc.show(figure, alt='A line that rises & rises.')",
    "lc.predict('sum', 'How much is `1 + 1`?', options=['1', '2'])",
    "lc.reveal('sum', '2')",
    "lc.parsons('text_generation')",
    "lc.quiz('text_generation')",
    "lc.progress()",
    "lc.doctor()",
    "lc.hint('apply_temperature')\nlc.solution('apply_temperature')\n"
    "lc.check('apply_temperature', lambda scores, t: scores)",
    "lc.decoding_playground('Once upon a time')",
    "lc.sentiment_playground('A good book.')",
    "lc.summary_playground('A dog ran home. It was late. The door was open. It slept.')",
    "lc.translation_playground('The cat sleeps.')",
    "lc.chat_box('Hello.')",
    "lc.scene_playground(lc.scenes.scene(('star', 'blue', 'big', 0.3, 0.35)))",
    "lc.robot_playground('put the blue block in the left tray', lc.tabletop.Table([['blue'], [], ['red']], seed=1))",
    "lc.sentiment('A good book.')",
    "run = lambda text, pair=None: lc.attend(text, model='bert-mini')\n"
    "lc.attention.explore(run('The cat sat.'), rerun=run, text='The cat sat.')",
)


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
        shown.page.emulate_media(color_scheme="light")
        shown.page.goto(path.as_uri())
        for frame in shown.page.locator("iframe").all():
            frame.scroll_into_view_if_needed()  # it is loaded when it is near
            frame.content_frame.locator(".lcx[data-ready]").wait_for()
        light = barriers(shown.page, axe)
        shown.page.emulate_media(color_scheme="dark")
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


def test_what_cells_show_in_jupyterlab(page: LabPage, lab: tuple[str, Path], axe: str) -> None:
    page.run(store(lab[1], "accessibility.ipynb", *CELLS))
    page.page.evaluate(
        """() => {
          const { content } = window.jupyterapp.shell.currentWidget;  // every cell, not only what is in view
          content.notebookConfig = { ...content.notebookConfig, windowingMode: "none" };
        }"""
    )
    page.page.locator(f"{OUTPUTS} .lcx[data-ready]").wait_for()
    forms = page.page.locator(f"{OUTPUTS} section.lc-form")
    names = {form.get_attribute("aria-label") for form in forms.all()}
    assert len(names) == sum("playground" in cell or "chat_box" in cell for cell in CELLS) + 3, names
    found = barriers(page.page, axe, within=OUTPUTS)
    page._do(THEME, "JupyterLab Dark", seconds=60)
    page.page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
    assert found + barriers(page.page, axe, within=OUTPUTS, rules=COLOR) == []


def test_a_lesson_that_is_opened_and_not_run(page: LabPage, lab: tuple[str, Path], axe: str) -> None:
    open_only(page, "00_start_here.ipynb")
    figures = page.page.locator(f"{OUTPUTS} img")
    figures.first.wait_for()
    assert barriers(page.page, axe, within=OUTPUTS) == []
