"""What is sent to the browser, decoded again here: sizes, layout, and weights within the promised distance.

Knows nothing about JavaScript; ``tests/browser/test_explorer.py`` compares the browser's own decoding.
"""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from made_up_attention import MadeUp

from llm_course.attention import payload
from llm_course.errors import BadOption


def decoded(data: bytes, rows: int, columns: int, before: np.ndarray | None = None) -> dict[str, Any]:
    """A head's bytes read by the description in ``encode_head``, written independently of the encoder."""
    content, bits, bias, flags, d, scale, zero = struct.unpack_from("<BBBBIfI", data)
    at, found = 16, {"bits": bits, "bias": bias, "flags": flags, "zero": zero}

    def take(count: int, kind: str) -> np.ndarray:
        nonlocal at
        part = np.frombuffer(data, kind, count, at)
        at += part.nbytes
        return part

    if content & 1:
        own = not flags & 1
        steps = [take(d, "<f4"), take(d, "<f4") if own else None]
        shift = take(rows + columns - 1, "<f4") if bias == 2 else None
        sizes = [rows * d, columns * d] if own else [rows * d]
        low = [take(n, "u1").astype(int) for n in sizes]
        high = [take(n, "u1").astype(int) for n in sizes] if bits > 8 else [np.zeros(n, int) for n in sizes]
        whole = [
            ((lo + 256 * hi - 2 ** (bits - 1)).reshape(-1, d) * step)
            for lo, hi, step in zip(low, high, steps, strict=False)
        ]
        query, key = whole[0], whole[1] if own else before
        scores = query @ key.T * scale
        if bias == 1:
            scores[np.arange(columns) > np.arange(rows)[:, None]] = -np.inf
        if shift is not None:
            scores += [[shift[j - i + rows - 1] for j in range(columns)] for i in range(rows)]
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        found |= {"key": key, "weights": weights / weights.sum(axis=1, keepdims=True)}
    if content & 2:
        found["weights"] = (take(rows * columns, "u1").reshape(rows, columns) / 255.0) ** 2
    assert len(data) % 4 == 0 and len(data) - at < 4
    return found


@pytest.mark.parametrize("sharp", [0.3, 3.0, 40.0])
@pytest.mark.parametrize("bias", ["none", "causal", "alibi", "window", "other"])
def test_every_weight_comes_back_within_the_promise(bias: str, sharp: float) -> None:
    attention = MadeUp(150, layers=1, heads=3, d=16, bias=bias, sharp=sharp)
    for head in range(3):
        found = decoded(payload.encode_head(attention, 0, head), 150, 150)
        assert np.abs(found["weights"] - attention.head(0, head)).max() <= payload.TOLERANCE


@pytest.mark.parametrize(("bias", "code"), [("none", 0), ("causal", 1), ("alibi", 2), ("window", 2), ("other", 3)])
def test_a_bias_is_named_by_what_it_is(bias: str, code: int) -> None:
    attention = MadeUp(40, bias=bias)
    data = payload.encode_head(attention, 0, 0)
    assert data[2] == code
    plain = 16 + 2 * 8 * 4 + 2 * 40 * 8 * (1 if data[1] == 8 else 2)
    assert len(data) == plain + {2: 4 * 79, 3: 40 * 40}.get(code, 0), "only a bias of no known form costs all weights"


def test_sharper_heads_get_more_bits() -> None:
    bits = [payload.encode_head(MadeUp(64, d=32, sharp=sharp), 0, 0)[1] for sharp in (0.2, 3.0, 60.0)]
    assert bits == sorted(bits) and bits[0] == 8 < bits[2]


def test_hand_made_head_byte_by_byte() -> None:
    attention = MadeUp(2, layers=1, heads=1, d=1)
    attention._q, attention._k = np.array([[[[0.0], [1.0]]]], np.float32), np.array([[[[2.0], [-2.0]]]], np.float32)
    data = payload.encode_head(attention, 0, 0)
    assert data[:4] == bytes([1, 8, 0, 0]) and struct.unpack_from("<IfI", data, 4) == (1, 1.0, 0)
    assert struct.unpack_from("<ff", data, 16) == pytest.approx((1 / 127, 2 / 127))
    assert data[24:] == bytes([128, 255, 255, 1]), "128 is zero; 255 and 1 are the ends"


def test_unrecorded_heads_travel_as_weights() -> None:
    attention = MadeUp(30, 20, recorded=False)
    data = payload.encode_head(attention, 1, 2)
    assert len(data) == 16 + 600 and data[0] == 2
    assert np.abs(decoded(data, 30, 20)["weights"] - attention.head(1, 2)).max() <= payload.TOLERANCE


def test_grouped_queries_carry_their_keys_once() -> None:
    attention = MadeUp(60, layers=1, heads=4, d=16, groups=2, bias="causal")
    data, at, before, sizes = payload.encode_layer(attention, 0), 0, None, []
    for head in range(4):
        (length,) = struct.unpack_from("<I", data, at)
        found = decoded(data[at + 4 : at + 4 + length], 60, 60, before)
        assert found["flags"] == head % 2
        assert np.abs(found["weights"] - attention.head(0, head)).max() <= payload.TOLERANCE
        before, at = found["key"], at + 4 + length
        sizes.append(length)
    assert at == len(data) and sizes[1] < 0.7 * sizes[0]


