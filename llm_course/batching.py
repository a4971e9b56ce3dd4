"""Batches: items of similar length go through a model together, and come back in the order they were given.

Knows nothing about models or tasks. A use case hands over items and a function that runs one batch; this module sorts
by length so that little is padding, shows a bar when it is slow, and halves the batch when the device's memory is full.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from llm_course.errors import NoMemory

if TYPE_CHECKING:
    import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

SLOW = 1.5  # seconds after which a list shows a progress bar


def in_batches(
    items: Sequence[Item],
    length: Callable[[Item], int],
    run: Callable[[list[Item]], list[Result]],
    *,
    tokens: int = 4096,
    most: int = 64,
    progress: bool | None = None,
    what: str = "texts",
) -> list[Result]:
    """Run all items in batches of similar length and return the results in the order of the items.

    Args:
        items: what ``run`` takes.
        length: tokens of one item; batches hold about ``tokens`` tokens, padding included.
        run: one batch to its results, same order.
        most: most items in a batch.
        progress: a bar always (True), never (False), or when it is slow (None).

    Raises:
        NoMemory: a single item does not fit into the device's memory.
    """
    # Longest first: if memory runs out, it does so at once and not at the end.
    order = sorted(range(len(items)), key=lambda i: -length(items[i]))
    queue: list[list[int]] = []
    for index in order:
        widest = length(items[queue[-1][0]]) if queue else 0
        if queue and len(queue[-1]) < most and widest * (len(queue[-1]) + 1) <= tokens:
            queue[-1].append(index)
        else:
            queue.append([index])
    results: dict[int, Result] = {}
    bar, began = None, time.monotonic()
    while queue:
        batch = queue.pop(0)
        done = None
        try:
            size = length(items[batch[0]])
            with fits_in_memory(f"One text of {size} tokens" if what == "texts" else f"One of the {what}"):
                done = run([items[i] for i in batch])
        except NoMemory:
            if len(batch) == 1:
                raise
        if done is None:
            # Outside of the except block: inside, the error's traceback still holds the tensors that did not fit.
            _free_memory()
            # The other batches are about as large, so they are halved, too.
            queue = [part for whole in [batch, *queue] for part in _halves(whole)]
            continue
        results.update(zip(batch, done, strict=True))
        slow = time.monotonic() - began > SLOW and queue
        if bar is None and (progress or (progress is None and slow)):
            from tqdm.auto import tqdm

            bar = tqdm(total=len(items), unit=what, initial=0)
        if bar is not None:
            bar.update(len(results) - bar.n)
    if bar is not None:
        bar.close()
    return [results[i] for i in range(len(items))]


def padded(
    rows: Sequence[Sequence[int]], fill: int, device: torch.device | str, *, left: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids of different length as one tensor ``(rows, longest)``, filled up on one side, and its mask of 0 and 1.

    The mask is 1 where a token of a row stands. A model that goes on writing is filled up on the left.
    """
    import torch

    longest = max(map(len, rows))
    ids, mask = [], []
    for row in rows:
        empty = longest - len(row)
        ids.append([fill] * empty + [*row] if left else [*row] + [fill] * empty)
        mask.append([0] * empty + [1] * len(row) if left else [1] * len(row) + [0] * empty)
    return torch.tensor(ids, device=device), torch.tensor(mask, device=device)


@contextmanager
def fits_in_memory(what: str) -> Iterator[None]:
    """Turn whatever a full memory raises inside into one error.

    Raises:
        NoMemory: ``what`` does not fit.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not _out_of_memory(error):
            raise
        raise NoMemory(
            f"{what} does not fit into the device's memory. Shorten the text, take a smaller model, or device='cpu'."
        ) from error


def _halves(batch: list[int]) -> list[list[int]]:
    half = len(batch) // 2
    return [batch[:half], batch[half:]] if half else [batch]


# How PyTorch words it: CUDA and MPS, the CPU on Linux and on Windows, cuBLAS.
_NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "CUBLAS_STATUS_ALLOC_FAILED")


def _out_of_memory(error: BaseException) -> bool:
    kinds = [kind.__name__ for kind in type(error).__mro__]
    return bool({"MemoryError", "OutOfMemoryError"} & set(kinds)) or any(words in str(error) for words in _NO_MEMORY)


def _free_memory() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
