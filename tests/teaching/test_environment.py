"""The environment check: what is fine is OK, what is not says what to do, and nothing leaves the machine unasked."""

from __future__ import annotations

import http.server
import json
import socket
import sys
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from packaging.requirements import Requirement

import llm_course as lc
from llm_course.lessons import find
from llm_course.teaching import environment as module
from llm_course.teaching.environment import Check, Report


def one(checks: Iterator[Check]) -> Check:
    (found,) = checks
    return found


def test_this_environment_is_fine(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("it used the network without being asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    report = lc.doctor()
    assert {"Python", "torch", "transformers", "ipywidgets", "Minis", "Memory", "Disk", "GPU", "Chromium", "Hub"} <= {
        check.name for check in report.checks
    }
    assert not [check for check in report.checks if check.status == "problem" and check.name != "Memory"]
    assert all(bool(check.advice) for check in report.checks if check.status == "problem")
    assert json.loads(json.dumps(report.to_dict()))["ok"] is report.ok
    read = page(report._repr_html_())
    assert all(check.name in read.text and check.found in read.text for check in report.checks)
    assert all(check.name in str(report) for check in report.checks)


def test_a_problem_shows_with_what_to_do(page: Any) -> None:
    report = Report((Check("A", "ok", "1"), Check("B", "problem", "<old>", "pip install 'B>=2'")))
    assert not report.ok
    assert str(report).splitlines() == [
        "OK     A  1",
        "To do  B  <old>",
        "          pip install 'B>=2'",
        "1 of 2 checks need you.",
    ]
    assert "<old>" in page(report._repr_html_()).text


@pytest.mark.parametrize(
    ("version", "status"), [((3, 11, 0), "ok"), ((3, 10, 9), "problem"), ((3, 14, 1), "ok"), ((4, 0, 0), "ok")]
)
def test_python(version: tuple[int, ...], status: str) -> None:
    assert one(module.python(version)).status == status


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("numpy>=1", "ok", "(>=1)"),
        ("numpy>=999", "problem", "needed: >=999"),
        ("numpy<1", "problem", "needed: <1"),
        ("no-such-package-here>=2,<3", "problem", "not installed"),
        ("???", "problem", "cannot be read"),
    ],
)
def test_packages_against_their_range(line: str, status: str, said: str) -> None:
    check = one(module.packages([line]))
    assert check.status == status and said in check.found
    assert (status == "ok") or check.advice


