"""How a wheel is built: by setuptools, with the built notebooks put into the package.

So `llm-course lab` has lessons to copy where there is no checkout. In the repository they lie in notebooks/, where
GitHub shows them. Named in pyproject.toml (build-system, and cmdclass of setuptools).
"""

import shutil
from pathlib import Path

from setuptools.build_meta import *  # noqa: F403  the hooks of a build backend
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent.parent


class BuildWithNotebooks(build_py):
    """Python files as always, and the notebooks beside them."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:  # the checkout is there
            return
        target = Path(self.build_lib) / "llm_course" / "notebooks"
        target.mkdir(parents=True, exist_ok=True)
        for path in sorted((ROOT / "notebooks").glob("*.*")):
            shutil.copy(path, target)
