"""Glitch tokens: bytes that no text has, likeness by hand, and tokens that a model cannot tell apart."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
import tiny_models  # noqa: E402
from llm_course.lessons.limitations import experiment as glitch  # noqa: E402
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


def test_a_token_is_recognized_by_how_much_more_probable_it_gets() -> None:
    lm = load(tiny_models.folder("gpt2"), "cpu", task="generate")
    tokens = list(range(5, 75))
    found = glitch.recognized(lm, tokens, times=3)

    def share(read: int, wanted: int) -> float:
        return lm.model(torch.tensor([[*lm.start, read, read, read]])).logits[0, -1].softmax(-1)[wanted].item()

    others = [share(read, 7) for read in tokens if read != 7]
    expected = share(7, 7) / float(np.exp(np.mean(np.log(others))))
    assert found.shape == (70,) and found[tokens.index(7)] == pytest.approx(expected, rel=1e-3)
    with pytest.raises(ValueError, match="two or more"):
        glitch.recognized(lm, [7])


def test_tokens_with_one_vector_cannot_be_told_apart() -> None:
    import dataclasses
    from copy import deepcopy

    lm = load(tiny_models.folder("gpt2"), "cpu", task="generate")
    twin = dataclasses.replace(lm, model=deepcopy(lm.model))
    table = twin.model.get_input_embeddings().weight
    with torch.no_grad():
        table[[10, 11, 12]] = table[10].clone()
    assert glitch.recognized(twin, [10, 11, 12]) == pytest.approx([1, 1, 1], rel=1e-3)
