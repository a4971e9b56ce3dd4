"""Open the course in JupyterLab on its first lesson: on this machine only, with or without a display, as any user.

Knows nothing about what the lessons say. Arguments are handed on to JupyterLab: ``make lab LAB="--port 9000"``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from llm_course.lessons import contents

ROOT = Path(__file__).resolve().parent.parent
FIRST = f"notebooks/{contents()[0].name}.ipynb"


def has_display(env: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Whether a browser window could open here."""
    if platform in ("darwin", "win32"):
        return "SSH_CONNECTION" not in env
    return bool(env.get("DISPLAY") or env.get("WAYLAND_DISPLAY"))


def command(env: Mapping[str, str], user: int, platform: str = sys.platform) -> list[str]:
    """JupyterLab's command line for a user id and an environment."""
    options = [
        f"--ServerApp.root_dir={ROOT}",
        f"--LabApp.default_url=/lab/tree/{FIRST}",  # so the printed URL leads to the lesson
        "--ServerApp.ip=127.0.0.1",
        "--LabApp.news_url=None",  # the course works offline: fetch no announcements, ask about none
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    if not has_display(env, platform):
        options.append("--no-browser")
    if user == 0:
        options.append("--allow-root")
    return [sys.executable, "-m", "jupyterlab", *options]


def main() -> None:
    """Becomes JupyterLab: its signals and exit status are this process's."""
    line = command(os.environ, getattr(os, "geteuid", lambda: 1)())
    if "--no-browser" in line:
        print("No display here: open the URL below in a browser. Ctrl-C twice stops JupyterLab.", flush=True)
    os.chdir(ROOT)
    os.execv(line[0], [*line, *sys.argv[1:]])


if __name__ == "__main__":
    main()
