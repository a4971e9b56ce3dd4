"""Attention as bytes for the browser: an overview first, then one head at a time, small enough to send.

Knows nothing about HTML, widgets or models: it reads an ``Attention`` through its methods and gives back plain data
and bytes, which ``decode.js`` decodes.

A head whose queries and keys were recorded travels as these, and the browser computes its weights again. They are
stored as fixed-point numbers with one step per dimension. Eight to sixteen bits: the fewest with which the weights
come back right, which is tried out on the head itself. Other heads travel as weights in 8 bits on a square-root scale.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from llm_course.attention.measures import Gauge
from llm_course.attention.through_layers import rollout
from llm_course.errors import BadOption

if TYPE_CHECKING:
    from llm_course.attention.capture import Attention

TOLERANCE = 0.004  # no weight that the browser shows is further than this from the model's
SAMPLED_TOLERANCE = 0.003  # stricter, since only some rows are tried out
SAMPLED_ROWS = 64
BITS = (8, 9, 10, 11, 12, 13, 14, 16)
THUMBNAIL = 64  # pixels a side, before a tight budget makes it less
LONGEST_WHOLE = 1024  # above so many rows the overview reads every second, third, ... row
BIASES = {"none": 0, "causal": 1, "shift": 2, "weights": 3}

QUERIES_AND_KEYS, WEIGHTS = 1, 2  # what a head's bytes hold; both is their sum
SAME_KEYS = 1  # flag: grouped queries, the keys are those of the head before


@dataclass(frozen=True)
class Overview:
    """What the first picture needs.

    Attributes:
        pooled: float32 ``(layers, heads, height, width)``, the largest weight below each pixel of a thumbnail.
        measures: name to float32 ``(layers, heads)``.
        rollout: float32 ``(rows, columns)``, or ``None`` where a row and a column are not the same token, and for
            texts longer than ``LONGEST_WHOLE``.
        no_rollout: why there is none, in a few words.
    """

    pooled: np.ndarray
    measures: dict[str, np.ndarray]
    rollout: np.ndarray | None
    no_rollout: str = ""

    def thumbnails(self, budget: int) -> tuple[bytes, tuple[int, int], int]:
        """Compressed bytes ``(layers, heads, height, width)``, ``(height, width)``, and the number of shades.

        A byte is the square root of a weight over the largest of its head, from 0 to the number of shades less one.
        If the finest are larger than ``budget`` bytes, they get fewer shades, then fewer pixels.
        """
        pooled = self.pooled
        while True:
            peak = np.maximum(pooled.max(axis=(2, 3), keepdims=True), 1e-9)
            shades = np.sqrt(pooled / peak)
            for levels in (256, 64, 32, 16):
                packed = compress(np.rint(shades * (levels - 1)).astype(np.uint8).tobytes())
                shape = (pooled.shape[2], pooled.shape[3])
                if len(packed) <= budget or (shape == (1, 1) and levels == 16):
                    return packed, shape, levels
            half = (max(1, shape[0] // 2), max(1, shape[1] // 2))
            pooled = np.stack([np.stack([_pool(head, half) for head in layer]) for layer in pooled])

    def numbers(self) -> bytes:
        """The measures as compressed float32 ``(measures, layers, heads)``."""
        return compress(b"".join(values.astype("<f4").tobytes() for values in self.measures.values()))


@dataclass(frozen=True)
class Part:
    """One kind of attention of one side of the explorer; ``name`` is what the browser calls it."""

    name: str
    attention: Attention
    overview: Overview

    def facts(self, budget: int) -> tuple[dict[str, Any], bytes]:
        """What the browser must know before it decodes anything, and thumbnails of at most ``budget`` bytes."""
        thumbnails, shape, levels = self.overview.thumbnails(budget)
        described = describe(self.attention) | {
            "id": self.name,
            "thumb": list(shape),
            "levels": levels,
            "measures": list(self.overview.measures),
            "rollout": self.overview.rollout is not None,
            "noRollout": self.overview.no_rollout,
        }
        return described, thumbnails


def parts_of(side: Attention, number: int = 0, measures: dict[str, np.ndarray] | None = None) -> list[Part]:
    """A side's kinds of attention, each with its overview; the kind that was given comes first.

    Args:
        side: the attention that was given.
        number: which side it is.
        measures: further numbers for the heads of this kind, as for :func:`overview`.
    """
    kinds = tuple(getattr(side, "kinds", (side.kind,)))
    every = [side, *(side.of(kind) for kind in kinds if kind != side.kind)]
    return [Part(f"{number}.{one.kind}", one, overview(one, measures if one is side else None)) for one in every]


def describe(attention: Attention) -> dict[str, Any]:
    """The tokens and sizes of an attention as plain data for JSON; no number in it depends on the weights."""
    described = {
        "kind": attention.kind,
        "model": str(attention.model),
        "layers": attention.layers,
        "heads": attention.heads,
        "rows": list(attention.rows),
        "columns": list(attention.columns),
        "special": [int(flag) for flag in attention.special],
        "segments": [int(segment) for segment in attention.segments],
        "rowSpecial": [int(flag) for flag in attention.row_special],
        "rowSegments": [int(segment) for segment in attention.row_segments],
        "written": int(attention.written),
        "recorded": bool(attention.recorded),
    }
    if attention.kind != "cross":  # the same twice: say it once
        for name in ("columns", "special", "segments"):
            del described[name]
    return described


def to_json(data: Any) -> str:
    """JSON that cannot end a ``<script>`` element or start a comment in it, and survives any encoding."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def compress(data: bytes, numbers: bool = False) -> bytes:
    """zlib. ``numbers``: bytes without repeats, where looking for some costs time and finds nothing."""
    if not numbers:
        return zlib.compress(data, 6)
    packer = zlib.compressobj(1, zlib.DEFLATED, 15, 9, zlib.Z_HUFFMAN_ONLY)
    return packer.compress(data) + packer.flush()


