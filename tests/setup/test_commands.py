"""The commands of the Makefile and of CI do what the README promises, as far as that shows without installing again."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

import lab

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
    """The Makefile and what its set-up depends on, with a python that records instead of installing."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    fake = tmp_path / "bin" / "fakepython"
    fake.parent.mkdir()
    script(fake, f"""#!/bin/sh
echo "$@" >> {tmp_path}/log
if [ "$2" = venv ]; then
    if [ -e {tmp_path}/no-ensurepip ] && ! echo "$@" | grep -q without-pip; then exit 1; fi
    mkdir -p .venv/bin && cp "$0" .venv/bin/python
fi
if echo "$@" | grep -q constraints; then test ! -e {tmp_path}/fail; fi
""")  # fmt: skip
    return tmp_path


def test_set_up_installs_pinned_and_only_once(checkout: Path) -> None:
    assert make("setup", "PYTHON=bin/fakepython", cwd=checkout).returncode == 0
    log = (checkout / "log").read_text(encoding="utf-8")
    assert "-m venv --clear .venv" in log
    assert "-c constraints.txt -e .[lab,dev,train,grade,site]" in log
    assert make("setup", "PYTHON=bin/fakepython", cwd=checkout).returncode == 0
    assert (checkout / "log").read_text(encoding="utf-8") == log, "the second call does nothing"
    os.utime(checkout / "constraints.txt", (time.time() + 5, time.time() + 5))
    assert make("setup", "PYTHON=bin/fakepython", cwd=checkout).returncode == 0
    assert (checkout / "log").read_text(encoding="utf-8").count("-c constraints.txt") == 2


def test_set_up_that_failed_is_tried_again(checkout: Path) -> None:
    (checkout / "fail").touch()
    assert make("setup", "PYTHON=bin/fakepython", cwd=checkout).returncode != 0
    (checkout / "fail").unlink()
    assert make("setup", "PYTHON=bin/fakepython", cwd=checkout).returncode == 0
    assert (checkout / "log").read_text(encoding="utf-8").count("-c constraints.txt") == 2


def test_set_up_works_where_python_comes_without_ensurepip(checkout: Path) -> None:
    (checkout / "no-ensurepip").touch()
    assert make("setup", "PYTHON=bin/fakepython", cwd=checkout).returncode == 0
    log = (checkout / "log").read_text(encoding="utf-8")
    assert "-m venv --clear --without-pip .venv" in log
    assert "-m pip -q --python .venv/bin/python install pip" in log


def test_without_a_new_enough_python_make_says_so(checkout: Path) -> None:
    done = make("setup", "PYTHON=", cwd=checkout)
    assert done.returncode != 0
    assert "No Python 3.11 or later found" in done.stdout


@pytest.fixture
def ready(checkout: Path) -> Path:
    """The same, set up, with an ``llm-course`` that records how it is called."""
    assert make("setup", "PYTHON=bin/fakepython", cwd=checkout).returncode == 0
    script(checkout / ".venv/bin/llm-course", f'#!/bin/sh\necho "llm-course $@" >> {checkout}/log\n')
    (checkout / "log").write_text("", encoding="utf-8")
    return checkout


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


def test_bench_runs_what_needs_nothing_and_with_data_the_rest(ready: Path) -> None:
    first = "".join(f"benchmarks/{name}.py\n" for name in ("attention_viewers", "startup", "use_cases"))
    more = "".join(f"benchmarks/{name}.py --data corpora\n" for name in ("few_labels", "scaling", "lora_or_full"))
    assert make("bench", cwd=ready).returncode == 0
    assert (ready / "log").read_text(encoding="utf-8") == first
    assert make("bench", "DATA=corpora", cwd=ready).returncode == 0
    assert (ready / "log").read_text(encoding="utf-8") == first + first + more


def test_every_benchmark_has_a_command() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    runs = {path.stem for path in (ROOT / "benchmarks").glob("*.py") if "\ndef main" in path.read_text("utf-8")}
    assert [name for name in sorted(runs) if name not in text] == []


