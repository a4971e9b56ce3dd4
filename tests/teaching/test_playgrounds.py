"""Playgrounds, against a stand-in for the use cases: static forms, answers to the sliders, and errors in words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

import llm_course as lc
from form_page import NASTY, Kernel, Notebook
from llm_course.errors import BadInput, BadOption, InputTooLong
from llm_course.teaching import page_forms, panels

LOGITS = {" the": 3.0, " a": 2.0, " <script>": 1.0, "\n": 0.0, " x": -1.0}


class Course:
    """Stands in for the use cases: the same calls, known answers, and a list of what was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def next_tokens(self, prompt: str, k: int, temperature: float, model: Any) -> list[tuple[str, float]]:
        if k > 64:
            raise BadOption("k is larger than the vocabulary")
        weights = {token: math.exp(score / temperature) for token, score in LOGITS.items()}
        return [(token, weight / sum(weights.values())) for token, weight in weights.items()]

    def generate(self, prompt: str, **options: Any) -> Any:
        self.asked.append(options)
        return SimpleNamespace(text=f" <b>draw {options['seed']}</b>")

    def sentiment(self, text: str, model: Any) -> Any:
        if not text.strip():
            raise BadInput("The text is blank <sic>. Give it words.")
        scores = {"positive": 0.806, "neutral": 0.144, "negative": 0.05}
        return SimpleNamespace(label="positive", scores=scores)

    def summarize(self, text: str, max_sentences: int, model: Any) -> Any:
        return SimpleNamespace(text=" ".join(["<Short>."] * max_sentences), method="extractive")

    def translate(self, text: str, num_beams: int, model: Any) -> Any:
        return SimpleNamespace(text=f"{text} à {num_beams} <faisceaux>")

    def chat(self, messages: list[dict[str, str]], system: str | None, model: Any) -> Any:
        """Answers "<n>" to the n-th turn of the user; three turns are too many."""
        if not messages[-1]["content"].strip():
            raise BadInput("The content is blank <sic>.")
        turns = sum(m["role"] == "user" for m in messages)
        if turns > 3:
            raise InputTooLong("too long")
        start = [{"role": "system", "content": system}] if system else []
        text = f"<{turns}>"
        return SimpleNamespace(text=text, messages=(*start, *messages, {"role": "assistant", "content": text}))


HOMES = {
    "next_tokens": "generation",
    "generate": "generation",
    "sentiment": "sentiment",
    "summarize": "summarization",
    "translate": "translation",
    "chat": "chat",
    "describe": "vision",
    "ask": "vision",
    "carry_out": "embodied",
}


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Any]:
    """Puts an object's methods in the place of the use cases of the same names; returns the object."""

    def put(course: Any) -> Any:
        for name, home in HOMES.items():
            if hasattr(course, name):
                module = import_module(f"llm_course.use_cases.{home}")
                monkeypatch.setattr(module, name, getattr(course, name))
        return course

    return put


@pytest.fixture
def course(stand_in: Callable[[Any], Any]) -> Course:
    """The use cases are stood in for."""
    return stand_in(Course())


def test_decoding_static_form(course: Course, notebook: Notebook) -> None:
    lc.decoding_playground("Once <i>upon</i>")
    read = notebook.static
    for text in (
        "Once <i>upon</i>",
        "␣the",
        "␣<script>",
        "↵",
        " <b>draw 0</b>",
        "Setting A Temperature: 0.7",
        "Setting B Temperature: 1.3",
        "Setting A Top-k: 0 (off)",
    ):
        assert text in read.text, text
    assert "script" not in read.tags and "i" in read.tags
    settings = "Temperature 0.7, Top-k 0 (off), Top-p 1 (off), Temperature 1.3, Top-k 0 (off), Top-p 1 (off)"
    assert notebook.last["text/plain"] == f"Decoding playground: {settings}"


DECODING = {"prompt": "Once", "temperature": 0.3, "top_k": 2, "top_p": 0.9} | {
    "temperature_b": 2.0,
    "top_k_b": 0,
    "top_p_b": 1.0,
}


