"""The exercises: the solutions pass, and each typical mistake gets its own diagnosis."""

from __future__ import annotations

import math

import numpy as np
import pytest

from llm_course.checks.exercises import find
from llm_course.teaching.checking import verdict


def solved(name):
    space = {"np": np, "math": math}
    exec(find(name).solution, space)
    return space[name]


@pytest.mark.parametrize("name", ["perplexity_of", "bits_per_byte"])
def test_solutions_pass(name):
    found = verdict(name, solved(name))
    assert found.kind == "right", found.text


def gaps(probabilities):
    surprise = ...
    return np.mean(surprise)


def blank(logprobs, text): ...


def test_unfinished_answers_are_called_unfinished():
    assert verdict("perplexity_of", gaps).kind == "blank"
    assert verdict("bits_per_byte", blank).kind == "blank"


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda p: np.mean(-np.log(p)), "That is the loss"),
        (lambda p: np.mean(-np.log2(p)), "two logarithms"),
        (lambda p: 2 ** np.mean(-np.log(p)), "two logarithms"),
        (lambda p: np.exp(np.mean(np.log(p))), "minus sign"),
        (lambda p: np.mean(1 / p), "mean of 1/p"),
        (lambda p: 1 / np.mean(p), "mean of the probabilities"),
        (lambda p: np.exp(np.sum(-np.log(p))), "sum instead of a mean"),
        (lambda p: np.exp(-np.log(p)), "one number is expected"),
        (lambda p: np.exp(np.mean(np.exp(p))), "expected 8"),
    ],
)
def test_perplexity_mistakes(answer, diagnosis):
    found = verdict("perplexity_of", answer)
    assert (found.kind, diagnosis in found.text) == ("wrong", True), found.text


def size(text):
    return len(text.encode())


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda lp, t: sum(lp) / math.log(2) / size(t), "sign"),
        (lambda lp, t: -sum(lp) / math.log(2) / len(t), "divide by the letters"),
        (lambda lp, t: -sum(lp) / size(t), "nats per byte"),
        (lambda lp, t: -sum(lp) / len(t), "nats per letter"),
        (lambda lp, t: -sum(lp) / math.log(2) / len(lp), "number of tokens"),
        (lambda lp, t: -np.mean(lp) / math.log(2) / size(t), "mean over tokens"),
        (lambda lp, t: -sum(lp) * math.log(2) / size(t), "multiply by log 2"),
        (lambda lp, t: -sum(lp) / math.log(2), "whole text in bits"),
        (lambda lp, t: -sum(lp), "whole text in nats"),
        (lambda lp, t: 1.0 * len(lp) / 3, "twice"),
        (lambda lp, t: [-p for p in lp], "one number is expected"),
    ],
)
def test_bits_per_byte_mistakes(answer, diagnosis):
    found = verdict("bits_per_byte", answer)
    assert (found.kind, diagnosis in found.text) == ("wrong", True), found.text
