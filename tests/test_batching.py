"""Batches: in order, within their bounds, halved when memory is full; with plain numbers, no model."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_course.batching import in_batches, padded
from llm_course.errors import NoMemory

few = settings(max_examples=60, deadline=None, derandomize=True)


def test_rows_are_filled_up_on_either_side() -> None:
    ids, mask = padded([[5, 6], [7]], 1, "cpu")
    assert ids.tolist() == [[5, 6], [7, 1]] and mask.tolist() == [[1, 1], [1, 0]]
    ids, mask = padded([[5, 6], [7]], 1, "cpu", left=True)
    assert ids.tolist() == [[5, 6], [1, 7]] and mask.tolist() == [[1, 1], [0, 1]]


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
