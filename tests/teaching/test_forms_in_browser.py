"""The browser's part of the forms, in Chromium with a stand-in for the kernel: keys, labels, announcements, errors.

Knows nothing about JupyterLab; ``tests/browser`` runs whole lessons there.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from llm_course.lessons import find
from llm_course.teaching import content, parsons, quizzes
from llm_course.teaching.widgets import _form_class

pytestmark = pytest.mark.browser

# A model as anywidget hands it over: it keeps what is sent, and answers when the test says so.
MODEL = """
const listeners = {}; window.sent = [];
window.model = { data: DATA, get: (name) => window.model.data[name], send: (message) => window.sent.push(message),
  on: (name, f) => { (listeners[name] ??= []).push(f); },
  off: (name, f) => { listeners[name] = (listeners[name] ?? []).filter((g) => g !== f); } };
window.answer = (state) => { Object.assign(window.model.data, { state });
  (listeners["change:state"] ?? []).forEach((f) => f()); };
const blob = new Blob([SCRIPT], { type: "text/javascript" });
import(URL.createObjectURL(blob)).then(({ default: form }) => {
  window.close_form = form.render({ model: window.model, el: document.body }); window.ready = true; });
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    names = (os.environ.get("LLM_COURSE_CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if name and (found := shutil.which(name))), None)
    if path is None:
        if os.environ.get("LLM_COURSE_REQUIRE_BROWSER") == "1":
            pytest.fail("Chromium is required here and not found: make browser")
        pytest.skip("needs Chromium: make browser")
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=path, args=flags)
        yield running
        running.close()


@pytest.fixture
def show(browser: Any) -> Iterator[Any]:
    """Shows a form; afterwards nothing may have gone wrong in the console, and nothing been fetched."""
    page = browser.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith(("blob:", "about:")) else wrong.append(r.url))
    page.on("dialog", lambda dialog: wrong.append("a script ran"))

    def start(kind: str, spec: dict[str, Any], state: dict[str, Any]) -> Any:
        data = json.dumps({"spec": spec, "state": {"turn": 0, "problem": "", **state}})
        script = MODEL.replace("DATA", data).replace("SCRIPT", json.dumps(_form_class(kind)._esm))
        page.set_content(f"<!DOCTYPE html><title>form</title><style>{_form_class(kind)._css}</style><body></body>")
        page.evaluate(f"() => {{ {script} }}")
        page.wait_for_function("window.ready")
        return page

    yield start
    page.evaluate("window.close_form()")
    page.close()
    assert wrong == []


def test_a_quiz_is_answered_by_keyboard(show: Any) -> None:
    questions = content.load_quiz(find("start_here"))
    nasty = replace(questions[0].options[0], text="<script>alert(1)</script><img src=x onerror=alert(1)>")
    questions = (replace(questions[0], options=(nasty, *questions[0].options[1:])), *questions[1:])
    form = quizzes.live_form(find("start_here"), questions)
    page = show("choices", form.spec, form.state)
    page.evaluate("window.outside = []; document.addEventListener('keydown', (e) => window.outside.push(e.key))")
    assert page.get_by_role("group").count() == len(questions)
    assert page.get_by_text("<script>alert(1)</script>").count() == 1
    page.get_by_role("button", name="Check answer 1").click()
    assert page.get_by_text("Choose an answer first.").count() == 1 and page.evaluate("window.sent") == []
    page.get_by_role("radio").first.focus()
    for key in ("Space", "ArrowDown", "Tab", "Enter"):
        page.keyboard.press(key)
    assert page.evaluate("window.sent") == [{"question": 0, "choice": 1}]
    assert page.evaluate("window.outside") == [], "JupyterLab would have taken these keys for commands"
    page.evaluate(
        "window.answer({turn: 1, problem: '', chosen: [1, -1, -1], feedback: ['<b>Right.</b> So it is.', '', '']})"
    )
    assert page.get_by_role("status").filter(has_text="Right. So it is.").count() == 1
    page.keyboard.press("Shift+Enter")
    assert "Enter" in page.evaluate("window.outside"), "Shift and Enter still run the cell"


