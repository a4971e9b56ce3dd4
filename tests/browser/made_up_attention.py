"""An attention made of random queries and keys, with the names that the explorer reads; no model runs.

Knows nothing about the explorer. Weights are the plain formula, softmax(scale q k + bias), written as in a textbook.
"""

from __future__ import annotations

from typing import Any

import numpy as np


class MadeUp:
    """Stands in for ``llm_course.attention.capture.Attention``.

    Args:
        rows: tokens, or how many.
        columns: tokens of the text that is looked at, for cross-attention.
        bias: "none", "causal", "other" (a random bias per pair), or "alibi" and "window" (also of kind "other").
        recorded: whether queries and keys can be asked for.
        groups: how many query heads share one key head.
        sharp: how far apart the scores lie.
    """

    def __init__(
        self, rows: Any = 12, columns: Any = None, *, layers: int = 2, heads: int = 3, d: int = 8, bias: str = "none",
        recorded: bool = True, kind: str | None = None, model: str = "made-up", seed: int = 0, groups: int = 1,
        sharp: float = 2.0, segments: Any = None, special: Any = None, written: int | None = None,
    ) -> None:  # fmt: skip
        self.rows = tuple(f"t{i}" for i in range(rows)) if isinstance(rows, int) else tuple(rows)
        cross = columns is not None
        given = columns if cross else self.rows
        self.columns = tuple(f"s{i}" for i in range(given)) if isinstance(given, int) else tuple(given)
        self.kind = kind or ("cross" if cross else "decoder" if bias == "causal" else "encoder")
        self.model, self.layers, self.heads, self.recorded = model, layers, heads, recorded
        self.special = tuple(special) if special else (False,) * len(self.columns)
        self.segments = tuple(segments) if segments else (0,) * len(self.columns)
        self.row_special = (False,) * len(self.rows) if cross else self.special
        self.row_segments = (0,) * len(self.rows) if cross else self.segments
        self.written = len(self.rows) if written is None else written
        self._bias, self._others = bias, {self.kind: self}
        random = np.random.default_rng(seed)
        self._q = random.standard_normal((layers, heads, len(self.rows), d)).astype(np.float32) * sharp
        k = random.standard_normal((layers, -(-heads // groups), len(self.columns), d)).astype(np.float32)
        self._k = np.repeat(k, groups, axis=1)[:, :heads]
        self._random_bias = random.standard_normal((len(self.rows), len(self.columns))).astype(np.float32)

    @classmethod
    def translation(cls, source: list[str], target: list[str]) -> MadeUp:
        """Cross-attention of an encoder-decoder model that also knows its two other kinds."""
        parts = [
            cls(target, source, seed=1),
            cls(source, kind="encoder", seed=2),
            cls(target, bias="causal", seed=3),
        ]
        for part in parts:
            part._others = {one.kind: one for one in parts}
        return parts[0]

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(self._others)

    def of(self, kind: str) -> MadeUp:
        return self._others[kind]

    def query(self, layer: int, head: int) -> Any:
        return self._q[layer, head] if self.recorded else None

    def key(self, layer: int, head: int) -> Any:
        return self._k[layer, head] if self.recorded else None

    def scale(self, layer: int, head: int) -> float:
        return float(self._q.shape[-1] ** -0.5)

    def bias_kind(self, layer: int, head: int) -> str:
        return self._bias if self._bias in ("none", "causal") else "other"

    def bias(self, layer: int, head: int) -> Any:
        i, j = np.arange(len(self.rows))[:, None], np.arange(len(self.columns))
        if self._bias == "causal":
            return np.where(j > i, -np.inf, 0).astype(np.float32)
        if self._bias == "alibi":  # as BLOOM adds it: by column, and masked
            return np.where(j > i, -np.inf, 0.5 ** (head + 1) * j).astype(np.float32)
        if self._bias == "window":
            return np.where(abs(i - j) > 3, -np.inf, 0).astype(np.float32)
        return self._random_bias if self._bias == "other" else None

    def head(self, layer: int, head: int) -> np.ndarray:
        scores = self._q[layer, head] @ self._k[layer, head].T * self.scale(layer, head)
        bias = self.bias(layer, head)
        scores = scores if bias is None else scores + bias
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)

    def mean(self, layer: int | None = None, heads: Any = None) -> np.ndarray:
        found = [
            self.head(at, head)
            for at in (range(self.layers) if layer is None else [layer])
            for head in (range(self.heads) if heads is None else heads)
        ]
        return np.mean(found, axis=0, dtype=np.float32)
