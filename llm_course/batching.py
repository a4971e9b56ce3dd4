"""Texts in, batches out: checks, sentences, windows, and batches built by length.

Knows nothing about models or tasks. A use case hands over texts and a function that runs one batch; this
module sorts by length so that little is padding, shows a bar when it is slow, halves the batch when the
device's memory is full, and gives the results back in the order of the texts.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any, TypeVar

from llm_course.errors import BadInput, BadOption, NoMemory

Item = TypeVar("Item")
Result = TypeVar("Result")

SLOW = 1.5  # seconds after which a list shows a progress bar


def texts_of(value: Any, what: str = "text") -> tuple[list[str], bool]:
    """Check one text or a list of texts; return the list and whether it was one text.

    Raises:
        BadInput: not a ``str`` or a list of them, empty, blank, or with a lone surrogate.
    """
    single = isinstance(value, str)
    if single:
        texts = [value]
    elif isinstance(value, (list, tuple)):
        texts = list(value)
        if not texts:
            raise BadInput(f"The list of {what}s is empty. Give at least one {what}.")
    else:
        raise BadInput(f"A {what} must be a str or a list of str, not {type(value).__name__}: {_short(value)}.")
    for number, text in enumerate(texts):
        where = "" if single else f" (number {number} of the list)"
        if not isinstance(text, str):
            hint = " Decode it first: value.decode('utf-8')." if isinstance(text, bytes) else ""
            raise BadInput(f"A {what} must be a str, not {type(text).__name__}{where}: {_short(text)}.{hint}")
        if not text.strip() or not any(c.isprintable() and not c.isspace() for c in text):
            raise BadInput(f"The {what} is {'blank' if text else 'empty'}{where}. Give it at least one word.")
        if any("\ud800" <= c <= "\udfff" for c in text):
            raise BadInput(
                f"The {what} has a lone surrogate{where}: half of a UTF-16 pair, not a character. "
                "Read the file with its right encoding, or use text.encode('utf-8', 'replace').decode('utf-8')."
            )
    return texts, single


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def number_in(name: str, value: Any, low: float, high: float, kind: type = float) -> Any:
    """Check that an option is a number of its kind from ``low`` to ``high``; return it.

    Raises:
        BadOption: it is not; the message names the range.
    """
    fits = isinstance(value, Integral if kind is int else Real) and not isinstance(value, bool)
    if not fits or not low <= value <= high:  # a NaN fails both comparisons
        sort = "a whole number" if kind is int else "a number"
        ends = f"{_plain(low)} to {_plain(high)}"
        raise BadOption(f"{name}={_short(value)} is not allowed: it must be {sort} from {ends}.")
    return kind(value)  # NumPy's numbers become Python's


def _plain(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:g}"


ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof st jr sr vs etc e.g i.e fig eq no vol al inc ltd co corp dept approx cf u.s u.k".split()
)
# A run of marks is looked at once, from its first mark and never in part: else long ones would take quadratic time.
_END = re.compile(r"((?<![.!?…])[.!?…]++[\"'”’)\]]*+|[。！？])(\s+|$)|\n{2,}|(?<=[。！？])")


def split_sentences(text: str) -> list[str]:
    """Split a text into sentences, keeping every word; a blank line also ends one.

    A rule, not a model: full stops after common abbreviations and single initials do not end a sentence,
    nor does one that is followed by a small letter, unless the whole text has small letters only.
    """
    sentences, start = [], 0
    capitals = any(c.isupper() for c in text)
    for match in _END.finditer(text):
        end = match.end(1) if match.group(1) else match.start()
        after = text[match.end() : match.end() + 1]
        if match.group(1) and match.group(1).startswith(".") and after:
            # Only the last few characters: a text without a sentence's end would else be copied at every full stop.
            word = re.split(r"[\s(\[\"']", text[max(start, end - 40) : end])[-1].rstrip("\"'”’)].").lower()
            initial = len(word) == 1 and word.isalpha() and word != "i"
            if initial or word in ABBREVIATIONS or (after.islower() and capitals):
                continue
        if before := text[start:end].strip():
            sentences.append(before)
            start = match.end()
    rest = text[start:].strip()
    return sentences + [rest] if rest else sentences


def windows(length: int, size: int, overlap: int) -> list[tuple[int, int]]:
    """Cover ``length`` tokens by windows ``(start, end)`` of at most ``size``, each ``overlap`` over the last.

    All windows but a lone first one have exactly ``size`` tokens: the last one starts earlier instead of
    being short, so that no window lacks context.
    """
    if length <= size:
        return [(0, length)]
    step = size - overlap
    starts = list(range(0, length - size, step)) + [length - size]
    return [(start, start + size) for start in starts]


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


def padded(rows: Sequence[Sequence[int]], fill: int, device: Any, *, left: bool = False) -> tuple[Any, Any]:
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


def ended_before(row: Sequence[int], end: int | None, limit: int) -> bool:
    """Whether a decoder wrote its end token before its last place, ``limit``, where it is forced to.

    ``row`` begins with the decoder's start token, which is the end token in some models.
    """
    return end is not None and end in row[1:limit]


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
