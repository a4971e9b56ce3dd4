"""Each rule for lessons is quiet on a lesson that keeps it and speaks up on one that breaks it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from llm_course.lessons import Lesson
from nb_lint import Page, anchors, lint, stated_memory
from notebooks_tiny import GLOSSARY, LESSON, tiny_course


@pytest.fixture
def tiny(tmp_path: Path) -> Lesson:
    return tiny_course(tmp_path / "lessons")


def problems(text: str, lesson: Lesson, folder: Path | None = None) -> list[str]:
    return lint(Page(lesson, text, GLOSSARY, folder, [lesson]))


def test_a_lesson_that_keeps_every_rule_is_left_alone(tiny: Lesson) -> None:
    assert problems(LESSON, tiny) == []


LONG = "\n".join(f"x{n} = {n}" for n in range(26))
TWICE = "```{code-cell} ipython3\none = 1 + 1\nprint(one)\n```\n"

FAULTS = {
    "two titles": ("## Sources", "# Another\n\n## Sources", "2 titles"),
    "no title": ("# {{title}}\n", "", "0 titles"),
    "a title of its own": ("# {{title}}\n", "# Tiny\n", "writes its own title"),
    "a lesson by number": ("A sum.", "A sum, as in lesson 03.", "names a lesson by number, 'lesson 03'"),
    "a lesson by file": ("A sum.", "[A sum](02_sums.ipynb).", "names a lesson by number, '02_sums.ipynb'"),
    "an unknown lesson": ("A sum.", "See {{lesson tyny}}.", "No lesson is called 'tyny'. Did you mean 'tiny'?"),
    "braces for nothing": ("A sum.", "See {{leson tiny}}.", "braces that nothing fills: {{leson tiny}}"),
    "no goals": ("## Goals", "## Aims", 'no "## Goals"'),
    "two goals": ("- Draw it.\n", "", "2 goals"),
    "goal without a verb": ("- Draw it.", "- The drawing.", "does not begin with a verb: 'The drawing.'"),
    "goal with a gerund": ("- Draw it.", "- Understanding it.", "does not begin with a verb"),
    "no before": ("Before you start: nothing.", "", "Before you start"),
    "no time line": ("**Time:** {{minutes}} minutes", "Time: {{minutes}} minutes", "has no line"),
    "minutes of its own": ("{{minutes}} minutes to read", "9 minutes to read", "does not take its minutes"),
    "no memory": ("400 MB", "little", "no size in MB"),
    "no downloads": ("**Downloads:** none.", "", "**Downloads:**"),
    "pip": ("one = 1 + 1", "!pip install torch\none = 2", "cell 2: installs packages"),
    "long cell": ("one = 1 + 1", LONG, "cell 2: 27 lines"),
    "many long cells": ("one = 1 + 1", "one = 2\n" * 12, "keeps only 86%"),
    "too many cells": (TWICE, (TWICE + "\nProse.\n\n") * 30, "cells; at most 60"),
    "code without prose": (TWICE, TWICE + "\n" + TWICE, "cell 3: code without prose"),
    "not Python": ("one = 1 + 1", "one = 1 +", "cell 2: is not valid Python"),
    "plt.show": ("print(one)", "plt.show()", "cell 2: shows a figure by itself"),
    "short alt": ('alt="A line that climbs from one to two"', 'alt="a line"', "lc.show needs alt="),
    "no alt": (', alt="A line that climbs from one to two"', "", "lc.show needs alt="),
    "figure not shown": ("one = 1 + 1", "fig, ax = plt.subplots()", "makes a figure that lc.show does not"),
    "figure without labels": ("one = 1 + 1", 'fig, ax = plt.subplots(); ax.set_title("x")', "no xlabel"),
    "image without alt": ("A sum.", "![](a.png)", "image a.png has no alt text"),
    "html image without alt": ("A sum.", '<img src="a.png">', "has no alt text"),
    "one prediction": ('lc.predict("other"', 'lc.predict("another"', "has 1 predictions"),
    "prediction left open": ('lc.reveal("other", "1")', "", "'other' is not both asked and revealed"),
    "no parsons": ('lc.parsons("tiny")\n', "", "calls parsons with []"),
    "another lesson's quiz": ('lc.quiz("tiny")', 'lc.quiz("sums")', "calls quiz with ['sums']"),
    "no check": ('lc.check("mine", mine)\n', "", "checks nothing"),
    "two fades": ("With gaps: fill them in.", "Fill them in.", 'the word "gaps" is missing'),
    "no summary": ("## What we saw", "## The end", "the last two are"),
    "no sources listed": ("- Our own arithmetic.\n", "", "lists no sources"),
    "unknown term": ("glossary.md#token", "glossary.md#tokens", "glossary.md#tokens, which is not there"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_rule_is_reported(fault: str, tiny: Lesson) -> None:
    old, new, expected = FAULTS[fault]
    assert old in LESSON
    found = problems(LESSON.replace(old, new, 1), tiny)
    assert any(expected in problem for problem in found), found


def test_links_to_files_that_are_not_there(tmp_path: Path, tiny: Lesson) -> None:
    (tmp_path / "glossary.md").write_text(GLOSSARY, encoding="utf-8")
    (tmp_path / "00_tiny.ipynb").write_text("", encoding="utf-8")
    text = LESSON.replace("A sum.", "{{link tiny}} [gone](gone.ipynb) [web](https://example.org)")
    assert problems(text, tiny, folder=tmp_path) == ["links to gone.ipynb, which is not there (seen from notebooks/)"]


def test_what_is_wrong_with_quiz_and_puzzle_is_reported(tiny: Lesson) -> None:
    (tiny.folder / "parsons.json").unlink()
    quiz = tiny.folder / "quiz.json"
    quiz.write_text(quiz.read_text(encoding="utf-8").replace("tiny/first", "sums/first"), encoding="utf-8")
    assert problems(LESSON, tiny) == [
        "has no parsons.json in its folder",
        "quiz.json: the id 'sums/first' begins neither with this lesson nor with an earlier one",
    ]


def test_code_fences_hold_no_headings_and_no_images(tiny: Lesson) -> None:
    assert problems(LESSON.replace("A sum.", "```text\n# not a title\n![](not-an-image)\n```"), tiny) == []


def test_anchors_are_headings_as_github_writes_them_and_explicit_ids() -> None:
    assert anchors('## Top-k, top-p\n<a id="x1"></a>\n```\n# no\n```\n') == {"top-k-top-p", "x1"}


@pytest.mark.parametrize(
    ("line", "size"),
    [
        ("**Time:** 9 min **Memory:** 450 MB **Downloads:** 2 GB", 450e6),
        ("**Memory:** 1.2 GB", 1.2e9),
        ("**Memory:** 400 to 650 MB", 650e6),
        ("**Memory:** enough", None),
        ("nothing", None),
    ],
)
def test_stated_memory(line: str, size: float | None) -> None:
    assert stated_memory(line) == size


def test_a_notebook_for_looking_things_up_needs_no_exercises_but_keeps_the_other_rules(tiny: Lesson) -> None:
    bare = LESSON.replace('lc.parsons("tiny")\n', "").replace('lc.check("mine", mine)\n', "")
    assert len(problems(bare, tiny)) == 2
    reference = replace(tiny, kind="reference")
    assert problems(bare, reference) == []
    assert problems(bare.replace("## Sources", "## Origins"), reference)
