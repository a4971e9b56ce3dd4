"""Graders side by side: who is fooled by the same cheats, and how long 100 honest submissions take.

The same small assignment (two tasks, visible and hidden tests) stands in nbgrader's form, in otter's and in ours. Each
grader gets the same submissions of ``tests/hostile`` in one run: for nbgrader and otter those that do no harm to the
machine, since neither shuts student code in. "Fooled" means: points for a wrong answer, a secret read, another
student's marks changed, or a message sent out.

    python benchmarks/graders.py                   # all graders that are installed; needs bubblewrap and nbgrader
    python benchmarks/graders.py --honest 20       # fewer submissions in the comparison of speed
    python benchmarks/graders.py --only throughput # or: cheats

otter is no part of the course's environment; ``pip install otter-grader`` beside it, and its rows are filled. It prints
two Markdown tables and writes benchmarks/results/graders.json.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from grading.conftest import RIGHT, TinyCourse, source  # noqa: E402
from hostile.submissions import LISTED, Hostile  # noqa: E402
from hostile.test_hostile import LIMITS, SECRET, Ear, hand_in  # noqa: E402

RESULTS = Path(__file__).parent / "results"
# Cheats that are harmless to the machine where nothing shuts them in.
CHEATS = (
    "builtins",
    "numpy",
    "operators",
    "floats",
    "arrays",
    "hooks",
    "json",
    "known-paths",
    "environment",
    "gradebook",
    "sockets",
    "exit",
    "graded",
    "hard-coded",
)
TESTS = {
    "double-visible": "assert double([1, 2, 3]) == [2, 4, 6]",
    "double-hidden": "### BEGIN HIDDEN TESTS\n"
    "assert all(abs(a - b) < 1e-6 for a, b in zip(double([7, 50]), [14, 100]))\n### END HIDDEN TESTS",
    "mean-visible": "import numpy as np\n"
    "np.testing.assert_allclose(mean(np.arange(6.0).reshape(2, 3)), [1.5, 2.5, 3.5])",
    "mean-hidden": "### BEGIN HIDDEN TESTS\n"
    "assert np.allclose(mean(np.arange(12.0).reshape(4, 3)), [4.5, 5.5, 6.5])\n### END HIDDEN TESTS",
}
CONFIG = """
c = get_config()
c.CourseDirectory.course_id = "peers"
c.ClearSolutions.code_stub = {"python": "raise NotImplementedError()"}
c.ExecutePreprocessor.timeout = 60
"""


class Nbgrader:
    """nbgrader's own autograde, as its manual sets it up."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        notebook = source()
        for one in notebook["cells"]:
            name = one["metadata"].get("nbgrader", {}).get("grade_id")
            if name == "start":
                one["source"] = "import numpy as np"
            elif name in TESTS:
                one["source"] = TESTS[name]
        (folder / "source" / "tiny").mkdir(parents=True)
        (folder / "source" / "tiny" / "tiny.ipynb").write_text(json.dumps(notebook))
        (folder / "source" / "tiny" / "solution.txt").write_text(f"{SECRET}: the solution")
        (folder / "nbgrader_config.py").write_text(CONFIG)
        self.run("generate_assignment", "tiny")

    def run(self, *words: str) -> None:
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "LLM_COURSE_TOKEN": f"{SECRET} in the environment",
        }
        subprocess.run(
            [sys.executable, "-m", "nbgrader", *words],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def released(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "release" / "tiny" / "tiny.ipynb").read_text())
        return found

    submit = TinyCourse.submit

    def grade(self) -> float:
        """Seconds of one autograde of all that was handed in."""
        start = time.perf_counter()
        self.run("autograde", "tiny", "--force")
        return time.perf_counter() - start

    def marks(self, student: str) -> float:
        """The points of the four grade cells together; 0 where nothing was graded."""
        from nbgrader.api import Gradebook, MissingEntry

        with Gradebook(f"sqlite:///{self.folder / 'gradebook.db'}", "peers") as book:
            try:
                notebook = book.find_submission_notebook("tiny", "tiny", student)
            except MissingEntry:
                return 0.0
            return float(sum(grade.score for grade in notebook.grades if grade.name in TESTS))

    def kept(self, student: str) -> str:
        """All text that the grader keeps of a student."""
        paths = (self.folder / "autograded" / student).rglob("*.ipynb")
        return "".join(path.read_text(errors="replace") for path in paths)


