"""Playgrounds in Chromium with a stand-in for the kernel: never silent, whatever the kernel does.

The page's clock is the test's, so that nothing here depends on how fast the machine is.
"""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from form_page import NASTY, FormPage, Notebook
from llm_course.teaching import output, page_forms, playgrounds

pytestmark = pytest.mark.browser

NAME = "playground-test"
CONTROLS = [
    playgrounds._range("heat", "Heat", 0, 2, 0.1, names={"0": "0 (off)"}),
    playgrounds._choice("shape", "Shape", ("star", NASTY)),
    playgrounds._text("text", "Your text", rows=2),
]
START = {"heat": 0.2, "shape": "star", "text": "a"}
NO_KERNEL = "This needs a running kernel. Run this cell again."


class Playground:
    """The playground on the page, and its messages."""

    def __init__(self, forms: FormPage, controls: list[dict[str, Any]] | None = None, first: str = "first") -> None:
        shown = [{**control, "value": START[control["name"].removesuffix("_b")]} for control in controls or CONTROLS]
        spec = {
            "name": NAME,
            "html": "Move.",
            "controls": shown,
            "button": "Again",
            "first": first,
            "grows": "text",
        }
        # Time stands still but for after(): a busy machine must not make a test late.
        forms.page.clock.install(time=1_000)
        forms.page.clock.pause_at(2_000)
        forms.open(page_forms.form("playground", spec, "static", "Playground"))
        self.forms, self.page, self.form = forms, forms.page, forms.form("Playground")
        self.slider = self.form.get_by_role("slider", name="Heat").first
        self.status: Locator = self.form.locator(".lc-feedback")
        self.result = self.form.locator(".lc-result")

    def after(self, milliseconds: int) -> None:
        self.page.clock.run_for(milliseconds)

    def press(self) -> None:
        self.form.get_by_role("button", name="Again").click()

    @property
    def values(self) -> list[dict[str, Any]]:
        return [message["values"] for message in self.forms.sent]

    def answer(self, **answer: Any) -> None:
        """Answer the newest turn, as the kernel does."""
        turn = self.forms.sent[-1]["turn"]
        answer = {"problem": "", "html": "<p>new</p>", "said": "New.", "turn": turn} | answer
        self.page.evaluate("(message) => window.answer(message)", answer)


@pytest.fixture
def alone(forms: FormPage) -> Playground:
    """A playground that nothing answers."""
    return Playground(forms)


@pytest.fixture
def played(alone: Playground) -> Playground:
    """A playground with its model."""
    alone.forms.add_model(NAME)
    return alone


def test_without_a_model_it_says_so_within_a_second(alone: Playground) -> None:
    expect(alone.result).to_have_text("first")
    expect(alone.status).to_have_text("")
    alone.after(1000)
    expect(alone.status).to_contain_text(NO_KERNEL)
    expect(alone.status).to_contain_text("the server lacks anywidget")
    alone.forms.add_model(NAME)
    expect(alone.status).to_have_text("")
    alone.press()
    alone.answer()
    expect(alone.result).to_have_text("new")


def test_without_a_model_a_press_says_so_at_once(alone: Playground) -> None:
    alone.press()
    expect(alone.status).to_contain_text(NO_KERNEL)


def test_a_model_in_time_means_no_complaint(played: Playground) -> None:
    played.after(5000)
    expect(played.status).to_have_text("")


def test_a_kernel_that_has_gone_is_named_at_once(played: Playground) -> None:
    played.page.evaluate("window.kernelGone = true")
    for _ in range(2):
        played.press()
        expect(played.status).to_have_text(NO_KERNEL)
    played.after(5000)
    expect(played.status).to_have_text(NO_KERNEL)


def test_a_kernel_that_goes_while_it_works_is_named(played: Playground) -> None:
    played.press()
    played.after(2500)
    played.page.evaluate("(name) => window.ends[name]()", NAME)
    expect(played.status).to_have_text(NO_KERNEL)
    played.after(5000)
    expect(played.status).to_have_text(NO_KERNEL)


def test_a_new_model_takes_over_from_one_that_will_not_answer(played: Playground) -> None:
    played.press()
    played.after(2500)
    played.forms.add_model(NAME)
    played.press()
    played.answer()
    expect(played.result).to_have_text("new")
    expect(played.status).to_have_text("")


def test_working_and_busy_are_said_in_time(played: Playground) -> None:
    played.press()
    played.after(250)
    expect(played.status).to_have_text("")
    played.after(100)
    expect(played.status).to_have_text("Working…")
    played.after(1500)
    expect(played.status).to_have_text("Working…")
    played.after(200)
    expect(played.status).to_have_text("Still working. The kernel may be busy with another cell.")
    played.answer()
    expect(played.status).to_have_text("")
    expect(played.result).to_have_text("new")
    expect(played.form.get_by_role("status").filter(has_text="New.")).to_have_count(1)
    played.press()
    played.answer(html="<p>fast</p>")
    played.after(3000)
    expect(played.status).to_have_text("")


