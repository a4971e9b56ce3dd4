"""Fixtures of the assignments' tests."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from assignment_cases import ALL, remembered  # noqa: E402

from llm_course.grading.tasks import checks, load_tasks  # noqa: E402


# For a module and no longer: a worker goes on to other folders, whose tests ask the real functions.
@pytest.fixture(scope="module", autouse=True)
def models_asked_once():
    with remembered():
        yield


@pytest.fixture(scope="session")
def released(tmp_path_factory):
    """A folder for each assignment with its checks.json, made when it is first asked for."""
    root = tmp_path_factory.mktemp("released")

    def folder(name):
        path = root / name
        if not path.is_dir():
            path.mkdir()
            one = next(one for one in ALL if one.name == name)
            (path / "checks.json").write_text(checks(load_tasks(one.judging)), encoding="utf-8")
        return path

    return folder
