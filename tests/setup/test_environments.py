"""Each extra brings all that its part of the course needs: tried where nothing else can be imported.

The environments are made here by hiding: a subprocess finds only the packages that an extra needs, and those that they
need in turn, as the metadata of what is installed says. ``make environments`` fills real ones with pip and runs the
same checks, which stand in tools/environment_checks.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import setuptools
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import freeze

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA = {"pytorch": "torch", "pytorch-cpu": "torch"}
ALWAYS = {"llm-course", "pip"}


def bring(*lines: str) -> set[str]:
    """The distributions that come with some requirements, in this environment."""
    return set(freeze.closure([Requirement(line) for line in lines]))


def package(*extras: str) -> set[str]:
    """The distributions that come with the package and some of its extras, as pyproject.toml has them now."""
    return bring(
        *PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])
    )


def conda(path: str) -> set[str]:
    """The distributions that an environment file brings; ``-e .`` in it is the package with what itself needs."""
    described = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))["dependencies"]
    lines = [line.partition("=")[0] for line in described if isinstance(line, str)]
    (pip,) = (entry["pip"] for entry in described if isinstance(entry, dict))
    lines = [CONDA.get(name, name) for name in lines if name not in ("python", "pip")]
    found = set()
    for line in [*lines, *pip]:
        found |= package() if line == "-e ." else bring(line)
    return found


def hidden(kept: set[str]) -> list[str]:
    """Top-level modules that no kept distribution has, nor setuptools among the copies that it brings along."""
    vendored = {path.name.partition(".")[0] for path in Path(setuptools.__file__).with_name("_vendor").iterdir()}
    return sorted(
        module
        for module, owners in metadata.packages_distributions().items()
        if module not in vendored and not kept & {canonicalize_name(owner) for owner in owners}
    )


ENVIRONMENTS = {
    "base": package,
    "lab": lambda: package("lab"),
    "grade": lambda: package("grade"),
    "train": lambda: package("train"),
    "site": lambda: package("site"),
    "environment.yml": lambda: conda("environment.yml"),
    "binder/environment.yml": lambda: conda("binder/environment.yml"),
}


def run(environment: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Python where only an environment's packages can be imported."""
    kept = ENVIRONMENTS[environment]() | ALWAYS
    only = folder / "only.json"
    only.write_text(json.dumps({"modules": hidden(kept), "distributions": sorted(kept)}), encoding="utf-8")
    env = {**os.environ, "LLM_COURSE_ONLY": str(only), "PYTHONPATH": str(ROOT / "tests" / "only")}
    return subprocess.run(
        [sys.executable, "-P", *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False
    )


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("environment", "check"),
    [
        ("base", "base"),
        ("lab", "lab"),
        ("grade", "grade"),
        ("train", "train"),
        ("site", "site"),
        ("environment.yml", "lab"),
        ("environment.yml", "train"),
        ("binder/environment.yml", "lab"),
    ],
)
def test_an_environment_has_all_that_its_part_needs(environment: str, check: str, tmp_path: Path) -> None:
    done = run(environment, tmp_path, str(ROOT / "tools/environment_checks.py"), check)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]


@pytest.mark.parametrize(
    ("environment", "there", "absent"),
    [
        ("base", "transformers", ["sklearn", "anywidget", "accelerate", "IPython", "nbgrader", "pytest"]),
        ("lab", "sklearn", ["accelerate", "nbgrader", "sumy", "sphinx", "pytest"]),
        ("train", "accelerate", ["anywidget", "nbgrader", "IPython"]),
    ],
)
def test_what_an_environment_lacks_cannot_be_found(
    environment: str, there: str, absent: list[str], tmp_path: Path
) -> None:
    """The tests above would pass in an environment that hides nothing."""
    ask = (
        "import importlib.metadata, importlib.util, sys\n"
        "for name in sys.argv[1:]: print(importlib.util.find_spec(name) is not None)\n"
        "try: import pytest\n"
        "except ModuleNotFoundError as error: print(error.name)\n"
        "print(any(found.name == 'pytest' for found in importlib.metadata.distributions()))\n"
    )
    done = run(environment, tmp_path, "-c", ask, there, *absent)
    assert done.stdout.split() == ["True", *["False" for _ in absent], "pytest", "False"], done.stderr
