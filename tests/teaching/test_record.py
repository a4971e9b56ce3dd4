"""The progress record: survives damage, concurrent writers and folders that cannot be written, and loses nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from llm_course.teaching import record


def _stored() -> dict:
    return json.loads(record.path().read_text(encoding="utf-8"))


def test_home_is_the_variable_or_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LLM_COURSE_HOME", str(tmp_path / "x"))
    assert record.path() == tmp_path / "x" / "progress.json"
    monkeypatch.delenv("LLM_COURSE_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "llm-course" in record.home().parts
    assert tmp_path in record.home().parents


def test_reading_writes_nothing() -> None:
    assert record.read() == record.empty()
    assert not record.home().exists()


def test_right_once_stays_right_and_tries_are_counted() -> None:
    for right in (False, True, False):
        record.note_try("quiz", ("07", "07-greedy"), right)
    assert _stored()["quiz"] == {"07": {"07-greedy": {"right": True, "tries": 3}}}
    record.note_try("exercises", ("f",), False)
    assert record.read()["exercises"] == {"f": {"right": False, "tries": 1}}
    assert record.read()["quiz"]["07"]["07-greedy"]["tries"] == 3


WRITER = """
import sys
from llm_course.teaching import record
for i in range(25):
    record.note_try("exercises", (f"{sys.argv[1]}-{i}",), True)
    record.note_try("exercises", ("shared",), False)
"""


def test_four_kernels_write_at_once_and_nothing_is_lost() -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(n)], env=os.environ.copy()) for n in range(4)]
    assert [writer.wait(timeout=600) for writer in writers] == [0] * 4
    exercises = _stored()["exercises"]
    assert {f"{n}-{i}" for n in range(4) for i in range(25)} <= set(exercises)
    assert exercises["shared"]["tries"] == 100
    assert not list(record.home().glob(".progress-*")), "temporary files are left"


@pytest.mark.parametrize(
    "damage",
    [
        b"", b'{"version": 1, "predictions"', b"\xff\xfe\x00garbage", b"[]", b'{"version": 99}', b"null",
        b'{"version": 1, "predictions": {}, "quiz": [], "parsons": {}, "exercises": {}}',
        b'{"version": 1, "predictions": {"k": 3}, "quiz": {}, "parsons": {}, "exercises": {}}',
        b'{"version": 1, "predictions": {}, "quiz": {"07": {"q": 1}}, "parsons": {}, "exercises": {}}',
    ],
)  # fmt: skip
def test_a_damaged_file_is_kept_and_learning_goes_on(damage: bytes) -> None:
    record.home().mkdir(parents=True)
    record.path().write_bytes(damage)
    assert record.read() == record.empty()
    kept = record.home() / "progress.damaged-1.json"
    assert kept.read_bytes() == damage
    assert "progress.damaged-1.json" in (record.trouble() or "")
    record.note_try("exercises", ("f",), True)
    assert _stored()["exercises"]["f"]["right"] is True
    record.path().write_bytes(b"damaged again")
    record.note_try("exercises", ("g",), True)
    assert kept.read_bytes() == damage, "the first damaged file was overwritten"
    assert (record.home() / "progress.damaged-2.json").read_bytes() == b"damaged again"


def test_a_write_that_fails_half_way_leaves_the_old_file(monkeypatch: pytest.MonkeyPatch) -> None:
    record.note_try("exercises", ("before",), True)
    before = record.path().read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        record.note_try("exercises", ("during",), True)
        assert record.path().read_bytes() == before
        assert "No space left" in (record.trouble() or "")
        assert set(record.read()["exercises"]) == {"before", "during"}, "kept in memory meanwhile"
        assert not list(record.home().glob(".progress-*"))
    record.note_try("exercises", ("after",), True)
    assert set(_stored()["exercises"]) == {"before", "during", "after"}
    assert record.trouble() is None


def test_a_home_that_cannot_be_made_keeps_progress_in_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LLM_COURSE_HOME", str(tmp_path / "file" / "home"))
    record.note_try("exercises", ("f",), False)
    record.note_try("exercises", ("f",), True)
    assert record.read()["exercises"] == {"f": {"right": True, "tries": 2}}
    assert "cannot be saved" in (record.trouble() or "")


def test_reset_keeps_the_former_record_beside_it() -> None:
    assert record.reset() is False
    record.note_try("exercises", ("f",), True)
    before = record.path().read_bytes()
    assert record.reset() is True
    assert record.read() == record.empty()
    assert (record.home() / "progress.previous.json").read_bytes() == before


def test_what_is_read_can_be_changed_without_changing_the_record() -> None:
    record.note_try("exercises", ("f",), True)
    record.read()["exercises"].clear()
    record.change(lambda data: None)["exercises"].clear()
    assert "f" in record.read()["exercises"]
