"""docs/instructors.md is true: its commands work as pasted, and its plans give nothing before what it builds on."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from grading.conftest import sandboxed  # noqa: F401 (a fixture)
from llm_course.grading.tasks import load_tasks
from llm_course.lessons import contents, fill

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/instructors.md").read_text(encoding="utf-8")
# What the test does in place of a program that needs the network or root.
STAND_INS = {
    "git": f'mkdir "$3" && cp -r {ROOT}/assignments "$3"',
    "sudo": 'test "$*" = "apt install bubblewrap"',
    "make": f"mkdir -p .venv/bin && echo 'PATH={Path(sys.executable).parent}:$PATH' > .venv/bin/activate",
}
# As if a student's notebook had been downloaded from a learning platform.
DOWNLOADED = """
mkdir -p downloaded/1_tokens/archive
cp source/1_tokens/1_tokens.ipynb downloaded/1_tokens/archive/bob_1_tokens.ipynb
"""


def blocks() -> list[str]:
    """The page's commands, one text for each block that is marked as sh."""
    found = re.findall(r"^( *)```sh\n(.*?)^ *```$", PAGE, re.M | re.S)
    return [textwrap.dedent(text) for _, text in found]


@pytest.mark.timeout(1800)  # eight commands that each load nbgrader, also on a busy machine
def test_from_clone_to_marks_every_command_as_pasted(tmp_path: Path, sandboxed: str) -> None:  # noqa: F811
    pytest.importorskip("nbgrader", reason="needs nbgrader: pip install 'llm-course[grade]'")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, line in STAND_INS.items():
        (programs / name).write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    cycle, students, collect, canvas = blocks()
    script = "\n".join(["set -eu", cycle, students, DOWNLOADED, collect, canvas])
    env = {
        **os.environ,
        "HOME": str(tmp_path),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(ROOT)])),
    }
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    course = tmp_path / "my-course"
    due = sum(sum(task.points) for task in load_tasks(course / "judging/1_tokens.py"))
    with (course / "marks.csv").open(encoding="utf-8", newline="") as file:
        (ann,) = csv.DictReader(file)
    assert (ann["student_id"], float(ann["score"]), ann["needs_manual_grade"]) == ("ann", due, "True")
    assert {path.name for path in (course / "release/1_tokens").iterdir()} == {"1_tokens.ipynb", "checks.json"}
    assert (course / "feedback/ann/1_tokens/1_tokens.html").is_file()
    with (course / "canvas.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["Student"], row["SIS Login ID"]) for row in rows[1:]] == [("Lee, Ann", "ann"), ("Roy, Bob", "bob")]
    assert [float(row["1_tokens"]) for row in rows] == [float(ann["max_score"]), due, due]
    assert "Graded 1; unchanged since they were graded: 1." in done.stdout


def before(text: str) -> tuple[set[str], set[str]]:
    """Lessons and assignments that a lesson's or an assignment's "before you start" asks for."""
    line = re.search(r"\*\*Before you start:\*\* (.+?\.)(?: |$)", text, re.M)
    assert line, text[:200]
    lessons = set(re.findall(r"\b\d\d\b", line[1]))
    for first, last in re.findall(r"\b(\d\d) to (\d\d)\b", line[1]):
        lessons |= {f"{number:02}" for number in range(int(first), int(last) + 1)}
    return lessons, set(re.findall(r"assignment (\d)\b", line[1]))


def plans() -> dict[str, list[list[str]]]:
    """The three tables of the plans: their rows, each a list of cells."""
    found = {}
    for name, table in re.findall(r"^\*\*One (\w+)\*\* .*?\n\n((?:\|.*\n)+)", PAGE, re.M):
        lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
        found[name] = lines[2:]
    return found


LESSONS = {lesson.number: lesson for lesson in contents()}


def source(number: str) -> str:
    """The text of a lesson, its references filled in."""
    return fill(LESSONS[number].source.read_text(encoding="utf-8"), LESSONS[number])


@pytest.mark.parametrize("plan", ["day", "week", "term"])
def test_a_plan_gives_nothing_before_what_it_builds_on(plan: str) -> None:
    lessons: set[str] = set()
    given: set[str] = set()
    for row in plans()[plan]:
        own = re.findall(r"\b\d\d\b", row[1].split("To take home")[0])
        for lesson in own:
            assert before(source(lesson))[0] <= lessons, (plan, row, lesson)
            lessons.add(lesson)
        for name in re.findall(r"`(\d_\w+)`", row[-1]):
            wanted, earlier = before(fill((ROOT / f"assignments/src/{name}.md").read_text(encoding="utf-8")))
            assert wanted <= lessons and earlier <= given, (plan, row, name)
            given.add(name[0])
    if plan == "term":
        assert lessons == {number for number, one in LESSONS.items() if one.kind == "lesson"} and given == {
            path.name[0] for path in (ROOT / "assignments/src").glob("[0-9]*.md")
        }


def test_half_days_are_half_days() -> None:
    for _, lessons, minutes, _ in plans()["week"]:
        own = [LESSONS[number].minutes for number in re.findall(r"\d\d", lessons)]
        assert sum(own) == int(minutes) and sum(own) * 4 / 3 <= 210  # with talk at most three hours and a half