def test_a_puzzle_is_solved_by_keyboard(show: Any) -> None:
    puzzle = content.load_puzzle(find("start_here"))
    lines = parsons.shuffled(puzzle)
    form = parsons.live_form(puzzle, lines)
    page = show("parsons", form.spec, form.state)
    unwanted = [line for line in lines if line in {wrong.line for wrong in puzzle.distractors}]
    for line in unwanted:
        page.get_by_role("button", name=f"Leave out: {line}", exact=True).press("Enter")
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == f"Put back: {line}"
    for text, level in reversed(parsons.from_text("\n".join(puzzle.lines))):
        page.get_by_role("button", name=f"Move up: {text}", exact=True).focus()
        for _ in range(len(lines)):
            page.keyboard.press("Enter")  # the focus follows the line
        for _ in range(level):
            page.keyboard.press("Alt+ArrowRight")
    page.get_by_role("button", name="Check the program").press("Enter")
    (message,) = page.evaluate("window.sent")
    answer = [(lines[place], level) for place, level in message["answer"]]
    assert parsons.diagnose(puzzle, answer) is None
    assert page.locator(".lc-hidden").inner_text() == f"{puzzle.lines[0]}: line 1 of {len(answer)}, indented by 0"


PLAY = {
    "title": "Playground",
    "html": "Move.",
    "button": "Again",
    "controls": [
        {"kind": "range", "name": "heat", "label": "Heat", "min": 0, "max": 2, "step": 0.1, "names": {"0": "0 (off)"}},
        {"kind": "text", "name": "text", "label": "Your text", "rows": 2},
    ],
}
STATE = {"values": {"heat": 0.2, "text": "a"}, "feedback": ["<p>first</p>"], "said": ""}


def test_a_slider_has_a_name_and_sends_one_message_at_a_time(show: Any) -> None:
    page = show("playground", PLAY, STATE)
    slider = page.get_by_role("slider", name="Heat")
    slider.press("ArrowRight")
    page.wait_for_function("window.sent.length === 1")
    for _ in range(5):
        slider.press("ArrowLeft")
        page.wait_for_timeout(160)
    assert page.evaluate("window.sent") == [{"values": {"heat": 0.3, "text": "a"}, "pressed": False}], "kernel is busy"
    assert slider.get_attribute("aria-valuetext") == "0 (off)"
    page.evaluate("window.answer({...window.model.data.state, turn: 1, feedback: ['<p>second</p>'], said: 'Second.'})")
    assert [m["values"]["heat"] for m in page.evaluate("window.sent")] == [0.3, 0], "the newest is sent, once"
    assert page.get_by_text("second", exact=True).count() == 1
    assert page.get_by_role("status").filter(has_text="Second.").count() == 1
    page.evaluate("window.answer({...window.model.data.state, turn: 2, problem: 'RuntimeError: <b>no</b>'})")
    assert page.get_by_role("status").filter(has_text="RuntimeError: <b>no</b>").count() == 1


def test_text_is_sent_with_the_button(show: Any) -> None:
    page = show("playground", PLAY, STATE)
    page.get_by_label("Your text").fill("hello <b>")
    page.get_by_role("button", name="Again").click()
    assert page.evaluate("window.sent") == [{"values": {"heat": 0.2, "text": "hello <b>"}, "pressed": True}]


def test_a_kernel_that_does_not_answer_is_named(show: Any) -> None:
    page = show("playground", PLAY, STATE)
    page.clock.install()
    page.get_by_role("button", name="Again").click()
    page.clock.run_for(21_000)
    assert page.get_by_text("If the kernel is not running, run this cell again.").count() == 1
    page.get_by_role("button", name="Again").click()
    assert len(page.evaluate("window.sent")) == 2, "it can be tried again"
