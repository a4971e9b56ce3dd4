"""Sinusoidal positions (Vaswani and others 2017, section 3.5), from which learned positions can start."""

from __future__ import annotations

import torch


def sinusoids(length: int, width: int) -> torch.Tensor:
    """Sines and cosines of the place at ``width / 2`` wavelengths, ``(length, width)``."""
    rates = 10_000 ** (-torch.arange(0, width, 2) / width)
    angles = torch.arange(length)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)
