"""Predictions and quizzes in Chromium: judged in the page, kept in the browser, and joined with a kernel's file.

Knows nothing about JupyterLab; ``tests/browser`` runs whole lessons there.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

import llm_course as lc
from form_page import NASTY, FormPage, Kernel, Notebook, plain, solve
from llm_course.lessons import contents, find
from llm_course.teaching import content, output, page_forms, playgrounds, progress_file, quizzes

pytestmark = pytest.mark.browser

START = find("start_here")
QUESTIONS = content.load_quiz(START)
QUIZ = re.compile("Quiz of the lesson")


def predict(notebook: Notebook) -> str:
    lc.predict("key", f"Which, {NASTY}?", ["`one`", "two", NASTY])
    return notebook.html


def reveal(notebook: Notebook, answer: object = "two") -> str:
    lc.reveal("key", answer)
    return notebook.html


def record(form: Locator, choice: int) -> None:
    form.get_by_role("radio").nth(choice).check()
    form.get_by_role("button", name="Record my prediction").click()


# Predictions


def test_a_prediction_is_recorded_and_can_be_changed(notebook: Notebook, forms: FormPage) -> None:
    forms.open(predict(notebook))
    form, said = forms.form("Prediction"), forms.form("Prediction").get_by_role("status")
    assert form.get_by_role("group", name=f"Your prediction: Which, {NASTY}?").count() == 1
    form.get_by_role("button").click()
    expect(said).to_have_text("Choose an answer first.")
    record(form, 0)
    expect(said).to_have_text("Recorded: one. Now run the next cells and compare.")
    assert forms.record()["predictions"] == {"key": {"choice": "`one`"}}
    form.get_by_role("radio").nth(2).check()
    expect(said).to_have_text("")
    form.get_by_role("button").click()
    expect(said).to_contain_text(f"Recorded: {NASTY}.")
    assert forms.record()["predictions"] == {"key": {"choice": NASTY}}
    forms.page.reload()
    expect(form.get_by_role("radio").nth(2)).to_be_checked()
    expect(said).to_contain_text(f"Recorded: {NASTY}.")


def test_a_prediction_is_fixed_once_its_answer_is_shown(notebook: Notebook, forms: FormPage) -> None:
    asked, answered = predict(notebook), reveal(notebook)
    forms.open(asked)
    record(forms.form("Prediction"), 2)
    forms.open(asked, answered)
    for _ in range(2):  # now, and after a reload
        expect(forms.form("Answer")).to_have_text(f"You predicted {NASTY}. The answer: two.")
        form = forms.form("Prediction")
        for control in (*form.get_by_role("radio").all(), form.get_by_role("button")):
            expect(control).to_be_disabled()
        expect(form.get_by_role("radio").nth(2)).to_be_checked()
        expect(form.get_by_role("status")).to_have_text(
            f"You predicted {NASTY}. The answer has been shown, so this stays as it is."
        )
        assert forms.record()["predictions"] == {"key": {"choice": NASTY, "answer": "two"}}
        forms.page.reload()


def test_an_answer_without_a_prediction_says_so_and_comes_too_early(notebook: Notebook, forms: FormPage) -> None:
    forms.open(predict(notebook), reveal(notebook, f"{NASTY}."))
    expect(forms.form("Answer")).to_have_text(f"You recorded no prediction. The answer: {NASTY}.")
    expect(forms.form("Prediction").get_by_role("radio").first).to_be_disabled()
    expect(forms.form("Prediction").get_by_role("status")).to_contain_text("You recorded no prediction.")


def test_a_choice_that_is_not_recorded_yet_stays_when_something_else_is(notebook: Notebook, forms: FormPage) -> None:
    asked = predict(notebook)
    lc.quiz("start_here")
    forms.open(asked, notebook.html)
    form = forms.form("Prediction")
    record(form, 0)
    form.get_by_role("radio").nth(1).check()
    group = forms.form(QUIZ).get_by_role("group").first
    group.get_by_role("radio").first.check()
    group.get_by_role("button").click()
    expect(form.get_by_role("radio").nth(1)).to_be_checked()


def test_without_storage_a_page_remembers_until_it_is_closed(notebook: Notebook, forms: FormPage) -> None:
    broken = "<script>Object.defineProperty(window, 'localStorage', { get() { throw new Error('none'); } });</script>"
    forms.open(predict(notebook), head=broken)
    record(forms.form("Prediction"), 1)
    expect(forms.form("Prediction").get_by_role("status")).to_contain_text("Recorded: two.")


@pytest.mark.parametrize(
    "nonsense", ["{", "null", "[]", '{"version": 2, "predictions": null, "quiz": {}, "parsons": {}, "exercises": {}}']
)
def test_a_damaged_record_in_the_browser_stops_no_form(nonsense: str, notebook: Notebook, forms: FormPage) -> None:
    forms.open(
        predict(notebook), head=f"<script>localStorage['llm-course-progress'] = {json.dumps(nonsense)};</script>"
    )
    record(forms.form("Prediction"), 1)
    expect(forms.form("Prediction").get_by_role("status")).to_contain_text("Recorded: two.")


# Quizzes


def test_every_option_says_why_and_old_feedback_goes(notebook: Notebook, forms: FormPage) -> None:
    lc.quiz("start_here")
    forms.open(notebook.html)
    for place, question in enumerate(QUESTIONS):
        group = forms.form(QUIZ).get_by_role("group").nth(place)
        for choice, option in enumerate(question.options):
            group.get_by_role("radio").nth(choice).check()
            expect(group.get_by_role("status")).to_have_text("")
            group.get_by_role("button", name=f"Check answer {place + 1}").click()
            mark = "✓ Right" if option.right else "✗ Not right"
            expect(group.get_by_role("status")).to_have_text(f"{mark}. {plain(option.why)}")
    tried = forms.record()["quiz"]["start_here"]
    assert tried == {question.id: {"right": True, "tries": len(question.options)} for question in QUESTIONS}


def test_a_quiz_is_answered_by_keyboard_and_keys_stay_inside(
    notebook: Notebook, forms: FormPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    nasty = replace(QUESTIONS[0].options[1], text=NASTY, why=NASTY)
    changed = replace(QUESTIONS[0], options=(QUESTIONS[0].options[0], nasty, *QUESTIONS[0].options[2:]))
    monkeypatch.setattr(quizzes, "load_quiz", lambda lesson: (changed, *QUESTIONS[1:]))
    lc.quiz("start_here")
    forms.open(notebook.html)
    page = forms.page
    page.evaluate("window.outside = []; document.addEventListener('keydown', (e) => window.outside.push(e.key))")
    page.get_by_role("button", name="Check answer 1").click()
    expect(page.get_by_role("status").first).to_have_text("Choose an answer first.")
    page.get_by_role("radio").first.focus()
    for key in ("Space", "ArrowDown", "Tab", "Enter"):
        page.keyboard.press(key)
    expect(page.get_by_role("status").first).to_contain_text(NASTY)
    assert page.evaluate("window.outside") == [], "JupyterLab would have taken these keys for commands"
    page.keyboard.press("Shift+Enter")
    assert "Enter" in page.evaluate("window.outside"), "Shift and Enter still run the cell"


def test_what_was_tried_is_told_after_a_reload_and_no_answer_with_it(notebook: Notebook, forms: FormPage) -> None:
    lc.quiz("start_here")
    quiz = notebook.html
    lc.parsons("start_here")
    forms.open(quiz, notebook.html)
    places = [option.right for option in QUESTIONS[0].options]
    first, second = (forms.form(QUIZ).get_by_role("group").nth(place) for place in (0, 1))
    first.get_by_role("radio").nth(places.index(False)).check()
    first.get_by_role("button").click()
    forms.page.get_by_role("button", name="Check the program").click()
    forms.page.reload()
    expect(first.get_by_role("status")).to_have_text("You have tried this once, not right yet.")
    expect(second.get_by_role("status")).to_have_text("")
    expect(forms.page.get_by_text("You have tried this once, not right yet.")).to_have_count(2)
    first.get_by_role("radio").nth(places.index(True)).check()
    first.get_by_role("button").click()
    forms.page.reload()
    expect(first.get_by_role("status")).to_have_text("You had this right before (tried 2 times).")
    assert first.get_by_role("radio", checked=True).count() == 0


def test_every_quiz_and_every_puzzle_is_judged_right(notebook: Notebook, forms: FormPage) -> None:
    expected: dict[str, dict[str, Any]] = {"quiz": {}, "parsons": {}}
    for lesson in contents():
        if not (lesson.folder / "quiz.json").is_file():
            continue
        lc.quiz(lesson.slug)
        quiz, questions = notebook.html, content.load_quiz(lesson)
        lc.parsons(lesson.slug)
        forms.open(quiz, notebook.html)
        for place, question in enumerate(questions):
            group = forms.form(QUIZ).get_by_role("group").nth(place)
            right = [option.right for option in question.options].index(True)
            group.get_by_role("radio").nth(right).check()
            group.get_by_role("button").click()
            expect(group.get_by_role("status")).to_have_text(f"✓ Right. {plain(question.options[right].why)}")
        puzzle = content.load_puzzle(lesson)
        form = forms.form(re.compile("Parsons puzzle"))
        solve(form, puzzle.lines)
        expect(form.locator(".lc-feedback")).to_have_text(f"✓ Right. {plain(puzzle.explain)}")
        expected["quiz"][lesson.slug] = {question.id: {"right": True, "tries": 1} for question in questions}
        expected["parsons"][lesson.slug] = {"right": True, "tries": 1}
    assert len(expected["quiz"]) >= 13
    assert {section: forms.record()[section] for section in expected} == expected


# The kernel's record and the page's


def test_page_and_kernel_tell_each_other_what_was_done(kernel: Kernel, notebook: Notebook, forms: FormPage) -> None:
    progress_file.note_try("quiz", ("start_here", QUESTIONS[0].id), True)
    progress_file.note_try("exercises", ("top_p",), True)
    asked = predict(notebook)
    forms.open(asked)
    record(forms.form("Prediction"), 0)
    forms.add_model("record", kernel)
    forms.page.wait_for_function("localStorage['llm-course-progress'].includes('top_p')")
    assert forms.record() == progress_file.read()
    assert progress_file.read()["predictions"] == {"key": {"choice": "`one`"}}
    record(forms.form("Prediction"), 1)
    forms.page.wait_for_function("window.sent.length === 2")
    expect(forms.form("Prediction").get_by_role("status")).to_contain_text("Recorded: two.")
    assert progress_file.read()["predictions"] == {"key": {"choice": "two"}}
    assert kernel.answers[-1]["problem"] == ""


def test_a_prediction_whose_answer_the_kernel_has_shown_is_fixed_in_another_browser(
    kernel: Kernel, notebook: Notebook, forms: FormPage
) -> None:
    asked = predict(notebook)
    lc.predict("key", "Which?", ["`one`", "two"], choice="two")
    lc.reveal("key", "`one`")
    forms.open(asked)
    form = forms.form("Prediction")
    expect(form.get_by_role("radio").first).to_be_enabled()
    forms.add_model("record", kernel)
    expect(form.get_by_role("status")).to_contain_text("You predicted two. The answer has been shown")
    expect(form.get_by_role("radio").first).to_be_disabled()


def test_the_kernels_answer_to_an_older_record_is_not_taken(notebook: Notebook, forms: FormPage) -> None:
    forms.open(predict(notebook))
    forms.add_model("record")
    record(forms.form("Prediction"), 1)
    first, second = forms.sent
    forms.page.evaluate("(message) => window.answer(message)", first)
    assert forms.record()["predictions"] == {"key": {"choice": "two"}}
    changed = json.loads(json.dumps(second))
    changed["record"]["predictions"]["other"] = {"choice": "x"}
    forms.page.evaluate("(message) => window.answer(message)", changed)
    assert set(forms.record()["predictions"]) == {"key", "other"}


def test_a_kernel_that_has_gone_stops_no_form(notebook: Notebook, forms: FormPage) -> None:
    forms.open(predict(notebook))
    forms.add_model("record")
    forms.page.evaluate("window.kernelGone = true")
    record(forms.form("Prediction"), 1)
    expect(forms.form("Prediction").get_by_role("status")).to_contain_text("Recorded: two.")
    forms.page.evaluate("window.ends.record()")
    record(forms.form("Prediction"), 0)
    expect(forms.form("Prediction").get_by_role("status")).to_contain_text("Recorded: one.")


def test_resetting_begins_anew_in_the_page_as_well(notebook: Notebook, forms: FormPage) -> None:
    asked = predict(notebook)
    lc.reset_progress()
    reset = notebook.html
    forms.open(asked)
    record(forms.form("Prediction"), 1)
    forms.open(asked, reset)
    assert forms.record()["predictions"] == {} and forms.record()["begun"] == progress_file.read()["begun"]
    expect(forms.form("Prediction").get_by_role("status")).to_have_text("")
    record(forms.form("Prediction"), 0)
    forms.page.reload()  # a saved notebook that is opened again does not begin once more
    assert forms.record()["predictions"] == {"key": {"choice": "`one`"}}


# What surrounds a form


def test_forms_that_stand_on_the_page_before_any_script_runs_all_come_to_life(
    notebook: Notebook, forms: FormPage
) -> None:
    """As in JupyterLab, which puts the HTML of many outputs into the page first and runs their scripts then."""
    htmls = [predict(notebook), reveal(notebook)]
    for show in (lc.quiz, lc.parsons):
        show("start_here")
        htmls.append(notebook.html)
    forms.open()
    forms.page.evaluate("""(htmls) => {
      document.body.innerHTML = htmls.join("");
      for (const old of document.querySelectorAll("script")) {
        const script = document.createElement("script");
        script.textContent = old.textContent;
        old.replaceWith(script);
      }
    }""", htmls)  # fmt: skip
    assert forms.page.locator("[data-lc-spec]").count() == 0
    assert forms.page.get_by_role("button", name="Record my prediction").count() == 1
    assert forms.page.get_by_role("button", name="Check the program").count() == 1
    assert forms.page.get_by_role("button", name=re.compile("Check answer")).count() == len(QUESTIONS)


def test_without_scripts_everything_can_be_read(notebook: Notebook, browser: Any) -> None:
    lc.quiz("start_here")
    page = browser.new_context(java_script_enabled=False).new_page()
    page.set_content(f"<!DOCTYPE html><title>form</title><body>{predict(notebook)}{notebook.bundles[0]['text/html']}")
    seen = page.locator("body").inner_text()
    assert f"Which, {NASTY}?" in seen and "Run this cell, and you can choose here." in seen
    for question in QUESTIONS:
        assert plain(question.question) in seen
        why = page.get_by_text(plain(question.options[0].why)).first
        expect(why).to_be_hidden()
        page.get_by_text(f"Answer to question {QUESTIONS.index(question) + 1}").click()
        expect(why).to_be_visible()
    page.context.close()


CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (color) => rgb(color).slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (rgb(color)[3] > 200) return color;
    }
    return "white";
  };
  const low = [];
  for (const element of document.querySelectorAll(".lc-form *")) {
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
    const [a, b] = [light(getComputedStyle(element).color), light(behind(element))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) low.push(element.outerHTML);
  }
  return low;
}"""


