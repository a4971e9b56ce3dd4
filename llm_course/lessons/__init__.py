"""The lessons: which there are, in which order, and how one refers to another.

Order, parts, titles and minutes stand in ``contents.toml``, and a lesson's number is its place there. Everything else
names a lesson by its slug, the name of its folder. Knows nothing about what a lesson says or how it is shown.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from llm_course.errors import BadOption, DataMissing

CONTENTS = Path(__file__).with_name("contents.toml")
KINDS = ("lesson", "reference")

# What lessons were called until they got names. Frozen: progress files and notebooks that people keep still say it.
FORMER_NUMBERS = dict(
    enumerate(
        "start_here what_makes_it_large attention_from_scratch reading_attention pretrain_finetune five_types "
        "five_models text_generation sentiment summarization translation advantages limitations".split()
    )
) | {14: "claims"}


@dataclass(frozen=True)
class Lesson:
    """One lesson as ``contents.toml`` has it.

    Attributes:
        slug: the name of its folder, ``"text_generation"``; what everything calls it by.
        number: its place in the course as two digits, ``"07"``; only what is shown to readers has it.
        title, part: its own title, and that of the part it belongs to.
        minutes: what a reader needs for it.
        kind: ``"lesson"``, or ``"reference"`` for a notebook to look things up in, where nothing is practiced.
        folder: where its text, quiz, puzzle, exercises, experiment and data lie.
    """

    slug: str
    number: str
    title: str
    part: str
    minutes: int
    kind: str
    folder: Path

    @property
    def name(self) -> str:
        """The name of its notebook without the ending: ``"07_text_generation"``."""
        return f"{self.number}_{self.slug}"

    @property
    def short_title(self) -> str:
        """The title up to its colon."""
        return self.title.partition(":")[0]

    @property
    def source(self) -> Path:
        """The file with its text (Jupytext, MyST)."""
        return self.folder / "lesson.md"


@cache
def contents(file: Path = CONTENTS) -> tuple[Lesson, ...]:
    """All lessons in their order.

    Raises:
        DataMissing: the file is not there or cannot be understood; the message says which line of it, or which lesson.
    """
    try:
        parts = tomllib.loads(file.read_text(encoding="utf-8")).get("part", [])
        rows = [(part["title"], row) for part in parts for row in part["lessons"]]
        found = tuple(
            Lesson(
                slug=row["slug"],
                number=f"{place:02}",
                title=row["title"],
                part=part,
                minutes=row["minutes"],
                kind=row.get("kind", KINDS[0]),
                folder=file.parent / row["slug"],
            )
            for place, (part, row) in enumerate(rows)
        )
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DataMissing(f"The list of lessons, {file.name}, cannot be read: {error}.") from None
    except (KeyError, TypeError) as error:
        raise DataMissing(
            f"{file.name}: a part needs 'title' and 'lessons', a lesson 'slug', 'minutes' and 'title' ({error})."
        ) from None
    slugs = [lesson.slug for lesson in found]
    for lesson in found:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", lesson.slug) or slugs.count(lesson.slug) > 1:
            raise DataMissing(f"{file.name}: the slug {lesson.slug!r} must be lower-case words and stand there once.")
        if lesson.kind not in KINDS or not isinstance(lesson.minutes, int):
            raise DataMissing(
                f"{file.name}: {lesson.slug} needs whole minutes, and as kind one of {', '.join(map(repr, KINDS))}."
            )
    return found


def find(slug: object, among: Sequence[Lesson] | None = None) -> Lesson:
    """The lesson of that name.

    Raises:
        BadOption: there is none. The nearest names are offered; for a number, the name of the lesson that had it.
    """
    lessons = contents() if among is None else among
    for lesson in lessons:
        if lesson.slug == slug:
            return lesson
    said = str(slug).strip()
    if re.fullmatch(r"\d{1,2}", said, flags=re.ASCII) and not isinstance(slug, bool):
        now = [
            f"{lesson.slug!r} is lesson {lesson.number} today" for lesson in lessons if int(lesson.number) == int(said)
        ]
        before = FORMER_NUMBERS.get(int(said))
        if before and not any(lesson.slug == before for lesson in lessons if int(lesson.number) == int(said)):
            now.append(f"{before!r} was lesson {int(said):02} once")
        raise BadOption(
            f"{slug!r} is a number, and numbers change: name the lesson. "
            + (f"{'; '.join(now)}." if now else f"There are: {', '.join(lesson.slug for lesson in lessons)}.")
        )
    near = difflib.get_close_matches(said, [lesson.slug for lesson in lessons], n=2, cutoff=0.5)
    offer = (
        f"Did you mean {' or '.join(map(repr, near))}?"
        if near
        else (f"There are: {', '.join(lesson.slug for lesson in lessons)}.")
    )
    raise BadOption(f"No lesson is called {slug!r}. {offer}")


def fill(text: str, lesson: Lesson | None = None, among: Sequence[Lesson] | None = None) -> str:
    """A text with its references to lessons filled in.

    ``{{lesson SLUG}}`` becomes "lesson 07", ``{{Lesson SLUG}}`` "Lesson 07", ``{{number SLUG}}`` "07", and
    ``{{link SLUG}}`` "[lesson 07](07_SLUG.ipynb)". In the text of a lesson itself ``{{title}}`` and ``{{minutes}}``
    are its own. Other braces stay as they are.

    Raises:
        BadOption: there is no lesson of that name.
    """

    def said(found: re.Match[str]) -> str:
        what, slug = found.groups()
        one = find(slug, among)
        return {
            "number": one.number,
            "link": f"[lesson {one.number}]({one.name}.ipynb)",
        }.get(what, f"{what} {one.number}")

    text = re.sub(r"\{\{(lesson|Lesson|number|link) (\S+?)\}\}", said, text)
    if lesson is None:
        return text
    return text.replace("{{title}}", lesson.title).replace("{{minutes}}", str(lesson.minutes))
