"""What starts the sandbox: refusals say what to do, the container's command is closed, the room is light."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from llm_course.errors import BadOption, NoSandbox
from llm_course.grading import sandbox
from llm_course.grading.judge import _Session
from llm_course.grading.sandbox import Limits, commands, container, engine, watcher


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
    for part in (
        "--network none",
        "--read-only",
        "--cap-drop ALL",
        "no-new-privileges",
        "--user 65534:65534",
        "--pids-limit 64",
        ":/release:ro",
        "course:1 python",
    ):
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
    tree = watcher.descendants(process.pid)
    assert len(tree) == 2
    watcher.kill_tree(process.pid)
    process.wait(timeout=120)
    process.stdout.close()
    end = time.monotonic() + 120
    while any(map(_runs, tree)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(_runs, tree))


def test_processor_time_is_counted_for_all_processes_together() -> None:
    code = """
import os
while True:
    if not (child := os.fork()):
        sum(range(10**6))
        os._exit(0)
    os.waitpid(child, 0)
"""
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        looking = watcher.Watcher(process.pid, 10**9, 100, cpu=0.5)
        looking.start()
        process.wait(timeout=120)
        looking.stop()
    assert looking.reason == "it took more than 0 s of processor time"


def test_what_cannot_be_watched_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(pid: int) -> tuple[int, int]:
        raise RuntimeError("the kernel tells something new")

    monkeypatch.setattr(watcher, "_taken", fails)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        looking = watcher.Watcher(process.pid, 10**9, 20, cpu=60)
        looking.start()
        process.wait(timeout=120)
        looking.stop()
    assert looking.reason == "it could not be watched (RuntimeError)"


def test_a_sandbox_has_one_processor_and_no_way_out(sandboxed: str, tmp_path: Path) -> None:
    code = """
import ctypes, mmap, os, socket, threading
def attempt(name, what):
    try:
        print(name, "SUCCEEDED", what())
    except OSError:
        print(name, "failed")
attempt("affinity", lambda: os.sched_setaffinity(0, range(64)))
attempt("shared", lambda: mmap.mmap(-1, 4096))
attempt("zero", lambda: mmap.mmap(os.open("/dev/zero", os.O_RDWR), 4096))
attempt("terminal", os.openpty)
attempt("internet", socket.socket)
libc = ctypes.CDLL(None)
number = {"x86_64": 56, "aarch64": 220}[os.uname().machine]
print("namespace", libc.syscall(number, 0x10000000 | 17, 0, 0, 0, 0), libc.unshare(0x10000000))
thread = threading.Thread(target=lambda: print("a thread runs on", len(os.sched_getaffinity(0))))
thread.start(); thread.join()
import asyncio
async def f(): return "and waits"
print(await f())
"""
    (tmp_path / "release").mkdir()
    with sandbox.Sandbox(tmp_path / "release", Limits(), sandboxed, core=sandbox.cores()[-1]) as box:
        session = _Session(box, time.monotonic() + 1200)
        session.hello()
        printed = session.ask({"kind": "cell", "number": 0, "code": code, "seconds": 60}, 60)["printed"]
    assert printed.count(" failed") == 5 and "SUCCEEDED" not in printed
    assert "namespace -1 -1" in printed and "a thread runs on 1" in printed and "and waits" in printed


def test_the_exchange_is_not_seen_where_it_lies_in_a_shared_folder(
    sandboxed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = tmp_path / "shared" / "nbgrader" / "exchange"
    exchange.mkdir(parents=True)
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(folder.stat().st_mode | 0o755)  # a shared folder is one that everybody may enter
    (exchange / "answers.txt").write_text("swordfish")
    (tmp_path / "shared" / "seen.txt").write_text("package")
    (tmp_path / "release").mkdir()
    packages = commands.sources()
    monkeypatch.setattr(commands, "sources", lambda: [*packages, tmp_path / "shared"])
    code = f"import os\nprint([*os.walk({str(tmp_path / 'shared')!r})])"
    for hide, seen in (((), True), ((exchange,), False)):
        with sandbox.Sandbox(tmp_path / "release", Limits(), sandboxed, hide) as box:
            session = _Session(box, time.monotonic() + 1200)
            session.hello()
            printed = session.ask({"kind": "cell", "number": 0, "code": code, "seconds": 60}, 60)["printed"]
        assert "seen.txt" in printed and ("answers.txt" in printed) is seen


def test_the_course_names_its_exchange(tiny: Any, tmp_path: Path) -> None:
    (tmp_path / "exchange").mkdir()
    assert tiny.course.unseen == (tiny.folder.resolve(),)
    (tiny.folder / "nbgrader_config.py").write_text(
        f"c = get_config()\nc.Exchange.root = {str(tmp_path / 'exchange')!r}"
    )
    assert tiny.course.unseen == (tiny.folder.resolve(), (tmp_path / "exchange").resolve())


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False


def test_the_room_is_entered_without_loading_anything() -> None:
    code = "import llm_course.grading, llm_course.grading.commands, sys; print(*sys.modules)"
    env = {"PYTHONPATH": str(sandbox.PACKAGE.parent)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert not {"numpy", "torch", "nbgrader", "nbformat", "sqlalchemy"} & set(done.stdout.split())
