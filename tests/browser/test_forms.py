"""Forms that never lie, in JupyterLab: with a kernel, without one, after a restart, reopened, without widgets.

What is judged in the page works in all of these; what needs a kernel says within a second that there is none.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab_page import LabPage
from playwright.sync_api import Locator, expect
from test_machinery import store

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1800)]

# A model that answers at once, so that these tests are about forms and not about a model.
SETUP = """
import time
from types import SimpleNamespace
import llm_course as lc
from llm_course.use_cases import generation
generation.next_tokens = lambda prompt, k=10, temperature=1.0, model=None: [(" cat", 0.6), (" dog", 0.4)]
generation.generate = lambda prompt, **asked: SimpleNamespace(text=f" at {asked['temperature']:.1f}", prompt=prompt)
"""
PREDICT = 'lc.predict("key", "How many?", ["one", "two"])'
REVEAL = 'lc.reveal("key", "two")'
QUIZ = 'lc.quiz("text_generation")'
PARSONS = 'lc.parsons("text_generation")'
PLAY = 'lc.decoding_playground("Once")'
RECORD = "from llm_course.teaching.progress_file import read; import json; print(json.dumps(read()))"
RESTART = """async () => {
  await window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart();
}"""
SHUT_DOWN = "async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); }"
SAVE = 'async () => { await window.jupyterapp.commands.execute("docmanager:save"); }'
OPEN_ONLY = """async (path) => {
  const app = window.jupyterapp;
  await app.restored;
  const panel = await app.commands.execute("docmanager:open",
    { path, factory: "Notebook", kernelPreference: { shouldStart: false, canStart: false, autoStartDefault: false } });
  await panel.context.ready;
  app.shell.activateById(panel.id);
  await panel.revealed;
}"""


def answer(form: Locator) -> str:
    """Choose the first option of the first question and check it; what is said to it."""
    group = form.get_by_role("group").first
    group.get_by_role("radio").first.check()
    group.get_by_role("button", name="Check answer 1").click()
    said = group.get_by_role("status")
    expect(said).to_contain_text(re.compile(r"Right\.|Not right\."))
    return said.inner_text()


def kernel_record(page: LabPage) -> dict:
    """What the kernel's own file holds, read by a new cell."""
    page.page.evaluate(
        """async (source) => {
      const panel = window.jupyterapp.shell.currentWidget;
      panel.content.model.sharedModel.addCell({ cell_type: "code", source });
      panel.content.activeCellIndex = panel.content.widgets.length - 1;
      await window.jupyterapp.commands.execute("notebook:run-cell");
    }""",
        RECORD,
    )
    cells = page.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.model.toJSON().cells")
    return json.loads("".join(cells[-1]["outputs"][0]["text"]))


def test_predictions_quiz_and_puzzle_reach_the_kernels_file(page: LabPage, lab: tuple[str, Path]) -> None:
    page.run(store(lab[1], "forms_kernel.ipynb", SETUP, PREDICT, QUIZ, PARSONS))
    form = page.form("lc.predict", "Prediction")
    form.get_by_role("radio").nth(1).check()
    form.get_by_role("button", name="Record my prediction").click()
    expect(form.get_by_role("status")).to_contain_text("Recorded: two")
    answer(page.form("lc.quiz", "Quiz of the lesson “Text generation”"))
    puzzle = page.form("lc.parsons", re.compile("Parsons puzzle"))
    puzzle.get_by_role("button", name="Check the program").click()
    expect(puzzle.get_by_role("status").first).to_contain_text("Not yet.")
    record = kernel_record(page)
    assert record["predictions"]["key"] == {"choice": "two"}
    (tries,) = record["quiz"]["text_generation"].values()
    assert tries["tries"] == 1 and record["parsons"]["text_generation"] == {"right": False, "tries": 1}
    assert page.complaints == [] and page.away() == []