def test_decoding_sliders(course: Course, notebook: Notebook, kernel: Kernel) -> None:
    lc.decoding_playground("Once", model="other")
    assert [control["name"] for control in notebook.spec["controls"]] == list(DECODING)
    answer = kernel.play(DECODING)
    first, second = answer["html"].split('aria-label="Setting B: result"')
    # e^(3/0.3) and e^(2/0.3) alone: 0.9655 and 0.0345; top-p 0.9 then leaves the first.
    assert "1 token can be drawn" in first and first.count("cut") == 4
    assert "every token can be drawn" in second and "cut" not in second
    assert answer["said"].startswith("Setting A: most probable ␣the, 1.00. The text: Once <b>draw 0</b> Setting B: ")
    assert answer["turn"] == "t" and answer["problem"] == ""
    own = [{name: asked[name] for name in ("temperature", "top_k", "top_p", "seed", "model")} for asked in course.asked]
    assert own[-2:] == [
        {"temperature": 0.3, "top_k": 2, "top_p": 0.9, "seed": 0, "model": "other"},
        {"temperature": 2.0, "top_k": 0, "top_p": 1.0, "seed": 0, "model": "other"},
    ]
    kernel.play(DECODING, pressed=True)
    assert kernel.play(DECODING, pressed=True)["html"].count("draw 2") == 2, "the button draws other texts"
    assert kernel.play({**DECODING, "prompt": "Two <i>"})["html"].count("Two &lt;i&gt;") == 2


def test_values_are_bounded_and_unknown_ones_refused(course: Course, kernel: Kernel) -> None:
    lc.decoding_playground("Once")
    kernel.play({**DECODING, "temperature": 99, "top_k": -4, "top_p": "0.5", "top_k_b": 7.9, "more": 1})
    first, second = course.asked[-2:]
    assert (first["temperature"], first["top_k"], first["top_p"], second["top_k"]) == (2.0, 0, 0.5, 7)
    before = len(course.asked)
    for wrong in (None, "hot", float("nan"), [1]):
        answer = kernel.play({**DECODING, "top_k": wrong})
        assert re.match("(Type|Value)Error: ", answer["problem"]) and "html" not in answer
    assert kernel.play({"prompt": "Once"})["problem"].startswith("KeyError")
    assert len(course.asked) == before and kernel.play(DECODING)["problem"] == ""


def test_a_token_is_a_button_that_knows_what_it_appends(course: Course, kernel: Kernel) -> None:
    lc.decoding_playground("Once")
    html = kernel.play(DECODING)["html"]
    assert html.count('data-token=" &lt;script&gt;" aria-label="Append ␣&lt;script&gt; to the prompt"') == 2
    assert html.count('data-token="\n"') == 2


def test_an_error_that_the_panel_does_not_show_becomes_the_problem(kernel: Kernel) -> None:
    def act(message: dict[str, Any]) -> dict[str, Any]:
        raise BadInput(f"It cannot be {message['what']}.")

    page_forms.answer_page("mine", act)
    assert kernel.send("mine", {"what": "<so>", "turn": 3}) == {"problem": "It cannot be <so>.", "turn": 3}


def test_a_playground_shown_again_has_one_model(course: Course, kernel: Kernel) -> None:
    lc.sentiment_playground("I like it")
    name, first = kernel.playground, kernel.links[kernel.playground]
    lc.sentiment_playground("I like it")
    assert list(kernel.links) == [name] and kernel.links[name] is not first
    assert first.comm is None, "the former one is closed"
    lc.sentiment_playground("Another")
    assert len(kernel.links) == 2


def test_without_anywidget_the_form_is_shown_all_the_same(
    course: Course, notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise ImportError("No module named 'anywidget'")

    monkeypatch.setattr(page_forms, "_link_class", missing)
    monkeypatch.setattr(page_forms, "_links", {})
    lc.sentiment_playground("I like it")
    assert "0.81" in notebook.static.text and page_forms._links == {}


SHARES = [0.5, 0.25, 0.15, 0.10]


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p", "expected", "kept"),
    [
        (1, 0, 1.0, SHARES, 4),
        (0, 0, 1.0, [1, 0, 0, 0], 1),
        (1, 2, 1.0, [2 / 3, 1 / 3, 0, 0], 2),
        (1, 0, 0.75, [2 / 3, 1 / 3, 0, 0], 2),
        (1, 0, 0.76, [0.5 / 0.9, 0.25 / 0.9, 0.15 / 0.9, 0], 3),
        (1, 2, 0.6, [1, 0, 0, 0], 1),  # top-k comes first: 0.667 reaches 0.6
        (1, 3, 0.6, [2 / 3, 1 / 3, 0, 0], 2),  # 0.556 does not
        (1, 0, 0.05, [1, 0, 0, 0], 1),
        (1, 9, 1.0, SHARES, 4),
    ],
)
def test_cuts_as_decoding_makes_them(
    temperature: float, top_k: int, top_p: float, expected: list[float], kept: int
) -> None:
    shares, count = panels.after_cuts(SHARES, temperature, top_k, top_p)
    assert shares == pytest.approx(expected) and count == kept


