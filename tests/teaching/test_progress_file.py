"""The progress record: survives damage, concurrent writers and folders that cannot be written, and loses nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from llm_course.teaching import progress_file


def _stored() -> dict:
    return json.loads(progress_file.path().read_text(encoding="utf-8"))


def test_home_is_the_variable_or_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LLM_COURSE_HOME", str(tmp_path / "x"))
    assert progress_file.path() == tmp_path / "x" / "progress.json"
    monkeypatch.delenv("LLM_COURSE_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "llm-course" in progress_file.home().parts
    assert tmp_path in progress_file.home().parents


def test_reading_writes_nothing() -> None:
    assert progress_file.read() == progress_file.empty()
    assert not progress_file.home().exists()


def test_right_once_stays_right_and_tries_are_counted() -> None:
    for right in (False, True, False):
        progress_file.note_try("quiz", ("text_generation", "text_generation/greedy"), right)
    assert _stored()["quiz"] == {"text_generation": {"text_generation/greedy": {"right": True, "tries": 3}}}
    progress_file.note_try("exercises", ("f",), False)
    assert progress_file.read()["exercises"] == {"f": {"right": False, "tries": 1}}
    assert progress_file.read()["quiz"]["text_generation"]["text_generation/greedy"]["tries"] == 3


WRITER = """
import sys
from llm_course.teaching import progress_file
for i in range(25):
    progress_file.note_try("exercises", (f"{sys.argv[1]}-{i}",), True)
    progress_file.note_try("exercises", ("shared",), False)
