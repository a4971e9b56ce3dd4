"""Making a release: what was there before stays until the new one is whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llm_course.errors import BadCourse
from llm_course.grading import assign
from llm_course.grading.judge import prepare
from llm_course.grading.tasks import Task


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_release_that_fails_leaves_the_one_before(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    release = tiny.folder / "release"
    before = files(release)
    monkeypatch.setattr(assign, "LEFT_OVERS", ("check(",))
    with pytest.raises(BadCourse, match="was not written"):
        tiny.assign()
    assert files(release) == before
    monkeypatch.undo()
    source = tiny.folder / "source" / "tiny" / "tiny.ipynb"
    notebook = json.loads(source.read_text())
    notebook["cells"][2]["source"] = "    ### BEGIN SOLUTION\n1"  # never ended: nbgrader refuses it
    source.write_text(json.dumps(notebook))
    with pytest.raises(BadCourse, match="nbgrader could not make the release"):
        tiny.assign()
    assert files(release) == before
    assert not [path for path in (tiny.folder / ".llm-course").rglob("*") if path.name.startswith("release-")]


def test_a_release_replaces_the_one_before(tiny: Any) -> None:
    (tiny.folder / "release" / "tiny" / "old.txt").write_text("x")
    (tiny.folder / "source" / "tiny" / "data.csv").write_text("1,2")
    release = tiny.assign()
    assert sorted(path.name for path in release.iterdir()) == ["checks.json", "data.csv", "tiny.ipynb"]
    assert [path.name for path in release.parent.iterdir()] == ["tiny"]
    assert (release / "checks.json").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(("visible", "hidden", "part"), [((), [(1,)], "visible"), (((1,),), [], "hidden")])
def test_points_for_cases_that_do_not_exist_are_refused(visible: Any, hidden: Any, part: str) -> None:
    task = Task("negate", "negate", lambda x: -x, visible, lambda rng: hidden, (1, 1))
    with pytest.raises(BadCourse, match=f"points for {part} cases and makes none"):
        prepare([task], seed=1)
    free = Task("negate", "negate", lambda x: -x, visible, lambda rng: hidden, (part != "visible", part != "hidden"))
    assert prepare([free], seed=1)
