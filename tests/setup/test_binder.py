"""Binder reads the folder as meant: repo2docker itself says what it would build (no Docker needed)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def dockerfile() -> str:
    """What ``repo2docker --no-build --debug .`` prints."""
    program = Path(sys.executable).parent / "jupyter-repo2docker"
    done = subprocess.run(
        [str(program), "--no-build", "--debug", "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


def test_the_environment_is_binders_own(dockerfile: str) -> None:
    assert "binder/environment.yml" in dockerfile
    updates = [line for line in dockerfile.splitlines() if "env update" in line]
    assert len(updates) == 1 and '--file "binder/environment.yml"' in updates[0], updates


def test_python_is_the_pinned_one(dockerfile: str) -> None:
    assert "Building conda environment for python=3.11" in dockerfile
    assert "Python version unspecified" not in dockerfile


def test_the_course_is_installed_after_the_repository_is_there(dockerfile: str) -> None:
    lines = dockerfile.splitlines()
    assert lines.index("COPY --chown=0:0 src/ ${REPO_DIR}/") < lines.index("RUN ./binder/postBuild")
    assert 'ENV R2D_ENTRYPOINT="${REPO_DIR}/binder/start"' in lines


@pytest.mark.parametrize("script", ["postBuild", "start"])
def test_scripts_can_be_run(script: str) -> None:
    path = ROOT / "binder" / script
    assert os.access(path, os.X_OK)
    subprocess.run(["bash", "-n", str(path)], check=True)


def test_start_hands_over_to_what_it_is_given() -> None:
    done = subprocess.run(
        [str(ROOT / "binder/start"), "sh", "-c", 'echo "$OMP_NUM_THREADS $HF_HUB_OFFLINE $1"', "sh", "a b"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1 1 a b\n"
