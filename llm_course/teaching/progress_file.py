"""What a learner has done, in one JSON file in the user's own data folder.

Knows nothing about lessons or how progress is shown. The file is replaced in one step, under a lock, so that
several notebooks can write at once. A file that cannot be read is kept under another name and never overwritten.
Where nothing can be written, the record lives in memory until the kernel ends.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from llm_course.lessons import FORMER_NUMBERS

VERSION = 2  # in version 1 lessons were numbers
SECTIONS = ("predictions", "quiz", "parsons", "exercises")
LOCK_SECONDS = 5.0

Data = dict[str, Any]
_memory: dict[Path, Data] = {}  # by path: stands in for a file that cannot be written
_trouble: dict[Path, str] = {}


def home() -> Path:
    """The user's data folder of the course: ``LLM_COURSE_HOME``, or the system's own place for such data."""
    if folder := os.environ.get("LLM_COURSE_HOME"):
        return Path(folder).expanduser()
    from platformdirs import user_data_path

    return user_data_path("llm-course", appauthor=False)


def path() -> Path:
    """Where the record is kept."""
    return home() / "progress.json"


def empty() -> Data:
    """A record with nothing in it."""
    return {"version": VERSION, "begun": 0, **{section: {} for section in SECTIONS}}


def trouble() -> str | None:
    """What keeps the record from being saved, or what happened to a damaged file; ``None`` if all is well."""
    return _trouble.get(path())


def read() -> Data:
    """The record as plain data: ``version`` and one dict for each of :data:`SECTIONS`."""
    file = path()
    if file in _memory:
        return json.loads(json.dumps(_memory[file]))
    try:
        return _parse(file)
    except FileNotFoundError:
        return empty()
    except ValueError:
        return change(lambda data: None)  # moves the damaged file aside
    except OSError as error:
        _trouble[file] = f"Progress cannot be read ({error.strerror or error})."
        return empty()


def change(edit: Callable[[Data], None]) -> Data:
    """Apply ``edit`` to the record in place and save it; returns the new record.

    Never raises for a full disk, a folder that cannot be written, or a damaged file: learning goes on.
    """
    from filelock import FileLock, Timeout

    file = path()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(file.with_suffix(".lock"), timeout=LOCK_SECONDS):
            data = _load(file)
            if file in _memory:  # the disk is back: what was kept in memory meanwhile is not lost
                _merge(data, _memory[file])
            edit(data)
            _write(file, data)
        if _memory.pop(file, None) is not None:
            _trouble.pop(file, None)
    except (OSError, Timeout, NotImplementedError) as error:  # the last: a file system without locks
        reason = getattr(error, "strerror", None) or type(error).__name__
        _trouble[file] = f"Progress cannot be saved ({reason}); it is kept until this kernel ends."
        data = _memory.setdefault(file, _readable(file))
        edit(data)
    return json.loads(json.dumps(data))


def join(other: Data) -> Data:
    """Take in what another place has recorded (a browser), and return the record that holds both.

    What was right in one place is right; of two counts of tries the larger stays; a prediction that is missing here
    comes from there. A record that was begun anew on purpose later than the other replaces it. Anything in ``other``
    that is no record is left out.
    """
    return change(lambda data: _join(data, other))


def _join(data: Data, other: Data) -> None:
    begun = other.get("begun", 0) if isinstance(other, dict) and other.get("version") == VERSION else None
    if not isinstance(begun, int) or begun < data["begun"]:
        return
    if begun > data["begun"]:
        data.clear()
        data.update(empty(), begun=begun)
    for key, entry in _entries(other.get("predictions")):
        _join_prediction(data["predictions"].setdefault(key, {}), entry)
    for section in ("parsons", "exercises"):
        _join_tries(data[section], other.get(section))
    for lesson, questions in _entries(other.get("quiz")):
        _join_tries(data["quiz"].setdefault(lesson, {}), questions)


def _entries(found: object) -> list[tuple[str, Data]]:
    return [pair for pair in found.items() if isinstance(pair[1], dict)] if isinstance(found, dict) else []


def _join_tries(mine: Data, theirs: object) -> None:
    for key, entry in _entries(theirs):
        if isinstance(entry.get("tries"), int):
            place = mine.setdefault(key, {})
            place["tries"] = max(place.get("tries", 0), entry["tries"])
            place["right"] = place.get("right") is True or entry.get("right") is True


def _join_prediction(mine: Data, theirs: Data) -> None:
    if isinstance(theirs.get("choice"), str):
        # Until the answer is known a prediction can be changed, and the page is where that is done.
        mine["choice"] = mine.get("choice", theirs["choice"]) if "answer" in mine else theirs["choice"]
    if isinstance(theirs.get("answer"), str):
        mine.setdefault("answer", theirs["answer"])


def note_try(section: str, keys: tuple[str, ...], right: bool) -> None:
    """Count one try under ``section`` and ``keys``; what was right once stays right."""

    def edit(data: Data) -> None:
        place = data[section]
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        old = place.get(keys[-1], {})
        tries = old.get("tries")
        place[keys[-1]] = {
            "right": old.get("right") is True or right,
            "tries": (tries if isinstance(tries, int) else 0) + 1,
        }

    change(edit)


def reset() -> bool:
    """Start with an empty record; the former one stays beside it as ``progress.previous.json``.

    Returns whether there was anything to reset.
    """
    file = path()
    had = file.exists() or file in _memory
    _memory.pop(file, None)
    _trouble.pop(file, None)
    if file.exists():
        os.replace(file, file.with_name("progress.previous.json"))
    change(lambda data: data.update(begun=int(time.time())))
    return had


def _parse(file: Path) -> Data:
    """Read the file; one of version 1 comes out as if it had always named its lessons.

    Raises:
        ValueError: it is no progress file.
    """
    data = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(data, dict) or data.get("version") not in (1, VERSION):
        raise ValueError("not a progress file of a version that is known")
    data.setdefault("begun", 0)  # older files have none
    if not isinstance(data["begun"], int):
        raise ValueError("the moment it was begun is damaged")
    for section in SECTIONS:
        place = data.get(section)
        if not isinstance(place, dict) or not all(isinstance(entry, dict) for entry in place.values()):
            raise ValueError(f"the section {section!r} is damaged")
    if not all(isinstance(item, dict) for items in data["quiz"].values() for item in items.values()):
        raise ValueError("the section 'quiz' is damaged")
    return _named(data) if data["version"] == 1 else data


def _named(data: Data) -> Data:
    """A file of version 1 with the names of its lessons: quiz and puzzle of "07", question "07-greedy"."""
    slugs = {f"{number:02}": slug for number, slug in FORMER_NUMBERS.items()}

    def question(old: str) -> str:
        number, dash, words = old.partition("-")
        return f"{slugs[number]}/{words}" if dash and number in slugs else old

    quiz = {
        slugs.get(number, number): {question(key): entry for key, entry in items.items()}
        for number, items in data["quiz"].items()
    }
    parsons = {slugs.get(number, number): entry for number, entry in data["parsons"].items()}
    return {**data, "version": VERSION, "quiz": quiz, "parsons": parsons}


def _readable(file: Path) -> Data:
    try:
        return _parse(file)
    except (OSError, ValueError):
        return empty()


def _load(file: Path) -> Data:
    try:
        return _parse(file)
    except FileNotFoundError:
        return empty()
    except ValueError:  # bad JSON and bad UTF-8 are ValueErrors as well
        number = 1
        while (aside := file.with_name(f"progress.damaged-{number}.json")).exists():
            number += 1
        os.replace(file, aside)
        _trouble[file] = f"The progress file was damaged. It is kept as {aside.name}; a new one was begun."
        return empty()


def _merge(data: Data, other: Data) -> None:
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(data.get(key), dict):
            _merge(data[key], value)
        else:
            data[key] = value


def _write(file: Path, data: Data) -> None:
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".progress-", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            json.dump(data, out, ensure_ascii=False, indent=1, sort_keys=True)
            out.flush()
            os.fsync(out.fileno())  # a power cut must not leave an empty file under the final name
        os.replace(name, file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
