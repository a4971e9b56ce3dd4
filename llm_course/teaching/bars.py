"""Progress as bars: one for each lesson.

Knows nothing about how the record is kept (``record.py``). What counts are the questions, the puzzle and the
exercises of a lesson; predictions are listed apart, since a wrong one is as good as a right one.
"""

from __future__ import annotations

from dataclasses import dataclass

from llm_course.checks.exercises import index
from llm_course.errors import DataMissing
from llm_course.teaching import record
from llm_course.teaching.content import Item, lessons, load
from llm_course.teaching.output import bar, bar_table, emit, inline, spaced
from llm_course.teaching.page_forms import form, share_record

TITLES = {
    "00": "Start here", "01": "What makes a language model large", "02": "Attention from scratch",
    "03": "Reading attention", "04": "Pre-train, then fine-tune", "05": "Five types of language model",
    "06": "Five models that made history", "07": "Text generation", "08": "Sentiment analysis",
    "09": "Summarization", "10": "Translation", "11": "Advantages, measured", "12": "Limitations, measured",
    "13": "Full size, on a GPU", "14": "Claims",
}  # fmt: skip


@dataclass(frozen=True)
class LessonProgress:
    """How many of a lesson's questions, puzzles and exercises have been right at least once."""

    lesson: str
    title: str
    done: int
    total: int


@dataclass(frozen=True)
class Progress:
    """All lessons, the number of predictions, and a note if the record is in trouble. Shows as bars."""

    lessons: tuple[LessonProgress, ...]
    predictions: int
    note: str | None

    def _sentence(self) -> str:
        return f"Predictions recorded: {self.predictions}."

    def __str__(self) -> str:
        lines = [f"{one.lesson} {one.title}" for one in self.lessons]
        width = max(map(len, lines), default=0)
        rows = [
            f"{line.ljust(width)}  {bar(one.done / one.total, track=True)}  {one.done} of {one.total}"
            for line, one in zip(lines, self.lessons, strict=True)
        ]
        return "\n".join(filter(None, ["Your progress", *rows, self._sentence(), self.note]))

    def __repr__(self) -> str:
        done = sum(one.done for one in self.lessons)
        return f"Progress: {done} of {sum(one.total for one in self.lessons)} tasks, {self.predictions} predictions"

    def _repr_html_(self) -> str:
        rows = [(f"{one.lesson} {one.title}", one.done / one.total, f"{one.done} of {one.total}")
                for one in self.lessons]  # fmt: skip
        table = bar_table("Your progress", rows, head=("Lesson", "Done"), track=True)
        note = f"<p>{inline(self.note)}</p>" if self.note else ""
        return spaced(f"{table}<p>{self._sentence()}</p>{note}", "Your progress")


def progress() -> Progress:
    """What has been done so far, lesson by lesson; shows as bars."""
    data = record.read()
    found = []
    names = index()
    for lesson in sorted({*lessons(), *names.values()}):
        done = total = 0
        if questions := _content("quiz", lesson).get("questions"):
            entries = data["quiz"].get(lesson, {})
            total += len(questions)
            done += sum(entries.get(question["id"], {}).get("right") is True for question in questions)
        if _content("parsons", lesson):
            total += 1
            done += data["parsons"].get(lesson, {}).get("right") is True
        own = [name for name, where in names.items() if where == lesson]
        total += len(own)
        done += sum(data["exercises"].get(name, {}).get("right") is True for name in own)
        if total:
            found.append(LessonProgress(lesson, TITLES.get(lesson, f"Lesson {lesson}"), done, total))
    predictions = sum("choice" in entry for entry in data["predictions"].values())
    return Progress(tuple(found), predictions, record.trouble())


def _content(kind: str, lesson: str) -> Item:
    """A lesson's file; empty where there is none, or none that can be read: bars show all the same."""
    try:
        return load(kind, lesson)
    except DataMissing:
        return {}


def reset_progress() -> None:
    """Begin again with an empty record. The former one is kept once, beside it."""
    if record.reset():
        said = "Progress is empty again. The former record is kept as progress.previous.json."
    else:
        said = "There is no progress to reset."
    share_record()
    emit(html=form("reset", {"begun": record.read()["begun"]}, f"<p>{said}</p>", "Progress"), plain=said)
