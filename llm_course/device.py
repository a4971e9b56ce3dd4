"""Where a model runs, and in which number format.

Knows nothing about which models exist. ``"auto"`` takes a CUDA GPU, then Apple's GPU, then the CPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_course.errors import NoDevice

if TYPE_CHECKING:
    import torch

NAMES = ("auto", "cpu", "cuda", "mps")


def available() -> list[str]:
    """The devices of this machine that PyTorch can use, the fastest first; ``"cpu"`` is always the last."""
    import torch

    found = ["cuda"] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        found.append("mps")
    return [*found, "cpu"]


def resolve(device: str | torch.device = "auto") -> torch.device:
    """Turn ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"`` into a device of this machine.

    Raises:
        NoDevice: the name is unknown, or this machine has no such device.
    """
    import torch

    name = str(device)
    kind, colon, number = name.partition(":")
    if kind not in NAMES or (colon and not (kind == "cuda" and number.isascii() and number.isdigit())):
        raise NoDevice(f"device={name!r} is no device. Allowed: {', '.join(map(repr, NAMES))} (or 'cuda:1').")
    found = available()
    if kind == "auto":
        return torch.device(found[0])
    if kind not in found or (number and int(number) >= torch.cuda.device_count()):
        raise NoDevice(f"This machine has no device {name!r} that PyTorch can use. Here: {found}. Try device='auto'.")
    return torch.device(name)


def number_format(device: torch.device, parameters: int) -> torch.dtype:
    """float32, but bfloat16 for models above 100 million parameters on a GPU that computes in it.

    The minis stay in float32 everywhere, so that they say the same on a CPU and on a GPU.
    """
    import torch

    large = parameters > 100_000_000
    if large and device.type == "cuda" and torch.cuda.is_bf16_supported():
        return torch.bfloat16
    return torch.float32
