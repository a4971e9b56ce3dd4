"""The commands of the Makefile and of CI do what the README promises, as far as that shows without installing again."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import expect, sync_playwright

import release
from browser.conftest import FLAGS, chromium  # noqa: F401 (a fixture)
from llm_course.teaching import jupyterlab as lab

ROOT = Path(__file__).resolve().parents[2]


def make(*arguments: str, cwd: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", *arguments], cwd=cwd, capture_output=True, text=True, timeout=1200, check=False, env={**clean, **env}
    )


def script(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The Makefile and what an environment depends on, and nothing else."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def is_up_to_date(target: str, checkout: Path) -> bool:
    """What make itself says: whether nothing would have to be done."""
    return make("-q", target, cwd=checkout).returncode == 0


def test_an_environment_is_made_once_and_again_after_new_versions(checkout: Path) -> None:
    made = checkout / ".venv"
    made.mkdir()
    assert not is_up_to_date(".venv/.lab", checkout) and not is_up_to_date("setup", checkout)
    (made / ".lab").touch()
    assert is_up_to_date(".venv/.lab", checkout)
    assert not is_up_to_date("setup", checkout), "what a learner has is not all that tests need"
    (made / ".dev").touch()
    assert is_up_to_date("setup", checkout)
    later = time.time() + 5
    os.utime(checkout / "constraints.txt", (later, later))
    assert not is_up_to_date(".venv/.lab", checkout) and not is_up_to_date("setup", checkout)


def test_learners_get_the_lessons_extra_only(checkout: Path) -> None:
    assert "'.[lab]'" in make("-n", "lab", cwd=checkout).stdout
    assert ",dev" not in make("-n", "lab", cwd=checkout).stdout
    assert ",dev" in make("-n", "test", cwd=checkout).stdout


def test_the_first_set_up_says_what_it_costs_and_leaves_no_trace_when_it_fails(checkout: Path) -> None:
    done = make("lab", f"PYTHON={shutil.which('false')}", cwd=checkout)
    assert done.returncode != 0
    assert "minutes" in done.stdout and "GB" in done.stdout
    assert not (checkout / ".venv/.lab").exists()


def test_without_a_new_enough_python_make_says_so(checkout: Path) -> None:
    done = make("setup", "PYTHON=", cwd=checkout)
    assert done.returncode != 0
    assert "No Python 3.11 or later found" in done.stdout


def test_the_javascript_is_checked_where_node_is(checkout: Path) -> None:
    tools = checkout / "tools-only"
    tools.mkdir()
    for name in ("sh", "touch", "make"):
        (tools / name).symlink_to(str(shutil.which(name)))
    (checkout / "package-lock.json").write_text("{}", encoding="utf-8")
    without = make("lint-js", cwd=checkout, PATH=str(tools))
    assert without.returncode == 0 and "NOT CHECKED: the JavaScript" in without.stdout
    script(tools / "node", "#!/bin/sh\n")
    script(tools / "npm", f'#!/bin/sh\necho "npm $@" >> {checkout}/log\n[ "$1" = ci ] || test ! -e {checkout}/fail\n')
    (checkout / "node_modules").mkdir()
    assert [make("lint-js", cwd=checkout, PATH=str(tools)).returncode for _ in range(2)] == [0, 0]
    said = (checkout / "log").read_text(encoding="utf-8").splitlines()
    assert [line.split()[1] for line in said] == ["ci", "run", "run"], "installed once, checked each time"
    (checkout / "fail").touch()
    assert make("lint-js", cwd=checkout, PATH=str(tools)).returncode != 0


def test_every_benchmark_has_a_command() -> None:
    runs = {path.name for path in (ROOT / "benchmarks").glob("*.py") if "\ndef main" in path.read_text("utf-8")}
    lines = make("-n", "bench", "grade-proof", "DATA=corpora").stdout
    named = {f"{name}.py" for line in re.findall(r"for script in ([^;]+);", lines) for name in line.split()}
    assert runs <= named | set(re.findall(r"benchmarks/(\w+\.py)", lines))


@pytest.mark.parametrize("wrong", [["train"], ["grade", "NAME=1_tokens"], ["grade", "COURSE=mine"]])
def test_a_command_without_its_subject_says_what_to_name(wrong: list[str]) -> None:
    done = make("-n", *wrong)
    assert done.returncode != 0 and "say w" in done.stderr


def test_make_alone_lists_every_command() -> None:
    targets = re.search(r"^\.PHONY: (.*?[^\\])\n", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M | re.S)
    assert targets
    listed = re.findall(r"^  make ([\w-]+) ", make().stdout, re.M)
    assert set(listed) == set(targets[1].replace("\\", "").split())


@pytest.mark.parametrize(
    ("env", "platform", "opens"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "darwin", True),
        ({"SSH_CONNECTION": "x"}, "darwin", False),
    ],
)
def test_a_browser_opens_only_where_it_can(env: dict[str, str], platform: str, opens: bool) -> None:
    assert lab.has_display(env, platform) is opens


WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def steps(path: Path) -> list[str]:
    """The commands of a workflow."""
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    return [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_what_a_workflow_runs_exists(path: Path) -> None:
    listed = make().stdout
    for line in steps(path):
        for target in re.findall(r"\bmake ([\w-]+)", line):
            assert f"make {target} " in listed
        for file in re.findall(r"(?:\.ci|tools|tests|benchmarks)/[\w./-]*", line):
            assert (ROOT / file).exists(), file
        script = re.sub(r"\$\{\{.*?\}\}", "x", line)
        subprocess.run(["bash", "-n", "-c", script], check=True)


def test_every_python_that_the_package_names_is_tested() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8"))["jobs"]
    assert jobs["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert "make test-avx2" in [step.get("run") for step in jobs["avx2"]["steps"]]
    assert "bash .ci/run" in [step.get("run") for step in jobs["test"]["steps"]]
    subprocess.run(["bash", "-n", str(ROOT / ".ci/run")], check=True)


def test_notes_of_a_release_are_its_section_of_the_changelog(tmp_path: Path) -> None:
    (tmp_path / "llm_course").mkdir()
    (tmp_path / "llm_course/__init__.py").write_text('__version__ = "1.2.0"\n', encoding="utf-8")
    changes = tmp_path / "CHANGELOG.md"
    changes.write_text(
        "# Changelog\n\n## 1.2.0 (2026-12-01)\n\nNew.\n\n## 1.1.0 (2026-01-01)\n\nOld.\n", encoding="utf-8"
    )
    assert release.notes("v1.2.0", tmp_path) == "New."
    with pytest.raises(SystemExit, match="must agree"):
        release.notes("v1.3.0", tmp_path)
    changes.write_text("# Changelog\n\n## 1.2.0 (unreleased)\n\nNew.\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="needs a section"):
        release.notes("v1.2.0", tmp_path)


def test_the_dev_container_starts_from_files_that_are_there() -> None:
    folder = ROOT / ".devcontainer"
    described = json.loads((folder / "devcontainer.json").read_text(encoding="utf-8"))
    docker = (folder / described["build"]["dockerfile"]).read_text(encoding="utf-8")
    for source in re.findall(r"^COPY (\S+) ", docker, re.M):
        assert (folder / described["build"]["context"] / source).is_file()
    assert make("-n", *described["onCreateCommand"].split()[1:]).returncode == 0


def browser_installer(tmp_path: Path, *programs: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the installer where only the named programs exist; each records how it was called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("id", "env"):
        (folder / name).symlink_to(shutil.which(name) or name)
    for name in programs:
        script(folder / name, f'#!/bin/sh\necho "{name} $@" >> {tmp_path}/log\n')
    return subprocess.run(
        [shutil.which("sh") or "sh", str(ROOT / "tools/install_chromium.sh")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": str(folder), **env},
    )


def test_a_browser_that_is_there_is_kept(tmp_path: Path) -> None:
    assert browser_installer(tmp_path, "google-chrome", "apt-get").returncode == 0
    assert "apt-get" not in (tmp_path / "log").read_text(encoding="utf-8")


def test_without_apt_the_installer_says_what_to_do(tmp_path: Path) -> None:
    done = browser_installer(tmp_path)
    assert done.returncode == 1
    assert "LLM_COURSE_CHROMIUM" in done.stderr


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, str]]:
    """The real JupyterLab, started as `make lab` does, without a display: the URL that it prints, and its log."""
    env = {name: value for name, value in os.environ.items() if "DISPLAY" not in name}
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR"):
        env[name] = str(folder / name.lower())
    log = folder / "log"
    with log.open("w", encoding="utf-8") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "llm_course.cli", "lab", str(folder / "work"), "--", "--port=0"],
            stdout=output,
            stderr=output,
            env=env,
        )
    try:
        url, deadline = None, time.monotonic() + 300
        while time.monotonic() < deadline:
            url = re.search(r"http://127\.0\.0\.1:\d+/lab/tree/\S+", log.read_text(encoding="utf-8"))
            if url or server.poll() is not None:
                break
            time.sleep(0.2)
        text = log.read_text(encoding="utf-8")
        assert url, text[-2000:]
        yield url[0], text
    finally:
        server.kill()
        server.wait()


def test_make_lab_opens_the_first_lesson_on_a_clean_desk(tmp_path: Path) -> None:
    with served(tmp_path) as (url, log):
        assert "/lab/tree/00_start_here.ipynb?token=" in url
        assert "No display here" in log and "Your copies of the lessons are in" in log
        assert (tmp_path / "work/00_start_here.ipynb").is_file(), "what opens is a copy"
        assert "nbgrader" not in log, "the graders' pages belong to instructors"
        assert "yarn" not in log, "package.json above .venv must not say what JupyterLab's own scripts are"
        with urllib.request.urlopen(url, timeout=120) as answer:
            page = answer.read().decode()
        settings = json.loads(re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.S)[1])  # type: ignore[index]
        assert "@jupyter/nbgrader" in settings["disabledExtensions"]
        head, _, token = url.partition("/lab/")
        asked = f"{head}/lab/api/settings/@jupyterlab/apputils-extension:notification?{token.partition('?')[2]}"
        with urllib.request.urlopen(asked, timeout=120) as answer:
            news = json.loads(answer.read())["schema"]["properties"]["fetchNews"]
        assert news["default"] == "false", "JupyterLab asks whether to fetch news unless this says no"


@pytest.mark.browser
def test_a_learner_sees_no_question_about_news_and_no_graders_menu(
    tmp_path: Path,
    chromium: str,  # noqa: F811
) -> None:
    with served(tmp_path) as (url, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(url)
            expect(page.get_by_role("menuitem", name="Kernel", exact=True)).to_be_visible(timeout=120_000)
            expect(page.locator(".jp-Notebook")).to_be_visible(timeout=120_000)
            page.wait_for_timeout(3000)  # the question would come up once all is restored
            assert page.get_by_text("Jupyter news").count() == 0
            assert page.get_by_role("menuitem", name="Nbgrader").count() == 0
        finally:
            browser.close()
