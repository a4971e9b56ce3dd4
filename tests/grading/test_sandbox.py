"""What starts the sandbox: refusals say what to do, the container's command is closed, the room is light."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from llm_course.errors import BadOption, NoSandbox
from llm_course.grading import sandbox, watch
from llm_course.grading.sandbox import Limits, container, engine


def test_without_bubblewrap_student_code_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sandbox._try_bubblewrap.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("LLM_COURSE_SANDBOX", raising=False)
    with pytest.raises(NoSandbox, match="--unsafe") as said:
        engine()
    assert "LLM_COURSE_SANDBOX" in str(said.value) and "not run" in str(said.value)
    assert engine(unsafe=True) == "unsafe"
    sandbox._try_bubblewrap.cache_clear()


def test_a_container_engine_must_be_named_and_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("LLM_COURSE_SANDBOX", "podman")
    monkeypatch.delenv("LLM_COURSE_SANDBOX_IMAGE", raising=False)
    with pytest.raises(NoSandbox, match="not installed"):
        engine()
    (tmp_path / "podman").write_text("#!/bin/sh\n")
    (tmp_path / "podman").chmod(0o755)
    with pytest.raises(NoSandbox, match="LLM_COURSE_SANDBOX_IMAGE"):
        engine()
    monkeypatch.setenv("LLM_COURSE_SANDBOX_IMAGE", "course:1")
    assert engine() == "podman"
    command = " ".join(container("podman", "n", tmp_path, Limits()))
    for part in ("--network none", "--read-only", "--cap-drop ALL", "no-new-privileges", "--user 65534:65534",
                 "--pids-limit 64", ":/release:ro", "course:1 python"):  # fmt: skip
        assert part in command
    monkeypatch.setenv("LLM_COURSE_SANDBOX", "chroot")
    with pytest.raises(BadOption, match="bubblewrap"):
        engine()


def test_the_environment_of_student_code_is_made_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_SECRET", "swordfish")
    assert "swordfish" not in str(sandbox.variables("/p", "/tmp"))


def test_the_tree_of_processes_is_found_and_killed() -> None:
    child = "import time; print(1, flush=True); time.sleep(99)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.read(1) == b"1"
    tree = watch.descendants(process.pid)
    assert len(tree) == 2
    watch.kill_tree(process.pid)
    process.wait(timeout=20)
    process.stdout.close()
    end = time.monotonic() + 20
    while any(_runs(pid) for pid in tree) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(_runs(pid) for pid in tree)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def test_the_room_is_entered_without_loading_anything() -> None:
    code = "import llm_course.grading, llm_course.grading.commands, sys; print(*sys.modules)"
    env = {"PYTHONPATH": str(sandbox.PACKAGE.parent)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert not {"numpy", "torch", "nbgrader", "nbformat", "sqlalchemy"} & set(done.stdout.split())
