"""Interpolated Kneser-Ney: the n-gram language model that a neural one has to beat.

Knows nothing about text, tokenizers or neural models: it counts sequences of token ids and predicts the
next one. Definitions after Chen and Goodman, An empirical study of smoothing techniques for language
modeling, Computer Speech and Language 13 (1999).

- A count is lowered by a discount; what that frees goes to the model of the next shorter context.
- Shorter contexts do not use plain counts. An n-gram counts as often as there are different tokens before
  it: "Francisco" may be frequent, but it follows little else than "San".
- Below single tokens stands the uniform distribution, so that no token has probability 0.

All n-grams of one order are kept as one sorted array of keys (number of the context, next token), so that
counting and scoring are whole-array operations: seven million tokens take seconds, not hours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass
class Order:
    """The n-grams of one length.

    Attributes:
        keys: ``(n-grams,)``, sorted: number of the context among the n-grams one shorter, times the number of
            symbols, plus the last token. An n-gram's number is its place here.
        counts: ``(n-grams,)``: plain counts for the longest order, else from how many sides it was met.
        discounts: what is taken off a count of 0, 1, 2, and 3 or more.
        totals: ``(contexts,)``: sum of the counts that follow each context.
        freed: ``(contexts,)``: sum of what was taken off them.
    """

    keys: Ints
    counts: Ints
    discounts: Floats
    totals: Floats
    freed: Floats


class KneserNey:
    """An interpolated Kneser-Ney model of token ids.

    Args:
        vocabulary: number of different tokens; ids are ``0`` to ``vocabulary - 1``.
        order: longest n-gram; 5 means four tokens of context.
        modified: three discounts per order, for counts of 1, 2, and 3 or more (Chen and Goodman's own
            variant), instead of one.

    A mark of its own stands before each sequence as context. It is never predicted.
    """

    def __init__(self, vocabulary: int, order: int = 5, modified: bool = False) -> None:
        if order < 1 or vocabulary < 1:
            raise ValueError(f"order={order} and vocabulary={vocabulary} must be at least 1.")
        self.vocabulary, self.order, self.modified = vocabulary, order, modified
        self.orders: list[Order] = []

    @property
    def symbols(self) -> int:
        """The tokens and the mark before a sequence."""
        return self.vocabulary + 1

    def fit(self, sequences: Iterable[Sequence[int]]) -> KneserNey:
        """Count the n-grams of sequences; returns itself.

        A sequence is one text with whatever token ends it. No n-gram crosses from one into the next.

        Raises:
            ValueError: there is no token, or one outside the vocabulary.
        """
        stream = self._stream(sequences)
        spoken = stream != self.vocabulary  # every place but the marks: what is predicted
        if not spoken.any():
            raise ValueError("There is no token to count.")
        # All single symbols have a place in the first order, met or not: there a token's number is its id.
        tables = [(np.arange(self.symbols), np.bincount(stream[spoken], minlength=self.symbols))]
        places, from_mark, keeps = stream, ~spoken, np.zeros(self.symbols, dtype=bool)
        for _ in range(2, self.order + 1):
            before = _shift(places, -1)
            valid = (before >= 0) & spoken
            keys, first, inverse, counts = np.unique(
                (before * self.symbols + stream)[valid], return_index=True, return_inverse=True, return_counts=True
            )
            # The order below stops counting how often, and counts after how many different tokens. Before the
            # mark stands nothing, so an n-gram that begins with it keeps its plain count.
            shorter_keys, plain = tables[-1]
            sides = np.bincount(places[valid][first], minlength=len(shorter_keys))
            tables[-1] = (shorter_keys, np.where(keeps, plain, sides))
            tables.append((keys, counts))
            from_mark = _shift(from_mark, False) & valid
            keeps = from_mark[valid][first]
            places = np.full(len(stream), -1, dtype=np.int64)
            places[valid] = inverse
        sizes = [1, *(len(keys) for keys, _ in tables)]
        self.orders = [
            self._order(number == 0, *table, contexts=size)
            for number, (table, size) in enumerate(zip(tables, sizes, strict=False))
        ]
        return self

    def _stream(self, sequences: Iterable[Sequence[int]]) -> Ints:
        """All sequences in one row, the mark before each."""
        parts: list[Ints] = []
        mark = np.array([self.vocabulary], dtype=np.int64)
        for sequence in sequences:
            own = np.asarray(sequence, dtype=np.int64)
            if own.size and (own.min() < 0 or own.max() >= self.vocabulary):
                raise ValueError(f"A token id lies outside 0 to {self.vocabulary - 1}.")
            parts += [mark, own]
        return np.concatenate([*parts, mark[:0]])

    @staticmethod
    def _number(wanted: Ints, keys: Ints) -> Ints:
        """The places of ``wanted`` in the sorted ``keys``; -1 where it is not among them."""
        if not len(keys):
            return np.full(len(wanted), -1, dtype=np.int64)
        places = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
        return np.where((keys[places] == wanted) & (wanted >= 0), places, -1)

    def _order(self, first: bool, keys: Ints, counts: Ints, contexts: int) -> Order:
        context = np.zeros(len(keys), dtype=np.int64) if first else keys // self.symbols
        discounts = discounts_of(counts, self.modified)
        totals = np.bincount(context, weights=counts, minlength=contexts)
        freed = np.bincount(context, weights=discounts[counts.clip(max=3)], minlength=contexts)
        return Order(keys, counts, discounts, totals.astype(np.float64), freed.astype(np.float64))

    def _mixed(self, order: Order, context: Ints, counts: Ints, shorter: Floats) -> Floats:
        """The probabilities of one order: discounted counts plus the freed share of the shorter contexts."""
        known = context >= 0
        totals = np.where(known, order.totals[context], 0.0)
        freed = np.where(known, order.freed[context], 0.0)
        seen = totals > 0
        divisor = np.where(seen, totals, 1.0)
        own = (counts - order.discounts[counts.clip(max=3)]) / divisor
        return np.where(seen, own + freed / divisor * shorter, shorter)

    def logprobs(self, sequence: Sequence[int]) -> Floats:
        """Natural log-probability of each token of a sequence, given all before it: ``(len(sequence),)``."""
        stream = self._stream([sequence])
        shorter: Floats = np.full(len(stream), 1.0 / self.vocabulary)
        context: Ints = np.zeros(len(stream), dtype=np.int64)
        ids = stream
        for length, order in enumerate(self.orders, start=1):
            if length > 1:
                context = _shift(ids, -1)
                keys = np.where(context >= 0, context * self.symbols + stream, -1)
            else:
                keys = stream
            places = self._number(keys, order.keys)
            counts = np.where(places >= 0, order.counts[places], 0)
            shorter = self._mixed(order, context, counts, shorter)
            ids = stream if length == 1 else places
        return np.log(shorter[1:])

    def probabilities(self, context: Sequence[int] = (), start: bool = True) -> Floats:
        """Probability of every token of the vocabulary after a context: ``(vocabulary,)``, summing to 1.

        Args:
            context: the tokens before.
            start: whether the context begins a sequence; else what stood before it is unknown.
        """
        before = ([self.vocabulary] if start else []) + [int(token) for token in context]
        tokens = np.arange(self.vocabulary, dtype=np.int64)
        shorter: Floats = np.full(self.vocabulary, 1.0 / self.vocabulary)
        for length, order in enumerate(self.orders, start=1):
            if length - 1 > len(before):
                break
            number = self._context(before[len(before) - length + 1 :]) if length > 1 else 0
            keys = tokens if length == 1 else np.where(number >= 0, number * self.symbols + tokens, -1)
            places = self._number(keys, order.keys)
            counts = np.where(places >= 0, order.counts[places], 0)
            shorter = self._mixed(order, np.full(self.vocabulary, number, dtype=np.int64), counts, shorter)
        return shorter

    def _context(self, tokens: Sequence[int]) -> int:
        """The number of a context; -1 if the text has no such."""
        number = tokens[0]
        for length, token in enumerate(tokens[1:], start=2):
            if number < 0:
                return -1
            key = np.array([number * self.symbols + token], dtype=np.int64)
            number = int(self._number(key, self.orders[length - 1].keys)[0])
        return number


def discounts_of(counts: Ints, modified: bool) -> Floats:
    """What to take off a count of 0, 1, 2, and 3 or more: ``(4,)``.

    With ``n1, n2, ...`` n-grams met once, twice, and so on: one discount ``Y = n1 / (n1 + 2 n2)`` (Ney, Essen
    and Kneser 1994); modified ``k - (k + 1) Y n(k+1) / n(k)`` for ``k`` of 1, 2, and 3. Where the text is too
    small to have those numbers, one discount serves, or 0.5.
    """
    n1, n2, n3, n4 = (int((counts == k).sum()) for k in (1, 2, 3, 4))
    y = n1 / (n1 + 2 * n2) if n1 and n2 else 0.5
    single = np.array([0.0, y, y, y])
    if not modified or 0 in (n1, n2, n3, n4):
        return single
    three = np.array([0.0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3])
    fits = (three[1:] > 0) & (three[1:] < np.array([1.0, 2.0, 3.0]))
    return three if fits.all() else single


def bits_per_byte(
    train: Iterable[Sequence[int]],
    test: Iterable[Sequence[int]],
    test_bytes: int,
    vocabulary: int,
    order: int = 5,
    modified: bool = False,
) -> float:
    """Train on sequences of token ids, score others, and give the loss in bits per byte of the test text.

    Args:
        train: the training texts as token ids, each with its end token.
        test: the test texts likewise.
        test_bytes: UTF-8 bytes of the test texts; end tokens cost bits and add no byte.
        vocabulary: number of different tokens.
        order: longest n-gram.
        modified: three discounts per order instead of one.

    Raises:
        ValueError: ``test_bytes`` is not positive.
    """
    if test_bytes <= 0:
        raise ValueError(f"test_bytes={test_bytes} must be positive.")
    model = KneserNey(vocabulary, order, modified).fit(train)
    nats = -sum(float(model.logprobs(sequence).sum()) for sequence in test)
    return nats / math.log(2) / test_bytes


def _shift(values: NDArray, fill: int | bool) -> NDArray:
    """Each value one place to the right; ``fill`` stands first."""
    out = np.empty_like(values)
    out[1:], out[:1] = values[:-1], fill
    return out
