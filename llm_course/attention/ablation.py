"""Switch heads off in a running model, to see what it loses: ablation.

Knows nothing about measures or losses. A head writes its mix of values into its own part of the vector that the
output projection of its layer reads. While a head is off, that part is zero: the head then adds nothing, and all
other heads, weights and layers work as before. Only hooks are set, no weight is changed, so a model under ablation
can also be asked for its attention (``lc.attend``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llm_course.arguments import number_in
from llm_course.attention.kinds import by_kind, kind_of
from llm_course.errors import BadOption, WrongTask
from llm_course.shelf.loading import LanguageModel, load

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import torch
    from torch.utils.hooks import RemovableHandle
    from transformers import PretrainedConfig
    from transformers.pytorch_utils import Conv1D

# What the library's models call the layer that takes all heads together: GPT-2 c_proj; BART, Marian, OPT out_proj;
# Llama, Qwen o_proj; GPT-NeoX, BLOOM, Falcon dense; T5 o; ModernBERT Wo; DistilBERT out_lin.
PROJECTIONS = ("c_proj", "out_proj", "o_proj", "dense", "o", "Wo", "out_lin")


@dataclass(frozen=True, eq=False)
class OutputProjection:
    """Where the heads of one layer come together.

    Attributes:
        owner: the attention module.
        projection: its output projection, which reads ``(..., heads * width of a head)``.
        heads: number of heads.
    """

    owner: torch.nn.Module
    projection: torch.nn.Linear | Conv1D
    heads: int

    @property
    def width(self) -> int:
        """Width of one head in the projection's input."""
        inside = getattr(self.projection, "in_features", None)  # torch's Linear; GPT-2's Conv1D has it as first axis
        return int(inside or self.projection.weight.shape[0]) // self.heads


@contextmanager
def ablate(
    model: str | Path | LanguageModel,
    heads: Iterable[tuple[int, int]],
    *,
    kind: str | None = None,
    device: str = "auto",
) -> Iterator[LanguageModel]:
    """Run a model without some of its heads, for as long as the ``with`` block lasts.

    >>> with ablate("gpt-mini", [(2, 0)]) as lm:  # layer 2, head 0
    ...     print(lc.perplexity("The cat sat on the mat. The cat sat", model=lm))  # doctest: +SKIP

    The output of each head is replaced by zeros before the output projection. That is zero ablation: simple, and
    harsh, since zero may be a value that the next layers have never met. A large effect says that the model relies on
    the head, a small one may also mean that other heads stand in for it (Michel, Levy and Neubig 2019, "Are sixteen
    heads really better than one?", arXiv 1905.10650, section 2.3, mask heads in the same way).

    Blocks can be nested: each adds its heads. The model is left as it was found, also after an exception.

    Args:
        model: a shelf name, Hub id, folder or loaded model. Hand what the block gives to other functions of the
            course; those that load the same mini by its name get the same model and find the heads off, too.
        heads: pairs (layer, head), both counted from 0 as in :class:`llm_course.attention.capture.Attention`.
        kind: for encoder-decoder models whose heads: ``"encoder"``, ``"decoder"`` or ``"cross"`` (the default).
        device: where to load it.

    Gives:
        The loaded model.

    Raises:
        BadOption: there is no such layer, head or kind.
        WrongTask: the model has no heads whose outputs can be told apart; its weights were not touched.
    """
    lm = load(model, device)
    layers = output_projections(lm, kind)
    off: dict[int, set[int]] = {}
    for layer, head in _pairs(heads, layers):
        off.setdefault(layer, set()).add(head)
    with ExitStack() as stack:
        for layer, some in off.items():
            for hook in _zero(layers[layer], some, lm.name):
                stack.callback(hook.remove)
        yield lm


