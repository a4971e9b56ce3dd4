"""A mini is one file and its weights: in a copy of the package one is added with nothing else, and found everywhere."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TRAIN = """
from llm_course.cli import main
assert main(["train", "toy-mini", "--runs", "runs", "--install"]) == 0
"""
USE = """
import llm_course as lc
from llm_course.cli import main
print("FROM", lc.__file__)
print("SHELF", [(one.name, one.kind, one.parameters) for one in lc.models("mini") if one.name == "toy-mini"])
print("LOADED", lc.load("toy-mini", device="cpu").parameters)
print("SAID", lc.generate("three four", model="toy-mini", max_new_tokens=3, temperature=0).text)
assert main(["evaluate", "toy-mini"]) == 0
assert main(["models"]) == 0
import readme
print("README", readme.measured())
"""


def files(folder: Path) -> dict[str, str]:
    """Every file below a folder with a hash of its content."""
    found = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def test_one_file_and_its_weights_make_a_mini(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "llm_course", tmp_path / "llm_course", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    before = files(tmp_path)
    shutil.copy(Path(__file__).with_name("toy_mini.py"), tmp_path / "llm_course" / "minis" / "toy_mini.py")
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(tmp_path / "tools")]), "OMP_NUM_THREADS": "1"}

    def ran(code: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=500
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    ran(TRAIN)
    said = ran(USE)
    assert f"FROM {tmp_path}" in said, "the copy is what runs"
    assert "SHELF [('toy-mini', 'raw', " in said and "LOADED" in said
    assert "SAID  five six seven" in said
    report, shelf, table = said.partition("name  ")[0], said.partition("name  ")[2], said.partition("README ")[2]
    assert "next numbers" in report and "a guess 0.12" in report and "Written: " in report
    assert "toy-mini" in shelf and "| `toy-mini` | 0.0 M | next numbers | 1.00 | a guess 0.12 |" in table
    page = (tmp_path / "llm_course" / "minis" / "weights" / "toy-mini" / "README.md").read_text(encoding="utf-8")
    for text in (
        "# toy-mini",
        'lc.generate("three four"',
        "It can count to eight.",
        "| toy-mini | 1.00 |",
        "100 steps",
    ):
        assert text in page

    after = files(tmp_path)
    shutil.rmtree(tmp_path / "runs")
    changed = {path for path in after if after[path] != before.get(path) and not path.startswith("runs/")}
    own = {path for path in changed if path.startswith("llm_course/minis/weights/toy-mini/")}
    assert {path.rpartition("/")[2] for path in own} >= {"card.json", "README.md", "model.safetensors"}
    assert changed - own == {"llm_course/minis/toy_mini.py", "llm_course/minis/weights/checksums.json"}
    assert set(before) <= set(after)