def test_local_builds_and_prereleases_count(monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ("2.13.0+cpu", "2.14.0rc1", "2.4.0+cu121"):
        monkeypatch.setattr(module.metadata, "version", lambda name, v=version: v)
        assert one(module.packages(["torch>=2.4"])).status == "ok"


def test_requirements_are_the_packages_own() -> None:
    names = {Requirement(line).name for line in module.requirements()}
    assert {"torch", "transformers", "ipywidgets", "jupyterlab"} <= names
    assert not {"pytest", "nbgrader", "sumy"} & names, "those are for others than learners"


def test_every_lesson_finds_what_it_imports() -> None:
    assert one(module.lessons()).status == "ok"


def test_what_a_lesson_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As accelerate was, which lessons needed and no list of theirs had."""
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "sklearn" else find_spec(name))
    check = one(module.lessons())
    assert check.status == "problem" and "llm-course[lab]" in check.advice
    assert f"lesson {find('sentiment').number} lacks sklearn." in check.found
    assert f"lesson {find('start_here').number}" not in check.found


def test_a_module_of_the_course_is_loaded_to_see_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> None:
        raise ModuleNotFoundError("No module named 'accelerate'", name="accelerate")

    text = "```{code-cell} ipython3\nimport os\nfrom llm_course.minis.loop import fit\n```\n"
    assert module.missing_imports(text) == []
    monkeypatch.setattr(module, "import_module", load)
    assert module.missing_imports(text) == ["accelerate"]


def test_a_mini_writes() -> None:
    check = one(module.minis())
    assert check.status == "ok" and "Once upon a time" in check.found


def test_a_library_that_has_changed_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """As transformers 5.24 did: every version is in its range, and no decoder generates any more."""
    from llm_course.shelf import kv_cache

    monkeypatch.setattr(kv_cache, "NAMES", ("a_name_of_tomorrow",))
    check = one(module.minis())
    assert check.status == "problem" and "gpt-mini does not write: WrongTask" in check.found
    assert "constraints.txt" in check.advice


def test_weights_with_other_line_ends_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from llm_course.errors import WeightsDamaged
    from llm_course.shelf import stored

    def damaged(folder: Path) -> None:
        raise WeightsDamaged("bert-mini: Git has changed the line ends of config.json. Run this: git reset.")

    monkeypatch.setattr(stored, "verify", damaged)
    check = one(module.minis())
    assert check.status == "problem" and "line ends" in check.found and check.advice == "Run this: git reset."


@pytest.mark.parametrize(("free", "status"), [(8e9, "ok"), (1.5e9, "ok"), (1.4e9, "problem"), (0.0, "problem")])
def test_memory(free: float, status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "free_memory", lambda: free)
    check = one(module.memory())
    assert check.status == status and (status == "ok" or check.advice)


def test_memory_in_an_environment_without_psutil(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    check = one(module.memory())
    assert check.status == "note" and "psutil" in check.found and check.advice


def test_a_container_counts_its_own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "/sys/fs/cgroup/memory.max": "2000000000\n",
        "/sys/fs/cgroup/memory.current": "1500000000\n",
        "/sys/fs/cgroup/memory.stat": "anon 1\ninactive_file 300000000\n",
    }
    monkeypatch.setattr(module, "_read", files.get)
    machine = SimpleNamespace(total=64_000_000_000, available=32_000_000_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: machine)
    assert module.free_memory() == 800_000_000
    assert module.total_memory() == 2_000_000_000
    machine.available = 500_000_000
    assert module.free_memory() == 500_000_000, "a machine may have less than a container's limit leaves"
    machine.available = 32_000_000_000
    files["/sys/fs/cgroup/memory.max"] = "max\n"
    assert module.free_memory() == 32_000_000_000
    assert module.total_memory() == 64_000_000_000


def test_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert one(module.disk(tmp_path / "not" / "there")).found.endswith("GB free")
    monkeypatch.setattr(module.shutil, "disk_usage", lambda place: type("Usage", (), {"free": 10})())
    assert one(module.disk(tmp_path)).status == "note"


def test_chromium(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LLM_COURSE_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (one(module.chromium()).status, one(module.chromium()).advice != "") == ("note", True)
    browser = tmp_path / "chromium"
    browser.write_text("#!/bin/sh\n")
    browser.chmod(0o755)
    assert one(module.chromium()).status == "ok"


def test_hub_switched_off_is_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ask_hub", lambda: pytest.fail("it was asked"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "switched off by HF_HUB_OFFLINE" in one(module.hub(online=True)).found
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert "not asked" in one(module.hub(online=False)).found


def test_hub_is_asked_when_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(self.path)
            self.send_response(503 if len(asked) > 1 else 200)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("HF_ENDPOINT", address)
    assert one(module.hub(online=True)).status == "ok"
    assert one(module.hub(online=True)).status == "ok", "an error page is an answer, too"
    assert len(asked) == 2
    server.shutdown()
    server.server_close()
    check = one(module.hub(online=True))
    assert check.status == "note" and "does not answer" in check.found and check.advice
    monkeypatch.setenv("HF_ENDPOINT", "not an address")
    assert one(module.hub(online=True)).status == "note"


def test_a_broken_torch_is_a_line_not_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    original = builtins.__import__

    def broken(name: str, *rest: Any, **more: Any) -> Any:
        if name == "torch":
            raise OSError("libc10.so: cannot open\nshared object file")
        return original(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", broken)
    check = one(module.gpu())
    assert (
        check.status == "problem" and check.found == "does not load: OSError: libc10.so: cannot open shared object file"
    )
