"""Control groups, by made-up folders: what is asked of the kernel, what is cleaned up, and when there is none."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from llm_course.grading.sandbox import control_group


class Kernel:
    """A folder that takes the place of the kernel's."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.root.mkdir()
        (root / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    made = Kernel(tmp_path / "cgroup")
    monkeypatch.setattr(control_group, "ROOT", made.root)
    control_group.kind.cache_clear()
    yield made
    control_group.kind.cache_clear()


def test_root_makes_a_group_bounds_it_and_joins_it_first(kernel: Kernel) -> None:
    group = control_group.Group(123_000, 45, "root")
    command = group.wrap(["sh", "-c", "echo $$ $0", "inside"], {"PATH": "/bin"})
    (folder,) = kernel.root.glob("llm-course-*")
    assert (folder / "memory.max").read_text() == "123000" and (folder / "pids.max").read_text() == "45"
    assert not (folder / "memory.swap.max").exists()  # no such file: this kernel has no swap
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert said == [(folder / "cgroup.procs").read_text().strip(), "inside"]
    for file in folder.iterdir():
        file.unlink()  # the kernel's files vanish with their folder
    group.end()
    assert not folder.exists()
    group.end()  # twice is no error


def test_what_is_left_in_a_group_is_killed(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    group = control_group.Group(1, 1, "root")
    group.wrap([], None)
    (folder,) = kernel.root.glob("llm-course-*")
    sleeps: list[float] = []

    def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        if len(sleeps) == 3:
            for file in folder.iterdir():
                file.unlink()

    monkeypatch.setattr(control_group.time, "sleep", sleep)
    group.end()
    assert len(sleeps) == 3 and not folder.exists()


def test_the_users_systemd_is_asked_and_student_code_gets_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    group = control_group.Group(123_000, 45, "systemd")
    command = " ".join(group.wrap(["bwrap", "x"], {"PATH": "/bin"}))
    assert command.startswith("systemd-run --user --scope -q ") and command.endswith(" -- env -i PATH=/bin bwrap x")
    assert "-p MemoryMax=123000 -p MemorySwapMax=0 -p TasksMax=45" in command
    assert group.environment({"PATH": "/bin"})["XDG_RUNTIME_DIR"] == "/run/user/1000"  # type: ignore[index]
    group.end()


def test_without_one_nothing_is_wrapped(kernel: Kernel) -> None:
    (kernel.root / "cgroup.controllers").write_text("cpu pids\n")
    assert control_group.kind() == ""
    group = control_group.Group(1, 1, "")
    assert group.wrap(["a", "b"], None) == ["a", "b"] and group.environment(None) is None
    group.end()


def test_a_systemd_that_takes_a_bound_without_setting_it_is_not_believed(
    kernel: Kernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "systemd-run").write_text('#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done; shift; exec "$@"\n')
    (tmp_path / "systemd-run").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(control_group.os, "geteuid", lambda: 1000)
    assert control_group.kind() == ""  # no memory.max where the probe's process is
    control_group.kind.cache_clear()
    place = Path("/proc/self/cgroup").read_text().splitlines()[-1].split(":", 2)[2].strip("/")
    (kernel.root / place).mkdir(parents=True, exist_ok=True)
    (kernel.root / place / "memory.max").write_text("max\n")
    assert control_group.kind() == ""
    control_group.kind.cache_clear()
    (kernel.root / place / "memory.max").write_text("49999872\n")
    assert control_group.kind() == "systemd"


def test_groups_of_judges_that_were_killed_are_removed(kernel: Kernel) -> None:
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    left, used = kernel.root / f"llm-course-{gone.pid}-ab", kernel.root / f"llm-course-{os.getpid()}-ab"
    left.mkdir()
    used.mkdir()
    control_group._sweep()
    assert not left.exists() and used.exists()
