"""A made-up Attention with the names of the real one, for tests of what reads it; and what tests of pictures share.

Knows nothing about models: weights are given, or drawn at random and masked like those of a decoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

# Tokens that a picture or a page could trip over.
HOSTILE = (
    "$x_1$",
    "\n",
    "\u202eabc",
    "שלום",
    "مرحبا",
    "\x00\x1b[31m",
    "",
    "<img src=x onerror=alert(1)>",
    "</script>",
    "中文字",
    "\u0301",
    "🙂",
    "\ud800",
    "\\",
    "%s{}",
    "\u200b",
    "_^{",
    "a" * 300,
)


@dataclass
class MadeUp:
    """``weights`` is ``(layers, heads, rows, columns)``; ``asked`` counts how many heads were built."""

    weights: np.ndarray
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    kind: str = "encoder"
    special: tuple[bool, ...] = ()
    model: str = "made-up"
    masks: np.ndarray | None = None  # bool (layers, heads, rows, columns), kept as a bias of -inf
    others: tuple[MadeUp, ...] = ()
    asked: int = 0

    def __post_init__(self) -> None:
        self.weights = np.asarray(self.weights, dtype=np.float32)
        self.special = self.special or (False,) * len(self.columns)

    @property
    def layers(self) -> int:
        return self.weights.shape[0]

    @property
    def heads(self) -> int:
        return self.weights.shape[1]

    @property
    def recorded(self) -> bool:
        return self.masks is not None

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        return (self.kind, *(one.kind for one in self.others))

    def of(self, kind: str) -> MadeUp:
        return next(one for one in (self, *self.others) if one.kind == kind)

    def head(self, layer: int, head: int) -> np.ndarray:
        self.asked += 1
        return self.weights[layer, head]

    def mean(self, layer: int | None = None, heads: object = None) -> np.ndarray:
        return (self.weights if layer is None else self.weights[layer][None]).mean(axis=(0, 1))

    def bias_kind(self, layer: int, head: int) -> str:
        return "other" if self.masks is not None else "none"

    def bias(self, layer: int, head: int) -> np.ndarray | None:
        return None if self.masks is None else np.where(self.masks[layer, head], 0, -np.inf).astype(np.float32)


def at_random(
    tokens: tuple[str, ...],
    *,
    layers: int = 2,
    heads: int = 3,
    kind: str = "encoder",
    sharp: float = 2.0,
    columns: tuple[str, ...] | None = None,
    seed: int = 0,
) -> MadeUp:
    """Random weights; those of a decoder look at nothing later."""
    columns = tokens if columns is None else columns
    scores = np.random.default_rng(seed).normal(size=(layers, heads, len(tokens), len(columns))) * sharp
    if kind == "decoder":
        scores = np.where(np.tri(len(tokens), dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return MadeUp(weights / weights.sum(-1, keepdims=True), tokens, columns, kind)


def names(labels: Any) -> list[str]:
    """The texts of a picture's labels."""
    return [label.get_text() for label in labels]
