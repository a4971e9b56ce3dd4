"""Lessons as a reader meets them: JupyterLab opens them, Run All reaches the end, forms answer to the keyboard.

Nothing may complain in the console, and nothing may be asked of another machine.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from lab_page import LabPage
from playwright.sync_api import Locator, expect
from test_machinery import store

from llm_course.lessons import find

pytestmark = pytest.mark.browser

# A playground whose model answers at once, so that this test is about the form and not about a model.
QUICK = """
from types import SimpleNamespace
import llm_course as lc
from llm_course.use_cases import generation
generation.next_tokens = lambda prompt, k=10, temperature=1.0, model=None: [("a", 0.6), ("b", 0.4)]
generation.generate = lambda prompt, **asked: SimpleNamespace(text=f" at {asked['temperature']:.1f}", prompt=prompt)
lc.decoding_playground("Once")
"""


def move_slider(playground: Locator, name: str) -> None:
    """One step to the right by keyboard: the value moves, and the result below becomes another one."""
    slider = playground.get_by_role("slider", name=name, exact=True).first  # of the first of two settings
    result = playground.locator(".lc-result")
    before, shown = float(slider.input_value()), result.inner_html()
    assert shown.strip()
    slider.focus()
    slider.press("ArrowRight")
    assert float(slider.input_value()) > before
    expect(playground).not_to_contain_text("This needs a running kernel")
    expect(playground.page.locator("section.lc-form:focus-within")).to_have_count(1)  # keys stayed in the form
    playground.page.wait_for_function("([node, old]) => node.innerHTML !== old", arg=[result.element_handle(), shown])


def answer_first_question(quiz: Locator) -> str:
    """Choose the first option and check it by keyboard; what the quiz says to it."""
    question = quiz.get_by_role("group").first
    radio = question.get_by_role("radio").first
    radio.focus()
    radio.press("Space")
    expect(radio).to_be_checked()
    button = question.get_by_role("button", name="Check answer 1")
    button.focus()
    button.press("Enter")
    said = question.get_by_role("status")
    expect(said).to_contain_text(re.compile(r"Right\.|Not right\."))
    return said.inner_text()


def test_forms_answer_to_the_keyboard(page: LabPage, lab: tuple[str, Path]) -> None:
    page.run(store(lab[1], "forms.ipynb", QUICK, "lc.quiz('start_here')"))
    playground = page.form("decoding_playground", "Decoding playground")
    expect(playground).to_contain_text("Once at 0.7")
    move_slider(playground, "Temperature")
    expect(playground).to_contain_text("Once at 0.8")
    said = answer_first_question(page.form("quiz", "Quiz of the lesson “Start here”"))
    assert len(said) > 20, "the answer is explained"
    assert page.complaints == []
    assert page.away() == []


def built(folder: Path, slug: str) -> str:
    name = f"{find(slug).name}.ipynb"
    assert (folder / name).exists(), f"{name} is not built; run: make notebooks"
    return name


def test_the_first_lesson_runs_to_its_end(page: LabPage, lab: tuple[str, Path]) -> None:
    cells = page.run(built(lab[1], "start_here"))
    assert len(cells) >= 5
    answer_first_question(page.form("quiz", "Quiz of the lesson “Start here”"))
    assert page.complaints == []
    assert page.away() == []


def test_a_use_case_lesson_runs_and_its_playground_moves(page: LabPage, lab: tuple[str, Path]) -> None:
    page.run(built(lab[1], "text_generation"))
    move_slider(page.form("decoding_playground", "Decoding playground"), "Temperature")
    if pictures := os.environ.get("LLM_COURSE_PICTURES"):  # README's picture: LLM_COURSE_PICTURES=docs/images
        page.picture(Path(pictures) / "lesson.png")
    answer_first_question(page.form("quiz", "Quiz of the lesson “Text generation”"))
    assert page.complaints == []
    assert page.away() == []
