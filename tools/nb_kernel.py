"""Run a notebook in a fresh kernel, alone: its own home folders, no network, CPU only; measure what it took.

Knows nothing about lessons or sources. The stored form holds nothing that changes from run to run: no timestamps,
no widget ids, no widget state.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
CELL_SECONDS = 600


class _ThisPython(KernelSpecManager):
    """Whatever kernel is asked for, it is the Python that runs this; a kernel the user installed cannot get in."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(resource_dir=str(RESOURCES), **get_kernel_dict())


@dataclass(frozen=True)
class Cost:
    """What a kernel took: wall-clock seconds, processor seconds, peak resident bytes (None where unknown)."""

    seconds: float
    cpu_seconds: float | None
    peak_bytes: int | None


def peak_bytes(pid: int) -> int | None:
    """Peak resident memory of a process in bytes; None where the system has no /proc."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")), None)


def cpu_seconds(pid: int) -> float | None:
    """Processor time of a process and its finished children in seconds; None where the system has no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def isolation(folder: Path) -> dict[str, str]:
    """Environment variables of a kernel that shares nothing with the user's own; what it writes goes to ``folder``."""
    return {
        "LLM_COURSE_HOME": f"{folder}/course",
        "LLM_COURSE_MODELS": "mini",
        "IPYTHONDIR": f"{folder}/ipython",
        "JUPYTER_CONFIG_DIR": f"{folder}/jupyter",
        "JUPYTER_DATA_DIR": f"{folder}/jupyter-data",
        "MPLCONFIGDIR": f"{folder}/matplotlib",
        "HF_HOME": f"{folder}/huggingface",
        "HF_HUB_OFFLINE": "1",
        "LLM_COURSE_OUTPUT": "stored",
        "CUDA_VISIBLE_DEVICES": "",  # stored outputs are those of a CPU, on every machine
    }


def execute(notebook: NotebookNode, folder: Path) -> Cost:
    """Run every cell in order in ``folder``; outputs go into ``notebook``, cleaned of what changes between runs.

    Raises ``nbclient.exceptions.CellExecutionError`` at the first cell that fails.
    """
    with tempfile.TemporaryDirectory(prefix="lesson-", ignore_cleanup_errors=True) as home:
        # sockets in the folder, not ports: nothing to collide with, nobody else who can connect
        manager = AsyncKernelManager(kernel_spec_manager=_ThisPython(), transport="ipc", ip=f"{home}/kernel")
        client = NotebookClient(
            notebook,
            km=manager,
            timeout=CELL_SECONDS,
            startup_timeout=300,
            store_widget_state=False,
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": str(folder)}},
        )
        start = time.perf_counter()
        with client.setup_kernel(env={**os.environ, **isolation(Path(home))}):
            for index, cell in enumerate(notebook.cells):
                client.execute_cell(cell, index)
            pid = manager.provisioner.pid
            cost = Cost(time.perf_counter() - start, cpu_seconds(pid), peak_bytes(pid))
    clean(notebook)
    return cost


def clean(notebook: NotebookNode) -> None:
    """Remove what differs from run to run. A widget keeps its static form; its live view needs a kernel anyway."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET_VIEW, None)
    notebook.metadata.pop("widgets", None)
    notebook.metadata["language_info"] = {"name": "python"}  # a kernel adds its exact version
