"""The keys and values that a Transformer keeps of the tokens it has read: how the library takes and gives them.

Knows nothing about generation. Until transformers 5.23 the argument and the output are called ``past_key_values``; from
5.24 on they are called ``cache``. Nobody else in the package spells either name.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from llm_course.errors import WrongTask

if TYPE_CHECKING:
    import torch

NAMES = ("cache", "past_key_values")  # the newer name first


def cache_argument(model: torch.nn.Module) -> str | None:
    """What ``model.forward`` calls its cache of keys and values; ``None`` if it keeps none.

    Recurrent models (Mamba, RWKV) and hybrids keep a state of another kind, which the newer library also calls
    ``cache``; the library marks them as stateful.
    """
    if getattr(model, "_is_stateful", False):
        return None
    takes = inspect.signature(model.forward).parameters
    return next((name for name in NAMES if name in takes), None)


def cached(output: Any) -> dict[str, Any]:
    """The cache that a model's output holds, as the argument for the next call: ``model(next_ids, **cached(output))``.

    Raises:
        WrongTask: the output holds none; the model was not called with ``use_cache=True``, or keeps none.
    """
    for name in NAMES:
        if name in output:
            return {name: output[name]}
    raise WrongTask(
        f"This output holds no keys and values, only {', '.join(output)}. Call the model with use_cache=True; "
        "recurrent models keep none."
    )
