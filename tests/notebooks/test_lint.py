"""Each rule for lessons is quiet on a lesson that keeps it and speaks up on one that breaks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nb_lint import Page, anchors, lint, stated_memory
from nb_source import parse
from notebooks_tiny import GLOSSARY, LESSON


def problems(text: str, glossary: str = GLOSSARY, folder: Path | None = None) -> list[str]:
    return lint(Page("99_tiny", parse(text), glossary, folder))


def test_a_lesson_that_keeps_every_rule_is_left_alone() -> None:
    assert problems(LESSON) == []


LONG = "\n".join(f"x{n} = {n}" for n in range(26))
TWICE = "```{code-cell} ipython3\none = 1 + 1\nprint(one)\n```\n"

FAULTS = {
    "two titles": ("## Sources", "# Another\n\n## Sources", "2 titles"),
    "no title": ("# A tiny lesson\n", "", "0 titles"),
    "no goals": ("## Goals", "## Aims", 'no "## Goals"'),
    "two goals": ("- Draw it.\n", "", "2 goals"),
    "goal without a verb": ("- Draw it.", "- The drawing.", "does not begin with a verb: 'The drawing.'"),
    "goal with a gerund": ("- Draw it.", "- Understanding it.", "does not begin with a verb"),
    "no before": ("Before you start: nothing.", "", "Before you start"),
    "no time line": ("**Time:** 1 minute", "Time: 1 minute", "has no line"),
    "no minutes": ("1 minute to read, 5 s to run.", "soon.", "no minutes"),
    "no memory": ("400 MB", "little", "no size in MB"),
    "no downloads": ("**Downloads:** none.", "", "**Downloads:**"),
    "pip": ("one = 1 + 1", "!pip install torch\none = 2", "cell 2: installs packages"),
    "long cell": ("one = 1 + 1", LONG, "cell 2: 27 lines"),
    "many long cells": ("one = 1 + 1", "one = 2\n" * 12, "keeps only 86%"),
    "too many cells": (TWICE, (TWICE + "\nProse.\n\n") * 30, "cells; at most 60"),
    "code without prose": (TWICE, TWICE + "\n" + TWICE, "cell 3: code without prose"),
    "not Python": ("one = 1 + 1", "one = 1 +", "cell 2: is not valid Python"),
    "plt.show": ("print(one)", "plt.show()", "cell 2: shows a figure by itself"),
    "short alt": ('alt="A line that climbs from one to two"', 'alt="a line"', "lesson.show needs alt="),
    "no alt": (', alt="A line that climbs from one to two"', "", "lesson.show needs alt="),
    "figure not shown": ("one = 1 + 1", "fig, ax = plt.subplots()", "makes a figure that lc.show does not"),
    "figure without labels": ("one = 1 + 1", 'fig, ax = plt.subplots(); ax.set_title("x")', "no xlabel"),
    "image without alt": ("A sum.", "![](a.png)", "image a.png has no alt text"),
    "html image without alt": ("A sum.", '<img src="a.png">', "has no alt text"),
    "one prediction": ('lesson.predict("other"', 'lesson.predict("another"', "has 1 predictions"),
    "prediction left open": ('lesson.reveal("other", "1")', "", "'other' is not both asked and revealed"),
    "no parsons": ('lesson.parsons("99")\n', "", "calls parsons with []"),
    "another lesson's quiz": ('lesson.quiz("99")', 'lesson.quiz("07")', "calls quiz with ['07']"),
    "no check": ('lesson.check("mine", mine)\n', "", "checks nothing"),
    "two fades": ("With gaps: fill them in.", "Fill them in.", 'the word "gaps" is missing'),
    "no summary": ("## What we saw", "## The end", "the last two are"),
    "no sources listed": ("- Our own arithmetic.\n", "", "lists no sources"),
    "unknown term": ("glossary.md#token", "glossary.md#tokens", "glossary.md#tokens, which is not there"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_rule_is_reported(fault: str) -> None:
    old, new, expected = FAULTS[fault]
    assert old in LESSON
    found = problems(LESSON.replace(old, new, 1))
    assert any(expected in problem for problem in found), found


def test_links_to_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "glossary.md").write_text(GLOSSARY, encoding="utf-8")
    (tmp_path / "01_next.ipynb").write_text("", encoding="utf-8")
    text = LESSON.replace("A sum.", "[next](01_next.ipynb) [gone](02_gone.ipynb) [web](https://example.org)")
    assert problems(text, folder=tmp_path) == ["links to 02_gone.ipynb, which is not there (seen from notebooks/)"]


def test_code_fences_hold_no_headings_and_no_images() -> None:
    assert problems(LESSON.replace("A sum.", "```text\n# not a title\n![](not-an-image)\n```")) == []


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


def test_a_notebook_for_looking_things_up_needs_no_exercises_but_keeps_the_other_rules() -> None:
    bare = LESSON.replace('lesson.parsons("99")\n', "").replace('lesson.check("mine", mine)\n', "")
    assert len(problems(bare)) == 2
    assert lint(Page("14_claims", parse(bare), GLOSSARY)) == []
    assert lint(Page("14_claims", parse(bare.replace("## Sources", "## Origins")), GLOSSARY))