"""


def test_four_kernels_write_at_once_and_nothing_is_lost() -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(n)], env=os.environ.copy()) for n in range(4)]
    assert [writer.wait(timeout=120) for writer in writers] == [0] * 4
    exercises = _stored()["exercises"]
    assert {f"{n}-{i}" for n in range(4) for i in range(25)} <= set(exercises)
    assert exercises["shared"]["tries"] == 100
    assert not list(progress_file.home().glob(".progress-*")), "temporary files are left"


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b'{"version": 1, "predictions"',
        b"\xff\xfe\x00garbage",
        b"[]",
        b'{"version": 99}',
        b"null",
        b'{"version": 1, "predictions": {}, "quiz": [], "parsons": {}, "exercises": {}}',
        b'{"version": 1, "predictions": {"k": 3}, "quiz": {}, "parsons": {}, "exercises": {}}',
        b'{"version": 1, "predictions": {}, "quiz": {"07": {"q": 1}}, "parsons": {}, "exercises": {}}',
    ],
)
def test_a_damaged_file_is_kept_and_learning_goes_on(damage: bytes) -> None:
    progress_file.home().mkdir(parents=True)
    progress_file.path().write_bytes(damage)
    assert progress_file.read() == progress_file.empty()
    kept = progress_file.home() / "progress.damaged-1.json"
    assert kept.read_bytes() == damage
    assert "progress.damaged-1.json" in (progress_file.trouble() or "")
    progress_file.note_try("exercises", ("f",), True)
    assert _stored()["exercises"]["f"]["right"] is True
    progress_file.path().write_bytes(b"damaged again")
    progress_file.note_try("exercises", ("g",), True)
    assert kept.read_bytes() == damage, "the first damaged file was overwritten"
    assert (progress_file.home() / "progress.damaged-2.json").read_bytes() == b"damaged again"


def test_a_write_that_fails_half_way_leaves_the_old_file(monkeypatch: pytest.MonkeyPatch) -> None:
    progress_file.note_try("exercises", ("before",), True)
    before = progress_file.path().read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        progress_file.note_try("exercises", ("during",), True)
        assert progress_file.path().read_bytes() == before
        assert "No space left" in (progress_file.trouble() or "")
        assert set(progress_file.read()["exercises"]) == {"before", "during"}, "kept in memory meanwhile"
        assert not list(progress_file.home().glob(".progress-*"))
    progress_file.note_try("exercises", ("after",), True)
    assert set(_stored()["exercises"]) == {"before", "during", "after"}
    assert progress_file.trouble() is None


def test_a_home_that_cannot_be_made_keeps_progress_in_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LLM_COURSE_HOME", str(tmp_path / "file" / "home"))
    progress_file.note_try("exercises", ("f",), False)
    progress_file.note_try("exercises", ("f",), True)
    assert progress_file.read()["exercises"] == {"f": {"right": True, "tries": 2}}
    assert "cannot be saved" in (progress_file.trouble() or "")


def test_reset_keeps_the_former_record_beside_it() -> None:
    assert progress_file.reset() is False
    progress_file.note_try("exercises", ("f",), True)
    before = progress_file.path().read_bytes()
    assert progress_file.reset() is True
    now = progress_file.read()
    assert now["begun"] > 1_600_000_000 and now == {**progress_file.empty(), "begun": now["begun"]}
    assert (progress_file.home() / "progress.previous.json").read_bytes() == before


def test_what_is_read_can_be_changed_without_changing_the_record() -> None:
    progress_file.note_try("exercises", ("f",), True)
    progress_file.read()["exercises"].clear()
    progress_file.change(lambda data: None)["exercises"].clear()
    assert "f" in progress_file.read()["exercises"]


def test_a_file_from_when_lessons_were_numbers_loses_nothing() -> None:
    old = {
        "version": 1,
        "predictions": {"nucleus-size": {"choice": "after 'The'"}},
        "quiz": {
            "07": {"07-greedy": {"right": True, "tries": 2}},
            "12": {"12-cost": {"right": False, "tries": 1}, "03-explanation": {"right": True, "tries": 1}},
            "13": {"13-later": {"right": True, "tries": 1}},  # there never was such a lesson
        },
        "parsons": {"00": {"right": True, "tries": 4}},
        "exercises": {"top_p": {"right": True, "tries": 1}},
    }
    progress_file.home().mkdir(parents=True)
    progress_file.path().write_text(json.dumps(old), encoding="utf-8")
    new = {
        **old,
        "version": 2,
        "begun": 0,
        "quiz": {
            "text_generation": {"text_generation/greedy": {"right": True, "tries": 2}},
            "limitations": {
                "limitations/cost": {"right": False, "tries": 1},
                "reading_attention/explanation": {"right": True, "tries": 1},
            },
            "13": {"13-later": {"right": True, "tries": 1}},
        },
        "parsons": {"start_here": {"right": True, "tries": 4}},
    }
    assert progress_file.read() == new
    assert _stored() == old, "reading alone writes nothing"
    progress_file.note_try("parsons", ("start_here",), False)
    new["parsons"]["start_here"] = {"right": True, "tries": 5}
    assert _stored() == new and progress_file.trouble() is None


# What a page tells


def told(**sections: object) -> dict:
    return {**progress_file.empty(), **sections}


def test_two_records_become_one() -> None:
    for lesson, tries in (("a", (True,)), ("b", (False, False, False))):
        for right in tries:
            progress_file.note_try("quiz", (lesson, f"{lesson}/one"), right)
    progress_file.note_try("exercises", ("f",), True)
    other = told(
        quiz={
            "a": {"a/one": {"right": False, "tries": 5}, "a/two": {"right": False, "tries": 1}},
            "b": {"b/one": {"right": True, "tries": 2}},
        },
        parsons={"c": {"right": True, "tries": 1}},
        exercises={"f": {"right": False, "tries": 1}},
    )
    joined = progress_file.join(other)
    assert joined["quiz"] == {
        "a": {"a/one": {"right": True, "tries": 5}, "a/two": {"right": False, "tries": 1}},
        "b": {"b/one": {"right": True, "tries": 3}},
    }
    assert joined["parsons"] == other["parsons"] and joined["exercises"] == {"f": {"right": True, "tries": 1}}
    assert joined == _stored() == progress_file.join(other) == progress_file.join(joined), "once is as good as twice"


def test_a_prediction_changes_until_its_answer_is_known() -> None:
    for choice in ("one", "two"):
        joined = progress_file.join(told(predictions={"k": {"choice": choice}}))
        assert joined["predictions"] == {"k": {"choice": choice}}
    fixed = told(predictions={"k": {"choice": "two", "answer": "one"}})
    assert progress_file.join(fixed)["predictions"] == fixed["predictions"]
    late = told(predictions={"k": {"choice": "one", "answer": "two"}})
    assert progress_file.join(late)["predictions"] == fixed["predictions"]


def test_a_prediction_made_in_the_page_is_not_lost_when_the_answer_came_first() -> None:
    progress_file.change(lambda data: data["predictions"].update(k={"answer": "one"}))
    joined = progress_file.join(told(predictions={"k": {"choice": "two"}}))
    assert joined["predictions"] == {"k": {"choice": "two", "answer": "one"}}


def test_a_record_that_was_begun_anew_wins() -> None:
    before = told(exercises={"f": {"right": True, "tries": 1}})
    progress_file.join(before)
    progress_file.reset()
    begun = progress_file.read()["begun"]
    assert progress_file.join(before)["exercises"] == {}, "an older record of the page does not bring it back"
    newer = {**told(exercises={"g": {"right": False, "tries": 1}}), "begun": begun + 10}
    progress_file.note_try("exercises", ("f",), True)
    assert progress_file.join(newer) == newer


@pytest.mark.parametrize(
    "nonsense",
    [
        None,
        [],
        "record",
        {},
        {"version": 1, "exercises": {"f": {"right": True, "tries": 1}}},
        {"version": 2, "begun": "later", "exercises": {"f": {"right": True, "tries": 1}}},
        {"version": 2, "begun": None},
        {"version": 2, "exercises": 3, "quiz": [], "parsons": None, "predictions": "x", "more": {"a": 1}},
        {"version": 2, "exercises": {"f": 3, "g": None, "h": {"tries": "many", "right": True}}},
        {"version": 2, "quiz": {"a": 3, "b": None}, "parsons": {"c": {"d": {"right": True, "tries": 1}}}},
    ],
)
def test_nonsense_from_a_page_is_ignored(nonsense: Any) -> None:
    progress_file.note_try("quiz", ("a", "a/one"), True)
    before = _stored()
    assert progress_file.join(nonsense) == before == _stored()


def test_nonsense_from_a_page_cannot_damage_the_file() -> None:
    progress_file.note_try("quiz", ("a", "a/one"), True)
    before = _stored()
    progress_file.join(told(quiz={"a": {"right": True, "tries": 1}}, predictions={"k": {"choice": 3, "x": {}}}))
    assert progress_file.read()["quiz"] == before["quiz"]
    assert progress_file.trouble() is None
