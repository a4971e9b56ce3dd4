"""A clone made with other settings of Git than ours: the files whose checksums are stored come out unchanged."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from llm_course.errors import WeightsDamaged
from llm_course.shelf.catalogue import WEIGHTS
from llm_course.shelf.stored import verify

ROOT = Path(__file__).resolve().parents[2]
MINIS = sorted(path.name for path in WEIGHTS.iterdir() if path.is_dir())


def test_every_mini_survives_a_clone_with_windows_line_ends(tmp_path: Path) -> None:
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("this copy of the course is not a Git repository")
    clone = tmp_path / "clone"
    subprocess.run(
        [
            "git",
            "-c",
            "core.autocrlf=true",
            "-c",
            "core.eol=crlf",
            "clone",
            "-q",
            "--depth",
            "1",
            "-c",
            "core.autocrlf=true",
            "-c",
            "core.eol=crlf",
            f"file://{ROOT}",
            str(clone),
        ],
        check=True,
        capture_output=True,
        timeout=300,
    )
    assert b"\r\n" in (clone / "README.md").read_bytes(), "other texts do get Windows line ends: the test tests"
    for name in MINIS:
        verify(clone / WEIGHTS.relative_to(ROOT) / name)


def test_changed_line_ends_are_named_as_the_cause(tmp_path: Path) -> None:
    name = "incontext-mini"
    shutil.copytree(WEIGHTS / name, tmp_path / name)
    shutil.copy(WEIGHTS / "checksums.json", tmp_path)
    config = tmp_path / name / "config.json"
    config.write_bytes(config.read_bytes().replace(b"\n", b"\r\n"))
    with pytest.raises(WeightsDamaged, match="line ends .*core.autocrlf"):
        verify(tmp_path / name)
    config.write_bytes(config.read_bytes()[:-5])
    with pytest.raises(WeightsDamaged, match="is damaged"):
        verify(tmp_path / name)
