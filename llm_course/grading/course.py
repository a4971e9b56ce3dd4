"""A course folder as nbgrader lays it out: where things are, and the backup of the gradebook.

Knows nothing about judging. Folders and the gradebook's address are nbgrader's own, also where ``nbgrader_config.py``
changes them; beside them the grader keeps ``.llm-course/``, readable by its owner only.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from llm_course.errors import BadCourse

BACKUPS = 20  # kept of one gradebook


class Course:
    """One course.

    Args:
        folder: the course's root, which holds ``src/`` and ``source/``.

    Raises:
        BadCourse: there is no such folder, its configuration fails, or nbgrader is not installed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        if not self.folder.is_dir():
            raise BadCourse(f"There is no folder {folder}. Name the course with --course DIR.")
        try:
            from nbgrader.coursedir import CourseDirectory
            from traitlets.config.loader import Config, PyFileConfigLoader
        except ImportError as error:
            raise BadCourse(
                f"nbgrader is needed to grade and cannot be loaded ({error}): pip install nbgrader"
            ) from None
        _show_programs()
        self.config = Config()
        if (self.folder / "nbgrader_config.py").is_file():
            try:
                self.config = PyFileConfigLoader("nbgrader_config.py", path=str(self.folder)).load_config()
            except Exception as error:
                raise BadCourse(f"{self.folder / 'nbgrader_config.py'} fails: {error}") from error
        self.config.CourseDirectory.root = str(self.folder)
        self.directory = CourseDirectory(config=self.config)

    @property
    def db_url(self) -> str:
        """The address of the gradebook."""
        return str(self.directory.db_url)

    @property
    def unseen(self) -> tuple[Path, ...]:
        """What student code must not see wherever it lies: the course, and what others handed in by the exchange."""
        from nbgrader.exchange.default import Exchange

        exchange = Path(Exchange(coursedir=self.directory, config=self.config).root)
        return (self.folder, *([exchange.resolve()] if os.path.isdir(exchange) else []))

    @property
    def state(self) -> Path:
        """The grader's own folder."""
        path = self.folder / ".llm-course"
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def judging(self, name: str) -> Path:
        """The judging file of an assignment."""
        return self.folder / "src" / name / "judging.py"

    def path(self, step: str, name: str, student: str = ".") -> Path:
        """The folder of an assignment in a step: source, release, submitted, autograded or feedback."""
        directory = getattr(self.directory, f"{step}_directory")
        return Path(os.path.normpath(self.directory.format_path(directory, student, name)))

    def students(self, name: str) -> list[str]:
        """Who handed something in, in alphabetical order. Links do not count as students, nor do :meth:`strange`."""
        return [one for one in self._handed_in(name) if _writable(one)]

    def strange(self, name: str) -> list[str]:
        """Folders of submissions whose names no gradebook or page can hold, each in a form that can be printed."""
        return [ascii(one) for one in self._handed_in(name) if not _writable(one)]

    def _handed_in(self, name: str) -> list[str]:
        root = Path(self.directory.format_path(self.directory.submitted_directory, "x", name))
        steps = root.relative_to(self.folder / self.directory.submitted_directory).parts
        if steps != ("x", name):
            raise BadCourse("The grader needs nbgrader's usual folders: submitted/STUDENT/ASSIGNMENT.")
        submitted = self.folder / self.directory.submitted_directory
        if not submitted.is_dir():
            return []
        return sorted(one.name for one in submitted.iterdir() if not one.is_symlink() and os.path.lexists(one / name))

    def gradebook(self) -> Any:
        """nbgrader's gradebook; a context manager."""
        from nbgrader.api import Gradebook

        return Gradebook(self.db_url, self.directory.course_id)

    def back_up(self) -> Path | None:
        """Copy the gradebook, whole even while others write to it. ``None`` if there is no SQLite file."""
        if not self.db_url.startswith("sqlite:///"):
            return None
        source = Path(self.db_url.removeprefix("sqlite:///"))
        if not source.is_file():
            return None
        folder = self.state / "backups"
        folder.mkdir(mode=0o700, exist_ok=True)
        # Names sort by time: not by the clock on the wall, which goes back in autumn.
        now = time.time_ns()
        clock = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now // 10**9))
        copy = folder / f"gradebook-{clock}-{now % 10**9:09d}.db"
        with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(copy)) as new:
            old.backup(new)
        os.chmod(copy, 0o600)
        for extra in sorted(folder.glob("gradebook-*.db"))[:-BACKUPS]:
            extra.unlink()
        return copy


def _writable(name: str) -> bool:
    """Whether a name is text that can be printed: a byte that is no UTF-8 arrives as half a letter, which cannot."""
    return name.isprintable()


def _show_programs() -> None:
    """nbgrader starts the program ``alembic`` by its name; an environment that is not activated is not on the path."""
    beside = str(Path(sys.executable).parent)
    if shutil.which("alembic") is None:
        os.environ["PATH"] = os.pathsep.join(filter(None, [beside, os.environ.get("PATH")]))
