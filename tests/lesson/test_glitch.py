"""Glitch tokens: bytes that no text has, likeness by hand, and repetition of a model that was made to repeat."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
import tiny_models  # noqa: E402
from llm_course.lesson import glitch  # noqa: E402
from llm_course.shelf.loading import load  # noqa: E402


def test_bytes_are_named_as_the_vocabulary_names_them() -> None:
    tokenizer = load(tiny_models.folder("gpt2"), "cpu").tokenizer
    for text in ("A", " ", "\n", "é", "猫", "\x00"):
        pieces = tokenizer.backend_tokenizer.encode(text).tokens
        if len(pieces) == len(text.encode()):  # one token a byte: no pair was joined
            assert pieces == [glitch.byte_name(byte) for byte in text.encode()]
    assert glitch.byte_name(0x20) == "Ġ" and glitch.byte_name(0x0A) == "Ċ"
    assert len({glitch.byte_name(byte) for byte in range(256)}) == 256


def test_thirteen_tokens_stand_for_bytes_that_no_text_has() -> None:
    tokenizer = load("gpt-mini", "cpu").tokenizer
    found = glitch.untrained(tokenizer)
    assert len(set(found)) == 13
    every = "".join(map(chr, [*range(0x20, 0xD800, 37), *range(0x10000, 0x110000, 4099), 0x10FFFF]))
    assert not set(found) & set(tokenizer(every, add_special_tokens=False)["input_ids"])


def test_likeness_by_hand() -> None:
    vectors = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 3.0], [-1.0, -1.0]])
    found = glitch.likeness(vectors, [0, 1])
    # The mean of both points to (1, 2); each known one is compared with the other alone.
    assert found == pytest.approx([0, 0, 3 / 10**0.5, -3 / 10**0.5])


def test_repetition_is_the_probability_of_the_same_token_again() -> None:
    lm = load(tiny_models.folder("gpt2"), "cpu", task="generate")
    tokens = list(range(5, 100))
    found = glitch.repeats(lm, tokens, times=3)
    one = lm.model(torch.tensor([[*lm.start, 7, 7, 7]])).logits[0, -1].softmax(-1)[7].item()
    assert found.shape == (95,) and found[tokens.index(7)] == pytest.approx(one, abs=1e-6)