# ---- the overview -------------------------------------------------------------------------------------------------


def overview(attention: Attention, measures: dict[str, np.ndarray] | None = None) -> Overview:
    """Thumbnails, measures and rollout, read head by head so that memory stays small.

    The measures are those of :func:`~llm_course.attention.measures.measure_all`; of a text with more tokens than
    ``LONGEST_WHOLE`` they are means over every second, third, ... row.

    Args:
        attention: the attention to show.
        measures: further measures by name, ``(layers, heads)`` each; they replace ours of the same name.

    Raises:
        BadOption: a measure has another shape.
    """
    layers, heads = attention.layers, attention.heads
    count, width = len(attention.rows), len(attention.columns)
    at = np.arange(0, count, max(1, -(-count // LONGEST_WHOLE)))
    small = (min(THUMBNAIL, len(at)), min(THUMBNAIL, width))
    pooled = np.zeros((layers, heads, *small), np.float32)
    rolls = attention.kind != "cross" and count == width == len(at)
    means = np.zeros((layers, count, width), np.float32) if rolls else None
    gauge = Gauge(attention, at=at)
    for layer in range(layers):
        for head in range(heads):
            weights = _rows(attention, layer, head, at)
            if means is not None:
                means[layer] += weights
            pooled[layer, head] = _pool(weights, small)
            gauge.add(layer, head, weights)
    found = gauge.found
    for name, values in (measures or {}).items():
        values = np.asarray(values, np.float32)
        if values.shape != (layers, heads):
            raise BadOption(
                f"The measure {name!r} has the shape {values.shape}; one number per head is {(layers, heads)}. "
                "Give an array (layers, heads)."
            )
        found[str(name)] = values
    if means is not None:
        means /= heads
        return Overview(pooled, found, rollout(means))
    why = "for self-attention only" if attention.kind == "cross" else f"for up to {LONGEST_WHOLE:,} tokens"
    return Overview(pooled, found, None, why)


def _rows(attention: Attention, layer: int, head: int, at: np.ndarray) -> np.ndarray:
    """Some rows of a head; from queries and keys where that is all there is to it."""
    kind = attention.bias_kind(layer, head) if attention.recorded else "other"
    if kind == "other":
        return attention.head(layer, head)[at]
    query, key = attention.query(layer, head), attention.key(layer, head)
    assert query is not None and key is not None
    bias = _causal(at, len(key)) if kind == "causal" else None
    return _softmax(query[at], key, attention.scale(layer, head), bias)


def _pool(weights: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The largest weight below each pixel: a mean would hide the single bright weights that tell heads apart."""
    for axis in (0, 1):
        if weights.shape[axis] != shape[axis]:
            edges = np.arange(shape[axis]) * weights.shape[axis] // shape[axis]
            weights = np.maximum.reduceat(weights, edges, axis=axis)
    return weights


# ---- one head -----------------------------------------------------------------------------------------------------


def encode_layer(attention: Attention, layer: int) -> Iterator[tuple[bool, bytes]]:
    """All heads of a layer, each compressed by itself, so that the browser unpacks the one that is asked for.

    With each, whether its keys are those of the head before: with grouped queries they are carried once.
    """
    before, key_bits = None, 0
    for head in range(attention.heads):
        here = attention.key(layer, head) if attention.recorded else None
        same = before is not None and here is not None and np.array_equal(before, here)
        data = encode_head(attention, layer, head, key_bits if same else 0)
        shared = bool(data[3] & SAME_KEYS)
        if not shared:
            before, key_bits = here, data[1]
        yield shared, compress(data, numbers=attention.recorded)


def encode_mean(attention: Attention, heads: Iterable[tuple[int, int]]) -> bytes:
    """The mean over some heads, each given as layer and head.

    Raises:
        BadOption: none was given.
    """
    heads = list(heads)
    if not heads:
        raise BadOption("An average needs at least one head. Choose some.")
    total = np.zeros((len(attention.rows), len(attention.columns)), np.float32)
    for layer, head in heads:
        total += attention.head(layer, head)
    return encode_weights(total / len(heads))


def encode_head(attention: Attention, layer: int, head: int, key_bits: int = 0) -> bytes:
    """One head: a header of 16 bytes, then steps, queries and keys, or weights, or both.

    With ``key_bits`` the keys are left out where they do: an earlier head had the same, stored with so many bits.

    Layout, little-endian: content (1 queries and keys, 2 weights, 3 both), bits, bias, flags (one byte each), the
    dimension (uint32), the scale (float32), zero (uint32). With queries and keys: a float32 step for each dimension of
    the queries, then of the keys; with bias "shift" a float32 for each distance from ``1 - rows`` to ``columns - 1``;
    the low bytes of the queries and of the keys, then their high bytes if there are more than 8 bits. With
    weights: a byte each. Padded to 4 bytes.
    """
    query = attention.query(layer, head) if attention.recorded else None
    key = attention.key(layer, head) if attention.recorded else None
    if query is None or key is None:
        return encode_weights(attention.head(layer, head))
    scale, bias, shift = float(attention.scale(layer, head)), attention.bias_kind(layer, head), None
    if bias == "other":
        shift = _shift(attention.bias(layer, head))
        bias = "weights" if shift is None else "shift"
    bits = _bits_needed(query, key, scale, bias, shift, key_bits) if key_bits else None
    same_keys = bits is not None
    bits = bits or _bits_needed(query, key, scale, bias, shift)
    if bits is None:
        bias, bits = "weights", BITS[-1]  # such as scores of many hundreds: their weights travel as they are
    content = QUERIES_AND_KEYS + (WEIGHTS if bias == "weights" else 0)
    parts = [struct.pack("<BBBBIfI", content, bits, BIASES[bias], int(same_keys), query.shape[1], scale, 0)]
    coded = [_fixed(query, bits)] + ([] if same_keys else [_fixed(key, bits)])
    parts += [step.tobytes() for _, step in coded]
    if bias == "shift" and shift is not None:
        parts.append(shift.tobytes())
    offset = [(numbers + (1 << (bits - 1))).astype("<u2") for numbers, _ in coded]
    parts += [(numbers & 255).astype(np.uint8).tobytes() for numbers in offset]
    if bits > 8:
        parts += [(numbers >> 8).astype(np.uint8).tobytes() for numbers in offset]
    if content & WEIGHTS:
        parts.append(_root(attention.head(layer, head)))
    return _padded(parts)


def encode_weights(weights: np.ndarray) -> bytes:
    """Weights ``(rows, columns)`` alone, a byte each on a square-root scale: at most 0.0039 off."""
    return _padded([struct.pack("<BBBBIfI", WEIGHTS, 8, BIASES["weights"], 0, 0, 0.0, 0), _root(weights)])


def _root(weights: np.ndarray) -> bytes:
    return np.rint(np.sqrt(np.clip(weights, 0, 1)) * 255).astype(np.uint8).tobytes()


def _padded(parts: Iterable[bytes]) -> bytes:
    data = b"".join(parts)
    return data + b"\0" * (-len(data) % 4)


def _fixed(numbers: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers of ``bits`` bits and the float32 step of each dimension; their product is nearly ``numbers``."""
    step = (np.abs(numbers).max(axis=0) / ((1 << (bits - 1)) - 1)).astype("<f4")
    step[step == 0] = 1
    return np.rint(numbers / step).astype(np.int32), step


def _bits_needed(
    query: np.ndarray, key: np.ndarray, scale: float, bias: str, shift: np.ndarray | None, key_bits: int = 0
) -> int | None:
    """The fewest bits with which sampled rows come back right; ``None`` if none are enough."""
    if bias == "weights":
        return None if key_bits else 10  # the weights travel too, and these only explain them
    # Evenly spread rows, and those with the longest queries: the errors of the keys are multiplied by them.
    even = np.linspace(0, len(query) - 1, SAMPLED_ROWS).astype(int)
    at = np.union1d(even, np.argsort(-np.square(query).sum(axis=1), kind="stable")[:SAMPLED_ROWS])
    mask = _causal(at, len(key)) if bias == "causal" else None if shift is None else _unshifted(shift, at, len(key))
    exact = _softmax(query[at], key, scale, mask)
    for bits in BITS:
        (q, q_step), (k, k_step) = _fixed(query, bits), _fixed(key, key_bits or bits)
        if np.abs(_softmax(q[at] * q_step, k * k_step, scale, mask) - exact).max() <= SAMPLED_TOLERANCE:
            return bits
    return None


def _softmax(query: np.ndarray, key: np.ndarray, scale: float, bias: np.ndarray | None) -> np.ndarray:
    scores = (query * np.float32(scale)) @ key.T
    if bias is not None:
        scores += bias
    scores -= scores.max(axis=1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=1, keepdims=True)
    return scores


def _causal(at: np.ndarray, columns: int) -> np.ndarray:
    return np.where(np.arange(columns) > at[:, None], np.float32(-np.inf), np.float32(0))


def _shift(bias: np.ndarray | None) -> np.ndarray | None:
    """A bias that depends on the distance only, as float32 by distance; ``None`` for any other.

    T5's positions, ALiBi and sliding windows do. A constant per row changes no weight, so the diagonal may be
    taken off first.
    """
    if bias is None:
        return None
    bias = np.asarray(bias, np.float32)
    tries = [bias]
    if bias.shape[0] == bias.shape[1] and np.isfinite(np.diagonal(bias)).all():
        tries.append(bias - np.diagonal(bias)[:, None])
    for one in tries:
        by_distance = np.concatenate([one[::-1, 0], one[0, 1:]]).astype("<f4")
        if np.allclose(_unshifted(by_distance, np.arange(len(one)), one.shape[1]), one, rtol=1e-5, atol=1e-5):
            return by_distance
    return None


def _unshifted(by_distance: np.ndarray, at: np.ndarray, columns: int) -> np.ndarray:
    rows = len(by_distance) - columns + 1
    return np.lib.stride_tricks.sliding_window_view(by_distance, columns)[rows - 1 - at]
