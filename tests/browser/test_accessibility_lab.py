"""What axe-core says to what cells show in JupyterLab, whose own menus and cells are not ours.

Nothing critical or serious may be left, in light and in dark.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from axe import COLOR, barriers
from lab_page import LabPage
from test_explorer_lab import THEME, open_only
from test_machinery import store

pytestmark = pytest.mark.browser

# JupyterLab reopens other notebooks, hidden.
OUTPUTS = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-OutputArea-output"
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
    assert len(names) >= sum("playground" in cell or "chat_box" in cell for cell in CELLS) + 4, names
    found = barriers(page.page, axe, within=OUTPUTS)
    page._do(THEME, "JupyterLab Dark", seconds=60)
    page.page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
    assert found + barriers(page.page, axe, within=OUTPUTS, rules=COLOR) == []


def test_a_lesson_that_is_opened_and_not_run(page: LabPage, lab: tuple[str, Path], axe: str) -> None:
    open_only(page, "00_start_here.ipynb")
    figures = page.page.locator(f"{OUTPUTS} img")
    figures.first.wait_for()
    assert barriers(page.page, axe, within=OUTPUTS) == []
