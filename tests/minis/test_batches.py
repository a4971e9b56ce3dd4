"""Batches: each example once an epoch, little padding, and the same order after a restart."""

import numpy as np
import pytest

from llm_course.minis.batches import Chunks, LengthBatches, pad


@pytest.fixture
def lengths():
    return np.random.default_rng(0).integers(3, 60, size=(500, 2))


def test_an_epoch_holds_every_example_once(lengths):
    batches = LengthBatches(lengths, 800)
    seen = np.concatenate(batches.epoch(0))
    assert sorted(seen) == list(range(500))
    assert [list(b) for b in batches.epoch(0)] != [list(b) for b in batches.epoch(1)]


def test_no_batch_is_larger_than_asked_and_little_is_padding(lengths):
    batches = LengthBatches(lengths, 800).epoch(0)
    sizes = [lengths[b].max(0).sum() * len(b) for b in batches]
    assert max(sizes) <= 800
    assert lengths.sum() / sum(sizes) > 0.7  # random batches of this size reach about half
    random = np.random.default_rng(0).permutation(500).reshape(-1, 10)
    assert lengths.sum() / sum(lengths[b].max(0).sum() * len(b) for b in random) < 0.62


def test_steps_run_through_the_epochs_and_repeat_after_a_restart(lengths):
    one, other = LengthBatches(lengths, 800, seed=3), LengthBatches(lengths, 800, seed=3)
    count = len(one.epoch(0))
    order = [one[s] for s in range(2 * count)]
    assert np.array_equal(other[count + 5], order[count + 5])  # straight there, as after a restart
    assert sorted(np.concatenate(order[:count])) == list(range(500))


def test_an_example_longer_than_a_batch_stands_alone():
    batches = LengthBatches([[5], [2000], [5]], 100).epoch(0)
    assert sorted(map(len, batches)) == [1, 2]


def test_chunks_keep_to_the_mixture_and_to_one_corpus():
    chunks = Chunks([np.zeros(1000, int), np.ones(1000, int)], [3, 1], length=8, batch=400)
    batch = chunks[7]
    assert batch.shape == (400, 9)
    assert set(batch.sum(1)) == {0, 9}
    assert 0.18 < (batch.sum(1) == 9).mean() < 0.32
    assert np.array_equal(batch, Chunks([np.zeros(1000, int), np.ones(1000, int)], [3, 1], 8, 400)[7])


def test_pad():
    assert pad([[1, 2, 3], [4]], 0).tolist() == [[1, 2, 3], [4, 0, 0]]
