"""pyproject.toml, constraints.txt and the two conda environments tell one story."""

from __future__ import annotations

import ast
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

import freeze

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PYPROJECT["optional-dependencies"]
ENVIRONMENTS = {"environment.yml": ["lab", "train"], "binder/environment.yml": ["lab"]}
CONDA_NAMES = {"pytorch": "torch", "pytorch-cpu": "torch"}


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def names(lines: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in lines}


def environment(path: str) -> tuple[dict[str, str], list[str]]:
    """Package -> version as an environment names them, and what else its pip section asks for."""
    described = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
    assert described["channels"] == ["conda-forge", "nodefaults"]
    found, rest = {}, []
    for entry in described["dependencies"]:
        lines = entry["pip"] if isinstance(entry, dict) else [entry.replace("=", "==", 1)]
        for line in lines:
            name, _, exact = line.partition("==")
            if exact:
                found[CONDA_NAMES.get(name, canonicalize_name(name))] = exact
            else:
                rest.append(line)
    return found, rest


def test_every_pin_is_exact_and_names_no_index() -> None:
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert "://" not in text and "--" not in text
    for name, exact in pins().items():
        assert name == canonicalize_name(name)
        assert Version(exact).local is None, f"{name}=={exact} is one build of a release"


def test_every_range_contains_its_pin() -> None:
    exact = pins()
    for requirement in freeze.direct_requirements():
        name = canonicalize_name(requirement.name)
        assert name in exact, f"constraints.txt lacks {name}; run: make constraints"
        assert exact[name] in requirement.specifier, f"{requirement} does not allow {exact[name]}"
        assert len(requirement.specifier) > 0, f"{requirement} has no range"


# What is imported under another name than it is installed under, or comes with a package that is built on it.
DISTRIBUTIONS = {"pil": "pillow", "sklearn": "scikit-learn", "ipython": "ipykernel", "traitlets": "ipywidgets"}


def test_whatever_the_package_imports_is_declared() -> None:
    declared = {canonicalize_name(requirement.name) for requirement in freeze.direct_requirements()}
    imported: dict[str, Path] = {}
    for path in (ROOT / "llm_course").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found: list[str] = []
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found = [node.module or ""]
            imported |= {name.partition(".")[0]: path for name in found}
    others = set(imported) - set(sys.stdlib_module_names) - {"llm_course"}
    names_of = {canonicalize_name(name): imported[name] for name in others}
    missing = {name: str(path) for name, path in names_of.items() if DISTRIBUTIONS.get(name, name) not in declared}
    assert missing == {}


def test_a_package_in_several_extras_has_one_range() -> None:
    ranges: dict[str, set[SpecifierSet]] = {}
    for requirement in freeze.direct_requirements():
        ranges.setdefault(canonicalize_name(requirement.name), set()).add(requirement.specifier)
    assert [name for name, found in ranges.items() if len(found) > 1] == []


def test_constraints_cover_all_that_is_needed_in_turn() -> None:
    """What is installed here pulls in nothing that constraints.txt does not pin."""
    asked = PYPROJECT["dependencies"] + EXTRAS["lab"] + EXTRAS["dev"] + EXTRAS["train"]
    needed = freeze.closure([Requirement(line) for line in asked])
    assert len(needed) > 100
    if sys.version_info[:2] != (3, 11):
        pytest.skip("constraints.txt was made with Python 3.11; other versions need a few packages more")
    assert sorted(set(needed) - set(pins())) == []


def test_what_is_installed_here_is_what_is_pinned() -> None:
    exact = pins()
    direct = names(PYPROJECT["dependencies"] + EXTRAS["lab"] + EXTRAS["dev"] + EXTRAS["train"])
    here = {name: Version(version(name)).public for name in sorted(direct)}
    assert here == {name: exact[name] for name in sorted(direct)}


@pytest.mark.parametrize("path", ENVIRONMENTS)
def test_an_environment_has_the_pinned_versions_of_all_it_needs(path: str) -> None:
    found, _ = environment(path)
    python = found.pop("python")
    needed = names(PYPROJECT["dependencies"] + [line for extra in ENVIRONMENTS[path] for line in EXTRAS[extra]])
    exact = pins()
    assert found == {name: exact[name] for name in needed}
    assert python in SpecifierSet(PYPROJECT["requires-python"])
    assert f"(Python {python})" in (ROOT / "constraints.txt").read_text(encoding="utf-8")


def test_the_environments_differ_in_what_they_are_for() -> None:
    gpu = (ROOT / "environment.yml").read_text(encoding="utf-8")
    binder = (ROOT / "binder/environment.yml").read_text(encoding="utf-8")
    assert "- pytorch=" in gpu and "- -e ." in gpu
    assert "- pytorch-cpu=" in binder
    assert "-e ." not in binder, "Binder builds the environment before it copies the repository; postBuild installs it"


def test_freezing_again_changes_nothing() -> None:
    exact = pins()
    frozen = freeze.closure([r for r in freeze.direct_requirements() if canonicalize_name(r.name) != "nbgrader"])
    assert {name: found for name, found in frozen.items() if exact.get(name) != found} == {}


def test_freezing_names_what_is_missing() -> None:
    with pytest.raises(SystemExit, match="not installed here: no-such-package-at-all"):
        freeze.closure([Requirement("No_Such.Package-at-all"), Requirement("numpy")])


def test_before_a_commit_the_same_ruff_checks() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    (ruff,) = (repo["rev"] for repo in hooks if "ruff" in repo["repo"])
    assert ruff == f"v{pins()['ruff']}"


def test_the_version_is_one() -> None:
    import llm_course

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == llm_course.__version__ == version("llm-course")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {llm_course.__version__}" in changes
    unreleased = f"## {llm_course.__version__} (unreleased)" in changes
    assert ("date-released" in citation) is not unreleased