class Ours(TinyCourse):
    """The course's judge."""

    def seconds(self) -> float:
        start = time.perf_counter()
        self.grade(limits=LIMITS)
        return time.perf_counter() - start

    def points(self, student: str) -> float:
        return float(sum(score for name, score in self.marks(student).items() if name in TESTS))

    def kept(self, student: str) -> str:
        paths = (self.folder / "autograded" / student).rglob("*.ipynb")
        return "".join(path.read_text(errors="replace") for path in paths)


class Otter:
    """``otter run`` on one notebook at a time, with the same tests in its own form."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        tests = folder / "tests"
        tests.mkdir(parents=True)
        cases = {
            "double": [
                (">>> double([1, 2, 3]) == [2, 4, 6]\nTrue", False, 1),
                (">>> all(abs(a - b) < 1e-6 for a, b in zip(double([7, 50]), [14, 100]))\nTrue", True, 2),
            ],
            "mean": [
                (
                    ">>> import numpy as np\n>>> np.allclose(mean(np.arange(6.0).reshape(2, 3)), [1.5, 2.5, 3.5])\n"
                    "True",
                    False,
                    1,
                ),
                (
                    ">>> import numpy as np\n>>> np.allclose(mean(np.arange(12.0).reshape(4, 3)), [4.5, 5.5, 6.5])\n"
                    "True",
                    True,
                    3,
                ),
            ],
        }
        for name, own in cases.items():
            listed = [{"code": code, "hidden": hidden, "points": points} for code, hidden, points in own]
            test = {"name": name, "points": None, "suites": [{"cases": listed, "scored": True, "type": "doctest"}]}
            (tests / f"{name}.py").write_text(f"OK_FORMAT = True\ntest = {test!r}\n")
        (folder / "secret.txt").write_text(f"{SECRET}: the solution")
        self._otter("generate", "-t", "tests", "-o", "autograder.zip", "--no-environment")
        assert (folder / "autograder.zip").is_file()

    def _otter(self, *words: str) -> str:
        """Run one of its commands, for a minute at most; gives what it printed. Some cheats make it hang."""
        process = subprocess.Popen(
            [sys.executable, "-m", "otter", *words],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={**os.environ, "LLM_COURSE_TOKEN": f"{SECRET} in the environment"},
        )
        try:
            return process.communicate(timeout=60)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return process.communicate()[0]

    def grade(self, notebook: dict[str, Any]) -> tuple[float, str]:
        """Points of one submission, and what the grader printed and kept."""
        plain = [
            {**one, "metadata": {}}
            for one in notebook["cells"]
            if not one["metadata"].get("nbgrader", {}).get("grade_id", "").endswith(("-visible", "-hidden"))
        ]
        for one in plain:
            one["source"] = "".join(one["source"]).replace("from llm_course.grading.student_check import check", "")
        (self.folder / "tiny.ipynb").write_text(json.dumps({**notebook, "cells": plain}))
        results = self.folder / "results.json"
        results.unlink(missing_ok=True)
        done = self._otter("run", "-a", "autograder.zip", "tiny.ipynb")
        if not results.is_file():
            return 0.0, done
        found = json.loads(results.read_text())
        return float(sum(test.get("score") or 0 for test in found["tests"])), json.dumps(found) + done


def cheats(folder: Path) -> list[dict[str, Any]]:
    """One row per cheat: what each grader gave and let out."""
    chosen = [one for one in LISTED if one.name in CHEATS]
    ear = Ear()
    outside = folder / "instructor"
    outside.mkdir()
    peers: dict[str, Any] = {"nbgrader": Nbgrader(folder / "nbgrader"), "ours": Ours(folder / "ours")}
    ours = peers["ours"]
    (ours.folder / "src" / "note.txt").write_text(SECRET)
    ours.assign()
    try:
        import otter  # type: ignore[import-not-found]  # noqa: F401

        peers["otter"] = Otter(folder / "otter")
    except (ImportError, AssertionError):
        pass
    rows = []
    os.environ["LLM_COURSE_TOKEN"] = f"{SECRET} in the environment"
    honest = Hostile("ann", "honest", RIGHT["double"], RIGHT["mean"])
    for name, peer in peers.items():
        if name == "otter":
            continue
        places = _places(peer.folder, outside, ear.port)
        hand_in(peer, honest, places)
        for one in chosen:
            hand_in(peer, one, places)
        print("grading with", name, file=sys.stderr)
        peer.heard_before = len(ear.heard)
        _ = peer.grade() if name == "nbgrader" else peer.seconds()
        peer.heard = len(ear.heard) - peer.heard_before
        peer.changed = (peer.marks("ann") if name == "nbgrader" else peer.points("ann")) != 7
    for one in chosen:
        row: dict[str, Any] = {"cheat": one.name, "tries": one.tries, "due": sum(one.due.values())}
        for name, peer in peers.items():
            if name == "otter":
                row[name] = _otter_verdict(peer, one, ours, outside, ear)
                continue
            points = peer.marks(one.name) if name == "nbgrader" else peer.points(one.name)
            row[name] = _verdict(
                points,
                row["due"],
                SECRET in peer.kept(one.name),
                peer.heard if one.name == "sockets" else 0,
                peer.changed and one.name == "gradebook",
            )
        rows.append(row)
    del os.environ["LLM_COURSE_TOKEN"]
    ear.close()
    return rows


def _otter_verdict(peer: Otter, one: Hostile, ours: Ours, outside: Path, ear: Ear) -> str:
    places = _places(peer.folder, outside, ear.port)
    notebook = copy.deepcopy(ours.released())
    for cell_ in notebook["cells"]:
        name = cell_["metadata"].get("nbgrader", {}).get("grade_id")
        if name in ("double", "mean"):
            code = one.double if name == "double" else one.mean
            for sign, place in places.items():
                code = code.replace(sign, place)
            cell_["source"] = code
    before = len(ear.heard)
    points, kept = peer.grade(notebook)
    return _verdict(points, sum(one.due.values()), SECRET in kept, len(ear.heard) - before, False)


def _places(course: Path, outside: Path, port: int) -> dict[str, str]:
    return {
        "{course!r}": repr(str(course)),
        "{outside!r}": repr(str(outside)),
        "{outside}": str(outside),
        "{port}": str(port),
    }


def _verdict(points: float, due: float, read: bool, heard: int, changed: bool) -> str:
    said = [f"{points:g} of 7"]
    if points > due:
        said.append("FOOLED")
    if read:
        said.append("SECRET READ")
    if heard:
        said.append("CALLED OUT")
    if changed:
        said.append("OTHERS' MARKS CHANGED")
    return ", ".join(said)


def throughput(folder: Path, count: int) -> dict[str, Any]:
    """Seconds for ``count`` honest submissions: nbgrader's autograde without isolation, and ours in the sandbox."""
    found: dict[str, Any] = {"submissions": count}
    answers = {"double": RIGHT["double"], "mean": RIGHT["mean"]}
    for name, made in (("nbgrader", Nbgrader), ("ours", Ours)):
        peer = made(folder / f"{name}-speed")
        if name == "ours":
            peer.assign()
        for number in range(count):
            peer.submit(f"student{number:03d}", answers)
        print("timing", name, file=sys.stderr)
        found[name] = round(peer.grade() if name == "nbgrader" else peer.seconds(), 1)
        points = [(peer.marks if name == "nbgrader" else peer.points)(f"student{n:03d}") for n in range(count)]
        assert points == [7.0] * count, f"{name} did not give everybody full marks: {sorted(set(points))}"
    found["ratio"] = round(found["ours"] / found["nbgrader"], 2)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--honest", type=int, default=100, help="submissions in the comparison of speed")
    parser.add_argument("--only", choices=("cheats", "throughput"))
    args = parser.parse_args()
    if not shutil.which("bwrap"):
        sys.exit("This needs bubblewrap (Debian, Ubuntu: apt install bubblewrap).")
    from importlib.metadata import version

    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "graders.json"
    record = json.loads(path.read_text()) if path.is_file() else {}
    record |= {
        "date": time.strftime("%Y-%m-%d"),
        "nbgrader": version("nbgrader"),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
    }
    with tempfile.TemporaryDirectory(prefix="graders-") as folder:
        if args.only != "throughput":
            record["cheats"] = cheats(Path(folder))
        if args.only != "cheats":
            record["throughput"] = throughput(Path(folder), args.honest)
    if rows := record.get("cheats"):
        graders = [name for name in ("nbgrader", "otter", "ours") if name in rows[0]]
        print("| cheat | it tries to | due |" + "".join(f" {name} |" for name in graders))
        print("|---|---|---|" + "---|" * len(graders))
        for row in rows:
            print(f"| {row['cheat']} | {row['tries']} | {row['due']:g} |" + "".join(f" {row[g]} |" for g in graders))
        fooled = {g: sum(any(word.isupper() for word in row[g].split()) for row in rows) for g in graders}
        print(f"\nFooled, of {len(rows)}: " + ", ".join(f"{g} {n}" for g, n in fooled.items()))
    if speed := record.get("throughput"):
        print(
            f"\n{speed['submissions']} honest submissions: nbgrader {speed['nbgrader']} s, ours {speed['ours']} s "
            f"({speed['ratio']} times as long; at most 1.5 promised)"
        )
    path.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
