"""nbgrader's formgrader on a course that the judge has graded: a browser sees everybody's marks.

Knows nothing about JupyterLab's own pages; formgrader is served beside them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from browser.conftest import FLAGS
from grading.conftest import RIGHT, TinyCourse
from llm_course.errors import NoSandbox
from nb_kernel import isolation

pytestmark = pytest.mark.browser
# What each has, and whether the written question waits for a person: who wrote nothing has nothing to be read.
MARKS = {"ann": ("7 / 9", "needs manual grading"), "bob": ("4 / 9", "needs manual grading"), "cy": ("0 / 9", "graded")}
HALF = RIGHT | {"double": "def double(values):\n    return [value * value for value in values]"}


@pytest.fixture
def graded(tmp_path: Path) -> TinyCourse:
    """A course with three students, graded in the sandbox."""
    pytest.importorskip("nbgrader")
    tiny = TinyCourse(tmp_path / "course")
    shutil.copy(Path(__file__).resolve().parents[2] / "assignments" / "nbgrader_config.py", tiny.folder)
    tiny.assign()
    for student, answers in {"ann": RIGHT, "bob": HALF, "cy": {}}.items():
        tiny.submit(student, answers)
    try:
        tiny.grade()
    except NoSandbox as error:
        if os.environ.get("LLM_COURSE_REQUIRE_SANDBOX") == "1":
            pytest.fail(f"LLM_COURSE_REQUIRE_SANDBOX=1, and there is no sandbox: {error}")
        pytest.skip(f"needs bubblewrap: {error}")
    return tiny


@pytest.fixture
def formgrader(graded: TinyCourse, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The address of a server that runs formgrader on that course, and its token."""
    home = tmp_path / "jupyter"
    env = {**os.environ, **isolation(home), "JUPYTER_RUNTIME_DIR": str(home / "runtime")}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env.get('PATH', '')}"
    log = tmp_path / "log"
    with log.open("w", encoding="utf-8") as output:
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jupyterlab",
                "--no-browser",
                "--allow-root",
                "--port=0",
                "--ServerApp.ip=127.0.0.1",
                f"--ServerApp.root_dir={graded.folder}",
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=graded.folder,
        )
    try:
        deadline = time.monotonic() + 180
        while not (url := re.search(r"(http://127\.0\.0\.1:\d+)/lab\?token=(\w+)", log.read_text(encoding="utf-8"))):
            assert server.poll() is None and time.monotonic() < deadline, log.read_text(encoding="utf-8")[-3000:]
            time.sleep(0.2)
        yield url[1], url[2]
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


def test_the_marks_are_there_and_generate_refuses(
    chromium: str, formgrader: tuple[str, str], graded: TinyCourse
) -> None:
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.set_default_timeout(120_000)
            address, token = formgrader
            # JupyterLab's page keeps the token; formgrader's own pages ask for their data without it.
            page.goto(f"{address}/lab?token={token}", wait_until="commit")
            page.goto(f"{address}/formgrader/manage_submissions/tiny", wait_until="domcontentloaded")
            rows = page.locator("table tbody tr")
            expect(rows).to_have_count(3)
            if folder := os.environ.get("LLM_COURSE_PICTURES"):
                page.screenshot(path=str(Path(folder) / "formgrader.png"))
            found = {student: " ".join(rows.filter(has_text=student).inner_text().split()) for student in MARKS}
            for student, (mark, status) in MARKS.items():
                assert mark in found[student] and status in found[student], found
            page.goto(f"{address}/formgrader/gradebook/tiny/tiny", wait_until="domcontentloaded")
            expect(page.locator("table tbody tr")).to_have_count(3)
            assert "7 / 9 7 / 7 0 / 2" in " ".join(page.locator("table").inner_text().split())

            # "Generate" would remove checks.json; it refuses, and says which command to use.
            page.goto(f"{address}/formgrader/manage_assignments", wait_until="domcontentloaded")
            page.locator("td.assign a").click()
            expect(page.locator(".modal-body")).to_contain_text("llm-course assign NAME")
            release = sorted(path.name for path in (graded.folder / "release" / "tiny").iterdir())
            assert release == ["checks.json", "tiny.ipynb"]
        finally:
            browser.close()