@pytest.mark.parametrize(
    "style",
    [
        "body { color: #222; background: #fff }",
        "body { color: #eee; background: #111 }",
        "body { color: #eee; background: #111 } :root { --jp-layout-color1: #111; --jp-ui-font-color1: #eee }",
    ],
    ids=["light", "dark", "dark, as JupyterLab says it"],
)
def test_text_can_be_read_in_every_theme(style: str, notebook: Notebook, forms: FormPage) -> None:
    htmls = [predict(notebook)]
    for show in (lc.quiz, lc.parsons):
        show("start_here")
        htmls.append(notebook.html)
    controls = [{**playgrounds._range("heat", "Heat", 0, 2, 0.1), "value": 1}]
    bars = output.bars("Next", [("a", 0.75, "0.75")], token=str)
    play = {"name": "none", "html": "Move.", "controls": controls, "button": "Go", "first": bars, "grows": ""}
    forms.open(*htmls, page_forms.form("playground", play, "", "Playground"), head=f"<style>{style}</style>")
    record(forms.form("Prediction"), 0)
    forms.form("Playground").get_by_role("button", name="Go").click()
    expect(forms.form("Playground")).to_contain_text("This needs a running kernel.")
    assert forms.page.evaluate(CONTRAST) == []


@pytest.mark.parametrize("width", [1024, 640, 512])
def test_nothing_overlaps_in_a_narrow_window(width: int, notebook: Notebook, forms: FormPage) -> None:
    """1024 pixels, and 1280 and 1024 at a zoom of 200%."""
    htmls = [predict(notebook)]
    for show in (lc.quiz, lc.parsons):
        show("text_generation")
        htmls.append(notebook.html)
    forms.page.set_viewport_size({"width": width, "height": 700})
    forms.open(*htmls)
    for line in forms.page.get_by_role("list", name="Lines of the program").get_by_role("listitem").all()[:3]:
        for _ in range(3):
            line.press("Alt+ArrowRight")
    assert forms.overlaps() == []