def test_a_slider_sends_one_message_at_a_time_and_the_newest_last(played: Playground) -> None:
    played.slider.press("ArrowRight")
    played.after(150)
    for _ in range(5):
        played.slider.press("ArrowLeft")
        played.after(150)
    assert [values["heat"] for values in played.values] == [0.3], "one is under way"
    assert played.slider.get_attribute("aria-valuetext") == "0 (off)"
    expect(played.form.locator("output")).to_have_text("0 (off)")
    played.page.evaluate("() => window.answer({ turn: 'of another form', problem: '', html: 'alien', said: '' })")
    expect(played.result).to_have_text("first")
    played.answer()
    assert [values["heat"] for values in played.values] == [0.3, 0], "the newest is sent, once"
    played.answer(html="<p>newest</p>")
    expect(played.result).to_have_text("newest")
    assert len(played.values) == 2


def test_text_waits_for_the_button_and_a_choice_does_not(played: Playground) -> None:
    played.form.get_by_label("Your text").fill(f"{NASTY}\nhello")
    played.after(1000)
    assert played.values == []
    played.press()
    (message,) = played.forms.sent
    assert message["values"] == {**START, "text": f"{NASTY}\nhello"} and message["pressed"] is True
    played.answer()
    played.form.get_by_label("Shape").select_option(NASTY)
    played.after(200)
    assert played.values[-1]["shape"] == NASTY and played.forms.sent[-1]["pressed"] is False


def test_a_problem_is_said_as_text_and_the_former_result_stays(played: Playground) -> None:
    played.press()
    played.answer(problem=f"RuntimeError: {NASTY}", html="wrong")
    expect(played.status).to_have_text(f"RuntimeError: {NASTY}")
    expect(played.result).to_have_text("first")
    played.press()
    played.answer()
    expect(played.status).to_have_text("")


def test_a_click_on_a_token_appends_it(forms: FormPage) -> None:
    bars = output.bars("Next", [("␣cat", 0.75, "0.75"), (NASTY, 0.25, "0.25")], token=lambda t: t.replace("␣", " "))
    played = Playground(forms, first=bars)
    forms.add_model(NAME)
    played.form.get_by_role("button", name="Append ␣cat to the prompt").click()
    expect(played.form.get_by_label("Your text")).to_have_value("a cat")
    played.form.get_by_role("button", name=f"Append {NASTY} to the prompt").press("Enter")
    assert [message["values"]["text"] for message in forms.sent] == ["a cat"]
    played.answer(html=bars)
    assert forms.sent[-1]["values"]["text"] == f"a cat{NASTY}" and forms.sent[-1]["pressed"] is False
    wide = [bar.bounding_box() for bar in played.form.locator(".lc-bar").all()]
    assert wide[0] and wide[1] and wide[0]["width"] == pytest.approx(3 * wide[1]["width"], abs=2), "bars are to scale"


def test_keys_stay_inside(played: Playground) -> None:
    played.page.evaluate("window.outside = []; document.addEventListener('keydown', (e) => window.outside.push(e.key))")
    played.slider.press("ArrowRight")
    played.form.get_by_label("Your text").press("d")
    assert played.page.evaluate("window.outside") == []
    played.form.get_by_label("Your text").press("Shift+Enter")
    assert "Enter" in played.page.evaluate("window.outside"), "Shift and Enter still run the cell"


@pytest.mark.parametrize("width", [1024, 640, 512])
def test_settings_stand_side_by_side_and_nothing_overlaps(width: int, forms: FormPage) -> None:
    forms.page.set_viewport_size({"width": width, "height": 900})
    controls = [
        {**playgrounds._range(f"heat{ending}", "Heat", 0, 2, 0.1), "column": column}
        for column, ending in (("Setting A", ""), ("Setting B", "_b"))
    ]
    rows = [("␣a token that is rather long", 0.75, "0.75"), ("b", 0.25, "0.25")]
    bars = output.bars("Probability of the next token; every token can be drawn", rows, token=str)
    first = f'<div class="lc-columns">{f"<div class=lc-column>{bars}</div>" * 2}</div>'
    played = Playground(forms, [*controls, *CONTROLS[1:]], first)
    assert forms.overlaps() == []
    left, right = (played.form.get_by_role("group", name=f"Setting {name}").bounding_box() for name in "AB")
    assert left and right
    assert (left["y"] == pytest.approx(right["y"], abs=2)) == (width == 1024)


def test_the_page_and_a_real_panel(
    notebook: Notebook, kernel: Any, forms: FormPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llm_course.teaching.panels.sentiment", lambda values, model: (f"<p>{len(values['text'])}</p>",
                                                                                     "Counted."))  # fmt: skip
    playgrounds.sentiment_playground("four")
    forms.open(notebook.html)
    forms.add_model(kernel.playground, kernel)
    form = forms.form("Sentiment playground")
    expect(form.locator(".lc-result")).to_have_text("4")
    form.get_by_label("Text").fill("seven!!")
    form.get_by_role("button", name="Show the feeling").click()
    expect(form.locator(".lc-result")).to_have_text("7")
