"""What one hostile submission is, and the pieces of code that several use.

Knows nothing about what is tried.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

NONE: dict[str, float] = {"double-visible": 0, "double-hidden": 0, "mean-visible": 0, "mean-hidden": 0}
MEAN = NONE | {"mean-visible": 1, "mean-hidden": 3}
DOUBLE = NONE | {"double-visible": 1, "double-hidden": 2}
ALL = {"double-visible": 1, "double-hidden": 2, "mean-visible": 1, "mean-hidden": 3}
WRONG = "def double(values):\n    return 0\n"
WRONG_MEAN = "def mean(array):\n    return 0\n"
RIGHT_MEAN = "def mean(array):\n    return array.mean(0)\n"
# Ends every attack that looks for secrets: whatever it found is printed, and so would stand in what the grader keeps.
SHOW = "\nprint('FOUND', found)\n"


@dataclass(frozen=True)
class Hostile:
    """One submission.

    Attributes:
        name: the student who hands it in.
        tries: what it tries, in a few words.
        double, mean: the code of the two solution cells.
        marks: what it must get for each grade cell.
        change: what is done to the notebook before it is handed in.
        raw: bytes handed in instead of a notebook.
        absent: nothing lies in the folder.
        folder: a folder lies where the notebook should be.
        quick: among the ten of ``make test``.
        slow: it ends only by a limit of time.
    """

    name: str
    tries: str
    double: str = WRONG
    mean: str = WRONG_MEAN
    marks: dict[str, float] | None = None
    change: Callable[[dict[str, Any]], Any] | None = None
    raw: bytes | None = None
    absent: bool = False
    folder: bool = False
    quick: bool = False
    slow: bool = False

    @property
    def due(self) -> dict[str, float]:
        """Points by grade cell."""
        return NONE if self.marks is None else self.marks


def first(attack: str) -> str:
    """The attack, then a wrong answer."""
    return attack + "\n" + WRONG


WALK = """
import os
found = []
for top in ('/', {course!r}, {outside!r}, '/home', '/tmp', '/proc'):
    for folder, folders, files in os.walk(top):
        folders[:] = [f for f in folders if os.path.join(folder, f) not in ('/usr', '/sys', '/proc', '/opt', '/lib')
                      and 'site-packages' not in folder]
        for file in files:
            path = os.path.join(folder, file)
            try:
                if os.path.getsize(path) < 300_000 and not path.endswith(('.py', '.pyc')):
                    text = open(path, errors='replace').read()
                    if 'SECRET' in text:
                        found.append((path, text[:300]))
            except OSError:
                pass
"""
PIPES = """
import os, json, stat
pipes = []
for number in range(3, 256):
    try:
        if stat.S_ISFIFO(os.fstat(number).st_mode) or stat.S_ISSOCK(os.fstat(number).st_mode):
            pipes.append(number)
    except OSError:
        pass
def shout(data):
    for number in pipes:
        try:
            os.write(number, data)
        except OSError:
            pass
"""
