"""The exercises: solutions pass, each typical mistake gets its own diagnosis; the sentences are sound."""

from __future__ import annotations

import json
from importlib.resources import files

import numpy as np
import pytest

from llm_course.checks.exercises import Wrong, find
from llm_course.lessons.pretrain_finetune import exercises


def solved(name):
    space = {"np": np}
    exec(find(name).solution, space)
    return space[name]


def test_right_answers_pass():
    assert "rank times" in exercises.check_lora_numbers(solved("lora_numbers"))
    assert "W itself" in exercises.check_lora_weight(solved("lora_weight"))


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda r, c, k: r * c, "whole matrix"),
        (lambda r, c, k: r * k * k * c, "counted together"),
        (lambda r, c, k: 2 * r * k, "different shapes"),
        (lambda r, c, k: r * k, "one of the two"),
        (lambda r, c, k: r + c, "rank 1"),
        (lambda r, c, k: 7, "expected 7,680"),
        (lambda r, c, k: "many", "one number is expected"),
    ],
)
def test_count_mistakes(answer, diagnosis):
    with pytest.raises(Wrong, match=diagnosis):
        exercises.check_lora_numbers(answer)


def changes(W, A, B, scale):
    W += scale * (B @ A)
    return W


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (changes, "in place"),
        (lambda W, A, B, s: W + B @ A, "is missing"),
        (lambda W, A, B, s: s * (W + B @ A), "scaled W, too"),
        (lambda W, A, B, s: s * B @ A, "difference alone"),
        (lambda W, A, B, s: W - s * B @ A, "sign"),
        (lambda W, A, B, s: A, "expected"),
        (lambda W, A, B, s: A.T, "the shape"),
    ],
)
def test_weight_mistakes(answer, diagnosis):
    with pytest.raises(Wrong, match=diagnosis):
        exercises.check_lora_weight(answer)


def test_the_labeled_sentences_are_balanced_separate_and_attributed():
    text = (files("llm_course.lessons") / "pretrain_finetune" / "labeled.jsonl").read_text(encoding="utf-8")
    about, *rows = map(json.loads, text.splitlines())
    assert "CC BY 4.0" in about["uci"] and "MIT License" in about["vader"] and "C.J. Hutto" in about["vader"]
    assert len({row["text"].lower() for row in rows}) == len(rows), "none is in both parts"
    train = [row for row in rows if row["use"] == "train"]
    assert len(train) == 500 and sum(row["label"] == "positive" for row in train) == 250
    held = [row for row in rows if row["use"] == "held-out"]
    assert len(held) == 365 and 0.49 < sum(row["label"] == "positive" for row in held) / len(held) < 0.52
    assert {row["source"] for row in rows} == {"uci", "vader"} and len(text.encode()) < 300_000
