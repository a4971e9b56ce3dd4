"""Checks, sentences, windows and batches: with plain numbers and strings, no model."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_course.batching import in_batches, number_in, padded, split_sentences, texts_of, windows
from llm_course.errors import BadInput, BadOption, NoMemory

few = settings(max_examples=60, deadline=None, derandomize=True)


def test_one_text_and_a_list_are_told_apart() -> None:
    assert texts_of("a word") == (["a word"], True)
    assert texts_of(("a", "b")) == (["a", "b"], False)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "empty"),
        (" \n\t", "blank"),
        ("\u200b\u202e", "blank"),
        (["fine", ""], "number 1 of the list"),
        ([], "The list of texts is empty"),
        (b"bytes", "not bytes"),
        (["fine", b"bytes"], "decode('utf-8')"),
        (None, "not NoneType"),
        ([["nested"]], "not list"),
        (3.5, "not float"),
        ("half \ud800 a pair", "lone surrogate"),
        ({"a": 1}, "not dict"),
    ],
)
def test_bad_texts_say_what_is_wrong(value: object, says: str) -> None:
    with pytest.raises(BadInput) as caught:
        texts_of(value)
    assert says in str(caught.value)


def test_the_message_stays_short_for_a_long_value() -> None:
    with pytest.raises(BadInput) as caught:
        texts_of(b"x" * 10_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.1, 2.1, "1", None, [1], True, 1j])
def test_numbers_outside_the_range_are_named(value: object) -> None:
    with pytest.raises(BadOption, match=r"temperature=.* must be a number from 0 to 2\."):
        number_in("temperature", value, 0, 2)


def test_numbers_of_numpy_are_numbers() -> None:
    found = [number_in("a", np.int64(3), 0, 9, int), number_in("b", np.float32(0.5), 0, 1), number_in("c", 1, 0, 1)]
    assert found == [3, 0.5, 1] and [type(one) for one in found] == [int, float, float]
    with pytest.raises(BadOption):
        number_in("a", np.float64(3), 0, 9, int)


def test_rows_are_filled_up_on_either_side() -> None:
    ids, mask = padded([[5, 6], [7]], 1, "cpu")
    assert ids.tolist() == [[5, 6], [7, 1]] and mask.tolist() == [[1, 1], [1, 0]]
    ids, mask = padded([[5, 6], [7]], 1, "cpu", left=True)
    assert ids.tolist() == [[5, 6], [1, 7]] and mask.tolist() == [[1, 1], [0, 1]]


def test_whole_numbers_are_whole_and_the_range_is_written_out() -> None:
    assert number_in("seed", 2**63 - 1, 0, 2**63 - 1, int) == 2**63 - 1
    with pytest.raises(BadOption, match="a whole number from 0 to 9223372036854775807"):
        number_in("seed", 1.0, 0, 2**63 - 1, int)


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
    began = time.process_time()
    assert len(split_sentences("etc. and so on " * 20_000)) == 1
    assert split_sentences("." * 200_000 + "x") == ["." * 200_000 + "x"]
    assert time.process_time() - began < 10, "a quadratic search would take minutes"


@few
@given(st.integers(0, 300), st.integers(1, 40), st.data())
def test_windows_cover_every_token_and_none_is_too_long(length: int, size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size - 1))
    found = windows(length, size, overlap)
    assert {i for start, end in found for i in range(start, end)} == set(range(length))
    assert all(0 <= start and end - start == min(size, length) and end <= length for start, end in found)
    assert all(later[0] - earlier[0] <= size - overlap for earlier, later in zip(found, found[1:], strict=False))


@few
@given(st.lists(st.integers(1, 50), max_size=80), st.integers(50, 200), st.integers(1, 9))
def test_batches_keep_the_order_and_their_bounds(sizes: list[int], tokens: int, most: int) -> None:
    seen: list[list[tuple[int, int]]] = []

    def run(batch: list[tuple[int, int]]) -> list[int]:
        seen.append(batch)
        return [number for number, _ in batch]

    items = list(enumerate(sizes))
    assert in_batches(items, lambda item: item[1], run, tokens=tokens, most=most) == list(range(len(sizes)))
    for batch in seen:
        assert len(batch) <= most
        assert max(size for _, size in batch) * len(batch) <= tokens


def test_batches_are_made_by_length_so_that_little_is_padding() -> None:
    sizes = [5, 90, 6, 88, 7, 91, 5, 89] * 8
    padded = 0

    def run(batch: list[int]) -> list[int]:
        nonlocal padded
        padded += max(batch) * len(batch) - sum(batch)
        return batch

    in_batches(sizes, lambda size: size, run, tokens=360)
    assert padded < 0.05 * sum(sizes)


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("no room"), RuntimeError("DefaultCPUAllocator: can't allocate memory"), MemoryError()],
)
def test_a_full_memory_halves_the_batch_and_keeps_the_order(error: Exception) -> None:
    sizes: list[int] = []

    def run(batch: list[int]) -> list[int]:
        sizes.append(len(batch))
        if len(batch) > 3:
            raise error
        return [10 * item for item in batch]

    items = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3]
    assert in_batches(items, lambda item: item, run) == [10 * item for item in items]
    assert sizes[:3] == [16, 8, 4] and max(sizes[3:]) <= 3, "later batches start from the size that fits"


def test_one_text_that_does_not_fit_says_so() -> None:
    def run(batch: list[int]) -> list[int]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(NoMemory, match="One text of 900 tokens"):
        in_batches([5, 900], lambda item: item, run)


def test_what_is_no_text_is_not_counted_in_tokens() -> None:
    def run(batch: list[int]) -> list[int]:
        raise MemoryError

    with pytest.raises(NoMemory, match="^One of the pictures does not fit"):
        in_batches([5], lambda item: item, run, what="pictures")


def test_another_error_is_not_swallowed() -> None:
    def run(batch: list[int]) -> list[int]:
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        in_batches([1, 2], lambda item: item, run)


def test_the_tensors_of_a_failed_batch_are_free_before_the_next_try() -> None:
    import weakref

    held: list[weakref.ref[torch.Tensor]] = []

    def run(batch: list[int]) -> list[int]:
        assert all(ref() is None for ref in held), "the failed batch still holds its memory"
        big = torch.zeros(10)
        if len(batch) > 1:
            held.append(weakref.ref(big))
            raise torch.OutOfMemoryError("CUDA out of memory")
        return batch

    assert in_batches([1, 2, 3], lambda item: item, run) == [1, 2, 3]
    assert held


def test_a_bar_shows_when_asked_for_and_never_when_forbidden(capsys: pytest.CaptureFixture[str]) -> None:
    in_batches([1, 2], lambda item: item, lambda batch: batch, progress=False, what="things")
    assert capsys.readouterr().err == ""
    in_batches([1, 2], lambda item: item, lambda batch: batch, progress=True, what="things")
    assert "things" in capsys.readouterr().err
