"""From source to marks in nbgrader's gradebook, in the real sandbox."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from llm_course.cli import main
from llm_course.errors import BadCourse, BadOption
from llm_course.grading.sandbox import Limits
from llm_course.grading.sandbox.watcher import descendants

ALL = {"double-visible": 1.0, "double-hidden": 2.0, "mean-visible": 1.0, "mean-hidden": 3.0, "why": 0.0}
RIGHT = {
    "double": "def double(values):\n    return [2 * value for value in values]",
    "mean": "def mean(array):\n    return array.mean(0)",
    "why": "Because it is the middle.",
}


def test_release_and_grades(tiny: Any, sandboxed: str) -> None:
    release = tiny.folder / "release" / "tiny"
    assert sorted(path.name for path in release.iterdir()) == ["checks.json", "tiny.ipynb"]
    text = (release / "tiny.ipynb").read_text()
    assert "2 * value" not in text and "secret" not in text and "NotImplementedError" in text
    tiny.submit("ann", RIGHT)
    tiny.submit("bob", RIGHT | {"double": "def double(values):\n    return [value * value for value in values]"})
    tiny.submit("cy")  # wrote nothing
    done = tiny.grade()
    assert done.backup is not None and done.backup.stat().st_size > 0
    assert sorted(done.graded) == ["ann", "bob", "cy"] and done.failed == []
    assert tiny.marks("ann") == ALL
    assert tiny.marks("bob") == ALL | {"double-visible": 0.0, "double-hidden": 0.0}
    assert set(tiny.marks("cy").values()) == {0.0}
    with tiny.course.gradebook() as gradebook:
        assert gradebook.find_grade("why", "tiny", "tiny", "ann").needs_manual_grade
        assert not gradebook.find_grade("why", "tiny", "tiny", "cy").needs_manual_grade
        assert gradebook.find_submission("tiny", "ann").max_score == 9
    again = tiny.grade()
    assert again.graded == [] and sorted(again.skipped) == ["ann", "bob", "cy"]
    assert again.backup is None and list(done.backup.parent.iterdir()) == [
        done.backup
    ]  # nothing to do, nothing to keep
    autograded = json.loads((tiny.folder / "autograded" / "bob" / "tiny" / "tiny.ipynb").read_text())
    said = {c["metadata"].get("nbgrader", {}).get("grade_id"): c.get("outputs") for c in autograded["cells"]}
    assert "You squared the values." in said["double-visible"][0]["text"]
    assert said["mean-hidden"][0]["text"] == "Right: 3 of 3 points."


def test_feedback_and_csv(tiny: Any, sandboxed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny.submit("bob", RIGHT | {"double": "def double(values):\n    return [value * value for value in values]"})
    tiny.submit("=cmd", RIGHT | {"mean": "def mean(array):\n    raise ValueError('<script>x</script>')"})
    tiny.grade()
    assert main(["feedback", "tiny", "--course", str(tiny.folder)]) == 0
    page = (tiny.folder / "feedback" / "bob" / "tiny" / "tiny.html").read_text()
    assert "You squared the values." in page and "4 of 9 points" in page and "to be marked by a person" in page
    assert page.count("hidden check") == 2 and "2 * value" not in page and "secret" not in page
    other = (tiny.folder / "feedback" / "=cmd" / "tiny" / "tiny.html").read_text()
    assert "&lt;script&gt;" in other and "<script" not in other
    target = tmp_path / "grades.csv"
    assert main(["grades", "tiny", "--course", str(tiny.folder), "--csv", str(target)]) == 0
    rows = [line.split(",") for line in target.read_text().splitlines()]
    assert rows[0][3] == "student_id" and [row[3] for row in rows[1:]] == ["'=cmd", "bob"]
    assert [row[9] for row in rows[1:]] == ["3.0", "4.0"] and rows[1][10] == "9.0"
    assert "Feedback for 2 students" in capsys.readouterr().out


def test_the_seed_stays_unless_regraded(tiny: Any, sandboxed: str) -> None:
    tiny.submit("ann", RIGHT)
    tiny.grade(seed=None)
    first = tiny.grade(seed=None)
    assert first.skipped == ["ann"]
    with pytest.raises(BadOption, match="--regrade"):
        tiny.grade(seed=first.seed + 1)
    again = tiny.grade(seed=None, regrade=True)
    assert again.graded == ["ann"] and again.seed == first.seed and tiny.marks("ann") == ALL


def test_marks_by_hand_survive_a_regrade(tiny: Any, sandboxed: str) -> None:
    tiny.submit("ann", RIGHT)
    tiny.grade()
    with tiny.course.gradebook() as gradebook:
        grade = gradebook.find_grade("why", "tiny", "tiny", "ann")
        grade.manual_score, grade.needs_manual_grade = 1.5, False
        gradebook.find_comment("why", "tiny", "tiny", "ann").manual_comment = "Almost."
        gradebook.db.commit()
    tiny.grade(regrade=True)
    assert tiny.marks("ann") == ALL | {"why": 1.5}
    with tiny.course.gradebook() as gradebook:
        assert not gradebook.find_grade("why", "tiny", "tiny", "ann").needs_manual_grade
        assert gradebook.find_comment("why", "tiny", "tiny", "ann").comment == "Almost."


class Killed(BaseException):
    """As sudden as a kill: nothing may catch it."""


@pytest.mark.parametrize("moment", ["after the verdict", "in the transaction"])
def test_a_killed_batch_goes_on(tiny: Any, sandboxed: str, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    from llm_course.grading import gradebook
    from llm_course.grading.journal import Graded, Journal, Marked

    for student in ("ann", "bob", "cy"):
        tiny.submit(student, RIGHT)
    name = "write" if moment == "after the verdict" else "_penalty"
    original, calls = getattr(gradebook, name), []

    def second_time(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise Killed
        return original(*arguments)

    monkeypatch.setattr(gradebook, name, second_time)
    with pytest.raises(Killed):
        tiny.grade(workers=1)
    monkeypatch.setattr(gradebook, name, original)
    with tiny.course.gradebook() as book:
        assert len(book.find_assignment("tiny").submissions) == 1  # the second is not there by half
    done = tiny.grade(workers=1)
    assert len(done.graded) == 2 and len(done.skipped) == 1
    lines = Journal(tiny.course, "tiny").read().lines
    for kind in (Graded, Marked):  # nobody was judged or marked twice
        assert sorted(line.student for line in lines if isinstance(line, kind)) == ["ann", "bob", "cy"]
    assert all(tiny.marks(student) == ALL for student in ("ann", "bob", "cy"))


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE  # it has ended, and waits to be collected
    except psutil.NoSuchProcess:
        return False


def test_kill_9_leaves_nothing_running_and_the_batch_goes_on(tiny: Any, sandboxed: str) -> None:
    tiny.submit("ann", RIGHT)
    tiny.submit("zed", RIGHT | {"double": "import time\ntime.sleep(80)"})
    command = [sys.executable, "-m", "llm_course.cli", "grade", "tiny", "--course", str(tiny.folder), "--seed", "7"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    journal = tiny.folder / ".llm-course" / "journal" / "tiny.jsonl"
    end = time.monotonic() + 300
    while time.monotonic() < end and not (journal.exists() and '"marked"' in journal.read_text()):
        assert process.poll() is None
        time.sleep(0.1)
    tree = descendants(process.pid)
    assert len(tree) > 2  # zed's sandbox runs
    process.kill()
    process.wait()
    end = time.monotonic() + 60
    while time.monotonic() < end and any(map(runs, tree)):
        time.sleep(0.1)
    assert not any(map(runs, tree))
    done = tiny.grade(limits=Limits(**{**tiny.limits.__dict__, "cell": 2}))
    assert done.skipped == ["ann"] and done.graded == ["zed"]
    assert tiny.marks("ann") == ALL and tiny.marks("zed")["double-hidden"] == 0.0


def test_a_batch_is_refused_while_another_runs(tiny: Any, sandboxed: str) -> None:
    from llm_course.grading.journal import Journal

    tiny.submit("ann", RIGHT)
    with Journal(tiny.course, "tiny").open(), pytest.raises(BadCourse, match="another process"):
        tiny.grade()


def test_what_is_missing_is_named(tiny: Any, sandboxed: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadCourse, match="handed in nothing"):
        tiny.grade(student="nobody")
    assert main(["grade", "other", "--course", str(tiny.folder)]) == 2
    assert "llm-course assign other" in capsys.readouterr().err
    assert main(["assign", "tiny", "--course", str(tiny.folder / "nowhere")]) == 2
    assert "--course DIR" in capsys.readouterr().err


def test_what_is_no_notebook_gets_nothing_and_stops_nobody(tiny: Any, sandboxed: str) -> None:
    tiny.submit("ann", RIGHT)
    for student in ("empty", "giant", "link", "linked", "picture"):
        (tiny.folder / "submitted" / student / "tiny").mkdir(parents=True)
    submitted = tiny.folder / "submitted"
    with open(submitted / "giant" / "tiny" / "tiny.ipynb", "wb") as file:
        file.truncate(50_000_000)
    solution = tiny.folder / "source" / "tiny"
    os.symlink(solution / "tiny.ipynb", submitted / "link" / "tiny" / "tiny.ipynb")
    (submitted / "linked" / "tiny").rmdir()
    os.symlink(solution, submitted / "linked" / "tiny")
    (submitted / "picture" / "tiny" / "tiny.ipynb").write_bytes(b"\x89PNG\r\n")
    done = tiny.grade()
    assert len(done.graded) == 6 and done.failed == []
    assert tiny.marks("ann") == ALL
    for student in ("empty", "giant", "link", "linked", "picture"):
        assert set(tiny.marks(student).values()) == {0.0}, student
        assert "2 * value" not in (tiny.folder / "autograded" / student / "tiny" / "tiny.ipynb").read_text()
    main(["feedback", "tiny", "--course", str(tiny.folder)])
    assert "50 MB" in (tiny.folder / "feedback" / "giant" / "tiny" / "tiny.html").read_text()


def test_nothing_of_a_students_runs_in_the_instructors_browser(tiny: Any, sandboxed: str) -> None:
    from nbconvert import HTMLExporter

    attack = "<script>alert(1)</script><img src=x onerror=alert(1)> [a](javascript:alert(1)) $a<b$"
    texts = [
        {"cell_type": kind, "metadata": {"raw_mimetype": "text/html"}, "source": attack} for kind in ("markdown", "raw")
    ]
    tiny.submit("eve", RIGHT | {"why": attack}, lambda nb: nb["cells"].extend(texts))
    tiny.grade()
    page, _ = HTMLExporter(template_name="basic").from_filename(
        tiny.folder / "autograded" / "eve" / "tiny" / "tiny.ipynb"
    )
    assert "alert(1)" in page
    assert "<script>alert" not in page and "<img src=x" not in page and 'href="javascript:' not in page


def test_unsafe_grades_without_a_sandbox_and_says_so(tiny: Any, capsys: pytest.CaptureFixture[str]) -> None:
    tiny.submit("ann", RIGHT)
    assert main(["grade", "tiny", "--course", str(tiny.folder), "--unsafe", "--seed", "7"]) == 0
    said = capsys.readouterr()
    assert "ann: 7 of 7 points" in said.out and "Graded 1" in said.out and "with your rights" in said.err
    assert tiny.marks("ann") == ALL
