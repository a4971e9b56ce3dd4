"""What ``make test`` does with each notebook: strict comparison and the kernel's cost, in one run of the notebook."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import nb_kernel
import notebooks
from nb_source import notebook_of, parse
from notebooks_tiny import LESSON, tiny_course

TESTS = Path(__file__).parents[1]


@pytest.fixture
def run(tmp_path: Path):
    """Build a lesson from its text, change the stored notebook, then run pytest on it as the Makefile does."""
    shutil.copy(TESTS / "conftest.py", tmp_path)
    shutil.copytree(TESTS / "guard", tmp_path / "guard")

    def run_pytest(
        text: str = LESSON, change=lambda notebook: None, seconds: int = 600
    ) -> subprocess.CompletedProcess[str]:
        lesson = tiny_course(tmp_path / "lessons", text)
        notebooks.build(lesson, tmp_path)
        path = notebook_of(lesson, tmp_path)
        stored = nbformat.read(path, as_version=4)
        change(stored)
        nbformat.write(stored, path)
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent / "tools"), os.environ["PYTHONPATH"]])}
        return subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-v",
                "-p",
                "no:cacheprovider",
                "--nbval",
                "--nbval-current-env",
                f"--nbval-cell-timeout={seconds}",
                f"--nbval-sanitize-with={TESTS / 'notebooks' / 'sanitize.cfg'}",
                str(path),
            ],
            capture_output=True,
            text=True,
            timeout=1200,
            check=False,
            cwd=tmp_path,
            env=env,
        )

    return run_pytest


def test_a_good_notebook_passes_and_its_cost_is_read(run) -> None:
    done = run()
    cells = sum(cell.cell_type == "code" for cell in parse(LESSON).cells)
    assert f"{cells + 1} passed" in done.stdout, done.stdout
    assert "kernel cost PASSED" in done.stdout, done.stdout


def test_an_output_that_changed_fails(run) -> None:
    done = run(change=lambda notebook: notebook.cells[1].outputs[0].update(text="3\n"))
    assert "1 failed" in done.stdout and "Cell 0 FAILED" in done.stdout


def test_a_lost_output_fails(run) -> None:
    assert "1 failed" in run(change=lambda notebook: notebook.cells[1].update(outputs=[])).stdout


def test_a_kernel_larger_than_the_lesson_says_fails(run) -> None:
    if nb_kernel.peak_bytes(os.getpid()) is None:
        pytest.skip("this system has no /proc")
    done = run(LESSON.replace("one = 1 + 1", "one = 2; block = b'x' * 700_000_000; del block"))
    assert "kernel cost FAILED" in done.stdout
    assert "the lesson says 400" in done.stdout


def test_a_kernel_larger_than_binder_fails(run) -> None:
    if nb_kernel.peak_bytes(os.getpid()) is None:
        pytest.skip("this system has no /proc")
    done = run(LESSON.replace("one = 1 + 1", "one = 2; block = b'x' * 1_500_000_000; del block"))
    assert "at most 1500" in done.stdout and "1 failed" in done.stdout


def test_a_dead_kernel_fails(run) -> None:
    # nbval waits for a dead kernel as long as for a slow cell
    done = run(change=lambda notebook: notebook.cells[-2].update(source="import os; os._exit(1)"), seconds=8)
    assert "the kernel died before the end" in done.stdout


def test_the_kernel_gets_a_home_of_its_own_and_no_gpu(run) -> None:
    body = "import os; one = 2\nassert 'lesson-' in os.environ['LLM_COURSE_HOME'], os.environ['LLM_COURSE_HOME']\n"
    body += "assert os.environ['CUDA_VISIBLE_DEVICES'] == '' and os.environ['HF_HUB_OFFLINE'] == '1'"
    assert " failed" not in run(LESSON.replace("one = 1 + 1", body)).stdout


def test_an_image_may_be_drawn_otherwise_but_its_words_are_compared(run) -> None:
    text = LESSON.replace("<b>a slider</b>", "<img alt='a slider' src='data:image/png;base64,AAAA'>")

    def changed(old: str, new: str):
        def change(notebook) -> None:
            data = notebook.cells[-2].outputs[0].data
            data["text/html"] = data["text/html"].replace(old, new)
            assert new in data["text/html"]

        return change

    assert " failed" not in run(text, changed("AAAA", "iVBORw0K+/8=")).stdout
    assert "1 failed" in run(text, changed("a slider", "a wheel")).stdout