def test_cuts_agree_with_the_packages_own_decoding() -> None:
    torch = pytest.importorskip("torch")
    from llm_course.use_cases.generation import Decoding, choose

    for top_k, top_p in [(0, 1.0), (2, 1.0), (0, 0.76), (3, 0.6), (2, 0.6)]:
        shares, _ = panels.after_cuts(SHARES, 1, top_k, top_p)
        how = Decoding(temperature=1.0, top_k=top_k, top_p=top_p)
        random = [torch.Generator().manual_seed(n) for n in range(2000)]
        scores = torch.tensor(SHARES).log().repeat(2000, 1)
        nothing = torch.zeros(2000, 1, dtype=torch.long)
        drawn = choose(scores, nothing, nothing, random, how)
        found = torch.bincount(drawn, minlength=4) / 2000
        assert torch.allclose(found, torch.tensor(shares), atol=0.05), (top_k, top_p)
        assert [bool(f) for f in found] == [s > 0 for s in shares]


def test_a_nucleus_wider_than_what_is_known(course: Course) -> None:
    shares, kept = panels.after_cuts([0.01] * 20, 1, 0, 0.5)
    assert kept == 20 and shares == pytest.approx([0.02] * 20)
    html, _ = panels.decoding({**DECODING, "temperature": 1, "top_k": 0, "top_p": 0.999, "seed": 0})
    assert "5 tokens can be drawn" in html


def test_sentiment(course: Course, notebook: Notebook, kernel: Kernel) -> None:
    lc.sentiment_playground("I like <b>it</b>")
    read = notebook.static
    for text in ("I like <b>it</b>", "positive", "0.81", "0.14", "0.05", "Most probable"):
        assert text in read.text
    assert notebook.last["text/plain"] == "Sentiment playground."
    state = kernel.play({"text": " "}, pressed=True)
    assert "The text is blank &lt;sic&gt;. Give it words." in state["html"] and state["problem"] == ""
    state = kernel.play({"text": "fine"}, pressed=True)
    assert state["said"] == "Most probable: positive, 0.81"
    assert "0.81" in state["html"]


def test_summary(course: Course, notebook: Notebook, kernel: Kernel) -> None:
    lc.summary_playground("A long text. With two sentences.")
    read = notebook.static
    assert (
        "<Short>. <Short>." in read.text and "extractive: sentences of the text, unchanged; 2 of 6 words" in read.text
    )
    state = kernel.play({"text": "One.", "sentences": 3})
    assert state["html"].count("&lt;Short&gt;.") == 3


def test_translation(course: Course, notebook: Notebook, kernel: Kernel) -> None:
    lc.translation_playground("Hello")
    assert "Hello à 4 <faisceaux>" in notebook.static.text
    assert 'lang="fr"' in notebook.last["text/html"]
    state = kernel.play({"text": "Bye", "beams": 1})
    assert "Bye à 1 &lt;faisceaux&gt;" in state["html"] and state["said"] == "Bye à 1 <faisceaux>"


def test_every_control_has_a_label_and_what_it_starts_with(course: Course, notebook: Notebook) -> None:
    for show in (lc.decoding_playground, lc.sentiment_playground, lc.summary_playground, lc.translation_playground):
        show(NASTY)
        spec = notebook.spec
        assert all(control["label"].strip() and "value" in control for control in spec["controls"])
        assert NASTY in [control["value"] for control in spec["controls"]]
        assert NASTY not in spec["first"] + spec["html"] and NASTY not in notebook.html
        assert NASTY in notebook.static.text and "script" not in notebook.static.tags
        before = notebook.last
        show(NASTY)
        assert notebook.last == before, "nbval compares outputs"


def test_an_authors_mistake_is_raised(course: Course, notebook: Notebook) -> None:
    with pytest.raises(BadInput, match="blank"):
        lc.sentiment_playground(" ")


