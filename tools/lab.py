"""Open the course in JupyterLab on its first lesson: on this machine only, with or without a display, as any user.

Knows nothing about the lessons. Arguments are handed on to JupyterLab: ``make lab LAB="--port 9000"``. The settings of
JupyterLab that differ from its own stand in tools/lab_settings: no question about news, no menus for graders.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from llm_course.lessons import contents

ROOT = Path(__file__).resolve().parent.parent
FIRST = f"notebooks/{contents()[0].name}.ipynb"
SETTINGS = ROOT / "tools" / "lab_settings"
# What belongs to instructors has a server's side, too; whoever grades starts `jupyter lab` in the course's folder.
GRADERS = ("formgrader", "validate_assignment", "assignment_list", "course_list")


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
        # The course works offline: nothing is fetched. That nothing is asked either (whether to fetch news), only a
        # setting of the page can say, and it stands in this folder.
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        f"--LabApp.app_settings_dir={SETTINGS}",
        *(f"--ServerApp.jpserver_extensions=nbgrader.server_extensions.{name}=False" for name in GRADERS),
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
