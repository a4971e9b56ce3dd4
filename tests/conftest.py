"""What every test gets: no way off this machine, a data folder of its own, and the notebooks' extra checks.

Knows nothing about what is tested. GPU tests skip without CUDA; notebooks run by nbval end with one more item that
reads what their kernel took.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from nb_kernel import cpu_seconds, isolation, peak_bytes
from nb_lint import stated_memory

GUARD = Path(__file__).parent / "guard"
OFFLINE_LOG = "LLM_COURSE_OFFLINE_LOG"
KERNEL_BYTES = 1_500_000_000  # so that a lesson fits Binder's 2 GB
KERNEL_CPU_SECONDS = 180  # 90 s on two cores; processor time, since other tests run beside it


def pytest_configure(config: pytest.Config) -> None:
    """Guard this process and, through the environment, each one it starts."""
    config.pluginmanager.register(NotebookKernels())
    if not hasattr(config, "workerinput"):  # workers of pytest-xdist inherit all of this
        folder = Path(tempfile.mkdtemp(prefix="llm-course-tests-"))
        config._llm_course_folder = folder  # type: ignore[attr-defined]
        os.environ[OFFLINE_LOG] = str(folder / "offline.log")
        os.environ["LLM_COURSE_HOME"] = str(folder / "home")
        os.environ["HF_HOME"] = str(folder / "huggingface")  # nothing cached earlier can make a test pass
        os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(GUARD), os.environ.get("PYTHONPATH")]))
    spec = importlib.util.spec_from_file_location("sitecustomize", GUARD / "sitecustomize.py")
    assert spec and spec.loader
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run if anything tried to leave the machine, even where the error was swallowed."""
    folder = getattr(session.config, "_llm_course_folder", None)
    if folder is None:
        return
    log = folder / "offline.log"
    if log.exists():
        session.config._llm_course_tries = log.read_text(encoding="utf-8")  # type: ignore[attr-defined]
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    shutil.rmtree(folder, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if tries := getattr(config, "_llm_course_tries", ""):
        terminalreporter.section("tests tried to leave this machine", red=True)
        terminalreporter.write(tries)


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress one test records is not seen by the next."""
    monkeypatch.setenv("LLM_COURSE_HOME", str(tmp_path / "llm-course-home"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Close each notebook with an item that reads its kernel's cost, while the kernel still lives."""
    for index in reversed(range(len(items))):
        parent = items[index].parent
        is_last = index + 1 == len(items) or items[index + 1].parent is not parent
        if is_last and type(parent).__name__ == "IPyNbFile":
            items.insert(index + 1, KernelCost.from_parent(parent, name="kernel cost"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA device, and this machine has none")


class NotebookKernels:
    """Gives each notebook's kernel surroundings of its own, as a build does.

    A plugin, since the hooks of this file are not called for what lies outside its folder, as notebooks do.
    """

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        if type(item.parent).__name__ != "IPyNbFile" or getattr(item.parent, "kernel", None):
            return (yield)
        home = Path(tempfile.mkdtemp(prefix="lesson-", dir=Path(os.environ[OFFLINE_LOG]).parent))
        with pytest.MonkeyPatch.context() as patch:
            for name, value in isolation(home).items():
                patch.setenv(name, value)  # nbval starts the kernel in here
            return (yield)


class KernelCost(pytest.Item):
    """Fails when a lesson's kernel took more memory than Binder has or the lesson says, or too much time."""

    def runtest(self) -> None:
        kernel = getattr(self.parent, "kernel", None)
        assert kernel is not None and kernel.is_alive(), "the kernel died before the end of the notebook"
        pid = kernel.km.provisioner.pid
        peak, cpu = peak_bytes(pid), cpu_seconds(pid)
        if peak is None or cpu is None:
            pytest.skip(f"{sys.platform} has no /proc to read a process's peak memory from")
        self.user_properties += [("peak_mb", round(peak / 1e6)), ("cpu_seconds", round(cpu))]
        assert peak <= KERNEL_BYTES, f"the kernel's peak was {peak / 1e6:.0f} MB; at most {KERNEL_BYTES / 1e6:.0f}"
        assert cpu <= KERNEL_CPU_SECONDS, f"the lesson took {cpu:.0f} processor seconds; at most {KERNEL_CPU_SECONDS}"
        prose = "\n".join(cell.source for cell in self.parent.nb.cells if cell.cell_type == "markdown")
        stated = stated_memory(prose)
        assert stated is None or peak <= 1.3 * stated, (
            f"the kernel's peak was {peak / 1e6:.0f} MB; the lesson says {stated / 1e6:.0f}"
        )

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, f"{self.path.name}::{self.name}"

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> str:
        return re.sub(r"\nassert .*", "", str(excinfo.value))