def test_a_bug_in_a_model_is_a_sentence(course: Course, kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    lc.translation_playground("Hello")

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr("llm_course.use_cases.translation.translate", broken)
    state = kernel.play({"text": "Hello", "beams": 2})
    assert state["problem"] == "RuntimeError: out of memory"


def test_the_chat_box_keeps_the_conversation(course: Course, notebook: Notebook, kernel: Kernel) -> None:
    lc.chat_box("A <i>latte</i>", system="Be <b>")
    read = notebook.static
    for text in ("System: Be <b>", "User: A <i>latte</i>", "Assistant: <1>"):
        assert text in read.text, text
    state = kernel.play({"system": "Be <b>", "text": "Yes"}, pressed=True)
    assert state["said"] == "Assistant: <2>" and "&lt;1&gt;" in state["html"], "the first turn is still there"
    state = kernel.play({"system": "Be loud", "text": "Hi"}, pressed=True)
    assert state["said"] == "Assistant: <1>", "another system message begins a new conversation"
    assert "Be loud" in state["html"] and "latte" not in state["html"]


def test_a_conversation_that_no_longer_fits_begins_anew(course: Course, kernel: Kernel) -> None:
    lc.chat_box("one")
    for _ in range(2):
        kernel.play({"system": "", "text": "more"}, pressed=True)
    state = kernel.play({"system": "", "text": "again"}, pressed=True)
    assert "begins anew" in state["html"] and state["said"] == "Assistant: <1>"
    state = kernel.play({"system": "", "text": " "}, pressed=True)
    assert "This does not work" in state["said"] and "&lt;sic&gt;" in state["html"]


def test_scene_playground(stand_in: Any, notebook: Notebook, kernel: Kernel) -> None:
    from llm_course.worlds import scenes

    class Seeing:
        """Says what it was shown."""

        def describe(self, scene: Any, model: Any) -> Any:
            return SimpleNamespace(text=f"<i>{scene}</i>")

        def ask(self, scene: Any, question: str, model: Any) -> Any:
            if "giraffe" in question:
                raise BadInput("It does not know 'giraffe'.")
            return SimpleNamespace(text=f"{len(scene.things)} at {scene.things[-1].x}", probability=0.906)

    stand_in(Seeing())
    others = scenes.scene(("circle", "blue", "small", 0.7, 0.7))
    lc.scene_playground(others, "what is <it>?")
    read = notebook.static
    for text in ("small blue circle; big red star", "what is <it>?", "2 at 0.3", "0.91", "Shape: star", "Size: big"):
        assert text in read.text, text
    assert "img" in read.tags and read.tags.count("i") == 1  # the sentence that one has to run the cell
    values = {"shape": "heart", "color": "green", "size": "small", "across": 999, "down": 20, "question": "where?"}
    answer = kernel.play(values, pressed=True)
    html = answer["html"]
    assert "small blue circle; small green heart" in html and "2 at 0.85" in html  # kept within the slider's range
    assert answer["said"].startswith("where? 2 at 0.85, probability 0.91.")
    html = kernel.play({**values, "shape": "<b>ring", "across": 20}, pressed=True)["html"]
    assert "small green heart" in html and "ring" not in html  # what is not on the list is not taken
    html = kernel.play({**values, "question": "is there a giraffe?"}, pressed=True)["html"]
    assert "This does not work: It does not know" in html


def test_the_robot_moves_with_the_step_control(stand_in: Any, notebook: Notebook, kernel: Kernel) -> None:
    from llm_course.use_cases.embodied import carry_out
    from llm_course.worlds.tabletop import Table
    from llm_course.worlds.tabletop_goals import goal_of, plan

    asked = []

    def oracle(said: list[str], tables: list[Any]) -> list[Any]:
        asked.append(said)
        texts = [" ; ".join(plan(table.layout, goal_of(one))) for one, table in zip(said, tables, strict=True)]
        return [SimpleNamespace(text=text, steps=tuple(text.split(" ; "))) for text in texts]

    def stood_in(said: str, table: Any, model: Any) -> Any:
        if not goal_of(said):
            raise BadInput("It does not know <that>.")
        return carry_out(said, table, model=oracle)

    table = Table([["red", "green"], ["blue"]])
    stand_in(SimpleNamespace(carry_out=stood_in))
    lc.robot_playground("put red on blue", table, slip=0)
    read = notebook.static
    assert "Plan: pick green ; place on table ; pick red ; place on blue" in read.text
    assert "Step 0 of 4. start" in read.text and "The wish is fulfilled." in read.text and "svg" in read.tags
    values = {"instruction": "put red on blue", "slip": 0, "step": 3}
    state = kernel.play(values)
    assert len(asked) == 1 and state["said"] == "Step 3 of 4: 3. pick red"
    assert "<b>3. pick red: done</b>" in state["html"] and "gripper red" in state["html"]
    state = kernel.play(values | {"slip": 0.6, "step": 20}, pressed=True)
    assert len(asked) > 2 and "New plan" in state["html"] and "it slipped" in state["html"]
    state = kernel.play(values | {"instruction": "sing"})
    assert "It does not know &lt;that&gt;." in state["html"]
    assert table.layout == Table([["red", "green"], ["blue"]]).layout  # what is tried is a copy
