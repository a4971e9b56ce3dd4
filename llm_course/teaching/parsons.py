"""Parsons puzzles: put the shuffled lines of a program in order, indent them, and leave out those that do not belong.

Knows nothing about the programs themselves; they are in the lesson's ``parsons.json`` (see ``content.py``). An answer
is judged in the page (``front/parsons.js``). A distractor that is a line of the program at another level is not offered
a second time: its reason is given when the line is put at that level.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from html import escape

from llm_course.lessons import find
from llm_course.teaching.content import INDENT, Puzzle, load_puzzle
from llm_course.teaching.output import emit, inline
from llm_course.teaching.page_forms import form, share_record, veiled


def parsons(lesson: str) -> None:
    """Show the Parsons puzzle of a lesson.

    Args:
        lesson: the lesson's name, ``"text_generation"``.

    Raises:
        BadOption: no lesson is called so.
        DataMissing: the lesson has no puzzle.
    """
    puzzle = load_puzzle(find(lesson))
    lines = shuffled(puzzle)
    share_record()
    title = f"Put the lines in order: {puzzle.title}"
    reasons = [[*_level(item.line), item.why] for item in puzzle.distractors]
    spec = {
        "lesson": puzzle.lesson,
        "html": f"<b>{inline(title)}</b><br>{inline(puzzle.task)} Not every line belongs in the program.",
        "lines": lines,
        "veiled": veiled(
            {"program": [_level(line) for line in puzzle.lines], "reasons": reasons, "explain": puzzle.explain}
        ),
    }
    emit(
        html=form("parsons", spec, static_form(puzzle, lines), f"Parsons puzzle: {puzzle.title}"),
        plain=f"Parsons puzzle: {puzzle.title}, {len(lines)} lines to put in order.",
        full="\n".join([f"{puzzle.title}: {puzzle.task}", "", *lines]),
    )


def _level(line: str) -> tuple[str, int]:
    """A line of a program as its text and its level of indentation."""
    return line.strip(), (len(line) - len(line.lstrip())) // INDENT


def shuffled(puzzle: Puzzle) -> list[str]:
    """The lines and the distractors without indentation, in an order that depends on the program alone."""
    right = [line.strip() for line in puzzle.lines]
    lines = right + [text for item in puzzle.distractors if (text := item.line.strip()) not in right]
    seed = int.from_bytes(hashlib.sha256("\n".join(puzzle.lines).encode()).digest()[:8], "big")
    drawn = random.Random(seed)
    for _ in range(20):
        drawn.shuffle(lines)
        if lines[: len(right)] != right:  # an unlucky draw must not give the answer away
            break
    return lines


def static_form(puzzle: Puzzle, lines: Sequence[str]) -> str:
    """Task and shuffled lines as HTML; the solution and the reasons are folded."""
    items = "".join(f"<li><code>{escape(line)}</code></li>" for line in lines)
    wrong = "".join(
        f'<li><code style="white-space:pre">{escape(item.line.rstrip())}</code>: {inline(item.why)}</li>'
        for item in puzzle.distractors
    )
    return (
        f"<p><b>Put the lines in order: {inline(puzzle.title)}</b></p><p>{inline(puzzle.task)} "
        f"Not every line belongs in the program.</p><ul>{items}</ul>"
        f"<details><summary>Solution of the puzzle</summary><pre>{escape(chr(10).join(puzzle.lines))}</pre>"
        f"<p>{inline(puzzle.explain)}</p><p>Left out:</p><ul>{wrong}</ul></details>"
    )
