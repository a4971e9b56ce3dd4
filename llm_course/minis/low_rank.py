"""Two thin factors in place of a matrix: how what a fine-tuned mini has learned is stored in little room.

Knows nothing about models. Fine-tuning changes weights along few directions (Aghajanyan and others 2021, arXiv
2012.13255; Hu and others 2021, arXiv 2106.09685), so the difference to the base survives being cut to a low rank.
"""

from __future__ import annotations

import torch


def factors(difference: torch.Tensor, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The best approximation of a matrix by a product of rank ``rank`` (Eckart and Young 1936).

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
