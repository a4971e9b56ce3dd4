"""Batches of nearly equal length, the same ones again after a restart.

Knows nothing about text or models: it orders lengths. Padding is wasted work, so examples are sorted by
length before they are cut into batches; the batches are then shuffled. Which batch comes at which step
depends on the seed alone, so a run that was killed goes on with the batch it would have seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class LengthBatches:
    """Endless batches of indices, each about ``tokens`` tokens when padded to its longest example.

    Args:
        lengths: one row per example, one column per sequence (source, target): token counts.
        tokens: most tokens in a batch, padding included, over all columns.
        seed: decides every shuffle.

    ``batches[step]`` is an integer array of example indices. Epoch ``e`` covers each example once.
    """

    def __init__(self, lengths: Sequence[Sequence[int]] | np.ndarray, tokens: int, seed: int = 0) -> None:
        self.lengths = np.atleast_2d(np.asarray(lengths))
        self.tokens, self.seed = tokens, seed
        self._epochs: dict[int, list[np.ndarray]] = {}
        self._starts = [0]

    def epoch(self, number: int) -> list[np.ndarray]:
        """The batches of one epoch, in the order in which they are seen."""
        if number not in self._epochs:
            random = np.random.default_rng([self.seed, number])
            order = random.permutation(len(self.lengths))
            # Sort by every column, last key first: the shuffle above decides among equals.
            columns = [self.lengths[order, c] for c in reversed(range(self.lengths.shape[1]))]
            order = order[np.lexsort(columns)]
            batches, start, widest = [], 0, np.zeros(self.lengths.shape[1], dtype=int)
            for end, index in enumerate(order):
                wider = np.maximum(widest, self.lengths[index])
                if end > start and wider.sum() * (end - start + 1) > self.tokens:
                    batches.append(order[start:end])
                    start, wider = end, self.lengths[index]
                widest = wider
            batches.append(order[start:])
            random.shuffle(batches)  # type: ignore[arg-type]
            self._epochs = {number: batches}  # one epoch at a time is kept
        return self._epochs[number]

    def __getitem__(self, step: int) -> np.ndarray:
        while step >= self._starts[-1]:
            self._starts.append(self._starts[-1] + len(self.epoch(len(self._starts) - 1)))
        number = int(np.searchsorted(self._starts, step, side="right")) - 1
        return self.epoch(number)[step - self._starts[number]]


def pad(sequences: Sequence[Sequence[int]], fill: int) -> np.ndarray:
    """Sequences of token ids as one int64 array ``(len(sequences), longest)``, padded on the right."""
    out = np.full((len(sequences), max(map(len, sequences))), fill, dtype=np.int64)
    for row, sequence in zip(out, sequences, strict=True):
        row[: len(sequence)] = sequence
    return out


class Chunks:
    """Endless batches of equally long chunks of one long row of tokens, for raw language models.

    Args:
        streams: one integer array per corpus: its texts, joined.
        shares: the share of each corpus in the mixture; they are scaled to sum to 1.
        length: tokens in a chunk.
        batch: chunks in a batch.
        seed: decides every draw.

    ``chunks[step]`` is an int64 array ``(batch, length + 1)``: the input and, one place on, what is to be
    predicted. The corpus and the place of each chunk are drawn anew, so no two epochs cut alike.
    """

    def __init__(
        self, streams: Sequence[np.ndarray], shares: Sequence[float], length: int, batch: int, seed: int = 0
    ) -> None:
        self.streams, self.length, self.batch, self.seed = streams, length, batch, seed
        self.shares = np.asarray(shares) / np.sum(shares)

    def __getitem__(self, step: int) -> np.ndarray:
        random = np.random.default_rng([self.seed, step])
        out = np.empty((self.batch, self.length + 1), dtype=np.int64)
        for row in out:
            stream = self.streams[random.choice(len(self.streams), p=self.shares)]
            start = random.integers(0, len(stream) - self.length)
            row[:] = stream[start : start + self.length + 1]
        return out
