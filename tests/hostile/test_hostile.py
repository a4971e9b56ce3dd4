"""Hostile submissions, graded in one batch beside honest ones: none gains a point, sees a secret or changes anything.

``make test`` grades ten of them; ``make grade-proof`` (LLM_COURSE_GRADE_PROOF=1) all. ``submissions.py`` says what each
tries.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grading.conftest import TinyCourse, sandboxed  # noqa: F401 (a fixture)
from hostile.submissions import HONEST, LISTED, Hostile
from llm_course.grading.sandbox import Limits

PROOF = os.environ.get("LLM_COURSE_GRADE_PROOF") == "1"
CHOSEN = [one for one in LISTED if PROOF or one.quick]
# make test has three honest ones
RIGHT = HONEST if PROOF else HONEST[:3]
# the number of this process tells its sandboxes from those of another course that is graded beside it
LIMITS = Limits(memory=300_000_000 + os.getpid(), disk=8_000_000, file=4_000_000, cell=12, total=150, cpu=60)
SECRET = "SECRET-0451"
pytestmark = pytest.mark.timeout(3600)


class Ear:
    """A port and an abstract socket of the instructor's machine; what arrives there came out of a sandbox."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.port = self.tcp.getsockname()[1]
        self.unix = socket.socket(socket.AF_UNIX)
        self.unix.bind(f"\0llm-course-hostile-{self.port}")  # other runs have others
        self.unix.listen()
        for one in (self.tcp, self.unix):
            threading.Thread(target=self._listen, args=(one,), daemon=True).start()

    def _listen(self, server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            self.heard.append(server.family.name)
            connection.close()

    def close(self) -> None:
        self.tcp.close()
        self.unix.close()


def fingerprint(*folders: Path) -> dict[str, str]:
    """Every file below with the hash of its bytes."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The batch, graded: the course, what was heard, and the files before and after."""
    pytest.importorskip("nbgrader")
    from llm_course.errors import NoSandbox
    from llm_course.grading.sandbox import engine

    try:
        engine()
    except NoSandbox as error:
        if os.environ.get("LLM_COURSE_REQUIRE_SANDBOX") == "1":
            pytest.fail(f"LLM_COURSE_REQUIRE_SANDBOX=1, and there is no sandbox: {error}")
        pytest.skip(f"needs bubblewrap: {error}")
    if sys.platform != "linux":
        pytest.skip("abstract sockets and /proc are Linux's")
    base = tmp_path_factory.mktemp("hostile")
    tiny, outside = TinyCourse(base / "course"), base / "instructor"
    outside.mkdir()
    (outside / "notes.txt").write_text(f"{SECRET} of the instructor")
    tiny.judging.write_text(tiny.judging.read_text() + f"\nNOTE = '{SECRET} of the judge: expected values'\n")
    tiny.assign()
    (tiny.folder / "source" / "tiny" / "solution.txt").write_text(f"{SECRET}: the solution")
    ear = Ear()
    for one in (*RIGHT, *CHOSEN):
        hand_in(
            tiny,
            one,
            {
                "{course!r}": repr(str(tiny.folder)),
                "{outside!r}": repr(str(outside)),
                "{outside}": str(outside),
                "{port}": str(ear.port),
            },
        )
    other = tiny.folder / "submitted" / RIGHT[0].name / "tiny" / "mine.txt"
    other.write_text(f"{SECRET} of another student")
    watched = [tiny.folder / name for name in ("source", "src", "release", "submitted")] + [outside]
    before = fingerprint(*watched, Path(__file__).parents[2] / "llm_course" / "grading")
    neighbor = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(3600)", f"{SECRET} on the command line"],
        env={**os.environ, "LLM_COURSE_TOKEN": f"{SECRET} in the environment"},
    )
    os.environ["LLM_COURSE_TOKEN"] = f"{SECRET} in the judge's environment"
    start = time.monotonic()
    try:
        done = tiny.grade(limits=LIMITS)
        seconds = time.monotonic() - start
        assert neighbor.poll() is None, "a process of the instructor was killed"
    finally:
        neighbor.kill()
        del os.environ["LLM_COURSE_TOKEN"]
        ear.close()
    after = fingerprint(*watched, Path(__file__).parents[2] / "llm_course" / "grading")
    yield {
        "tiny": tiny,
        "done": done,
        "heard": ear.heard,
        "before": before,
        "after": after,
        "outside": outside,
        "seconds": seconds,
    }


