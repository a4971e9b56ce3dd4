"""Low-rank storage: exact where the difference is of low rank, the best approximation elsewhere, merged at loading."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from llm_course.minis.lora import factors
from llm_course.minis.training import share
from llm_course.shelf import stored
from rounding import LOGS


def test_a_matrix_of_rank_one_comes_back_exactly():
    column, row = torch.tensor([[1.0], [2.0], [-3.0]]), torch.tensor([[4.0, 0.0, -1.0, 2.0]])
    up, down = factors(column @ row, 1)
    assert up.shape == (3, 1) and down.shape == (1, 4)
    assert torch.allclose(up @ down, column @ row, atol=LOGS)


def test_what_is_lost_is_the_small_singular_values():
    difference = torch.diag(torch.tensor([5.0, 3.0, 1.0, 0.5]))
    up, down = factors(difference, 2)
    assert torch.allclose(up @ down, torch.diag(torch.tensor([5.0, 3.0, 0.0, 0.0])), atol=LOGS)


@pytest.fixture
def tuned(tmp_path, monkeypatch):
    """A base with three tensors, and a model tuned from it: one untouched, one changed by rank 2, one vector."""
    monkeypatch.setattr(stored, "verify", lambda folder: None)
    torch.manual_seed(0)
    base = {"same": torch.randn(6, 6), "matrix": torch.randn(40, 30), "bias": torch.randn(30)}
    own = {
        "same": base["same"],
        "matrix": base["matrix"] + torch.randn(40, 2) @ torch.randn(2, 30),
        "bias": base["bias"] + 1,
        "new": torch.randn(3, 30),
    }
    for name, tensors in {"base": base, "tuned": own}.items():
        (tmp_path / name).mkdir()
        save_file({n: t.half() for n, t in tensors.items()}, tmp_path / name / "model.safetensors")
    return tmp_path, own


def test_factors_are_stored_and_merged(tuned):
    folder, own = tuned
    path = folder / "tuned" / "model.safetensors"
    same = share(path, folder / "base" / "model.safetensors", rank=2)
    assert same == ["same"]
    assert set(load_file(path)) == {"matrix.lora_A", "matrix.lora_B", "bias", "new"}
    (folder / "tuned" / "card.json").write_text(json.dumps({"base": "base", "shared": same}))
    merged = stored.weights_of(folder / "tuned")
    assert set(merged) == set(own)
    for name, tensor in own.items():
        assert torch.allclose(merged[name].float(), tensor, atol=2e-2), name  # float16 keeps 1 part in 2000


def test_a_factor_that_would_be_larger_than_the_matrix_is_not_made(tuned):
    folder, _ = tuned
    path = folder / "tuned" / "model.safetensors"
    share(path, folder / "base" / "model.safetensors", rank=30)
    assert "matrix" in load_file(path)
