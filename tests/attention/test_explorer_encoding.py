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

from llm_course.attention.explorer import encoding
from llm_course.attention.measures import measure_all, measure_names
from llm_course.errors import BadOption
from rounding import SHARE


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
        found = decoded(encoding.encode_head(attention, 0, head), 150, 150)
        assert np.abs(found["weights"] - attention.head(0, head)).max() <= encoding.TOLERANCE


@pytest.mark.parametrize(("bias", "code"), [("none", 0), ("causal", 1), ("alibi", 2), ("window", 2), ("other", 3)])
def test_a_bias_is_named_by_what_it_is(bias: str, code: int) -> None:
    attention = MadeUp(40, bias=bias)
    data = encoding.encode_head(attention, 0, 0)
    assert data[2] == code
    plain = 16 + 2 * 8 * 4 + 2 * 40 * 8 * (1 if data[1] == 8 else 2)
    assert len(data) == plain + {2: 4 * 79, 3: 40 * 40}.get(code, 0), "only a bias of no known form costs all weights"


def test_sharper_heads_get_more_bits() -> None:
    bits = [encoding.encode_head(MadeUp(64, d=32, sharp=sharp), 0, 0)[1] for sharp in (0.2, 3.0, 60.0)]
    assert bits == sorted(bits) and bits[0] == 8 < bits[2]


def test_hand_made_head_byte_by_byte() -> None:
    attention = MadeUp(2, layers=1, heads=1, d=1)
    attention._q, attention._k = np.array([[[[0.0], [1.0]]]], np.float32), np.array([[[[2.0], [-2.0]]]], np.float32)
    data = encoding.encode_head(attention, 0, 0)
    assert data[:4] == bytes([1, 8, 0, 0]) and struct.unpack_from("<IfI", data, 4) == (1, 1.0, 0)
    assert struct.unpack_from("<ff", data, 16) == pytest.approx((1 / 127, 2 / 127))
    assert data[24:] == bytes([128, 255, 255, 1]), "128 is zero; 255 and 1 are the ends"


def test_unrecorded_heads_travel_as_weights() -> None:
    attention = MadeUp(30, 20, recorded=False)
    data = encoding.encode_head(attention, 1, 2)
    assert len(data) == 16 + 600 and data[0] == 2
    assert np.abs(decoded(data, 30, 20)["weights"] - attention.head(1, 2)).max() <= encoding.TOLERANCE


def test_grouped_queries_carry_their_keys_once() -> None:
    attention = MadeUp(60, layers=1, heads=4, d=16, groups=2, bias="causal")
    before, sizes = None, []
    for head, (shared, packed) in enumerate(encoding.encode_layer(attention, 0)):
        data = zlib.decompress(packed)
        found = decoded(data, 60, 60, before)
        assert found["flags"] == head % 2 == shared
        assert np.abs(found["weights"] - attention.head(0, head)).max() <= encoding.TOLERANCE
        before = found["key"]
        sizes.append(len(data))
    assert len(sizes) == 4 and sizes[1] < 0.7 * sizes[0]


def test_a_layer_holds_its_heads_each_compressed_by_itself() -> None:
    for attention in (MadeUp(10, layers=2, heads=3), MadeUp(10, layers=2, heads=3, recorded=False)):
        found = [(shared, zlib.decompress(data)) for shared, data in encoding.encode_layer(attention, 1)]
        assert found == [(False, encoding.encode_head(attention, 1, head)) for head in range(3)]


def test_pooling_keeps_the_largest_weight_below_a_pixel() -> None:
    weights = np.zeros((4, 6), np.float32)
    weights[3, 5], weights[0, 2] = 0.9, 0.4
    assert np.allclose(encoding._pool(weights, (2, 3)), [[0, 0.4, 0], [0, 0, 0.9]])
    assert encoding._pool(np.eye(5, dtype=np.float32), (2, 2)).tolist() == [[1, 0], [0, 1]], "uneven blocks too"


WORDS = "[CLS] the cat saw the dog and the cat . [SEP]".split()
EACH = [
    {"special": [word[0] == "[" for word in WORDS]},
    {"bias": "causal"},
    {"bias": "alibi", "kind": "decoder"},
    {"bias": "window"},
    {"bias": "other"},
    {"recorded": False},
    {"columns": ["le", "chat", "</s>"]},
]


