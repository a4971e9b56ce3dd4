"""A lesson small enough to read at a glance that keeps every rule; tests break one rule of it at a time."""

from __future__ import annotations

import json
from pathlib import Path

from llm_course.lessons import Lesson, contents

CONTENTS = """\
[[part]]
title = "Toys"
lessons = [
    { slug = "tiny", minutes = 1, title = "A tiny lesson: one sum" },
]
"""

QUIZ = [
    {
        "id": f"tiny/{name}",
        "question": f"What is the {name} sum?",
        "options": [
            {"text": "2", "right": True, "why": "One and one."},
            {"text": "3", "right": False, "why": "That is one too many."},
        ],
    }
    for name in ("first", "second", "third")
]

PUZZLE = {
    "title": "A sum",
    "task": "Print one and one.",
    "lines": ["one = 1", "two = one + one", "print(two)"],
    "distractors": [{"line": "print(one)", "why": "That is not the sum."}],
    "explain": "First the numbers, then the sum.",
}


def write_lesson(folder: Path, text: str | None = None, slug: str = "tiny") -> None:
    """The files of the tiny lesson, under another name if ``slug`` says so."""
    own = folder / slug
    own.mkdir(parents=True, exist_ok=True)
    files = {
        "lesson.md": LESSON if text is None else text,
        "quiz.json": json.dumps(QUIZ),
        "parsons.json": json.dumps(PUZZLE),
    }
    for name, content in files.items():
        (own / name).write_text(content.replace("tiny/", f"{slug}/").replace('"tiny"', f'"{slug}"'), encoding="utf-8")


def tiny_course(folder: Path, text: str | None = None) -> Lesson:
    """A course in ``folder`` that has the tiny lesson and no other; returns the lesson."""
    write_lesson(folder, text)
    (folder / "contents.toml").write_text(CONTENTS, encoding="utf-8")
    contents.cache_clear()
    (lesson,) = contents(folder / "contents.toml")
    return lesson


GLOSSARY = "# Glossary\n\n## Soft max\n\nA word.\n\n<a id='token'></a>\n"

LESSON = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# {{title}}

**Time:** {{minutes}} minutes to read, 5 s to run. **Memory:** 400 MB. **Downloads:** none.

Before you start: nothing.

## Goals

- Compute a sum by hand.
- Draw it.
- Explain the [soft max](glossary.md#soft-max) of a [token](glossary.md#token).

Worked: the first sum.

```{code-cell} ipython3
one = 1 + 1
print(one)
```

Your prediction.

```{code-cell} ipython3
import sys
from types import SimpleNamespace
lc = SimpleNamespace()
for name in ("predict", "reveal", "parsons", "quiz", "check", "show"):
    setattr(lc, name, lambda *given, _name=name, **more: print(_name, given[:1]))
lc.predict("sum", "How much?", options=["1", "2"])
```

It is shown.

```{code-cell} ipython3
lc.reveal("sum", "2")
```

With gaps: fill them in.

```{code-cell} ipython3
lc.predict("other", "And now?", options=["1", "2"])
lc.reveal("other", "1")
```

A figure, with `image/png` beside a live view that has a random id.

```{code-cell} ipython3
def plot(figure, axes):
    axes.set_title("sum"); axes.set_xlabel("x (steps)"); axes.set_ylabel("y (units)")
lc.show("figure", alt="A line that climbs from one to two")
```

Blank: yours.

```{code-cell} ipython3
def mine():
    ...

lc.check("mine", mine)
lc.parsons("tiny")
lc.quiz("tiny")
```

A widget.

```{code-cell} ipython3
:tags: [demo]

import random
from IPython.display import display
display({"application/vnd.jupyter.widget-view+json": {"model_id": str(random.random())},
         "text/plain": "a slider", "text/html": "<b>a slider</b>"}, raw=True)
```

## What we saw

A sum.

## Sources

- Our own arithmetic.
"""
