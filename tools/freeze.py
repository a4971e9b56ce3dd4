"""Write constraints.txt: the exact version of everything the course's extras pull in, as installed here.

Knows nothing about the course beyond pyproject.toml. Run it in the environment whose versions are to be kept:

    .venv/bin/pip install -e .[lab,train,grade,site,cluster,dev] && .venv/bin/python tools/freeze.py

Packages that only another platform needs (the CUDA libraries of PyTorch, for example) are not listed: the packages
that need them pin them themselves.
"""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent

HEADER = """\
# The exact versions under which the stored outputs of the notebooks were made (Python {python}).
# Written by tools/freeze.py; do not edit by hand. Ranges are in pyproject.toml.
"""


def direct_requirements(pyproject: Path = ROOT / "pyproject.toml") -> list[Requirement]:
    """Every requirement of the package and of all its extras."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return [Requirement(line) for group in groups for line in group]


def closure(requirements: list[Requirement]) -> dict[str, str]:
    """Name -> version of the requirements and of all they need in turn, in this environment.

    Raises ``SystemExit`` naming the packages that are not installed.
    """
    versions: dict[str, str] = {}
    missing: set[str] = set()
    seen: set[tuple[str, frozenset[str]]] = set()
    todo = list(requirements)
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        key = (name, frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            missing.add(name)
            continue
        versions[name] = Version(found.version).public  # 2.13.0+cpu and 2.13.0 are the same release
        for line in found.requires or []:
            needed = Requirement(line)
            if needed.marker is None or any(
                needed.marker.evaluate({"extra": extra}) for extra in requirement.extras or {""}
            ):
                todo.append(needed)
    if missing:
        raise SystemExit(f"not installed here: {', '.join(sorted(missing))}. Install all extras, then freeze again.")
    return versions


def main() -> None:
    versions = closure(direct_requirements())
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    lines = [f"{name}=={version}\n" for name, version in sorted(versions.items())]
    (ROOT / "constraints.txt").write_text(HEADER.format(python=python) + "".join(lines), encoding="utf-8")
    print(f"constraints.txt: {len(lines)} packages")


if __name__ == "__main__":
    main()
