"""LoRA: fine-tune a model by low-rank differences to its weights (Hu and others 2021, arXiv 2106.09685).

Knows nothing about texts or tasks. A weight matrix ``W`` is frozen and becomes ``W + scale * B @ A``, where ``A``
has ``rank`` rows and ``B`` has ``rank`` columns (section 4.1). ``B`` starts at zero, so at first nothing changes.
Only ``A`` and ``B`` are trained, and only they need to be stored: for a matrix of 256 by 1,024 at rank 16 that is
20 thousand numbers instead of 262 thousand.

Unlike the package peft, which adds a second path beside each layer, this changes the weight itself before it is
used. The result is the same; it works for any module with a ``weight``, also for an embedding table that is tied
to the output layer; and the differences can be read off as plain matrices.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, TypeVar

import torch
from torch import nn
from torch.nn.utils import parametrize

Model = TypeVar("Model", bound=nn.Module)


class LowRank(nn.Module):
    """The difference ``scale * B @ A`` added to a weight of shape ``(rows, columns)``.

    ``A`` is ``(rank, columns)``, drawn uniformly up to ``1 / sqrt(columns)``; ``B`` is ``(rows, rank)``, zeros.
    """

    def __init__(self, rows: int, columns: int, rank: int, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale
        bound = 1 / math.sqrt(columns)
        self.A = nn.Parameter(torch.empty(rank, columns).uniform_(-bound, bound))
        self.B = nn.Parameter(torch.zeros(rows, rank))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """The changed weight, same shape."""
        return weight + self.scale * (self.B @ self.A)


def factors(difference: torch.Tensor, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The best approximation of a matrix by a product of rank ``rank`` (Eckart and Young 1936).

    Fine-tuning changes weights along few directions (Aghajanyan and others 2021, arXiv 2012.13255), so the difference
    to the base survives being cut to a low rank, in which the package stores it.

    Args:
        difference: ``(rows, columns)``, float32.
        rank: at least 1.

    Returns:
        ``(rows, rank)`` and ``(rank, columns)``, contiguous; the singular values are shared out evenly, so that
        neither factor has numbers that float16 holds badly.
    """
    left, values, right = torch.linalg.svd(difference, full_matrices=False)
    root = values[:rank].sqrt()
    return (left[:, :rank] * root).contiguous(), (root[:, None] * right[:rank]).contiguous()


def attach(model: nn.Module, targets: Iterable[str], rank: int, scale: float = 2.0, vectors: bool = True) -> list[str]:
    """Freeze a model and make low-rank differences of some of its matrices trainable, in place.

    Args:
        model: any module.
        targets: ends of names of submodules with a two-dimensional ``weight`` (``"c_attn"``, ``"wte"``).
        rank: of every difference.
        scale: factor of the difference (``alpha / rank`` in the paper).
        vectors: also train all one-dimensional parameters (biases, normalization), which are few.

    Returns:
        Names of the changed modules. A weight that two modules share (tied) gets one difference, used by both.

    Raises:
        ValueError: no module has such a name.
    """
    wanted = list(targets)
    for parameter in model.parameters():
        parameter.requires_grad_(vectors and parameter.ndim == 1)
    found: list[Any] = [module for name, module in model.named_modules() if name.endswith(tuple(wanted))]
    shared = {id(module.weight) for module in found}  # of tied modules, all that use the weight
    changed: list[tuple[str, nn.Module, LowRank]] = []
    by_weight: dict[int, LowRank] = {}
    for name, module in model.named_modules():
        weight = getattr(module, "weight", None)
        if isinstance(weight, nn.Parameter) and id(weight) in shared:
            if id(weight) not in by_weight:
                by_weight[id(weight)] = LowRank(weight.shape[0], weight.shape[1], rank, scale).to(weight.device)
            changed.append((name, module, by_weight[id(weight)]))
    if not changed:
        raise ValueError(f"No module's name ends in one of {wanted}.")
    for _, module, difference in changed:
        parametrize.register_parametrization(module, "weight", difference, unsafe=True)
    return [name for name, _, _ in changed]


def merge(model: Model) -> Model:
    """Write every difference into its weight, in place, and drop the factors: a plain model again.

    Weights that were tied stay tied.
    """
    kept: dict[int, nn.Parameter] = {}
    module: Any
    for module in model.modules():
        if not parametrize.is_parametrized(module, "weight"):
            continue
        original = module.parametrizations.weight.original
        with torch.no_grad():
            whole = kept.setdefault(id(original), nn.Parameter(module.weight.detach().clone()))
        parametrize.remove_parametrizations(module, "weight", leave_parametrized=False)
        module.weight = whole
    model.requires_grad_(True)
    return model
