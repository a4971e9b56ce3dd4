"""A JupyterLab of its own and a Chromium that talks to nothing else, for one test session.

Knows nothing about lessons. Without Chromium the tests skip and say so; LLM_COURSE_REQUIRE_BROWSER=1 (as in .ci/run)
makes that a failure.
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
from lab_page import LabPage

from llm_course.teaching.workspace import copy_lessons
from nb_kernel import isolation

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split() + ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]  # no other name even resolves
START_SECONDS = 180


@pytest.fixture(scope="session", autouse=True)
def _patience() -> None:
    """A busy machine needs longer than playwright's five seconds."""
    from playwright.sync_api import expect

    expect.set_options(timeout=60_000)


def missing_browser(reason: str) -> None:
    """Skip, or fail where a browser was promised."""
    if os.environ.get("LLM_COURSE_REQUIRE_BROWSER") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium or Chrome that starts."""
    named = os.environ.get("LLM_COURSE_CHROMIUM")
    for name in (named,) if named else BROWSERS:
        path = shutil.which(name)
        if path and subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0:
            return path
    missing_browser("no Chromium here; `make browser` installs it, or set LLM_COURSE_CHROMIUM to its path")
    raise AssertionError("unreachable")


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core, which comes with ``npm ci``."""
    path = ROOT / "node_modules" / "axe-core" / "axe.min.js"
    if not path.exists():
        missing_browser("axe-core is not installed; `make lint-js` installs it, where Node.js is")
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The URL (with its token) of a running JupyterLab, and the folder of notebooks it serves."""
    folder, home = tmp_path_factory.mktemp("served"), tmp_path_factory.mktemp("jupyter")
    copy_lessons(folder)  # what learners get; running and saving must not touch the repository
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false", "checkForUpdates": false}', encoding="utf-8"
    )
    env = {
        **os.environ,
        **isolation(home),
        "LLM_COURSE_OUTPUT": "",  # as a learner sees them
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
    }
    log = home / "log"
    with log.open("w", encoding="utf-8") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0",
             "--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True",
             "--LabApp.news_url=None"],
            stdout=output, stderr=subprocess.STDOUT, env=env,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + START_SECONDS
        while not (url := re.search(r"http://127\.0\.0\.1:\d+/lab\?token=\w+", log.read_text(encoding="utf-8"))):
            assert server.poll() is None and time.monotonic() < deadline, log.read_text(encoding="utf-8")[-3000:]
            time.sleep(0.2)
        yield url[0], folder
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


@pytest.fixture
def page(chromium: str, lab: tuple[str, Path], request: pytest.FixtureRequest) -> Iterator[LabPage]:
    """A fresh browser profile on that JupyterLab; closed after the test."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        try:
            yield LabPage(browser.new_page(viewport={"width": 1280, "height": 1000}), lab[0])
        finally:
            browser.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All lessons as a website. A link that leads nowhere fails here: Sphinx's warnings are errors."""
    target = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "site.py", "--to", target], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return target
