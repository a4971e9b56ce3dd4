"""A lesson small enough to read at a glance that keeps every rule; tests break one rule of it at a time."""

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

# A tiny lesson

**Time:** 1 minute to read, 5 s to run. **Memory:** 400 MB. **Downloads:** none.

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
lesson = SimpleNamespace()
for name in ("predict", "reveal", "parsons", "quiz", "check", "show"):
    setattr(lesson, name, lambda *given, _name=name, **more: print(_name, given[:1]))
lesson.predict("sum", "How much?", options=["1", "2"])
```

It is shown.

```{code-cell} ipython3
lesson.reveal("sum", "2")
```

With gaps: fill them in.

```{code-cell} ipython3
lesson.predict("other", "And now?", options=["1", "2"])
lesson.reveal("other", "1")
```

A figure, with `image/png` beside a live view that has a random id.

```{code-cell} ipython3
def plot(figure, axes):
    axes.set_title("sum"); axes.set_xlabel("x (steps)"); axes.set_ylabel("y (units)")
lesson.show("figure", alt="A line that climbs from one to two")
```

Blank: yours.

```{code-cell} ipython3
def mine():
    ...

lesson.check("mine", mine)
lesson.parsons("99")
lesson.quiz("99")
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