def test_a_prediction_stays_once_its_answer_is_shown(page: LabPage, lab: tuple[str, Path]) -> None:
    page.run(store(lab[1], "forms_fixed.ipynb", SETUP, PREDICT.replace('"key"', '"fixed"')))
    form = page.form("lc.predict", "Prediction")
    form.get_by_role("radio").first.check()
    form.get_by_role("button").click()
    page.page.evaluate(
        """async (source) => {
      const panel = window.jupyterapp.shell.currentWidget;
      panel.content.model.sharedModel.addCell({ cell_type: "code", source });
      panel.content.activeCellIndex = panel.content.widgets.length - 1;
      await window.jupyterapp.commands.execute("notebook:run-cell");
    }""",
        REVEAL.replace('"key"', '"fixed"'),
    )
    shown = page.form("lc.reveal", "Answer")
    expect(shown).to_contain_text("You predicted one. The answer: two.")
    expect(form.get_by_role("radio").first).to_be_disabled()
    expect(form.get_by_role("status")).to_contain_text("stays as it is")
    assert kernel_record(page)["predictions"]["fixed"] == {"answer": "two", "choice": "one"}


def test_old_feedback_goes_when_the_answer_changes(page: LabPage, lab: tuple[str, Path]) -> None:
    page.run(store(lab[1], "forms_feedback.ipynb", SETUP, QUIZ))
    quiz = page.form("lc.quiz", "Quiz of the lesson “Text generation”")
    answer(quiz)
    group = quiz.get_by_role("group").first
    group.get_by_role("radio").nth(1).check()
    expect(group.get_by_role("status")).to_have_text("")


@pytest.mark.parametrize("how", [RESTART, SHUT_DOWN], ids=["restarted", "shut down"])
def test_without_its_kernel(page: LabPage, lab: tuple[str, Path], how: str) -> None:
    page.run(store(lab[1], "forms_gone.ipynb", SETUP, QUIZ, PLAY))
    playground = page.form("decoding_playground", "Decoding playground")
    page.page.evaluate(how)
    slider = playground.get_by_role("slider", name="Temperature").first
    slider.focus()
    slider.press("ArrowRight")
    expect(playground).to_contain_text("This needs a running kernel. Run this cell again.", timeout=2000)
    assert len(answer(page.form("lc.quiz", "Quiz of the lesson “Text generation”"))) > 20, "a quiz needs no kernel"


def test_a_saved_notebook_opened_again_without_a_kernel(page: LabPage, lab: tuple[str, Path]) -> None:
    name = store(lab[1], "forms_reopened.ipynb", SETUP, PREDICT, QUIZ, PARSONS, PLAY)
    page.run(name)
    answer(page.form("lc.quiz", "Quiz of the lesson “Text generation”"))
    page.page.evaluate(SAVE)
    page.page.evaluate(SHUT_DOWN)
    page.page.goto("about:blank")
    page.page.goto(page.url + "&reset")
    page.page.wait_for_function("() => window.jupyterapp !== undefined")
    page.page.evaluate(OPEN_ONLY, name)
    assert len(answer(page.form("lc.quiz", "Quiz of the lesson “Text generation”"))) > 20
    playground = page.form("decoding_playground", "Decoding playground")
    expect(playground).to_contain_text("This needs a running kernel.", timeout=3000)
    expect(page.page.locator("body")).not_to_contain_text("model not found")
    expect(page.page.locator("body")).not_to_contain_text("Error displaying widget")


def test_a_busy_kernel_is_told_from_none(page: LabPage, lab: tuple[str, Path]) -> None:
    page.run(store(lab[1], "forms_busy.ipynb", SETUP, PLAY))
    playground = page.form("decoding_playground", "Decoding playground")
    expect(playground).to_contain_text("Once at 0.7")
    page.page.evaluate("""() => {
      window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({ code: "time.sleep(6)" });
    }""")
    slider = playground.get_by_role("slider", name="Temperature").first
    slider.focus()
    slider.press("ArrowRight")
    expect(playground).to_contain_text("Working…", timeout=1500)
    expect(playground).to_contain_text("may be busy", timeout=4000)
    expect(playground).to_contain_text("Once at 0.8", timeout=60_000)
    expect(playground).not_to_contain_text("busy")


