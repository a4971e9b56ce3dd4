"""The exercises: the solutions pass, typical mistakes get their diagnosis; the table of abilities."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llm_course.checks.exercises import Wrong, find
from llm_course.errors import DataMissing
from llm_course.lessons.five_types import exercises
from llm_course.lessons.five_types.experiment import Abilities, abilities_table
from teaching.conftest import Page


def solved(name: str) -> Any:
    space: dict[str, Any] = {"END": exercises.END}
    exec(find(name).solution, space)
    return space[name]


def test_right_answers_pass() -> None:
    assert "waits for the model" in str(exercises.check_as_text(solved("as_text")))
    assert "only opened" in str(exercises.check_as_chatml(solved("as_chatml")))
    assert "mean 1.0" in str(exercises.check_answer_loss(solved("answer_loss")))


def test_the_text_is_what_the_template_gives() -> None:
    """The known text of the exercise is the template of the tuned minis, without its start token."""
    from jinja2 import Environment

    from llm_course.minis.conversations import TEMPLATE

    made = (
        Environment()
        .from_string(TEMPLATE)
        .render(messages=exercises.MESSAGES, bos_token="", eos_token=exercises.END, add_generation_prompt=True)
    )
    assert made == exercises.TEXT == solved("as_text")(exercises.MESSAGES)


RIGHT = exercises.TEXT


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda m: RIGHT.removesuffix("Assistant:"), "whose turn"),
        (lambda m: RIGHT + " ", "blank after the last colon"),
        (lambda m: RIGHT.replace(exercises.END, ""), "no end token"),
        (
            lambda m: RIGHT.replace("\n", exercises.END + "\n").replace(exercises.END * 2, exercises.END),
            "users and the system",
        ),
        (lambda m: RIGHT.replace("\n", " "), "in one line"),
        (lambda m: RIGHT.lower(), "names"),
        (lambda m: RIGHT, "shorter one does not"),
        (lambda m: list(m), "a str is expected"),
        (lambda m: RIGHT.replace("latte", "tea"), "expected 'System"),
    ],
)
def test_text_mistakes(answer: Any, diagnosis: str) -> None:
    with pytest.raises(Wrong, match=diagnosis):
        exercises.check_as_text(answer)


CHATML = exercises.CHATML


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda m: RIGHT, "gpt-mini-chat's template"),
        (lambda m: CHATML.removesuffix("<|im_start|>assistant\n"), "its turn: open it"),
        (lambda m: CHATML.strip(), "last line break"),
        (lambda m: CHATML + "<|im_end|>\n", "last turn is closed"),
        (lambda m: CHATML.replace("user", "User").replace("system", "System"), "capitalized"),
        (lambda m: CHATML.replace("please.<|im_end|>", "please."), "not closed"),
        (lambda m: CHATML.replace("<|im_end|>\n", "<|im_end|>"), "run into each other"),
        (lambda m: CHATML.replace("user\n", "user: "), "no colon"),
        (lambda m: CHATML, "shorter one does not"),
        (lambda m: list(m), "a str is expected"),
        (lambda m: CHATML.replace("latte", "tea"), "expected '<.im_start"),
    ],
)
def test_chatml_mistakes(answer: Any, diagnosis: str) -> None:
    with pytest.raises(Wrong, match=diagnosis):
        exercises.check_as_chatml(answer)


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda x, s: sum(x) / len(x), "mean of all tokens"),
        (lambda x, s: sum(a for a, b in zip(x, s, strict=True) if b == "assistant"), "this is the sum"),
        (
            lambda x, s: sum(a for a, b in zip(x, s, strict=True) if b == "assistant") / len(x),
            "number of the assistant's",
        ),
        (lambda x, s: 5.5, "losses of the others"),
        (lambda x, s: 2.5, "expected 1.0"),
        (lambda x, s: "one", "one number"),
        (
            lambda x, s: sum(a for a, b in zip(x, s, strict=True) if b == "assistant") / s.count("assistant"),
            "divides by 0",
        ),
        (lambda x, s: 1.0, "the answer is 0"),
    ],
)
def test_loss_mistakes(answer: Any, diagnosis: str) -> None:
    with pytest.raises(Wrong, match=diagnosis):
        exercises.check_answer_loss(answer)


CELLS = {
    "gpt-mini": {"continue a story": 0.77, "follow an instruction": 0.01},
    "gpt-mini-chat": {"continue a story": 0.91, "follow an instruction": 0.01},
    "bert-mini": {"continue a story": None, "follow an instruction": None},
}


def test_the_best_are_lowest_for_stories_and_highest_elsewhere() -> None:
    table = Abilities(CELLS, {}, {}, {}, "", 1)
    assert table.best("continue a story") == {"gpt-mini"}
    assert table.best("follow an instruction") == {"gpt-mini", "gpt-mini-chat"}
    assert Abilities({"x": {"y": None}}, {}, {}, {}, "", 1).best("y") == set()


def test_the_table_shows_every_cell_and_escapes(tmp_path: Path) -> None:
    found = {
        "measures": {"continue a story": "bits <b>", "follow an instruction": "exact match"},
        "cells": CELLS,
        "kinds": dict.fromkeys(CELLS, "raw"),
        "date": "2026-11-26",
        "machine": {"cores": 2},
        "full": {
            "continue a story": {"model": "GPT-2", "figure": "35.1", "source": "table 3"},
            "follow an instruction": {"model": "Smol", "figure": "not measured", "source": ""},
        },
    }
    (tmp_path / "abilities.json").write_text(json.dumps(found), encoding="utf-8")
    table = abilities_table(tmp_path / "abilities.json")
    shown = table._repr_html_()
    read = Page(shown)
    for text in ("0.77", "0.91", "bits <b>", "GPT-2: 35.1", "table 3", "not measured", "2026-11-26"):
        assert text in read.text, text
    assert "<b>0.77</b>" in shown and "<b>0.91</b>" not in shown and shown.count('aria-label="not measured"') == 2
    assert repr(table) == "Who can do what: 3 minis, 2 abilities."
    assert str(table).splitlines()[1].split() == ["gpt-mini", "0.77", "0.01"]
    with pytest.raises(DataMissing, match="have not been measured"):
        abilities_table(tmp_path / "elsewhere.json")
