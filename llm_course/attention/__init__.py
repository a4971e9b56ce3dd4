"""Attention made visible: capture, measures, ablation, pictures and the explorer.

Names resolve on first use, so that importing the package loads neither numpy nor matplotlib.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llm_course.attention.ablation import ablate, effects
    from llm_course.attention.capture import Attention, attend
    from llm_course.attention.counterfactual import answers_with, leave_one_out
    from llm_course.attention.explorer import explore, save_html
    from llm_course.attention.figures.heads import effect_chart, head_grid
    from llm_course.attention.figures.heat_maps import alignment, heat_map
    from llm_course.attention.gradients import weight_gradients
    from llm_course.attention.measures import MEASURES, measure, measure_all, measure_names
    from llm_course.attention.ranking import Ranking, find
    from llm_course.attention.through_layers import flow, rollout, rollouts
    from llm_course.attention.weighted import contributions, gradient_weighted, relevance, value_weighted

_WHERE = {
    "ablation": ["ablate", "effects"],
    "capture": ["Attention", "attend"],
    "counterfactual": ["answers_with", "leave_one_out"],
    "explorer": ["explore", "save_html"],
    "figures.heads": ["effect_chart", "head_grid"],
    "figures.heat_maps": ["alignment", "heat_map"],
    "gradients": ["weight_gradients"],
    "measures": ["MEASURES", "measure", "measure_all", "measure_names"],
    "ranking": ["Ranking", "find"],
    "through_layers": ["flow", "rollout", "rollouts"],
    "weighted": ["contributions", "gradient_weighted", "relevance", "value_weighted"],
}
_MODULES = {name: module for module, names in _WHERE.items() for name in names}

__all__ = [
    "MEASURES",
    "Attention",
    "Ranking",
    "ablate",
    "alignment",
    "answers_with",
    "attend",
    "contributions",
    "effect_chart",
    "effects",
    "explore",
    "find",
    "flow",
    "gradient_weighted",
    "head_grid",
    "heat_map",
    "leave_one_out",
    "measure",
    "measure_all",
    "measure_names",
    "relevance",
    "rollout",
    "rollouts",
    "save_html",
    "value_weighted",
    "weight_gradients",
]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"llm_course.attention has no {name!r}. It has: {', '.join(__all__)}.")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
