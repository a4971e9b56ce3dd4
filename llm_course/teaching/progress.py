"""Progress as bars: one for each lesson.

Knows nothing about how it is kept (``progress_file.py``). What counts are the questions, the puzzle and the exercises
of a lesson; predictions are listed apart, since a wrong one is as good as a right one.
"""

from __future__ import annotations

from dataclasses import dataclass

from llm_course.checks.exercises import index
from llm_course.errors import DataMissing
from llm_course.lessons import Lesson, contents
from llm_course.teaching import progress_file
from llm_course.teaching.content import load_puzzle, load_quiz
from llm_course.teaching.output import bar, bar_table, emit, inline, spaced
from llm_course.teaching.page_forms import form, share_record


@dataclass(frozen=True)
class LessonProgress:
    """How many of a lesson's questions, puzzles and exercises have been right at least once."""

    lesson: Lesson
    done: int
    total: int

    @property
    def label(self) -> str:
        """Number and short title."""
        return f"{self.lesson.number} {self.lesson.short_title}"


@dataclass(frozen=True)
class Progress:
    """All lessons, the number of predictions, and a note if the file is in trouble. Shows as bars."""

    lessons: tuple[LessonProgress, ...]
    predictions: int
    note: str | None

    def _sentence(self) -> str:
        return f"Predictions recorded: {self.predictions}."

    def __str__(self) -> str:
        width = max((len(one.label) for one in self.lessons), default=0)
        rows = [
            f"{one.label.ljust(width)}  {bar(one.done / one.total, track=True)}  {one.done} of {one.total}"
            for one in self.lessons
        ]
        return "\n".join(filter(None, ["Your progress", *rows, self._sentence(), self.note]))

    def __repr__(self) -> str:
        done = sum(one.done for one in self.lessons)
        return f"Progress: {done} of {sum(one.total for one in self.lessons)} tasks, {self.predictions} predictions"

    def _repr_html_(self) -> str:
        rows = [(one.label, one.done / one.total, f"{one.done} of {one.total}") for one in self.lessons]
        table = bar_table("Your progress", rows, head=("Lesson", "Done"), track=True)
        note = f"<p>{inline(self.note)}</p>" if self.note else ""
        return spaced(f"{table}<p>{self._sentence()}</p>{note}", "Your progress")


def progress() -> Progress:
    """What has been done so far, lesson by lesson; shows as bars."""
    share_record()  # what was done on a page without a kernel comes in with it
    data = progress_file.read()
    found = []
    for lesson in contents():
        entries = [data["quiz"].get(lesson.slug, {}).get(question) for question in _questions(lesson)]
        if _has_puzzle(lesson):
            entries.append(data["parsons"].get(lesson.slug))
        entries += [data["exercises"].get(name) for name, home in index().items() if home == lesson.slug]
        if entries:  # a lesson with nothing to do has no bar
            done = sum(entry is not None and entry.get("right") is True for entry in entries)
            found.append(LessonProgress(lesson, done, len(entries)))
    predictions = sum("choice" in entry for entry in data["predictions"].values())
    return Progress(tuple(found), predictions, progress_file.trouble())


def _questions(lesson: Lesson) -> list[str]:
    """The ids of a lesson's questions; none where its file cannot be read: bars show all the same."""
    try:
        return [question.id for question in load_quiz(lesson)]
    except DataMissing:
        return []


def _has_puzzle(lesson: Lesson) -> bool:
    try:
        return bool(load_puzzle(lesson))
    except DataMissing:
        return False


def reset_progress() -> None:
    """Begin again with an empty file. The former one is kept once, beside it."""
    if progress_file.reset():
        said = "Progress is empty again. The former record is kept as progress.previous.json."
    else:
        said = "There is no progress to reset."
    share_record()
    emit(html=form("reset", {"begun": progress_file.read()["begun"]}, f"<p>{said}</p>", "Progress"), plain=said)
