"""Masks and offsets kept small: the rule found is the shortest, and gives back every entry."""

from __future__ import annotations

import pytest
import torch

from llm_course.attention.biases import Mask, Offset, shorten_mask, shorten_offset

NO = float("-inf")


def rebuilt(mask: Mask, heads: int, rows: int, columns: int) -> torch.Tensor:
    full = torch.ones(rows, columns, dtype=torch.bool)
    return torch.stack([own if (own := mask.allowed(h, rows, columns)) is not None else full for h in range(heads)])


def test_masks_by_hand() -> None:
    full = torch.ones(1, 4, 4, dtype=torch.bool)
    assert shorten_mask(full).kind == "none" and not shorten_mask(full).tensors()
    causal = shorten_mask(full.tril())
    assert (causal.kind, causal.above, causal.below, causal.matrix) == ("causal", 0, None, None)
    window = torch.tensor([[[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]], dtype=torch.bool)
    assert (shorten_mask(window).below, shorten_mask(window).above, shorten_mask(window).kind) == (1, 0, "other")
    near = torch.tensor([[[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1], [0, 0, 1, 1]]], dtype=torch.bool)
    assert (shorten_mask(near).below, shorten_mask(near).above) == (1, 1)
    padded = torch.tensor([[[0, 1, 1]] * 2], dtype=torch.bool)
    assert shorten_mask(padded).columns.tolist() == [False, True, True] and shorten_mask(padded).below is None
    left = torch.tensor([[[0, 0, 0], [0, 1, 0], [0, 1, 1]]], dtype=torch.bool)  # causal, the first is padding
    assert shorten_mask(left).columns.tolist() == [False, True, True] and shorten_mask(left).above == 0
    holes = torch.tensor([[[1, 0, 1], [0, 1, 0], [1, 0, 1]]], dtype=torch.bool)
    assert shorten_mask(holes).matrix is not None and shorten_mask(holes).kind == "other"
    assert shorten_mask(torch.zeros(1, 2, 3, dtype=torch.bool)).matrix is None


def test_every_mask_comes_back_as_it_was() -> None:
    random = torch.Generator().manual_seed(2)
    for trial in range(300):
        rows, columns = (int(n) for n in torch.randint(1, 9, (2,), generator=random))
        heads = 1 + trial % 2
        mask = torch.rand(heads, rows, columns, generator=random) < (0.2, 0.8, 1.0)[trial % 3]
        if trial % 5 < 4:  # rules, with and without padding
            mask = mask.any(1, keepdim=True).expand(heads, rows, columns).clone()
            mask = mask.tril((0, 1, 2, 99)[trial % 5]).triu((-99, -1, 0)[trial % 3])
            mask = mask[:1].expand(heads, -1, -1)
        short = shorten_mask(mask)
        assert torch.equal(rebuilt(short, heads, rows, columns), mask)
        assert trial % 5 == 4 or short.matrix is None


def test_offsets_by_hand() -> None:
    assert shorten_offset(torch.zeros(2, 3, 3)) is None
    # a number for each distance: column - row from -1 to 2
    t5 = shorten_offset(torch.tensor([[[5.0, 6, 7], [4, 5, 6]]]))
    assert t5 is not None and t5.distances.tolist() == [[4, 5, 6, 7]]
    # two heads with slopes 1/2 and 1/4
    alibi = shorten_offset(torch.tensor([[[0, 0.5, 1.0, 1.5]], [[0, 0.25, 0.5, 0.75]]]))
    assert alibi is not None and alibi.slopes.tolist() == [[0.5], [0.25]] and alibi.places.tolist() == [0, 1, 2, 3]
    column = shorten_offset(torch.tensor([[[0.3, -0.5, 0.4]]]))
    assert column is not None and column.columns is not None and column.slopes is None
    assert torch.equal(alibi.of(1, 2, 4), torch.tensor([[0, 0.25, 0.5, 0.75]] * 2))
    odd = torch.tensor([[[1.0, 2], [3, 5]], [[0, 0], [0, 1]]])
    other = shorten_offset(odd)
    assert other is not None and torch.equal(other.matrix, odd)


@pytest.mark.parametrize("heads", [1, 2, 3, 6, 12])
def test_slopes_that_are_no_powers_of_two(heads: int) -> None:
    slopes = torch.tensor([2 ** (-8 * (h + 1) / heads) for h in range(heads)])
    values = slopes[:, None, None] * torch.arange(50)
    found = shorten_offset(values)
    assert found is not None and found.slopes is not None and found.slopes.shape == (heads, 1)
    assert torch.equal(torch.stack([found.of(h, 7, 50) for h in range(heads)]), values.expand(-1, 7, -1))


def test_entries_that_are_masked_do_not_matter() -> None:
    """Some models add offsets and mask in one matrix, -inf where masked."""
    allowed = torch.ones(1, 5, 5, dtype=torch.bool).tril()
    by_column = (torch.tensor([0.5, 0.25])[:, None, None] * torch.arange(5)).expand(2, 5, 5)
    short = shorten_offset(by_column.masked_fill(~allowed, NO), allowed)
    assert short is not None and short.slopes is not None
    place = torch.arange(5)
    by_distance = torch.stack([(place[None] - place[:, None]) * 1.5, ((place[None] - place[:, None]) ** 2) * 0.1])
    short = shorten_offset(by_distance.masked_fill(~allowed, NO), allowed)
    assert short is not None and short.distances is not None and short.distances.shape == (2, 9)
    for head in range(2):
        own = short.of(head, 5, 5)
        assert torch.equal(own[allowed[0]], by_distance[head][allowed[0]]) and own.isfinite().all()


def test_every_offset_comes_back_as_it_was() -> None:
    random = torch.Generator().manual_seed(3)
    for trial in range(200):
        heads, rows, columns = (int(n) for n in torch.randint(1, 8, (3,), generator=random))
        if trial % 2:
            values = torch.randn(heads, rows, columns, generator=random)
        else:
            table = torch.randn(heads, rows + columns - 1, generator=random)
            values = Offset(distances=table)
            values = torch.stack([values.of(h, rows, columns) for h in range(heads)])
        found = shorten_offset(values)
        assert found is not None
        assert torch.equal(torch.stack([found.of(h, rows, columns) for h in range(heads)]), values)
        assert trial % 2 or found.matrix is None
