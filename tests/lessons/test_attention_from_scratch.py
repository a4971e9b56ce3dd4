"""The exercises: the solutions pass, and each typical mistake gets its own diagnosis."""

from __future__ import annotations

import numpy as np
import pytest

from llm_course.checks.exercises import Wrong, find
from llm_course.lessons.attention_from_scratch import exercises
from llm_course.lessons.attention_from_scratch.exercises import Stopped, softmax


def solved(name):
    space = {"np": np}
    exec(find(name).solution, space)
    return space[name]


def weights(combine=lambda q, k: q @ k.T, scale=lambda s, d: s / np.sqrt(d), share=softmax):
    return lambda Q, K: share(scale(combine(Q, K), Q.shape[-1]))


def whole(scale=lambda s, d: s / np.sqrt(d), share=softmax, mask=None, late=None, give=lambda w, K, V: (w @ V, w)):
    """attention() with a part replaced; ``mask`` changes scores before softmax, ``late`` the weights after it."""

    def keep(s):
        return np.where(np.tri(*s.shape, dtype=bool), s, -np.inf)

    def function(Q, K, V, causal=False):
        scores = scale(Q @ K.T, Q.shape[-1])
        if causal:
            scores = (mask or keep)(scores) if late is None else scores
        w = share(scores)
        if causal and late is not None:
            w = late(w)
        return give(w, K, V)

    return function


def test_the_course_s_own_by_hand():
    # The three tokens of the lesson: scores 4, 2, 0, scaled 2, 1, 0; e to these: 7.39, 2.72, 1.
    Q, K = np.array([[2.0, 0, 0, 0]]), np.array([[2.0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1]])
    V = np.array([[1.0, 0], [0, 1], [0, 0]])
    outputs, found = exercises.attention(Q, K, V)
    assert found.round(2).tolist() == [[0.67, 0.24, 0.09]]
    assert outputs.round(2).tolist() == [[0.67, 0.24]]


def test_the_course_s_own_is_torch_s():
    import torch

    rng = np.random.default_rng(0)
    Q, K, V = (rng.normal(size=(6, 8)) for _ in range(3))
    for causal in (False, True):
        theirs = torch.nn.functional.scaled_dot_product_attention(
            *(torch.tensor(t)[None] for t in (Q, K, V)), is_causal=causal
        )
        assert np.allclose(exercises.attention(Q, K, V, causal=causal)[0], theirs[0].numpy())


def test_right_answers_pass():
    assert "sums to 1" in exercises.check_attention_weights(solved("attention_weights"))
    assert "with the mask" in exercises.check_attention(solved("attention"))
    assert exercises.check_attention_weights(weights())
    assert exercises.check_attention(exercises.attention)
    assert exercises.check_attention(whole())


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (weights(share=lambda s: softmax(s, axis=0)), "down the columns"),
        (weights(share=lambda s: np.exp(s) / np.exp(s).sum()), "All your weights together"),
        (weights(scale=lambda s, d: s), "without scaling"),
        (weights(scale=lambda s, d: s / d), "divide by d"),
        (weights(scale=lambda s, d: s * np.sqrt(d)), "should divide"),
        (lambda Q, K: softmax(Q @ K.T) / np.sqrt(5), "scores that are divided"),
        (weights(scale=lambda s, d: s / np.sqrt(len(s))), "number of tokens"),
        (weights(combine=lambda q, k: k @ q.T), "transposed"),
        (lambda Q, K: Q @ K.T / np.sqrt(5), "scores still"),
        (lambda Q, K: np.exp(Q @ K.T / np.sqrt(5)), "powers"),
        (lambda Q, K: np.exp(Q @ K.T / 5**0.5) / np.exp(Q @ K.T / 5**0.5).sum(-1, keepdims=True), "overflows"),
        (lambda Q, K: softmax(Q @ K.T / np.sqrt(5))[0], "shape"),
        (lambda Q, K: softmax(Q @ K.T + 0 * Q[:, :1] + np.arange(3)), "query 0"),
        (lambda Q, K: "sharp", "table of numbers"),
    ],
)
def test_mistakes_with_the_weights(answer, diagnosis):
    with pytest.raises(Wrong, match=diagnosis):
        exercises.check_attention_weights(answer)


def upper(s):
    return np.where(np.triu(np.ones_like(s, dtype=bool)), s, -np.inf)


def strict(s):
    return np.where(np.tri(*s.shape, k=-1, dtype=bool), s, -np.inf)


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (whole(give=lambda w, K, V: w), "weights alone"),
        (whole(give=lambda w, K, V: w @ V), "outputs alone"),
        (whole(give=lambda w, K, V: (w, w @ V)), "wrong order"),
        (whole(give=lambda w, K, V: (w, w)), "forgot the values"),
        (whole(give=lambda w, K, V: (w @ K, w)), "sums of keys"),
        (whole(give=lambda w, K, V: (w @ V + 1, w)), "weighted sum of V"),
        (whole(give=lambda w, K, V: "both"), "two tables"),
        (whole(share=lambda s: softmax(s, axis=0)), "down the columns"),
        (whole(scale=lambda s, d: s), "without scaling"),
        (whole(scale=lambda s, d: s / d), "divide by d"),
        (whole(share=lambda s: softmax(s + np.arange(s.shape[1]))), "Without a mask"),
        (whole(mask=lambda s: s), "nothing changes"),
        (whole(late=lambda w: w * np.tri(4)), "masked after softmax"),
        (whole(mask=lambda s: s * np.tri(4)), "scores to 0"),
        (whole(mask=upper), "wrong triangle"),
        (whole(mask=strict), "diagonal stays"),
        (whole(mask=lambda s: s + -np.inf * (1 - np.tri(4))), "not a number"),
        (whole(mask=lambda s: np.where(np.tri(4, k=1, dtype=bool), s, -np.inf)), "comes after it"),
        (whole(late=lambda w: softmax(np.log(w) * np.tri(4) - 50 * (1 - np.tri(4)) + np.arange(4))), "row 1 should"),
    ],
)
def test_mistakes_with_attention(answer, diagnosis):
    with np.errstate(all="ignore"), pytest.raises(Wrong, match=diagnosis):
        exercises.check_attention(answer)


def test_a_mask_that_is_always_there_or_misses_the_outputs():
    def always(Q, K, V, causal=False):
        return exercises.attention(Q, K, V, causal=len(Q) == len(K))

    def half(Q, K, V, causal=False):
        return exercises.attention(Q, K, V)[0], exercises.attention(Q, K, V, causal)[1]

    with pytest.raises(Wrong, match="even with causal=False"):
        exercises.check_attention(always)
    with pytest.raises(Wrong, match="masked weights for both"):
        exercises.check_attention(half)


def broken(Q, K, V, causal=False):
    raise RuntimeError("no")


def blank(Q, K, V, causal=False): ...


def test_the_reader_s_own_is_used_once_it_is_right(capsys):
    mine = whole()
    assert exercises.yours_or_ours(mine) is mine
    assert "your attention()" in capsys.readouterr().out
    for answer in (blank, broken, whole(scale=lambda s, d: s), None, 3):
        assert exercises.yours_or_ours(answer) is exercises.attention
        assert "the course's own" in capsys.readouterr().out
    assert issubclass(Stopped, BaseException)
