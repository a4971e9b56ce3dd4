"""Looking for glitch tokens: entries of a vocabulary that a model's training hardly ever came by.

Knows nothing about notebooks. The way is that of Land and Bartolo 2024, "Fishing for Magikarp" (arXiv 2405.05417), in
its plainest form: tokens are ranked by how near their vectors are to those of tokens that cannot have been trained,
and the nearest are put to the test, whether the model can repeat them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from llm_course.shelf.loading import LanguageModel

# UTF-8 never uses these bytes (RFC 3629, section 1), so no text that was read as UTF-8 holds one.
NEVER = (0xC0, 0xC1, *range(0xF5, 0x100))


def byte_name(byte: int) -> str:
    """How a byte-level vocabulary writes a byte: printable Latin-1 as itself, the others as characters from 256 on."""

    def shown(b: int) -> bool:
        return 0x21 <= b <= 0x7E or 0xA1 <= b <= 0xAC or 0xAE <= b <= 0xFF

    return chr(byte) if shown(byte) else chr(256 + sum(not shown(b) for b in range(byte)))


def untrained(tokenizer: Any) -> list[int]:
    """The tokens of a byte-level vocabulary that stand for bytes that no text has."""
    vocabulary = tokenizer.get_vocab()
    return [vocabulary[byte_name(byte)] for byte in NEVER if byte_name(byte) in vocabulary]


def likeness(vectors: np.ndarray, known: Sequence[int]) -> np.ndarray:
    """How like each row is to the mean of the known rows, from -1 to 1: the cosine of the angle between them.

    A known row is compared with the mean of the others, so that it is no part of what it is compared with.
    """
    total = vectors[list(known)].sum(axis=0)
    targets = np.repeat(total[None], len(vectors), axis=0)
    targets[list(known)] -= vectors[list(known)]
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(targets, axis=1)
    return (vectors * targets).sum(axis=1) / np.maximum(lengths, 1e-12)


def repeats(lm: LanguageModel, tokens: Sequence[int], times: int = 8) -> np.ndarray:
    """For each token: its probability of coming next after it has been read ``times`` times in a row."""
    import torch

    start = lm.start or []
    found = []
    with torch.inference_mode():
        for begin in range(0, len(tokens), 64):
            some = list(tokens[begin : begin + 64])
            ids = torch.tensor([[*start, *[token] * times] for token in some], device=lm.device)
            shares = lm.model(input_ids=ids).logits[:, -1].float().softmax(-1)
            found += shares[torch.arange(len(some)), torch.tensor(some)].tolist()
    return np.array(found)
