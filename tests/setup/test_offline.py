"""The tests themselves reach no network: the guard stops this process, its subprocesses and notebook kernels."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from nb_kernel import execute

NOWHERE = "192.0.2.1"  # kept for documentation (RFC 5737): no machine has it
LEAVE = f"import socket; socket.create_connection(({NOWHERE!r}, 80), timeout=1)"


@pytest.fixture(autouse=True)
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """These tests try to leave on purpose, so they write to a log of their own, not the one that fails the run."""
    path = tmp_path / "offline.log"
    monkeypatch.setenv("LLM_COURSE_OFFLINE_LOG", str(path))
    return path


def test_a_connection_off_the_machine_raises(log: Path) -> None:
    with pytest.raises(RuntimeError, match="tests stay on this machine"):
        socket.create_connection((NOWHERE, 80), timeout=1)
    assert NOWHERE in log.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_each_kind_of_socket_is_guarded(kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as one, pytest.raises(RuntimeError, match="stay on this machine"):
        one.connect((NOWHERE, 53))


def test_a_datagram_without_a_connection_is_guarded() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, pytest.raises(RuntimeError, match="socket.sendto"):
        one.sendto(b"x", (NOWHERE, 53))


@pytest.mark.parametrize("host", ["example.org", "127.example.org", "192.0.2.1"])
def test_names_are_not_looked_up(host: str) -> None:
    with pytest.raises(RuntimeError, match=f"socket.getaddrinfo to '{host}'"):
        socket.getaddrinfo(host, 80)


def test_this_machine_can_be_reached(log: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        greet = threading.Thread(target=lambda: server.accept()[0].sendall(b"hello"))
        greet.start()
        with socket.create_connection(("localhost", server.getsockname()[1]), timeout=5) as client:
            assert client.recv(5) == b"hello"
        greet.join()
    assert not log.exists()


def test_a_subprocess_is_guarded() -> None:
    done = subprocess.run([sys.executable, "-c", LEAVE], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1
    assert "OffMachine" in done.stderr


def test_a_subprocess_of_a_subprocess_that_swallows_the_error_is_logged(log: Path) -> None:
    swallow = f"try:\n  {LEAVE}\nexcept Exception: pass"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {swallow!r}], check=True)"
    subprocess.run([sys.executable, "-c", outer], timeout=300, check=True)
    assert f"socket.getaddrinfo to '{NOWHERE}'" in log.read_text(encoding="utf-8")


def test_a_notebook_kernel_is_guarded(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(LEAVE)])
    with pytest.raises(CellExecutionError, match="OffMachine"):
        execute(notebook, tmp_path)


def test_a_run_that_tries_to_leave_fails_although_its_tests_pass(tmp_path: Path) -> None:
    tests = Path(__file__).parents[1]
    shutil.copy(tests / "conftest.py", tmp_path)
    shutil.copytree(tests / "guard", tmp_path / "guard")
    (tmp_path / "test_it.py").write_text(
        f"def test_it():\n  try:\n    {LEAVE}\n  except Exception: pass\n", encoding="utf-8"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tests.parent / "tools"), os.environ["PYTHONPATH"]])}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=tmp_path,
        env=env,
    )
    assert "1 passed" in done.stdout
    assert "tests tried to leave this machine" in done.stdout
    assert done.returncode == 1
