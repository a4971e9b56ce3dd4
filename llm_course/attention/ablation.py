"""Switch heads off in a running model, to see what it loses: ablation.

Knows nothing about measures or losses. A head writes its mix of values into its own part of the vector that the
output projection of its layer reads. While a head is off, that part is zero: the head then adds nothing, and all
other heads, weights and layers work as before. Only hooks are set, no weight is changed, so a model under ablation
can also be asked for its attention (``lc.attend``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from llm_course.arguments import number_in
from llm_course.errors import BadOption, WrongTask
from llm_course.shelf.loading import LanguageModel, load

# What the library's models call the layer that takes all heads together: GPT-2 c_proj; BART, Marian, OPT out_proj;
# Llama, Qwen o_proj; GPT-NeoX, BLOOM, Falcon dense; T5 o; ModernBERT Wo; DistilBERT out_lin.
PROJECTIONS = ("c_proj", "out_proj", "o_proj", "dense", "o", "Wo", "out_lin")
KINDS = ("encoder", "decoder", "cross")


@dataclass(frozen=True, eq=False)
class Place:
    """Where the heads of one layer come together.

    Attributes:
        owner: the attention module.
        projection: its output projection, which reads ``(..., heads * width of a head)``.
        heads: number of heads.
    """

    owner: Any
    projection: Any
    heads: int

    @property
    def width(self) -> int:
        """Width of one head in the projection's input."""
        inside = getattr(self.projection, "in_features", None)  # torch's Linear; GPT-2's Conv1D has it as first axis
        return int(inside or self.projection.weight.shape[0]) // self.heads


@contextmanager
def ablate(
    model: Any, heads: Iterable[tuple[int, int]], *, kind: str | None = None, device: str = "auto"
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
    places = places_of(lm, kind)
    off: dict[int, set[int]] = {}
    for layer, head in _pairs(heads, places):
        off.setdefault(layer, set()).add(head)
    with ExitStack() as stack:
        for layer, some in off.items():
            for hook in _silence(places[layer], some, lm.name):
                stack.callback(hook.remove)
        yield lm


def _pairs(heads: Any, places: list[Place]) -> Iterator[tuple[int, int]]:
    import numpy as np

    for pair in heads:
        # A head as find() ranks it has its value as a third entry.
        if isinstance(pair, (str, bytes)) or not hasattr(pair, "__len__") or len(pair) not in (2, 3):
            raise BadOption(f"heads={heads!r} is not allowed: give a list of pairs (layer, head), such as [(2, 0)].")
        layer, head = (int(one) if isinstance(one, np.integer) else one for one in pair[:2])
        number_in("layer", layer, 0, len(places) - 1, int)
        number_in("head", head, 0, places[layer].heads - 1, int)
        yield layer, head


def _silence(place: Place, heads: set[int], name: str) -> list[Any]:
    """Set the hooks for one layer: one that zeroes, one that makes sure it did."""
    import torch

    off = torch.zeros(place.heads, dtype=torch.bool)
    off[list(heads)] = True
    off = off.repeat_interleave(place.width)
    done = [False]

    def zero(projection: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        done[0] = True
        return (args[0].masked_fill(off.to(args[0].device), 0), *args[1:])

    def ask(owner: Any, args: tuple[Any, ...], output: Any) -> None:
        if not done[0]:  # some modules use the projection's weight without calling it
            raise WrongTask(f"{name}: {type(owner).__name__} goes around its output projection; no head was off.")

    return [place.projection.register_forward_pre_hook(zero), place.owner.register_forward_hook(ask)]


def places_of(lm: LanguageModel, kind: str | None = None) -> list[Place]:
    """The layers of one kind of attention, in their order."""
    model = lm.model
    both = model.config.is_encoder_decoder
    if kind is not None and (kind not in KINDS or not both):
        raise BadOption(
            f"kind={kind!r} is not allowed: encoder-decoder models have {', '.join(KINDS)}; others one kind."
        )
    found = [place for part in model.modules() if (place := _place(part, model.config)) is not None]
    if both:
        inside = {id(part) for part in model.get_encoder().modules()}
        decoder = [place for place in found if id(place.owner) not in inside]
        # Each layer of a decoder has self-attention first, then attention to the encoder.
        sorts = {
            "encoder": [place for place in found if id(place.owner) in inside],
            "decoder": decoder[::2],
            "cross": decoder[1::2],
        }
        found = sorts[kind or "cross"]
    if not found:
        raise WrongTask(
            f"{lm.name} ({type(model).__name__}) has no attention heads that can be switched off: none of its modules "
            f"has an output projection named {', '.join(PROJECTIONS)}. Take a Transformer, such as gpt-mini."
        )
    return found


def _place(part: Any, config: Any) -> Place | None:
    """The heads of an attention module; ``None`` for any other module."""
    if "Attention" not in type(part).__name__:
        return None
    inner = getattr(part, "self", None) or part  # BERT and its kin: the heads are in .self, the projection in .output
    projection = getattr(getattr(part, "output", None), "dense", None)
    if inner is part:
        projection = next((p for name in PROJECTIONS if (p := getattr(part, name, None)) is not None), None)
    if not hasattr(projection, "weight"):
        return None
    names = ("num_heads", "n_heads", "num_attention_heads")
    counts = (getattr(source, name, None) for source in (inner, config) for name in names)
    heads = next((count for count in counts if isinstance(count, int) and count > 0), 0)
    return Place(part, projection, heads) if heads else None
