"""llm-course: large language models, taught by running them.

The face of the package. Names resolve on first use: importing it loads neither PyTorch nor transformers.

>>> import llm_course as lc
>>> print(lc.translate("My sister bought a new car."))  # doctest: +SKIP
Ma sœur a acheté une nouvelle voiture.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

# Every name and the module it comes from, as the stub beside this file lists them: "from MODULE import NAME as NAME",
# one a line, which the linter keeps.
with open(f"{__file__}i", encoding="utf-8") as _stub:
    _MODULE_OF = {line.split()[3]: line.split()[1] for line in _stub if line.startswith("from ")}
__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> object:
    if name == "lesson":  # its verbs moved to the face, and notebooks that people keep still call the old place
        raise AttributeError("lc.lesson.predict, .check, .quiz and so on are now lc.predict, lc.check, lc.quiz.")
    if name not in _MODULE_OF:
        raise AttributeError(f"llm_course has no {name!r}. It has: {', '.join(__all__)}.")
    if _MODULE_OF[name] == __name__:
        value = import_module(f"{__name__}.{name}")
    else:  # as the import statement in the stub does it
        value = getattr(__import__(_MODULE_OF[name], fromlist=[name]), name)
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
