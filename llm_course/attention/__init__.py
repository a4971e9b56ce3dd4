"""Attention made visible: capture, measures, ablation, pictures and the explorer.

Names resolve on first use, so that importing the package loads neither numpy nor matplotlib.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llm_course.attention.ablation import ablate
    from llm_course.attention.capture import Attention, attend
    from llm_course.attention.drawing import save
    from llm_course.attention.explorer import explore, save_html
    from llm_course.attention.gradients import weight_gradients
    from llm_course.attention.grids import head_grid
    from llm_course.attention.lines import line_view
    from llm_course.attention.measures import MEASURES, measure, measure_all, measure_names
    from llm_course.attention.on_pictures import picture_map
    from llm_course.attention.plots import alignment, heat_map, rollout_map
    from llm_course.attention.ranking import Ranking, find
    from llm_course.attention.through_layers import flow, rollout, rollouts
    from llm_course.attention.weighted import gradient_weighted, relevance, value_weighted

_WHERE = {
    "Attention": "capture", "attend": "capture",
    "MEASURES": "measures", "measure": "measures", "measure_all": "measures", "measure_names": "measures",
    "Ranking": "ranking", "find": "ranking",
    "rollout": "through_layers", "rollouts": "through_layers", "flow": "through_layers",
    "gradient_weighted": "weighted", "relevance": "weighted", "value_weighted": "weighted",
    "heat_map": "plots", "alignment": "plots", "rollout_map": "plots", "line_view": "lines", "head_grid": "grids",
    "save": "drawing", "explore": "explorer", "save_html": "explorer", "ablate": "ablation",
    "weight_gradients": "gradients", "picture_map": "on_pictures",
}  # fmt: skip

__all__ = [
    "MEASURES", "Attention", "Ranking", "ablate", "alignment", "attend", "explore", "find", "flow", "gradient_weighted",
    "head_grid", "heat_map", "line_view", "measure", "measure_all", "measure_names", "picture_map", "relevance",
    "rollout", "rollout_map", "rollouts", "save", "save_html", "value_weighted", "weight_gradients",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"llm_course.attention has no {name!r}. It has: {', '.join(__all__)}.")
    value = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value  # the next access does not come here
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
