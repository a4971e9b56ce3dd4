"""The Parsons puzzle in Chromium: lines moved by keys, mouse and finger, and every mistake named."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

import llm_course as lc
from form_page import NASTY, FormPage, Notebook, plain, solve
from llm_course.lessons import find
from llm_course.teaching import content, parsons

pytestmark = pytest.mark.browser

START = content.load_puzzle(find("start_here"))
RIGHT = [(line.strip(), (len(line) - len(line.lstrip())) // content.INDENT) for line in START.lines]
TITLE = re.compile("Parsons puzzle")


class Program:
    """The puzzle on the page."""

    def __init__(self, forms: FormPage, html: str) -> None:
        forms.open(html)
        self.page = forms.page
        self.form = forms.form(TITLE)
        self.lines = self.form.get_by_role("list", name="Lines of the program").get_by_role("listitem")
        self.left_out = self.form.get_by_role("list", name="Lines left out").get_by_role("listitem")
        self.said = self.form.locator(".lc-feedback")
        self.announced = self.form.get_by_role("status").last

    def texts(self, lines: Locator | None = None) -> list[str]:
        return (lines or self.lines).locator("code").all_inner_texts()

    def check(self) -> str:
        self.form.get_by_role("button", name="Check the program").click()
        return self.said.inner_text()

    def put(self, answer: Sequence[tuple[str, int]]) -> None:
        """Move the lines by keyboard until the program is ``answer``."""
        while self.lines.count():
            self.lines.first.press("Delete")
        texts = self.texts(self.left_out)
        for text, level in answer:
            self.left_out.nth(texts.index(text)).press("Insert")
            texts.remove(text)
            indented = int(self.announced.inner_text().rpartition(" ")[2])  # a line that comes back stands as before
            for _ in range(abs(level - indented)):
                self.page.keyboard.press("Alt+ArrowRight" if level > indented else "Alt+ArrowLeft")


@pytest.fixture
def puzzle(notebook: Notebook, forms: FormPage) -> Program:
    lc.parsons("start_here")
    return Program(forms, notebook.html)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([], "✗ Not yet. No line is in the program yet."),
        (
            [("result = prompt.generate(seed=0)", 0), *RIGHT],
            "✗ Not yet. result = prompt.generate(seed=0) does not belong here. " + plain(START.distractors[0].why),
        ),
        (
            [*RIGHT, ("result = prompt.generate(seed=0)", 1)],
            "✗ Not yet. result = prompt.generate(seed=0) does not belong here. " + plain(START.distractors[0].why),
        ),
        (
            [RIGHT[1], RIGHT[0]],
            '✗ Not yet. Line 1, prompt = "Once upon a time", cannot stand there yet. What has to come before it?',
        ),
        (
            [RIGHT[0], RIGHT[2]],
            "✗ Not yet. The first line is right. Line 2, result = lc.generate(prompt, seed=0), cannot stand there yet. "
            "What has to come before it?",
        ),
        ([*RIGHT[:2], RIGHT[3]], "✗ Not yet. The first 2 lines are right. Line 3, if result.text:,"),
        (RIGHT[:-1], "✗ Not yet. So far it is right, and one line is still missing."),
        (RIGHT[:2], "✗ Not yet. So far it is right, and 3 lines are still missing."),
        (
            [*RIGHT[:-1], ("print(result)", 0)],
            "✗ Not yet. The order is right. Line 5, print(result), is indented by 0 levels. "
            "Which line does it belong under?",
        ),
        ([("import llm_course as lc", 1), *RIGHT[1:]], "Line 1, import llm_course as lc, is indented by 1 level."),
        (RIGHT, f"✓ Right. {plain(START.explain)}"),
    ],
)
def test_each_mistake_in_a_program_is_named(answer: list[tuple[str, int]], said: str, puzzle: Program) -> None:
    puzzle.put(answer)
    assert said in puzzle.check()


def test_a_line_at_another_level_has_its_own_reason(
    notebook: Notebook, forms: FormPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = content.Distractor("print(result)", "It would print an empty text, too.")
    changed = replace(START, distractors=(*START.distractors, more))
    monkeypatch.setattr(parsons, "load_puzzle", lambda lesson: changed)
    lc.parsons("start_here")
    program = Program(forms, notebook.html)
    assert program.texts().count("print(result)") == 1, "it is offered once"
    program.put([*RIGHT[:-1], ("print(result)", 0)])
    wrong = "Line 5, print(result), is not under the right line. It would print an empty text, too."
    assert f"✗ Not yet. The order is right. {wrong}" in program.check()
    program.put([("print(result)", 0), *RIGHT[:-1]])
    assert "Line 1, print(result), is not in its place. It would print an empty text, too." in program.check()
    program.put(RIGHT)
    assert "✓ Right." in program.check()


def test_lines_that_are_equal_can_change_places(
    notebook: Notebook, forms: FormPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = replace(START, lines=("x = f(x)", "y = x", "x = f(x)"), distractors=())
    monkeypatch.setattr(parsons, "load_puzzle", lambda lesson: changed)
    lc.parsons("start_here")
    for order in itertools.permutations(range(3)):
        program = Program(forms, notebook.html)
        offered = program.texts()
        program.put([(offered[place], 0) for place in order])
        assert ("✓ Right." in program.check()) == (offered[order[1]] == "y = x")


def test_only_the_right_order_is_right(puzzle: Program) -> None:
    for order in itertools.islice(itertools.permutations(RIGHT), 0, None, 17):
        puzzle.put(order)
        assert ("✓ Right." in puzzle.check()) == (list(order) == RIGHT)


def test_old_feedback_goes_when_a_line_moves(puzzle: Program, forms: FormPage) -> None:
    assert "Not yet" in puzzle.check()
    puzzle.lines.first.press("Alt+ArrowDown")
    expect(puzzle.said).to_have_text("")
    solve(puzzle.form, START.lines)
    expect(puzzle.said).to_contain_text("✓ Right.")
    puzzle.lines.first.press("Alt+ArrowRight")
    puzzle.check()
    assert forms.record()["parsons"] == {"start_here": {"right": True, "tries": 3}}, "right once stays right"


def test_keys_move_a_line_and_say_where_it_is(puzzle: Program) -> None:
    before, page = puzzle.texts(), puzzle.page
    page.evaluate("window.outside = []; document.addEventListener('keydown', (e) => window.outside.push(e.key))")
    puzzle.lines.nth(1).focus()
    for keys, place, level in [
        ("ArrowUp", 1, 0), ("ArrowUp", 1, 0), ("ArrowDown", 2, 0), ("ArrowDown", 3, 0), ("ArrowLeft", 3, 0),
        *(("ArrowRight", 3, deep) for deep in (1, 2, 3, 4, 5, 6, 6)), ("ArrowLeft", 3, 5),
    ]:  # fmt: skip
        page.keyboard.press(f"Alt+{keys}")
        where = f"line {place} of {len(before)}, indented by {level}"
        expect(puzzle.announced).to_have_text(f"{before[1]}: {where}")
        expect(puzzle.lines.nth(place - 1)).to_be_focused()
        expect(puzzle.lines.nth(place - 1)).to_have_attribute("aria-label", f"{before[1]}, {where}")
    assert puzzle.texts() == [before[0], before[2], before[1], *before[3:]]
    page.keyboard.press("Delete")
    expect(puzzle.announced).to_have_text(f"{before[1]}: left out")
    expect(puzzle.left_out.first).to_be_focused()
    address = page.url
    for key in ("Alt+ArrowLeft", "Alt+ArrowDown", "Tab", "Alt+ArrowLeft"):  # the first is "back" in a browser
        page.keyboard.press(key)
    assert page.url == address and puzzle.left_out.count() == 1
    assert puzzle.texts() == [before[0], *before[2:]]
    puzzle.form.get_by_role("button", name=f"Put back: {before[1]}").press("Enter")
    assert puzzle.texts() == [before[0], *before[2:], before[1]]
    puzzle.form.get_by_role("button", name=f"Leave out: {before[0]}").click()
    assert puzzle.texts(puzzle.left_out) == [before[0]]
    assert page.evaluate("window.outside") == [], "JupyterLab would have taken these keys for commands"


def middle(line: Locator) -> tuple[float, float]:
    box = line.locator("code").bounding_box()
    assert box
    return box["x"] + 10, box["y"] + box["height"] / 2


def mouse(puzzle: Program, start: tuple[float, float], end: tuple[float, float]) -> None:
    puzzle.page.mouse.move(*start)
    puzzle.page.mouse.down()
    puzzle.page.mouse.move(*end, steps=6)
    puzzle.page.mouse.up()


def finger(puzzle: Program, start: tuple[float, float], end: tuple[float, float]) -> None:
    """As a touch screen sends it: the browser itself decides whether it scrolls or lets the page drag."""
    devices = puzzle.page.context.new_cdp_session(puzzle.page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        devices.send(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y, "id": 1} for x, y in points]}
        )

    touch("touchStart", start)
    for step in range(1, 7):
        touch("touchMove", tuple(a + (b - a) * step / 6 for a, b in zip(start, end, strict=True)))  # type: ignore[arg-type]
    touch("touchEnd")


@pytest.fixture
def touched(browser: Any, notebook: Notebook) -> Any:
    """The puzzle on a small page with a touch screen, long enough to be scrolled."""
    forms = FormPage(browser, has_touch=True, viewport={"width": 512, "height": 700})
    lc.parsons("start_here")
    yield Program(forms, notebook.html + "<div style='height: 200em'></div>")
    forms.context.close()
    assert forms.wrong == []


@pytest.mark.parametrize("drag", [mouse, finger])
def test_lines_are_dragged(drag: Any, touched: Program) -> None:
    puzzle = touched
    before = puzzle.texts()
    (x, y), (_, below) = middle(puzzle.lines.first), middle(puzzle.lines.nth(2))
    drag(puzzle, (x, y), (x + 60, below + 8))
    assert puzzle.texts() == [before[1], before[2], before[0], *before[3:]]
    expect(puzzle.announced).to_have_text(f"{before[0]}: line 3 of {len(before)}, indented by 2")
    drag(puzzle, middle(puzzle.lines.nth(2)), (0, y - 8))
    expect(puzzle.announced).to_have_text(f"{before[0]}: line 1 of {len(before)}, indented by 0")
    assert puzzle.texts() == before
    assert puzzle.page.evaluate("scrollY") == 0, "a finger on a line drags it and does not scroll"
    # a drag to and from the lines left out
    puzzle.lines.nth(1).press("Delete")
    x, y = middle(puzzle.left_out.first)
    drag(puzzle, middle(puzzle.lines.first), (x, y + 12))
    assert puzzle.texts(puzzle.left_out) == [before[1], before[0]]
    drag(puzzle, middle(puzzle.left_out.first), middle(puzzle.lines.first))
    assert puzzle.texts(puzzle.left_out) == [before[0]] and before[1] in puzzle.texts()[:2]


def test_a_click_on_a_line_moves_nothing(touched: Program) -> None:
    before = touched.texts()
    touched.lines.nth(1).locator("code").click()
    touched.lines.nth(1).locator("code").tap()
    assert touched.texts() == before and touched.announced.inner_text() == ""


def test_markup_in_a_puzzle_is_shown_as_text(
    notebook: Notebook, forms: FormPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    nasty = content.Distractor(NASTY, NASTY)
    changed = replace(START, title=NASTY, task=NASTY, lines=("x = 1", f"print({NASTY!r})"), distractors=(nasty,))
    monkeypatch.setattr(parsons, "load_puzzle", lambda lesson: replace(changed, explain=f"{NASTY} `{NASTY}`"))
    lc.parsons("start_here")
    program = Program(forms, notebook.html)
    assert NASTY in program.texts() and program.form.get_by_text(f"Put the lines in order: {NASTY}").count() == 1
    program.put([(NASTY, 0)])
    assert program.check() == f"✗ Not yet. {NASTY} does not belong here. {NASTY}"
    program.put([(line, 0) for line in changed.lines])
    program.check()
    expect(program.said).to_have_text(f"✓ Right. {NASTY} {NASTY}")
    assert program.form.locator("script, img, b b").count() == 0
