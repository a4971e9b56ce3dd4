"""llm-course: large language models, taught by running them.

The face of the package. Names resolve on first use: importing it loads neither PyTorch nor transformers.

>>> import llm_course as lc
>>> print(lc.translate("My sister bought a new car."))  # doctest: +SKIP
Ma sœur a acheté une nouvelle voiture.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llm_course import attention, errors
    from llm_course.attention.capture import attend
    from llm_course.errors import LLMCourseError
    from llm_course.shelf.catalogue import models
    from llm_course.shelf.loading import load, use
    from llm_course.teaching.checking import check, hint, solution
    from llm_course.teaching.environment import doctor
    from llm_course.teaching.figures import show
    from llm_course.teaching.parsons import parsons
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
    from llm_course.teaching.progress import progress, reset_progress
    from llm_course.teaching.quizzes import quiz
    from llm_course.use_cases.chat import chat
    from llm_course.use_cases.embeddings import embed
    from llm_course.use_cases.embodied import act, carry_out
    from llm_course.use_cases.fill_mask import fill_mask
    from llm_course.use_cases.generation import generate, next_tokens, perplexity, stream, tokenize
    from llm_course.use_cases.looking import look
    from llm_course.use_cases.sentiment import sentiment
    from llm_course.use_cases.summarization import summarize
    from llm_course.use_cases.translation import translate
    from llm_course.use_cases.vision import ask, describe
    from llm_course.worlds import scenes, tabletop

__version__ = "0.1.0"

_WHERE = {
    "LLMCourseError": "errors",
    "use": "shelf.loading", "load": "shelf.loading", "models": "shelf.catalogue",
    "chat": "use_cases.chat",
    "generate": "use_cases.generation", "stream": "use_cases.generation", "next_tokens": "use_cases.generation",
    "perplexity": "use_cases.generation", "tokenize": "use_cases.generation",
    "sentiment": "use_cases.sentiment", "summarize": "use_cases.summarization",
    "translate": "use_cases.translation", "attend": "attention.capture",
    "embed": "use_cases.embeddings", "fill_mask": "use_cases.fill_mask",
    "describe": "use_cases.vision", "ask": "use_cases.vision", "look": "use_cases.looking",
    "act": "use_cases.embodied", "carry_out": "use_cases.embodied",
    # the teaching verbs, which notebooks call
    "chat_box": "teaching.playgrounds",
    "check": "teaching.checking",
    "decoding_playground": "teaching.playgrounds",
    "doctor": "teaching.environment",
    "hint": "teaching.checking",
    "parsons": "teaching.parsons",
    "predict": "teaching.predicting",
    "progress": "teaching.progress",
    "quiz": "teaching.quizzes",
    "reset_progress": "teaching.progress",
    "reveal": "teaching.predicting",
    "robot_playground": "teaching.playgrounds",
    "scene_playground": "teaching.playgrounds",
    "sentiment_playground": "teaching.playgrounds",
    "show": "teaching.figures",
    "solution": "teaching.checking",
    "summary_playground": "teaching.playgrounds",
    "translation_playground": "teaching.playgrounds",
}  # fmt: skip
_MODULES = {"scenes": "worlds.scenes", "tabletop": "worlds.tabletop"}
_ROOMS = ("attention", "errors", "lessons", "minis", "shelf", "teaching", "use_cases", "worlds")

__all__ = [
    "LLMCourseError",
    "act",
    "ask",
    "attend",
    "attention",
    "carry_out",
    "chat",
    "chat_box",
    "check",
    "decoding_playground",
    "describe",
    "doctor",
    "embed",
    "errors",
    "fill_mask",
    "generate",
    "hint",
    "load",
    "look",
    "models",
    "next_tokens",
    "parsons",
    "perplexity",
    "predict",
    "progress",
    "quiz",
    "reset_progress",
    "reveal",
    "robot_playground",
    "scene_playground",
    "scenes",
    "sentiment",
    "sentiment_playground",
    "show",
    "solution",
    "stream",
    "summarize",
    "summary_playground",
    "tabletop",
    "tokenize",
    "translate",
    "translation_playground",
    "use",
]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        value = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    elif name in _ROOMS:
        value = import_module(f"{__name__}.{name}")
    elif name in _MODULES:
        value = import_module(f"{__name__}.{_MODULES[name]}")
    elif name == "lesson":  # its verbs moved to the face, and notebooks that people keep still call the old place
        raise AttributeError("lc.lesson.predict, .check, .quiz and so on are now lc.predict, lc.check, lc.quiz.")
    else:
        raise AttributeError(f"llm_course has no {name!r}. It has: {', '.join(__all__)}.")
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
