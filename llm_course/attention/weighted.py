"""Attention weighted by what else is known: by gradients, and by the vectors that the weights multiply.

Knows nothing about models: it takes arrays. A weight alone says how much of a vector is taken, not whether that vector
is long, nor whether the prediction depends on it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from llm_course.errors import BadInput


def gradient_weighted(weights: Any, gradients: Any) -> np.ndarray:
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


def relevance(weights: Any, gradients: Any) -> np.ndarray:
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


def value_weighted(weights: Any, values: Any, output: Any = None) -> np.ndarray:
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
