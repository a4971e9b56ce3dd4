"""The list of lessons: it is read whole or explained, numbers follow from places, and references are filled in."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_course.errors import BadOption, DataMissing
from llm_course.lessons import FORMER_NUMBERS, KINDS, contents, fill, find


def test_every_lesson_has_its_folder_and_every_folder_its_lesson() -> None:
    lessons = contents()
    assert [lesson.number for lesson in lessons] == [f"{place:02}" for place in range(len(lessons))]
    assert all(lesson.source.is_file() for lesson in lessons)
    folders = {path.parent.name for path in lessons[0].folder.parent.glob("*/lesson.md")}
    assert folders == {lesson.slug for lesson in lessons}
    assert {lesson.kind for lesson in lessons} == set(KINDS)
    assert set(FORMER_NUMBERS.values()) <= {lesson.slug for lesson in lessons}


def listed(folder: Path, *lines: str) -> Path:
    file = folder / f"contents-{len(list(folder.iterdir()))}.toml"
    rows = "\n".join(f"    {line}," for line in lines)
    file.write_text(f'[[part]]\ntitle = "Toys"\nlessons = [\n{rows}\n]\n', encoding="utf-8")
    return file


def row(slug: str, rest: str = "") -> str:
    return f'{{ slug = "{slug}", minutes = 5, title = "On {slug}: a toy"{rest} }}'


def test_a_lesson_moves_by_moving_its_line(tmp_path: Path) -> None:
    one, two = contents(listed(tmp_path, row("one"), row("two")))
    assert (one.name, two.name, two.part, two.short_title) == ("00_one", "01_two", "Toys", "On two")
    assert two.folder == tmp_path / "two" and two.minutes == 5 and two.kind == "lesson"
    moved = contents(listed(tmp_path, row("two"), row("one")))
    assert [lesson.name for lesson in moved] == ["00_two", "01_one"]
    text = "{{Lesson one}}, {{number two}}, {{link one}}; {{title}} and {braces} {{stay}}"
    assert fill(text, among=(one, two)) == ("Lesson 00, 01, [lesson 00](00_one.ipynb); {{title}} and {braces} {{stay}}")
    assert fill("{{lesson one}} of {{title}}, {{minutes}} min", moved[0], moved) == "lesson 01 of On two: a toy, 5 min"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["{ slug = 3"], "cannot be read: .*line 4"),
        (['{ slug = "one", title = "T" }'], "a lesson 'slug', 'minutes' and 'title' .'minutes'"),
        ([row("One")], "the slug 'One' must be lower-case words"),
        ([row("one"), row("one")], "the slug 'one' must be lower-case words and stand there once"),
        ([row("one", ', kind = "appendix"')], "one needs whole minutes, and as kind one of 'lesson', 'reference'"),
        ([row("one").replace("5", '"5"')], "one needs whole minutes"),
    ],
)
def test_a_mistake_in_the_list_is_explained(lines: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match=said):
        contents(listed(tmp_path, *lines))
    with pytest.raises(DataMissing, match="cannot be read"):
        contents(tmp_path / "nowhere.toml")


def test_an_unknown_name_brings_offers(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="No lesson is called 'text_generations'. Did you mean 'text_generation'"):
        find("text_generations")
    with pytest.raises(BadOption, match="There are: start_here, what"):
        find(True)
    with pytest.raises(BadOption, match="No lesson is called 'nowhere'"):
        fill("{{lesson nowhere}}")


def test_a_number_names_the_lesson_that_has_it_and_the_one_that_had_it(tmp_path: Path) -> None:
    lessons = contents(listed(tmp_path, row("toy"), row("start_here")))
    with pytest.raises(BadOption, match="'toy' is lesson 00 today; 'start_here' was lesson 00 once"):
        find("00", lessons)
    with pytest.raises(BadOption, match="7 is a number, and numbers change: .* 'text_generation' was lesson 07 once"):
        find(7, lessons)
    with pytest.raises(BadOption, match="There are: toy, start_here"):
        find("77", lessons)
