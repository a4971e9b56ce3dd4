"""Attention weighted by what else is known: by gradients, and by the vectors that the weights multiply.

A weight alone says how much of a vector is taken, not whether that vector is long, nor whether the prediction depends
on it. All functions take arrays; :func:`contributions` alone looks something up in a model, its output projections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from llm_course.attention.ablation import output_projections
from llm_course.errors import BadInput, BadOption
from llm_course.shelf.loading import LanguageModel, load

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike

    from llm_course.attention.capture import Attention


def gradient_weighted(weights: ArrayLike, gradients: ArrayLike) -> np.ndarray:
    """Mean over heads of the positive part of gradient times weight: what speaks for the prediction.

    Chefer, Gur and Wolf 2021, "Generic attention-model explainability" (arXiv 2103.15679), equation 5.

    Args:
        weights: ``(..., heads, rows, columns)``.
        gradients: of the same shape: derivative of what is explained (a logit, a log-probability) by each weight.

    Returns:
        float32 ``(..., rows, columns)``, 0 or more, with no upper end; rows do not sum to 1.

    Raises:
        BadInput: the shapes differ, or there is no dimension of heads.
    """
    weights, gradients = np.asarray(weights, dtype=np.float64), np.asarray(gradients, dtype=np.float64)
    if weights.shape != gradients.shape or weights.ndim < 3:
        raise BadInput(
            f"Weights and gradients must both have the shape (..., heads, rows, columns); they have {weights.shape} "
            f"and {gradients.shape}."
        )
    return np.maximum(weights * gradients, 0).mean(axis=-3).astype(np.float32)


def relevance(weights: ArrayLike, gradients: ArrayLike) -> np.ndarray:
    """Gradient-weighted attention followed through all layers of self-attention.

    Starts from the identity (each token is itself) and adds layer by layer what was looked at:
    ``R = R + A @ R``, with ``A`` of :func:`gradient_weighted` (Chefer, Gur and Wolf 2021, equations 1, 5 and 6).

    Args:
        weights, gradients: ``(layers, heads, tokens, tokens)``.

    Returns:
        float32 ``(tokens, tokens)``, 0 or more: row = token of the last layer, column = input token. The diagonal holds
        the 1 of the identity; the paper leaves it out when it reads a row.

    Raises:
        BadInput: the shapes differ, or are others.
    """
    layers = gradient_weighted(weights, gradients).astype(np.float64)
    if layers.ndim != 3 or layers.shape[1] != layers.shape[2]:
        raise BadInput(f"Weights must have the shape (layers, heads, tokens, tokens), not {np.shape(weights)}.")
    found = np.eye(layers.shape[1])
    for one in layers:
        found = found + one @ found
    return found.astype(np.float32)


def value_weighted(weights: ArrayLike, values: ArrayLike | None, output: ArrayLike | None = None) -> np.ndarray:
    """Each weight times the length of the vector it multiplies: how much really arrives.

    Kobayashi and others 2020, "Attention is not only a weight" (arXiv 2004.10102), section 3: the norm of
    ``weight * f(x)``, where ``f(x)`` is the value vector after the head's part of the output projection. Give that part
    as ``output`` to have the paper's measure. Without it the length of the value vector itself is taken, which is what
    a recording holds (``attention.value(layer, head)``): the same order only where the projection keeps lengths.

    Args:
        weights: ``(..., rows, columns)``.
        values: ``(..., columns, width of the head)``; with the bias, where the model has one.
        output: the head's rows of the output projection, ``(width of the head, width of the model)``: it is multiplied
            from the right. Its bias belongs to no token and is left out.

    Returns:
        float32 ``(..., rows, columns)``, 0 or more; rows do not sum to 1.

    Raises:
        BadInput: there are no values (the attention was not recorded), or the shapes do not fit.
    """
    if values is None:
        raise BadInput("There are no values: this attention was not recorded, so the vectors are not known.")
    weights, values = np.asarray(weights, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if weights.ndim < 2 or values.ndim < 2 or values.shape[-2] != weights.shape[-1]:
        raise BadInput(
            f"Weights (..., rows, columns) and values (..., columns, width) do not fit: {weights.shape}, "
            f"{values.shape}."
        )
    if output is not None:
        output = np.asarray(output, dtype=np.float64)
        if output.ndim != 2 or output.shape[0] != values.shape[-1]:
            raise BadInput(
                f"The output projection must have the shape ({values.shape[-1]}, width of the model), not "
                f"{output.shape}. torch's Linear stores it the other way round, and of all heads together."
            )
        values = values @ output
    return (weights * np.linalg.norm(values, axis=-1)[..., None, :]).astype(np.float32)


def contributions(
    attention: Attention, layer: int, head: int, model: str | Path | LanguageModel | None = None
) -> np.ndarray:
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
    layers = output_projections(lm, attention.kind if lm.model.config.is_encoder_decoder else None)
    width = values.shape[1]
    if len(layers) != attention.layers or layers[layer].width != width:
        raise BadOption(f"{lm.name} is another model than the one recorded ({attention.model}): its heads differ.")
    projection = layers[layer].projection
    table = projection.weight.detach().float().cpu().numpy()
    if hasattr(projection, "in_features"):  # torch's Linear stores (out, in), GPT-2's Conv1D (in, out)
        table = table.T
    return value_weighted(weights, values, table[head * width : (head + 1) * width])
