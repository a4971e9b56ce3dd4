"""What makes a notebook teach: predictions, quizzes, Parsons puzzles, checks, playgrounds, progress.

Knows nothing about what the lessons say. Everything works by keyboard in a notebook, and every output carries a
static form for places where no widget runs (GitHub, nbviewer, nbconvert). Names resolve on first use, so that
importing this loads neither ipywidgets nor matplotlib nor PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llm_course.lessons.five_types.experiment import abilities_table
    from llm_course.teaching.bars import progress, reset_progress
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
    from llm_course.teaching.puzzles import parsons
    from llm_course.teaching.quizzes import quiz

# No module has the name of a function: importing a module sets its name in the package and would hide the function.
_WHERE = {
    "predict": "predicting", "reveal": "predicting", "quiz": "quizzes", "parsons": "puzzles",
    "check": "checking", "hint": "checking", "solution": "checking", "show": "figures",
    "progress": "bars", "reset_progress": "bars", "doctor": "environment",
    "abilities_table": "abilities", "chat_box": "playgrounds",
    "decoding_playground": "playgrounds", "scene_playground": "playgrounds", "sentiment_playground": "playgrounds",
    "robot_playground": "playgrounds",
    "summary_playground": "playgrounds", "translation_playground": "playgrounds",
}  # fmt: skip

__all__ = [
    "abilities_table", "chat_box", "check", "decoding_playground", "doctor", "hint", "parsons", "predict",
    "progress", "quiz", "reset_progress", "reveal", "robot_playground", "scene_playground", "sentiment_playground",
    "show", "solution", "summary_playground", "translation_playground",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        value = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    else:
        raise AttributeError(f"llm_course.teaching has no {name!r}. It has: {', '.join(__all__)}.")
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