def test_the_decoding_playground_grows_the_prompt(page: LabPage, lab: tuple[str, Path]) -> None:
    page.run(store(lab[1], "forms_tokens.ipynb", SETUP, PLAY))
    playground = page.form("decoding_playground", "Decoding playground")
    expect(playground.get_by_role("group", name="Setting B: result")).to_contain_text("Once at 1.3")
    playground.get_by_role("button", name="Append ␣cat to the prompt").first.click()
    expect(playground.get_by_label("Prompt", exact=True)).to_have_value("Once cat")
    expect(playground.get_by_role("group", name="Setting A: result")).to_contain_text("Once cat at 0.7")
    if pictures := os.environ.get("LLM_COURSE_FORM_PICTURES"):
        page.picture(Path(pictures) / "playground.png")


def test_lines_are_dragged(page: LabPage, lab: tuple[str, Path]) -> None:
    page.page.set_viewport_size({"width": 1024, "height": 900})
    page.run(store(lab[1], "forms_drag.ipynb", SETUP, PARSONS))
    puzzle = page.form("lc.parsons", re.compile("Parsons puzzle"))
    lines = puzzle.get_by_role("list", name="Lines of the program").get_by_role("listitem")
    before = lines.all_inner_texts()
    first, third = lines.first.bounding_box(), lines.nth(2).bounding_box()
    assert first and third
    mouse = page.page.mouse
    mouse.move(first["x"] + 60, first["y"] + first["height"] / 2)
    mouse.down()
    mouse.move(first["x"] + 60 + 60, third["y"] + third["height"] - 2, steps=8)
    mouse.up()
    after = lines.all_inner_texts()
    assert after == [before[1], before[2], before[0], *before[3:]]
    expect(puzzle.get_by_role("status").last).to_contain_text("line 3 of")
    expect(puzzle.get_by_role("status").last).to_contain_text("indented by 2")
    for line in lines.all():
        code, button = line.locator("code").bounding_box(), line.get_by_role("button").bounding_box()
        assert code and button and code["x"] + code["width"] <= button["x"] + 1, "nothing stands over a line"
    if pictures := os.environ.get("LLM_COURSE_FORM_PICTURES"):
        page.picture(Path(pictures) / "parsons.png")


@pytest.fixture(scope="module")
def bare_lab(lab: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A JupyterLab as on a hub whose server has no anywidget: its front end is missing."""
    home = tmp_path_factory.mktemp("bare")
    (home / "config" / "labconfig").mkdir(parents=True)
    (home / "config" / "labconfig" / "page_config.json").write_text('{"disabledExtensions": {"anywidget": true}}')
    env = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "LLM_COURSE_HOME": str(home / "course"),
        "HF_HUB_OFFLINE": "1",
    }
    log = home / "log"
    with log.open("w", encoding="utf-8") as output:
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jupyterlab",
                "--no-browser",
                "--allow-root",
                "--port=0",
                "--ServerApp.ip=127.0.0.1",
                f"--ServerApp.root_dir={lab[1]}",
                "--LabApp.expose_app_in_browser=True",
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
        )
    try:
        deadline = time.monotonic() + 180
        while not (url := re.search(r"http://127\.0\.0\.1:\d+/lab\?token=\w+", log.read_text(encoding="utf-8"))):
            assert server.poll() is None and time.monotonic() < deadline, log.read_text(encoding="utf-8")[-3000:]
            time.sleep(0.2)
        yield url[0]
    finally:
        server.terminate()
        server.wait(20)


def test_a_hub_without_anywidget(page: LabPage, lab: tuple[str, Path], bare_lab: str) -> None:
    page.url = bare_lab
    page.run(store(lab[1], "forms_bare.ipynb", SETUP, PREDICT, QUIZ, PLAY))
    assert len(answer(page.form("lc.quiz", "Quiz of the lesson “Text generation”"))) > 20
    playground = page.form("decoding_playground", "Decoding playground")
    expect(playground).to_contain_text("the server lacks anywidget", timeout=3000)
    expect(playground).to_contain_text("Once at 0.7")
