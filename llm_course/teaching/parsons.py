"""Parsons puzzles: put the shuffled lines of a program in order, indent them, and leave out those that do not belong.

Knows nothing about the programs themselves; they are in the lesson's ``parsons.json`` (see ``content.py``).
An answer is a list of pairs ``(text of the line, indentation level)``. A distractor that is a line of the program at
another level is not offered a second time: its reason is given when the line is put at that level.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from html import escape

from llm_course.errors import BadOption
from llm_course.lessons import find
from llm_course.teaching import progress_file
from llm_course.teaching.content import INDENT, Puzzle, load_puzzle
from llm_course.teaching.output import emit, inline, spaced
from llm_course.teaching.widgets import Form, Message, State, make_form

Answer = list[tuple[str, int]]


def parsons(lesson: str, answer: str | None = None) -> None:
    """Show the Parsons puzzle of a lesson.

    Args:
        lesson: the lesson's name, ``"text_generation"``.
        answer: the program as text, its lines indented by four spaces a level: judges it at once and prints the
            verdict, for places without buttons.

    Raises:
        BadOption: no lesson is called so, or the answer is no text.
        DataMissing: the lesson has no puzzle.
    """
    puzzle = load_puzzle(find(lesson))
    if answer is not None:
        if not isinstance(answer, str):
            raise BadOption("answer= takes the program as one text, with line breaks.")
        right, said = judge(puzzle, from_text(answer))
        print(f"{'Right' if right else 'Not yet'}: {said}")
        return
    lines = shuffled(puzzle)
    emit(
        html=static_form(puzzle, lines),
        plain=f"Parsons puzzle: {puzzle.title}, {len(lines)} lines to put in order.",
        full="\n".join([f"{puzzle.title}: {puzzle.task}", "", *lines]),
        widget=lambda: live_form(puzzle, lines),
    )


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


def from_text(text: str) -> Answer:
    """A program as an answer; blank lines are left out, tabs count as one level."""
    lines = [line.expandtabs(INDENT).rstrip() for line in text.splitlines() if line.strip()]
    return [(line.strip(), (len(line) - len(line.lstrip())) // INDENT) for line in lines]


def diagnose(puzzle: Puzzle, answer: Answer) -> str | None:
    """The first mistake of an answer, in the words of one who helps; ``None`` if there is none.

    In this order: a line that does not belong, a wrong order, lines that are missing, a wrong indentation.
    """
    right = from_text("\n".join(puzzle.lines))
    solution = [text for text, _ in right]
    if not answer:
        return "No line is in the program yet."
    reasons = {from_text(item.line)[0]: item.why for item in puzzle.distractors}
    elsewhere = {text: why for (text, _), why in reasons.items() if text not in solution}
    for text, _ in answer:
        if text in elsewhere:
            return f"`{text}` does not belong here. {elsewhere[text]}"
        if text not in solution:
            return f"`{text}` is none of the lines to choose from."
    given = [text for text, _ in answer]
    for number, (has, wants) in enumerate(zip(given, solution, strict=False), 1):
        if has != wants:
            if why := reasons.get(answer[number - 1]):
                return f"Line {number}, `{has}`, is not in its place. {why}"
            start = f"The first {number - 1} lines are right. " if number > 2 else ""
            start = "The first line is right. " if number == 2 else start
            return f"{start}Line {number}, `{has}`, cannot stand there yet. What has to come before it?"
    if len(given) < len(solution):
        return f"So far it is right, and {_lines(len(solution) - len(given))} still missing."
    if len(given) > len(solution):
        return f"`{given[len(solution)]}` is one line too many."
    for number, ((text, level), (_, depth)) in enumerate(zip(answer, right, strict=True), 1):
        if level != depth:
            if why := reasons.get((text, level)):
                return f"The order is right. Line {number}, `{text}`, is not under the right line. {why}"
            return (
                f"The order is right. Line {number}, `{text}`, is indented by {level} "
                f"{'level' if level == 1 else 'levels'}. Which line does it belong under?"
            )
    return None


def _lines(count: int) -> str:
    return "one line is" if count == 1 else f"{count} lines are"


def judge(puzzle: Puzzle, answer: Answer) -> tuple[bool, str]:
    """Whether an answer is right, and what to say; the try goes into the progress file."""
    mistake = diagnose(puzzle, answer)
    progress_file.note_try("parsons", (puzzle.lesson,), mistake is None)
    return mistake is None, puzzle.explain if mistake is None else mistake


def static_form(puzzle: Puzzle, lines: Sequence[str]) -> str:
    """Task and shuffled lines as HTML; the solution and the reasons are folded."""
    items = "".join(f"<li><code>{escape(line)}</code></li>" for line in lines)
    wrong = "".join(
        f'<li><code style="white-space:pre">{escape(item.line.rstrip())}</code>: {inline(item.why)}</li>'
        for item in puzzle.distractors
    )
    return spaced(
        f"<p><b>Put the lines in order: {inline(puzzle.title)}</b></p><p>{inline(puzzle.task)} "
        f"Not every line belongs in the program.</p><ul>{items}</ul>"
        f"<details><summary>Solution of the puzzle</summary><pre>{escape(chr(10).join(puzzle.lines))}</pre>"
        f"<p>{inline(puzzle.explain)}</p><p>Left out:</p><ul>{wrong}</ul></details>",
        f"Parsons puzzle: {puzzle.title}",
    )


def live_form(puzzle: Puzzle, lines: Sequence[str]) -> Form | None:
    """The widget: lines that buttons and arrow keys move, indent, and take in or out."""
    spec = {
        "title": f"Parsons puzzle: {puzzle.title}",
        "html": f"<b>Put the lines in order: {inline(puzzle.title)}</b><br>{inline(puzzle.task)} "
        "Not every line belongs in the program.",
        "lines": list(lines),
    }

    def act(message: Message, state: State) -> State:
        answer = [(lines[int(place)], int(level)) for place, level in message["answer"]]
        right, said = judge(puzzle, answer)
        return {**state, "feedback": [f"<b>{'✓ Right' if right else '✗ Not yet'}.</b> {inline(said)}"]}

    return make_form("parsons", spec, {"feedback": [""]}, act)
