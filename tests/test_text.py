"""Sentences and windows: nothing of a text is lost, and nothing is too long."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_course.text import split_sentences, windows

few = settings(max_examples=60, deadline=None, derandomize=True)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Dr. Smith met Mr. J. Brown at 5 p.m. in Paris.", ["Dr. Smith met Mr. J. Brown at 5 p.m. in Paris."]),
        ('She said "No." Then she left.', ['She said "No."', "Then she left."]),
        ("A title\n\nThe text.", ["A title", "The text."]),
        ("It costs 3.50 euros.", ["It costs 3.50 euros."]),
        ("你好。再见。", ["你好。", "再见。"]),
        ("no end", ["no end"]),
        ("So am I. You too.", ["So am I.", "You too."]),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


@few
@given(st.text(alphabet="ab AB.!?。\n\"')", max_size=80))
def test_no_character_of_a_text_is_lost_or_moved(text: str) -> None:
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())


def test_sentences_of_a_long_text_without_ends_take_no_time() -> None:
    began = time.monotonic()
    assert len(split_sentences("etc. and so on " * 20_000)) == 1
    assert split_sentences("." * 200_000 + "x") == ["." * 200_000 + "x"]
    assert time.monotonic() - began < 3


@few
@given(st.integers(0, 300), st.integers(1, 40), st.data())
def test_windows_cover_every_token_and_none_is_too_long(length: int, size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size - 1))
    found = windows(length, size, overlap)
    assert {i for start, end in found for i in range(start, end)} == set(range(length))
    assert all(0 <= start and end - start == min(size, length) and end <= length for start, end in found)
    assert all(later[0] - earlier[0] <= size - overlap for earlier, later in zip(found, found[1:], strict=False))