@pytest.mark.parametrize("given", EACH, ids=str)
def test_the_overview_has_the_measures_of_the_package(given: dict[str, Any]) -> None:
    attention = MadeUp(WORDS, **given)
    found, wanted = encoding.overview(attention).measures, measure_all(attention)
    assert list(found) == list(wanted) == list(measure_names(attention))
    assert ("next token" in found) is (attention.kind == "encoder")
    for name, values in wanted.items():
        assert np.allclose(found[name], values, atol=SHARE, equal_nan=True), name


def test_a_text_of_one_token_has_no_measures() -> None:
    seen = encoding.overview(MadeUp(1))
    assert seen.measures == {} and zlib.decompress(seen.numbers()) == b""


def test_other_measures_join_and_replace() -> None:
    attention = MadeUp(5)
    own = {"induction": np.arange(6).reshape(2, 3), "entropy": np.zeros((2, 3))}
    found = encoding.overview(attention, own).measures
    assert found["induction"].tolist() == [[0, 1, 2], [3, 4, 5]] and not found["entropy"].any() and "diagonal" in found
    with pytest.raises(BadOption, match=r"'induction' has the shape \(3,\).*\(2, 3\)"):
        encoding.overview(attention, {"induction": np.zeros(3)})


def test_rollout_by_hand() -> None:
    one, two = np.array([[1, 0], [0.5, 0.5]]), np.array([[1, 0], [1, 0]])
    attention = MadeUp(2, layers=2, heads=1, recorded=False)
    attention.head = lambda layer, head: np.array((one, two)[layer], np.float32)  # type: ignore[method-assign]
    # (two + I)/2 @ (one + I)/2 = [[1, 0], [.5, .5]] @ [[1, 0], [.25, .75]]
    assert np.allclose(encoding.overview(attention).rollout, [[1, 0], [0.625, 0.375]])


def test_rollout_only_where_rows_and_columns_are_the_same_tokens() -> None:
    crossed = encoding.overview(MadeUp(6, 6))
    assert crossed.rollout is None and crossed.no_rollout == "for self-attention only"
    found = encoding.overview(MadeUp(6, bias="causal")).rollout
    assert found is not None and np.allclose(found.sum(axis=1), 1, atol=SHARE)


def test_thumbnails_fit_their_budget() -> None:
    seen = encoding.overview(MadeUp(100, layers=3, heads=4, d=16))
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
    monkeypatch.setattr(encoding, "LONGEST_WHOLE", 50)
    attention = MadeUp(120, layers=1, heads=1, bias="causal", special=[False] * 60 + [True] + [False] * 59)
    seen = encoding.overview(attention)
    every = attention.head(0, 0)[::3]
    assert seen.rollout is None and seen.pooled.shape == (1, 1, 40, 64)
    at = np.arange(0, 120, 3)
    expected = {
        "entropy": -(every * np.log2(np.maximum(every, 1e-12))).sum(axis=1)[1:].mean(),
        "previous token": every[np.arange(1, 40), at[1:] - 1].mean(),
        "mean distance": (every * np.abs(at[:, None] - np.arange(120))).sum(axis=1)[1:].mean(),
        "separators": every[20:, 60].mean(),
    }
    for name, value in expected.items():
        assert seen.measures[name][0, 0] == pytest.approx(value, rel=1e-4), name
    assert "tokens" in seen.no_rollout


def test_json_ends_no_script() -> None:
    nasty = ["</script>", "<!--", "]]>", "&amp;", "\u2028", "\ud83d", "é"]
    text = encoding.to_json(nasty)
    assert not set("<>&") & set(text) and text.isascii() and json.loads(text) == nasty


def test_the_size_that_the_course_promises() -> None:
    """12 layers of 12 heads at 512 tokens: one layer here, all of it in the benchmark."""
    attention = MadeUp(512, layers=1, heads=12, d=64, sharp=3, bias="causal")
    size = sum(len(data) for _, data in encoding.encode_layer(attention, 0)) * 4 / 3 * 12
    assert size <= 26_000_000
