"""How a measurement is kept: plain data with date and machine, goals beside what was reached, and tables.

Knows nothing about tasks or models. The functions ``measure`` of the minis give such data, and ``tables`` lay it out.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

Item = TypeVar("Item")
Figures = dict[str, Any]  # what was measured, as card.json holds it: each measure has keys of its own


@dataclass(frozen=True)
class Table:
    """One table: a title, a head, and rows of cells that are text already."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def text(self) -> str:
        """For a terminal: columns padded with spaces."""
        lines = [self.head, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.head))]
        body = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines]
        return "\n".join([self.title, body[0], "  ".join("-" * w for w in widths), *body[1:]])

    def markdown(self) -> str:
        """For a README: a Markdown table; the title stands above it in bold."""
        lines = [
            "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in (self.head, *self.rows)
        ]
        return "\n".join([f"**{self.title}**", "", lines[0], "|" + " --- |" * len(self.head), *lines[1:]])


def goal(what: str, wanted: float, measured: float) -> Figures:
    """A goal, what was measured, and whether that reaches it; more is better."""
    return {"goal": what, "wanted": wanted, "measured": round(measured, 4), "reached": bool(measured >= wanted)}


def goals_table(name: str, measured: Figures) -> Table:
    """The goals of a mini, and whether each is reached."""
    rows = tuple(
        (own["goal"], f"{own['wanted']:g}", f"{own['measured']:g}", "yes" if own["reached"] else "no")
        for own in measured["goals"]
    )
    return Table(f"{name}: goals", ("goal", "wanted", "measured", "reached"), rows)


def first(items: Iterable[Item], limit: int | None) -> Iterator[Item]:
    """The first ``limit`` items; all without a limit."""
    return islice(items, limit)


def stamp(name: str, device: str = "cpu") -> Figures:
    """When, on what machine, and by which command something was measured."""
    import torch

    machine: Figures = {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cpu": _vendor(),
        "device": device,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    if device.startswith("cuda"):
        machine["gpu"] = torch.cuda.get_device_name()
    return {"date": time.strftime("%Y-%m-%d"), "machine": machine, "command": f"llm-course evaluate {name} --data DIR"}


def _vendor() -> str:
    """The maker of the processor as it names itself; else its kind."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("vendor_id"):
                return f"{line.split(':', 1)[1].strip()}, {platform.machine()}"
    return platform.processor() or platform.machine()
