"""Interpolated Kneser-Ney against counts made by hand and against a plain, slow program of the same formulas."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import pytest

from llm_course.minis.baselines.kneser_ney import KneserNey, bits_per_byte, discounts_of


def test_bigrams_by_hand() -> None:
    # Two texts over the tokens 0, 1, 2 (2 ends a text): "0 1 2" and "0 0 2"; ^ stands before each.
    model = KneserNey(vocabulary=3, order=2).fit([[0, 1, 2], [0, 0, 2]])
    # Bigrams: ^0 twice; 01, 12, 00, 02 once. n1 = 4, n2 = 1, so D2 = 4 / 6.
    # Sides of single tokens: 0 after ^ and 0: 2; 1 after 0: 1; 2 after 1 and 0: 2. n1 = 1, n2 = 2, so D1 = 1 / 5.
    d1, d2 = 1 / 5, 4 / 6
    assert model.orders[0].discounts[1] == pytest.approx(d1)
    assert model.orders[1].discounts[1] == pytest.approx(d2)
    single = [(count - d1) / 5 + 3 * d1 / 5 / 3 for count in (2, 1, 2)]
    after_0 = [(1 - d2) / 3 + 3 * d2 / 3 * p for p in single]  # 0, 1 and 2 once each after 0
    assert model.probabilities([0]) == pytest.approx(after_0)
    at_start = [(2 - d2) / 2 + d2 / 2 * single[0], d2 / 2 * single[1], d2 / 2 * single[2]]
    assert model.probabilities([]) == pytest.approx(at_start)
    after_1 = [d2 * single[0], d2 * single[1], (1 - d2) + d2 * single[2]]
    expected = math.log(at_start[0]) + math.log(after_0[1]) + math.log(after_1[2])
    assert model.logprobs([0, 1, 2]).sum() == pytest.approx(expected)


class Slow:
    """The same formulas with dictionaries, one n-gram at a time."""

    def __init__(self, sequences: Sequence[Sequence[int]], vocabulary: int, order: int, modified: bool) -> None:
        self.vocabulary, self.order = vocabulary, order
        plain: list[Counter[tuple[int, ...]]] = [Counter() for _ in range(order + 1)]
        left: dict[tuple[int, ...], set[int]] = defaultdict(set)
        for sequence in sequences:
            row = (-1, *sequence)
            for end in range(1, len(row)):
                for length in range(1, order + 1):
                    if end - length + 1 >= 0:
                        gram = row[end - length + 1 : end + 1]
                        plain[length][gram] += 1
                        if end - length >= 0:
                            left[gram].add(row[end - length])
        self.counts: list[dict[tuple[int, ...], int]] = [{}]
        for length in range(1, order + 1):
            keep = {g for g in plain[length] if length == order or g[0] == -1}
            self.counts.append({g: c if g in keep else len(left[g]) for g, c in plain[length].items()})
        self.discounts = [
            discounts_of(np.array(list(counts.values()), dtype=np.int64), modified) for counts in self.counts
        ]

    def probability(self, context: tuple[int, ...], token: int) -> float:
        context = context[max(0, len(context) - self.order + 1) :]
        length = len(context) + 1
        shorter = self.probability(context[1:], token) if context else 1 / self.vocabulary
        follows = [c for g, c in self.counts[length].items() if g[:-1] == context]
        if not follows:
            return shorter
        take = self.discounts[length]
        own = self.counts[length].get((*context, token), 0)
        freed = sum(take[min(c, 3)] for c in follows)
        return float((own - take[min(own, 3)] + freed * shorter) / sum(follows))


@pytest.fixture(scope="module")
def texts() -> list[list[int]]:
    random = np.random.default_rng(3)
    return [[*random.zipf(1.6, size=random.integers(1, 30)).clip(max=8).tolist(), 0] for _ in range(60)]


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("modified", [False, True])
def test_equals_the_slow_program(texts: list[list[int]], order: int, modified: bool) -> None:
    train, test = texts[:45], texts[45:]
    model = KneserNey(10, order, modified).fit(train)
    slow = Slow(train, 10, order, modified)
    for sequence in [*test, *train[:3], [9, 9, 0], []]:
        row = (-1, *sequence)
        expected = [slow.probability(row[:i], row[i]) for i in range(1, len(row))]
        assert np.exp(model.logprobs(sequence)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("modified", [False, True])
def test_probabilities_sum_to_one_and_none_is_zero(texts: list[list[int]], modified: bool) -> None:
    model = KneserNey(10, 5, modified).fit(texts)
    contexts = [[], [1], [9], texts[0][:3], texts[1][:7], [9, 9, 9, 9, 9], [0]]
    for context in contexts:
        for start in (True, False):
            shares = model.probabilities(context, start)
            assert shares.shape == (10,)
            assert shares.sum() == pytest.approx(1, abs=1e-12)
            assert shares.min() > 0


def test_logprobs_and_probabilities_agree(texts: list[list[int]]) -> None:
    model = KneserNey(10, 4).fit(texts[:40])
    sequence = texts[50]
    one_by_one = [math.log(model.probabilities(sequence[:i])[token]) for i, token in enumerate(sequence)]
    assert model.logprobs(sequence) == pytest.approx(one_by_one)


def test_no_ngram_crosses_from_one_text_into_the_next() -> None:
    apart = KneserNey(4, 3).fit([[1, 2], [3, 0]])
    assert len(apart.orders[1].keys) == 4  # ^1, 12, ^3, 30, but not 23
    joined = KneserNey(4, 3).fit([[1, 2, 3, 0]])
    assert apart.probabilities([1, 2])[3] < joined.probabilities([1, 2])[3]


def test_bits_per_byte_by_hand() -> None:
    # One token that always follows itself, vocabulary 2: unigram counts 4 and 0, no discount known: 0.5.
    # p(0) = (4 - 0.5) / 4 + 0.5 / 4 / 2 = 0.9375
    bits = bits_per_byte([[0, 0, 0, 0]], [[0, 0]], test_bytes=5, vocabulary=2, order=1)
    assert bits == pytest.approx(-2 * math.log2(0.9375) / 5)


def test_more_context_helps_where_text_has_structure() -> None:
    train, test = [[1, 2, 3, 4, 0]] * 20, [[1, 2, 3, 4, 0]]
    assert bits_per_byte(train, test, 5, 5, order=3) < 0.2 * bits_per_byte(train, test, 5, 5, order=1)


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        KneserNey(5, 0)
    with pytest.raises(ValueError, match="no token"):
        KneserNey(5).fit([])
    with pytest.raises(ValueError, match="outside 0 to 4"):
        KneserNey(5).fit([[1, 5]])
    with pytest.raises(ValueError, match="positive"):
        bits_per_byte([[1]], [[1]], 0, 5)
