"""Looking for glitch tokens: entries of a vocabulary that a model's training hardly ever came by.

Knows nothing about notebooks. The way is that of Land and Bartolo 2024, "Fishing for Magikarp" (arXiv 2405.05417), in
its plainest form: tokens are ranked by how near their vectors are to those of tokens that cannot have been trained,
and the nearest are put to the test: does the model notice which of them it has read?
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


def recognized(lm: LanguageModel, tokens: Sequence[int], times: int = 8) -> np.ndarray:
    """How many times as probable each token becomes by having been read ``times`` times, up to where it stands next.

    It is compared with its probability after as many of each other token given (the geometric mean over these). A
    factor of 1 says that the model does not notice which of the tokens it has read.

    Raises:
        ValueError: fewer than two tokens are given.
    """
    import torch

    if len(tokens) < 2:
        raise ValueError("recognized() compares tokens with each other; give two or more.")
    some = torch.tensor(list(tokens), device=lm.device)
    found = []
    with torch.inference_mode():
        for part in some.split(64):
            ids = part[:, None].expand(-1, times)
            if lm.start:
                ids = torch.cat([torch.full((len(part), 1), lm.start[0], device=lm.device), ids], dim=1)
            found.append(lm.model(input_ids=ids).logits[:, -1].float().log_softmax(-1)[:, some])
    logs = torch.cat(found).double().cpu().numpy()  # row: what was read; column: what may come
    own = np.diag(logs)
    others = (logs.sum(axis=0) - own) / (len(tokens) - 1)
    return np.exp(own - others)