def test_one_head_of_a_layer() -> None:
    attention = MadeUp(10, layers=1, heads=3)
    data = payload.encode_layer(attention, 0, only=1)
    head = payload.encode_head(attention, 0, 1)
    assert data == struct.pack("<I", 0) + struct.pack("<I", len(head)) + head + struct.pack("<I", 0)


def test_pooling_keeps_the_largest_weight_below_a_pixel() -> None:
    weights = np.zeros((4, 6), np.float32)
    weights[3, 5], weights[0, 2] = 0.9, 0.4
    assert np.allclose(payload._pool(weights, (2, 3)), [[0, 0.4, 0], [0, 0, 0.9]])
    assert payload._pool(np.eye(5, dtype=np.float32), (2, 2)).tolist() == [[1, 0], [0, 1]], "uneven blocks too"


def test_measures_of_known_heads() -> None:
    attention = MadeUp(4, layers=1, heads=3, special=[True, False, False, True])
    heads = [
        np.eye(4),
        np.full((4, 4), 0.25),
        np.array([[1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]),
    ]
    attention.bias_kind = lambda layer, head: "other"  # type: ignore[method-assign]
    attention.head = lambda layer, head: heads[head].astype(np.float32)  # type: ignore[method-assign]
    found = {name: values[0].tolist() for name, values in payload.overview(attention).measures.items()}
    assert found["entropy"] == pytest.approx([0, 2, 0], abs=1e-5)
    assert found["mean distance"] == pytest.approx([0, 1.25, 0.75])
    assert found["diagonal"] == pytest.approx([1, 0.25, 0.25])
    assert found["previous token"] == pytest.approx([0, 0.25, 1])
    assert found["first token"] == pytest.approx([0.25, 0.25, 0.5])
    assert found["separators"] == pytest.approx([0.5, 0.5, 0.5])


def test_other_measures_join_and_replace() -> None:
    attention = MadeUp(5)
    own = {"induction": np.arange(6).reshape(2, 3), "entropy": np.zeros((2, 3))}
    found = payload.overview(attention, own).measures
    assert found["induction"].tolist() == [[0, 1, 2], [3, 4, 5]] and not found["entropy"].any() and "diagonal" in found
    with pytest.raises(BadOption, match=r"'induction' has the shape \(3,\).*\(2, 3\)"):
        payload.overview(attention, {"induction": np.zeros(3)})


def test_rollout_by_hand() -> None:
    one, two = np.array([[1, 0], [0.5, 0.5]]), np.array([[1, 0], [1, 0]])
    # (two + I)/2 @ (one + I)/2 = [[1, 0], [.5, .5]] @ [[1, 0], [.25, .75]]
    assert np.allclose(payload.rollout(np.array([one, two], np.float32)), [[1, 0], [0.625, 0.375]])


def test_rollout_only_where_rows_and_columns_are_the_same_tokens() -> None:
    assert payload.overview(MadeUp(6, 6)).rollout is None
    found = payload.overview(MadeUp(6, bias="causal")).rollout
    assert found is not None and np.allclose(found.sum(axis=1), 1, atol=1e-5)


def test_thumbnails_fit_their_budget() -> None:
    seen = payload.overview(MadeUp(100, layers=3, heads=4, d=16))
    data, shape, levels = seen.thumbnails(10**9)
    assert shape == (64, 64) and levels == 256
    image = np.frombuffer(zlib.decompress(data), np.uint8).reshape(3, 4, 64, 64)
    assert image.max(axis=(2, 3)).tolist() == [[255] * 4] * 3, "each head has its own scale"
    assert np.abs((image[1, 2] / 255.0) ** 2 * seen.pooled[1, 2].max() - seen.pooled[1, 2]).max() < 0.004
    for budget in (30_000, 3_000, 300):
        data, shape, levels = seen.thumbnails(budget)
        image = np.frombuffer(zlib.decompress(data), np.uint8)
        assert len(data) <= budget and image.size == 12 * shape[0] * shape[1] and image.max() == levels - 1


def test_long_texts_are_sampled_for_the_overview(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "LONGEST_WHOLE", 50)
    attention = MadeUp(120, layers=1, heads=1, bias="causal")
    seen = payload.overview(attention)
    every = attention.head(0, 0)[::3]
    assert seen.rollout is None and seen.pooled.shape == (1, 1, 40, 64)
    expected = -(every * np.log2(np.maximum(every, 1e-12))).sum(axis=1).mean()
    assert seen.measures["entropy"][0, 0] == pytest.approx(expected, rel=1e-4)


def test_json_ends_no_script() -> None:
    nasty = ["</script>", "<!--", "]]>", "&amp;", "\u2028", "\ud83d", "é"]
    text = payload.to_json(nasty)
    assert not set("<>&") & set(text) and text.isascii() and json.loads(text) == nasty


def test_the_size_that_the_course_promises() -> None:
    """12 layers of 12 heads at 512 tokens: one layer here, all of it in the benchmark."""
    attention = MadeUp(512, layers=1, heads=12, d=64, sharp=3, bias="causal")
    size = len(payload.compress(payload.encode_layer(attention, 0), numbers=True)) * 4 / 3 * 12
    assert size <= 26_000_000
