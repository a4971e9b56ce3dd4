"""How much a head really hands on from one token to another: weight times value, through the output projection.

Knows nothing about why one would ask. :func:`llm_course.attention.weighted.value_weighted` does the arithmetic; here
the model's own output projection is looked up for it, head by head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_course.attention.ablation import places_of
from llm_course.attention.weighted import value_weighted
from llm_course.errors import BadOption
from llm_course.shelf.loading import load

if TYPE_CHECKING:
    import numpy as np

    from llm_course.attention.capture import Attention


def contributions(attention: Attention, layer: int, head: int, model: Any = None) -> np.ndarray:
    """The length of what each token hands to each other one in a head: the norm of weight times transformed value.

    Kobayashi and others 2020, "Attention is not only a weight" (arXiv 2004.10102), section 3: ``|weight * f(x)|``,
    where ``f(x)`` is the value vector (with its bias) after the head's rows of the output projection (without bias).

    Args:
        attention: a recorded ``Attention``.
        layer, head: counted from 0.
        model: the model that it was recorded from; ``None`` loads it by its name.

    Returns:
        float32 ``(rows, columns)``, 0 or more; rows do not sum to 1.

    Raises:
        BadOption: there is no such layer or head, or the model has heads of another size.
        BadInput: the attention was not recorded, so its values are not known.
        WrongTask: the model has no output projection whose heads can be told apart.
    """
    weights, values = attention.head(layer, head), attention.value(layer, head)
    if values is None:
        return value_weighted(weights, values)  # raises: there are no values
    lm = load(attention.model if model is None else model)
    places = places_of(lm, attention.kind if lm.model.config.is_encoder_decoder else None)
    width = values.shape[1]
    if len(places) != attention.layers or places[layer].width != width:
        raise BadOption(f"{lm.name} is another model than the one recorded ({attention.model}): its heads differ.")
    projection = places[layer].projection
    table = projection.weight.detach().float().cpu().numpy()
    if hasattr(projection, "in_features"):  # torch's Linear stores (out, in), GPT-2's Conv1D (in, out)
        table = table.T
    return value_weighted(weights, values, table[head * width : (head + 1) * width])