def hand_in(tiny: TinyCourse, one: Hostile, places: dict[str, str]) -> None:
    """Put one submission into the course's folder."""
    codes = {"double": one.double, "mean": one.mean}
    for sign, place in places.items():
        codes = {name: code.replace(sign, place) for name, code in codes.items()}
    path = tiny.submit(one.name, codes, one.change)
    if one.raw is not None:
        path.write_bytes(one.raw)
    if one.absent or one.folder:
        path.unlink()
    if one.folder:
        path.mkdir()


@pytest.mark.parametrize("one", [*RIGHT, *CHOSEN], ids=lambda one: one.name)
def test_each_gets_what_it_is_due(proof: dict[str, Any], one: Hostile) -> None:
    marks = {name: score for name, score in proof["tiny"].marks(one.name).items() if name in one.due}
    assert marks == one.due, one.tries


def test_everybody_was_graded(proof: dict[str, Any]) -> None:
    assert proof["done"].failed == []
    assert sorted(proof["done"].graded) == sorted(one.name for one in (*RIGHT, *CHOSEN))


def test_no_secret_was_seen(proof: dict[str, Any]) -> None:
    """All that came out of the sandboxes stands in the journal and the graded notebooks."""
    course = proof["tiny"].folder
    kept = [*(course / ".llm-course").rglob("*.jsonl"), *(course / "autograded").rglob("*.ipynb")]
    assert kept
    for path in kept:
        text = path.read_text(encoding="utf-8", errors="replace")
        assert SECRET not in text.replace("SECRET FROM STUDENT", ""), path


def test_nothing_was_changed_outside(proof: dict[str, Any]) -> None:
    assert proof["after"] == proof["before"]
    assert list(proof["outside"].iterdir()) == [proof["outside"] / "notes.txt"]
    assert not list(Path("/tmp").glob("WRITTEN-BY-STUDENT")) and not list(Path("/dev/shm").glob("WRITTEN-BY-STUDENT"))


def test_nobody_called_out(proof: dict[str, Any]) -> None:
    assert proof["heard"] == []


def test_nothing_runs_on(proof: dict[str, Any]) -> None:
    """Every process that a sandbox started has ended with it."""
    inside = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(f"memory={LIMITS.memory},".encode() in word for word in words):
            status = (path.parent / "stat").read_text().rsplit(")", 1)[1].split()[0]
            if status != "Z":
                inside.append(words)
    assert inside == []


def test_a_regrade_gives_the_same_marks(proof: dict[str, Any]) -> None:
    if not PROOF:
        pytest.skip("in full under `make grade-proof`; tests/grading regrades one student")
    tiny = proof["tiny"]
    names = [one.name for one in (*RIGHT, *CHOSEN) if not one.slow]
    before = {name: tiny.marks(name) for name in names}
    for name in names[:12]:
        tiny.grade(limits=LIMITS, student=name, regrade=True)
    assert {name: tiny.marks(name) for name in names} == before


def test_the_feedback_has_no_script_and_no_solution(proof: dict[str, Any]) -> None:
    from llm_course.grading.feedback import write

    for path in write("tiny", proof["tiny"].course):
        text = path.read_text(encoding="utf-8")
        assert (
            "<script" not in text.lower()
            and SECRET not in text
            and "2 * value" not in text.replace("2 * values", "")
            and "HIDDEN INPUTS" not in text
        )


def test_the_list_is_long_enough_and_says_what_it_tries() -> None:
    names = [one.name for one in (*LISTED, *HONEST)]
    assert len(LISTED) >= 40 and len(set(names)) == len(names)
    assert sum(one.quick for one in LISTED) >= 10
    assert all(
        one.tries and one.due.keys() == {"double-visible", "double-hidden", "mean-visible", "mean-hidden"}
        for one in (*LISTED, *HONEST)
    )
    json.dumps([one.tries for one in LISTED])
