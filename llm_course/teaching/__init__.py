"""What makes a notebook teach: predictions, quizzes, Parsons puzzles, checks, playgrounds, progress.

Knows nothing about what the lessons say. Everything works by keyboard in a notebook, and every output carries a
static form for places where no widget runs (GitHub, nbviewer, nbconvert). Names resolve on first use, so that
importing this loads neither ipywidgets nor matplotlib nor PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llm_course.teaching._parsons import parsons
    from llm_course.teaching._progress import progress, reset_progress
    from llm_course.teaching.checking import check, hint, solution
    from llm_course.teaching.environment import doctor
    from llm_course.teaching.figures import show
    from llm_course.teaching.playgrounds import (
        chat_box,
        decoding_playground,
        robot_playground,
        scene_playground,
        sentiment_playground,
        summary_playground,
        translation_playground,
    )
    from llm_course.teaching.predicting import predict, reveal
    from llm_course.teaching.quizzes import quiz

# No module has the name of a function: importing a module sets its name in the package and would hide the function.
_WHERE = {
    "chat_box": "playgrounds",
    "check": "checking",
    "decoding_playground": "playgrounds",
    "doctor": "environment",
    "hint": "checking",
    "parsons": "_parsons",
    "predict": "predicting",
    "progress": "_progress",
    "quiz": "quizzes",
    "reset_progress": "_progress",
    "reveal": "predicting",
    "robot_playground": "playgrounds",
    "scene_playground": "playgrounds",
    "sentiment_playground": "playgrounds",
    "show": "figures",
    "solution": "checking",
    "summary_playground": "playgrounds",
    "translation_playground": "playgrounds",
}

__all__ = [
    "chat_box",
    "check",
    "decoding_playground",
    "doctor",
    "hint",
    "parsons",
    "predict",
    "progress",
    "quiz",
    "reset_progress",
    "reveal",
    "robot_playground",
    "scene_playground",
    "sentiment_playground",
    "show",
    "solution",
    "summary_playground",
    "translation_playground",
]


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"llm_course.teaching has no {name!r}. It has: {', '.join(__all__)}.")
    value = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
