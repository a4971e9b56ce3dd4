"""Everything about the package stands in pyproject.toml; this adds the one thing that cannot be said there.

A wheel holds the built notebooks, so that `llm-course lab` has lessons to copy where there is no checkout. In the
repository they lie in notebooks/, where GitHub shows them.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent


class BuildWithNotebooks(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:  # the checkout is there
            return
        target = Path(self.build_lib) / "llm_course" / "notebooks"
        target.mkdir(parents=True, exist_ok=True)
        for path in sorted((ROOT / "notebooks").glob("*.*")):
            shutil.copy(path, target)


setup(cmdclass={"build_py": BuildWithNotebooks})
