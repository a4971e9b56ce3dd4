"""Open a folder of lessons in JupyterLab on the first one: on this machine only, also without a display, as any user.

Knows nothing about what the lessons say. The settings of JupyterLab that differ from its own stand in lab_settings/: no
question about news, no menus for graders.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from llm_course.errors import BadOption
from llm_course.lessons import contents
from llm_course.teaching.workspace import Delivery, copy_lessons

SETTINGS = Path(__file__).with_name("lab_settings")
# What belongs to instructors has a server's side, too; whoever grades starts `jupyter lab` in the course's folder.
GRADERS = ("formgrader", "validate_assignment", "assignment_list", "course_list")
STATES = {
    "new": "new",
    "updated": "brought up to date",
    "beside": "newer than a copy that you worked in, so put beside it",
    "yours": "left as you worked in them",
    "same": "as before",
}


def open_lab(folder: Path, arguments: Sequence[str] = ()) -> int:
    """Bring the lessons into a working folder, say what came of it, and open JupyterLab there; its exit status.

    Args:
        folder: the working folder; made if it is not there.
        arguments: handed on to JupyterLab.

    Raises:
        BadOption: the folder is a file, or cannot be written.
        DataMissing: this copy of the package came without its lessons.
    """
    folder = folder.resolve()
    try:
        print(report(copy_lessons(folder)), flush=True)
    except OSError as error:
        raise BadOption(
            f"The lessons cannot be put into {folder} ({error.strerror or error}). Name another folder: "
            "llm-course lab FOLDER"
        ) from error
    line = command(folder, os.environ, getattr(os, "geteuid", lambda: 1)())
    if "--no-browser" in line:
        print("No display here: open the URL below in a browser. Ctrl-C twice stops JupyterLab.", flush=True)
    line += arguments
    if sys.platform == "win32":  # where a process cannot become another one
        return subprocess.run(line, cwd=folder, check=False).returncode
    os.chdir(folder)
    os.execv(line[0], line)  # becomes JupyterLab: its signals and exit status are this process's


def report(deliveries: Sequence[Delivery]) -> str:
    """What was brought, in a line; a line more for each lesson that was put beside a copy."""
    counted = Counter(one.state for one in deliveries)
    parts = [f"{counted[state]} {words}" for state, words in STATES.items() if counted[state]]
    place = deliveries[0].file.parent if deliveries else ""
    lines = [f"Your copies of the lessons are in {place}: {', '.join(parts)}."]
    return "\n".join([*lines, *(f"  A newer lesson: {one.file.name}" for one in deliveries if one.state == "beside")])


def has_display(env: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Whether a browser window could open here."""
    if platform in ("darwin", "win32"):
        return "SSH_CONNECTION" not in env
    return bool(env.get("DISPLAY") or env.get("WAYLAND_DISPLAY"))


def command(folder: Path, env: Mapping[str, str], user: int, platform: str = sys.platform) -> list[str]:
    """JupyterLab's command line for a working folder, an environment and a user id."""
    options = [
        f"--ServerApp.root_dir={folder}",
        f"--LabApp.default_url=/lab/tree/{contents()[0].name}.ipynb",  # so the printed URL leads to the lesson
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