def test_train_installs_when_told_and_grade_wants_a_course(ready: Path) -> None:
    assert make("train", "MODEL=gpt-mini", "DATA=corpora", cwd=ready).returncode == 0
    assert make("train", "MODEL=gpt-mini", "DATA=corpora", "INSTALL=1", cwd=ready).returncode == 0
    assert make("grade", "NAME=1_tokens", "COURSE=mine", cwd=ready).returncode == 0
    assert (ready / "log").read_text(encoding="utf-8").splitlines() == [
        "llm-course train gpt-mini --data corpora",
        "llm-course train gpt-mini --data corpora --install",
        "llm-course grade 1_tokens --course mine",
    ]
    for wrong in (["train"], ["grade", "NAME=1_tokens"], ["grade", "COURSE=mine"]):
        done = make(*wrong, cwd=ready)
        assert done.returncode != 0 and "say w" in done.stderr


def test_make_alone_lists_every_command() -> None:
    listed = make().stdout
    for command in ("lab", "test", "test-avx2", "test-default", "demo", "notebooks", "bench", "train", "browser"):
        assert f"make {command} " in listed


def test_the_first_lesson_is_what_opens(tmp_path: Path) -> None:
    line = lab.command({}, user=0, platform="linux")
    assert {"--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"} <= set(line)
    assert "--LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb" in line
    assert "--allow-root" not in lab.command({}, user=1000, platform="linux")


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
    assert ("--no-browser" not in lab.command(env, 1000, platform)) is opens


def test_ci_and_the_workflow_run_the_same_commands() -> None:
    ci = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert "\nmake browser\n" in ci and ci.endswith("\nLLM_COURSE_REQUIRE_BROWSER=1 make test\n")
    assert "install -y -q --no-install-recommends bubblewrap" in ci and "LLM_COURSE_REQUIRE_SANDBOX=1" in ci
    assert ci.count("apt-get update") == ci.count("apt-get install") == 2
    assert os.access(ROOT / ".ci/run", os.X_OK)
    subprocess.run(["bash", "-n", str(ROOT / ".ci/run")], check=True)
    jobs = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text(encoding="utf-8"))["jobs"]
    assert [step["run"] for step in jobs["test"]["steps"] if "run" in step] == ["bash .ci/run"]
    assert [step["run"] for step in jobs["avx2"]["steps"] if "run" in step] == ["make test-avx2"]


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
        capture_output=True, text=True, timeout=120, check=False, env={"PATH": str(folder), **env},
    )  # fmt: skip


def test_a_browser_that_is_there_is_kept(tmp_path: Path) -> None:
    assert browser_installer(tmp_path, "google-chrome", "apt-get").returncode == 0
    assert (tmp_path / "log").read_text(encoding="utf-8") == "google-chrome --version\n"


def test_without_apt_the_installer_says_what_to_do(tmp_path: Path) -> None:
    done = browser_installer(tmp_path)
    assert done.returncode == 1
    assert "LLM_COURSE_CHROMIUM" in done.stderr


def test_make_lab_answers_on_its_printed_url(tmp_path: Path) -> None:
    """The real JupyterLab, started as `make lab` does, without a display: the URL it prints is served."""
    import re
    import urllib.request

    env = {name: value for name, value in os.environ.items() if "DISPLAY" not in name}
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR"):
        env[name] = str(tmp_path / name.lower())
    log = tmp_path / "log"
    with log.open("w", encoding="utf-8") as output:
        server = subprocess.Popen(
            [sys.executable, str(ROOT / "tools/lab.py"), "--port=0"], stdout=output, stderr=output, env=env
        )
    try:
        url, deadline = None, time.monotonic() + 180
        while time.monotonic() < deadline:
            url = re.search(r"http://127\.0\.0\.1:\d+/lab/tree/\S+", log.read_text(encoding="utf-8"))
            if url or server.poll() is not None:
                break
            time.sleep(0.2)
        text = log.read_text(encoding="utf-8")
        assert url, text[-2000:]
        assert "/lab/tree/notebooks/00_start_here.ipynb?token=" in url[0]
        assert "No display here" in text
        with urllib.request.urlopen(url[0], timeout=120) as answer:
            assert answer.status == 200
            assert b"JupyterLab" in answer.read()
    finally:
        server.kill()
        server.wait()