def effects(
    model: str | Path | LanguageModel, run: Callable[[], float], *, kind: str | None = None, device: str = "auto"
) -> np.ndarray:
    """How a number changes when each head is switched off alone.

    What the number is, a loss or a share of right labels, is left to ``run``. So that no head is picked by hand, every
    head is tried.

    Args:
        model: a shelf name, Hub id, folder or loaded model.
        run: gives the number; it must use this very model. Called once with all heads on, and once for each head.
        kind: for encoder-decoder models ``"encoder"``, ``"decoder"`` or ``"cross"`` (the default).
        device: where to load the model.

    Returns:
        float64 ``(layers, heads)``: the number with the head off minus the number with all heads on.

    Raises:
        BadOption, WrongTask: as :func:`llm_course.attention.ablation.ablate`.
    """
    import numpy as np

    lm = load(model, device)
    layers = output_projections(lm, kind)
    before = float(run())
    found = np.full((len(layers), max(one.heads for one in layers)), np.nan)
    for layer, one in enumerate(layers):
        for head in range(one.heads):
            with ablate(lm, [(layer, head)], kind=kind):
                found[layer, head] = float(run()) - before
    return found


def _pairs(heads: Iterable[tuple[int, int]], layers: list[OutputProjection]) -> Iterator[tuple[int, int]]:
    for pair in heads:
        # A head as find() ranks it has its value as a third entry.
        if isinstance(pair, (str, bytes)) or not hasattr(pair, "__len__") or len(pair) not in (2, 3):
            raise BadOption(f"heads={heads!r} is not allowed: give a list of pairs (layer, head), such as [(2, 0)].")
        layer = number_in("layer", pair[0], 0, len(layers) - 1, int)
        yield layer, number_in("head", pair[1], 0, layers[layer].heads - 1, int)


def _zero(layer: OutputProjection, heads: set[int], name: str) -> list[RemovableHandle]:
    """Set the hooks for one layer: one that zeroes what its heads give out, one that makes sure it did."""
    import torch

    off = torch.zeros(layer.heads, dtype=torch.bool)
    off[list(heads)] = True
    off = off.repeat_interleave(layer.width)
    done = False

    def zero(projection: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        nonlocal done
        done = True
        return (args[0].masked_fill(off.to(args[0].device), 0), *args[1:])

    def make_sure(owner: torch.nn.Module, args: object, output: object) -> None:
        if not done:  # some modules use the projection's weight without calling it
            raise WrongTask(f"{name}: {type(owner).__name__} goes around its output projection; no head was off.")

    return [layer.projection.register_forward_pre_hook(zero), layer.owner.register_forward_hook(make_sure)]


def output_projections(lm: LanguageModel, kind: str | None = None) -> list[OutputProjection]:
    """The output projections of one kind of attention, one for each layer, in their order.

    Raises:
        BadOption: the model has no such kind.
        WrongTask: it has no heads whose outputs can be told apart.
    """
    kind = kind_of(lm.model, kind)
    parts = ((part, _output_projection(part, lm.model.config)) for part in lm.model.modules())
    found = by_kind(lm.model, ((part, one) for part, one in parts if one is not None))[kind]
    if not found:
        raise WrongTask(
            f"{lm.name} ({type(lm.model).__name__}) has no attention heads that can be switched off: none of its "
            f"modules has an output projection named {', '.join(PROJECTIONS)}. Take a Transformer, such as gpt-mini."
        )
    return found


def _output_projection(part: torch.nn.Module, config: PretrainedConfig) -> OutputProjection | None:
    """The output projection of an attention module; ``None`` for any other module."""
    if "Attention" not in type(part).__name__:
        return None
    inner = getattr(part, "self", None) or part  # BERT and its kin: the heads are in .self, the projection in .output
    projection = getattr(getattr(part, "output", None), "dense", None)
    if inner is part:
        projection = next((p for name in PROJECTIONS if (p := getattr(part, name, None)) is not None), None)
    if projection is None or not hasattr(projection, "weight"):
        return None
    names = ("num_heads", "n_heads", "num_attention_heads")
    counts = (getattr(source, name, None) for source in (inner, config) for name in names)
    heads = next((count for count in counts if isinstance(count, int) and count > 0), 0)
    return OutputProjection(part, projection, heads) if heads else None
