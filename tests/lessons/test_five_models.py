"""The exercises: the solutions pass, BLOOM agrees with them, and each mistake gets its own diagnosis."""

from __future__ import annotations

import numpy as np
import pytest

from llm_course.checks.exercises import Wrong, find
from llm_course.lessons.five_models import exercises

UP = np.triu(np.ones((9, 9), dtype=bool), 1)


def solved(name: str):
    space: dict = {"np": np}
    exec(find(name).solution, space)
    return space[name]


def bias(table, ahead=-np.inf):
    """An answer whose entries are ``table(slope, distance)``, and ``ahead`` above the diagonal."""

    def function(slopes, length):
        distance = np.arange(length)[:, None] - np.arange(length)
        return np.stack([np.where(distance >= 0, table(s, distance), ahead) for s in slopes])

    return function


def test_right_answers_pass() -> None:
    assert "pace" in exercises.check_alibi_slopes(solved("alibi_slopes"))
    assert "BLOOM" in exercises.check_alibi_bias(solved("alibi_bias"))
    assert "BLOOM" in exercises.check_alibi_bias(exercises.alibi_bias)


def test_known_slopes() -> None:
    assert exercises.alibi_slopes(8).tolist() == pytest.approx([2**-n for n in range(1, 9)])
    assert exercises.alibi_slopes(4).tolist() == pytest.approx([2**-n for n in (2, 4, 6, 8)])


def test_bloom_weights_are_the_same() -> None:
    """BLOOM adds slope times place of the key, which differs by a constant a row: softmax does not see it."""
    torch = pytest.importorskip("torch")
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor

    heads, length = 4, 7
    theirs = build_alibi_tensor(torch.ones(1, length), heads, torch.float32).view(heads, 1, length).numpy()
    scores = np.random.default_rng(0).normal(size=(heads, length, length))
    masked = np.where(UP[:length, :length], -np.inf, scores + theirs)
    ours = scores + exercises.alibi_bias(exercises.alibi_slopes(heads), length)

    def softmax(x):
        powers = np.exp(x - x.max(-1, keepdims=True))
        return powers / powers.sum(-1, keepdims=True)

    assert np.abs(softmax(masked) - softmax(ours)).max() < 1e-6


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda heads: None, "Not written yet"),
        (lambda heads: ..., "Not written yet"),
        (lambda heads: [2 ** ... for _ in range(heads)], "Not written yet"),
        (lambda heads: [2 ** (8 / heads * i) for i in range(1, heads + 1)], "grow"),
        (lambda heads: [-(2 ** (-8 / heads * i)) for i in range(1, heads + 1)], "negative"),
        (lambda heads: [2 ** (-8 / heads * i) for i in range(heads)], "first slope is 1"),
        (lambda heads: [i / 2 for i in range(1, heads + 1)], "equal steps"),
        (lambda heads: [2.0**-i for i in range(1, heads + 1)], "same steps"),
        (lambda heads: [2.0**-i for i in range(1, 9)], "With 4 they should be"),
        (lambda heads: [3.0**-i for i in range(1, heads + 1)], "is asked for; yours begin"),
        (lambda heads: 0.5, "one a head"),
        (lambda heads: "slopes", "where numbers are expected"),
        ([0.5, 0.25], "not a function"),
    ],
)
def test_slope_mistakes(answer, diagnosis) -> None:
    with pytest.raises(Wrong, match=diagnosis):
        exercises.check_alibi_slopes(answer)


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda slopes, length: ..., "Not written yet"),
        (lambda slopes, length: exercises.alibi_bias(slopes, length)[0], "one table"),
        (lambda slopes, length: exercises.alibi_bias(slopes, length + 1), r"the shape is \(2, 4, 4\)"),
        (lambda slopes, length: exercises.alibi_bias(slopes, length).swapaxes(1, 2), "exchanged"),
        (bias(lambda s, d: s * d), "more"),
        (bias(lambda s, d: -d), "Both heads"),
        (bias(lambda s, d: -s * d**2), "Row 2"),
        (bias(lambda s, d: -s * d, ahead=0), "forbids nothing"),
        (bias(lambda s, d: -s * d, ahead=-1), "look ahead"),
        (lambda slopes, length: np.concatenate([exercises.alibi_bias(slopes[:2], length)] * 1), "a number written in"),
        ("bias", "not a function"),
    ],
)
def test_bias_mistakes(answer, diagnosis) -> None:
    with pytest.raises(Wrong, match=diagnosis):
        exercises.check_alibi_bias(answer)
