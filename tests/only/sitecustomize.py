"""Hide from this Python process whatever an environment does not have, and keep it on this machine.

Python imports a module of this name by itself when its folder is on PYTHONPATH, so subprocesses and kernels are bound,
too. The variable LLM_COURSE_ONLY names a JSON file with ``modules``, the top-level modules that cannot be found, and
``distributions``, the only ones whose metadata can be read. Names are hidden from the search: ``find_spec`` says None
as it does for a package that was never installed.
"""

import json
import os
import re
import runpy
import sys
from pathlib import Path

runpy.run_path(str(Path(__file__).parents[1] / "guard" / "sitecustomize.py"))


class Only:
    """A finder that leaves out what is hidden and leaves the rest to another finder."""

    def __init__(self, finder, modules, distributions):
        self.finder, self.modules, self.distributions = finder, modules, distributions

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in self.modules else self.finder.find_spec(name, path, target)

    def find_distributions(self, *context):
        if hasattr(self.finder, "find_distributions"):
            for found in self.finder.find_distributions(*context):
                if re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower() in self.distributions:
                    yield found

    def invalidate_caches(self):
        if hasattr(self.finder, "invalidate_caches"):
            self.finder.invalidate_caches()


if os.environ.get("LLM_COURSE_ONLY"):
    _only = json.loads(Path(os.environ["LLM_COURSE_ONLY"]).read_text(encoding="utf-8"))
    _modules, _distributions = set(_only["modules"]), set(_only["distributions"])
    sys.meta_path[:] = [Only(finder, _modules, _distributions) for finder in sys.meta_path]
    for _name in [name for name in sys.modules if name.partition(".")[0] in _modules]:
        del sys.modules[_name]  # what a .pth file has loaded before
