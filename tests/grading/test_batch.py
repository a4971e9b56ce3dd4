"""Who is due and what is kept, without a sandbox: student code is replaced by a verdict made up here."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from llm_course.checks.verdict import Verdict
from llm_course.cli import main
from llm_course.errors import NoSandbox
from llm_course.grading import batch, course, integrity
from llm_course.grading.journal import Begin, End, Journal
from llm_course.grading.judged import Judged, Part

RIGHT = {"double": "def double(values):\n    return [2 * value for value in values]"}


@pytest.fixture
def quick(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The tiny course, whose submissions are all right, except that "{broken}" in a code starts no sandbox."""

    def judged(cells: Any, prepared: Any, *_: Any, started: Any, **__: Any) -> Judged:
        if any("{broken}" in code for _, code in cells):
            raise NoSandbox("no more processes")
        started.set()
        return Judged([Part(one.task.name, "visible", Verdict("right"), 1.0) for one in prepared])

    monkeypatch.setattr(batch, "judge", judged)
    monkeypatch.setattr(batch, "engine", lambda unsafe: "made up")
    return tiny


def journal(tiny: Any) -> Any:
    return Journal(tiny.course, "tiny").read()


def test_a_regrade_of_all_is_not_over_when_one_student_is_done(quick: Any) -> None:
    for student in ("ann", "bob"):
        quick.submit(student, RIGHT)
    quick.grade()
    with Journal(quick.course, "tiny").open() as opened:  # a regrade that was killed at once
        opened.write(Begin("killed", 7, True, ("ann", "bob")))
    assert quick.grade(student="ann").graded == ["ann"]
    assert journal(quick).last(End, batch="killed") is None
    done = quick.grade()
    assert done.graded == ["bob"] and done.skipped == ["ann"]
    assert journal(quick).last(End, batch="killed") is not None
    assert quick.grade().graded == []


def test_a_killed_regrade_of_one_regrades_nobody_else(quick: Any) -> None:
    for student in ("ann", "bob"):
        quick.submit(student, RIGHT)
    quick.grade()
    with Journal(quick.course, "tiny").open() as opened:
        opened.write(Begin("killed", 7, True, ("ann",)))
    done = quick.grade()
    assert done.graded == ["ann"] and done.skipped == ["bob"]
    with Journal(quick.course, "tiny").open() as opened:
        opened.write(Begin("again", 7, True, ("ann",)))
    assert sorted(quick.grade(regrade=True).graded) == ["ann", "bob"]


def test_who_took_a_submission_back_holds_no_batch_open(quick: Any) -> None:
    quick.submit("ann", RIGHT)
    with Journal(quick.course, "tiny").open() as opened:
        opened.write(Begin("killed", 7, False, ("ann", "gone")))
    assert quick.grade().graded == ["ann"]
    assert journal(quick).last(End, batch="killed") is not None


def test_a_sandbox_that_does_not_start_stops_all_only_if_none_ever_did(quick: Any) -> None:
    quick.submit("ann", RIGHT)
    quick.submit("bob", {"double": "'{broken}'"})
    quick.submit("cy", RIGHT)
    done = quick.grade(workers=1)
    assert sorted(done.graded) == ["ann", "cy"] and [student for student, _ in done.failed] == ["bob"]
    assert journal(quick).last(End) is None  # the next call tries bob again
    with pytest.raises(NoSandbox):
        quick.grade(student="bob")


def test_names_that_cannot_be_written_are_left_out_and_listed(quick: Any, capsys: pytest.CaptureFixture[str]) -> None:
    quick.submit("zoë", RIGHT)
    for name in (b"M\xfcller", b"two\nlines"):
        os.makedirs(os.fsencode(quick.folder / "submitted") + b"/" + name + b"/tiny")
    done = quick.grade()
    assert done.graded == ["zoë"] and done.failed == [] and len(done.strange) == 2
    assert main(["grade", "tiny", "--course", str(quick.folder)]) == 0
    said = capsys.readouterr().out
    assert r"'M\udcfcller'" in said and r"'two\nlines'" in said and "Rename" in said


def test_a_terminal_without_the_letters_stops_nothing(quick: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    from llm_course.grading import commands

    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", out)
    commands._say("zoë: 7 of 7 points")
    out.flush()
    assert out.buffer.getvalue() == b"zo\\xeb: 7 of 7 points\n"  # type: ignore[attr-defined]


def test_copies_of_the_gradebook_are_made_when_there_is_something_to_do(
    quick: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick.submit("ann", RIGHT)
    said: list[str] = []
    first = quick.grade(report=said.append).backup
    for _ in range(3):
        assert quick.grade().backup is None
    assert first is not None and list(first.parent.iterdir()) == [first] and not any("copy" in line for line in said)
    monkeypatch.setattr(course, "BACKUPS", 3)
    names = [quick.course.back_up() for _ in range(5)]
    assert sorted(names) == names and sorted(first.parent.iterdir()) == names[-3:]  # the oldest go first


def test_names_of_copies_sort_by_time(quick: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    names = []
    for now in (1_698_540_000_999_999_999, 1_698_540_001_000_000_001, 1_698_543_600_000_000_000):  # clocks go back
        monkeypatch.setattr(course.time, "time_ns", lambda now=now: now)
        names.append(quick.course.back_up())
    assert names == sorted(names) and len(set(names)) == 3


def test_another_database_is_said_to_have_no_copy(quick: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    quick.submit("ann", RIGHT)
    monkeypatch.setattr(course.Course, "back_up", lambda self: None)
    said: list[str] = []
    quick.grade(report=said.append)
    assert "not a SQLite file" in said[0]


def test_what_a_verdict_depends_on_judges_anew(quick: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    quick.submit("ann", RIGHT)
    quick.grade()
    (quick.folder / "release" / "tiny" / "data.csv").write_text("1,2")
    assert quick.grade().graded == ["ann"] and quick.grade().graded == []
    monkeypatch.setattr(batch, "version", lambda _: "99")
    assert quick.grade().graded == ["ann"]


def test_a_submission_that_cannot_be_read_stops_nobody(quick: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    quick.submit("ann", RIGHT)
    quick.submit("bob", RIGHT)
    read = integrity.read

    def reading(folder: Path, name: str) -> bytes:
        if folder.parent.name == "ann":
            raise OSError(5, "Input/output error")
        return read(folder, name)

    monkeypatch.setattr(integrity, "read", reading)
    assert sorted(quick.grade().graded) == ["ann", "bob"]
    assert quick.marks("ann")["double-visible"] == 0 and quick.marks("bob")["double-visible"] == 1


def test_the_time_stamp_may_be_anything(quick: Any, tmp_path: Path) -> None:
    for student, content in (("ann", b"2030-01-01 00:00:00 UTC"), ("bob", b"\xff" * 900), ("cy", b"x" * 5000)):
        (quick.submit(student, RIGHT).parent / "timestamp.txt").write_bytes(content)
    os.symlink("/etc/hostname", quick.submit("dan", RIGHT).parent / "timestamp.txt")
    os.mkfifo(quick.submit("eve", RIGHT).parent / "timestamp.txt")
    begun = time.monotonic()
    done = quick.grade()
    assert len(done.graded) == 5 and done.failed == [] and time.monotonic() - begun < 300
    kept = {path.parts[-3] for path in (quick.folder / "autograded").rglob("timestamp.txt")}
    assert kept == {"ann", "bob"}
