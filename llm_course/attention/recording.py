"""Record queries, keys and values while a model runs, so that attention weights can be rebuilt when asked for.

Knows nothing about texts and tokens. The library calls attention through a table of functions; one more entry in it
runs the same fast kernel and notes what went in. Weights take memory that grows with the square of the length,
queries and keys only with the length. A model that does not go through that table, or does more than scale, add and
softmax, is run once more with its plain ("eager") attention, which hands its weights out.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llm_course.attention.biases import Mask, Offset, shorten_mask, shorten_offset
from llm_course.errors import WrongTask

if TYPE_CHECKING:
    import numpy as np
    import torch

NAME = "llm_course_recording"  # no "sdpa" or "flash" in it: the library reads meaning into such names
# Options of an attention call that change the weights in ways a rebuilt head would not know.
BEYOND = ("softcap", "s_aux", "sinks", "indices", "block_indices", "cache")
HOOKED = "_output_capturing_hooks_installed"  # how the library notes that its hooks are in a model
_active: ContextVar[Recorder | None] = ContextVar("llm_course_recorder", default=None)


class CannotRecord(Exception):
    """This architecture's attention is more than softmax(scale * q k + bias)."""


@dataclass(frozen=True, eq=False)
class Layer:
    """What one layer's weights are made of, for one text.

    Attributes:
        query: ``(heads, rows, d)``.
        key, value: ``(groups, columns, d)``: stored once for the heads of a group (grouped-query attention).
        scale: multiplies q · k.
        mask, offset: what is added after scaling.
    """

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    scale: float
    mask: Mask
    offset: Offset | None

    @property
    def heads(self) -> int:
        """Number of query heads."""
        return len(self.query)

    def group(self, head: int) -> int:
        """The group of keys and values that a head uses."""
        return head // (len(self.query) // len(self.key))

    def weights(self, head: int) -> torch.Tensor:
        """softmax(scale * q · k + bias), float32 ``(rows, columns)``."""
        scores = self.query[head].float() @ self.key[self.group(head)].float().T
        rows, columns = scores.shape
        scores *= self.scale
        if self.offset is not None:
            scores += self.offset.of(head, rows, columns)
        allowed = self.mask.allowed(head, rows, columns)
        if allowed is None:
            return scores.softmax(-1)
        found = scores.masked_fill_(~allowed, float("-inf")).softmax(-1)
        # A row of padding may look nowhere: its weights are even, as they are in the library.
        return found.masked_fill_(~allowed.any(1, keepdim=True), 1 / columns)

    def bias(self, head: int) -> torch.Tensor | None:
        """Offsets plus mask (-inf), float32 ``(rows, columns)``; ``None`` if there are neither."""
        import torch

        rows, columns = self.query.shape[1], self.key.shape[1]
        allowed = self.mask.allowed(head, rows, columns)
        if allowed is None and self.offset is None:
            return None
        found = self.query.new_zeros((rows, columns), dtype=torch.float32)
        if self.offset is not None:
            found += self.offset.of(head, rows, columns)
        return found if allowed is None else found.masked_fill_(~allowed, float("-inf"))

    def tensors(self) -> list[torch.Tensor]:
        """What takes memory; some of it may be shared with other layers."""
        offset = [] if self.offset is None else self.offset.tensors()
        return [self.query, self.key, self.value, *self.mask.tensors(), *offset]


@dataclass(frozen=True, eq=False)
class Maps:
    """One kind of attention of one text in all layers: recorded, or as the model handed it out."""

    layers: tuple[Layer, ...] = ()
    weights: np.ndarray | None = None  # (layers, heads, rows, columns), where nothing was recorded

    @property
    def nbytes(self) -> int:
        """Bytes kept; what layers share is counted once."""
        if self.weights is not None:
            return int(self.weights.nbytes)
        parts = {part.data_ptr(): part for layer in self.layers for part in layer.tensors()}
        return sum(part.numel() * part.element_size() for part in parts.values())


@dataclass(eq=False)
class Recorder:
    """Notes attention calls of one run, in their order."""

    calls: list[tuple[Any, list[Layer]]] = field(default_factory=list)
    # Layers share masks and position biases: each is shortened once. The tensors are held, so that no id comes twice.
    _known: dict[tuple[int, ...], tuple[Any, Any]] = field(default_factory=dict)

    def add(
        self, module: Any, query: Any, key: Any, value: Any, mask: Any = None, *, scale: float | None = None,
        causal: bool = False, offset: Any = None,
    ) -> None:  # fmt: skip
        """Note one call for a batch.

        Args:
            module: who called.
            query: ``(batch, heads, rows, d)``.
            key, value: ``(batch, groups, columns, d)``.
            mask: bool (True: may look) or added numbers, ``(batch or 1, heads or 1, rows or 1, columns)``.
            scale: 1 / sqrt(d) if ``None``.
            causal: without a mask: whether rows look back only.
            offset: added numbers without a mask, ``(batch or 1, heads, rows or 1, columns)``.
        """
        batch, heads, rows, size = query.shape
        if query.shape[-1] != key.shape[-1] or heads % key.shape[1] or key.shape[0] != batch:
            raise CannotRecord(f"shapes {tuple(query.shape)} and {tuple(key.shape)}")
        made = self._once((mask, offset), (batch, rows, key.shape[2], causal), _biases)
        query, key, value = (_own(part) for part in (query, key, value))
        factor = size**-0.5 if scale is None else float(scale)
        self.calls.append((module, [Layer(query[b], key[b], value[b], factor, *made[b]) for b in range(batch)]))

    def _once(self, tensors: tuple[Any, ...], more: tuple[int, ...], make: Callable[..., Any]) -> Any:
        found = (*map(id, tensors), *more)
        if found not in self._known:
            self._known[found] = (tensors, make(*tensors, *more))
        return self._known[found][1]


def _own(part: torch.Tensor) -> torch.Tensor:
    """A compact copy in main memory: a view would keep what it was cut from."""
    import torch

    return part.detach().clone(memory_format=torch.contiguous_format).cpu()


def _biases(
    mask: Any, offset: Any, batch: int, rows: int, columns: int, causal: bool
) -> list[tuple[Mask, Offset | None]]:
    """Mask and offset of each text of a batch, shortened."""
    import torch

    found: list[tuple[Mask, Offset | None]] = []
    same = mask is None and (offset is None or len(offset) == 1)  # for every text of the batch
    for b in range(1 if same else batch):
        allowed = added = None
        if mask is not None:
            own = mask[b if len(mask) > 1 else 0]
            if mask.dtype == torch.bool:
                allowed = own.expand(-1, rows, columns)
            else:
                # "Minus infinity" is often the least number of the format, or half of it after a sum.
                allowed = (own > torch.finfo(own.dtype).min / 4).expand(-1, rows, columns)
                added = own.expand(-1, rows, columns)
        if offset is not None:
            own = offset[b if len(offset) > 1 else 0]
            added = own if added is None else added + own
        short = Mask(above=0 if causal and rows > 1 else None) if allowed is None else shorten_mask(allowed)
        found.append((short, None if added is None else shorten_offset(added.detach(), allowed)))
    return found * batch if same else found


def _forward(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **options: Any) -> Any:
    """The library's fast attention, which it calls in the name of :data:`NAME`; notes what goes in."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    recorder = _active.get()
    if recorder is not None:
        for name in BEYOND:
            if options.get(name) is not None:
                raise CannotRecord(f"attention with {name}")
        causal = options.get("is_causal")
        causal = getattr(module, "is_causal", True) if causal is None else causal
        recorder.add(
            module, query, key, value, attention_mask, scale=options.get("scaling"),
            offset=options.get("position_bias"), causal=bool(causal) and attention_mask is None,
        )  # fmt: skip
    return ALL_ATTENTION_FUNCTIONS["sdpa"](module, query, key, value, attention_mask, **options)


def _register() -> None:
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(NAME, _forward)
    AttentionMaskInterface.register(NAME, sdpa_mask)


def _configs(model: Any) -> list[Any]:
    """Every config of a model and its parts, each once."""
    found: dict[int, Any] = {}
    waiting = [model.config, *(part.config for part in model.modules() if hasattr(part, "config"))]
    while waiting:
        config = waiting.pop()
        if config is None or id(config) in found or not hasattr(config, "_attn_implementation"):
            continue
        found[id(config)] = config
        waiting += [getattr(config, name, None) for name in getattr(config, "sub_configs", {})]
    return list(found.values())


@contextmanager
def quiet_model(model: Any, implementation: str | None = None) -> Iterator[None]:
    """A model in evaluation mode, with another attention implementation if one is named; then as it was before.

    Each part of a model has its own mode and may have its own config: each is put back by itself.
    """
    training = [part for part in model.modules() if part.training]
    before = [(config, config._attn_implementation) for config in _configs(model)] if implementation else []
    hooks = {part: (set(part._forward_hooks), HOOKED in vars(part)) for part in model.modules()}
    try:
        for part in training:
            part.training = False
        for config, _ in before:
            config._attn_implementation = {"": implementation}  # this config alone, not those below it
        yield
    finally:
        for config, own in before:
            config._attn_implementation = {"": own}
        for part, (own, hooked) in hooks.items():
            # The library collects weights by hooks, which it would leave in the model.
            for new in set(part._forward_hooks) - own:
                if part._forward_hooks[new].__module__ == "transformers.utils.output_capturing":
                    del part._forward_hooks[new]
            if not hooked:
                vars(part).pop(HOOKED, None)
        for part in training:
            part.training = True


def run(model: Any, inputs: Mapping[str, Any], name: str = "") -> list[dict[str, Maps]]:
    """Run a model once on a batch and give the attention of each text, by kind.

    Args:
        model: a transformers model.
        inputs: what it reads, on its device, each ``(batch, tokens)``; for encoder-decoder models with
            ``decoder_input_ids``.
        name: what to call the model in an error.

    Returns:
        For each text of the batch its maps: ``"encoder"``, ``"decoder"`` and ``"cross"`` for encoder-decoder models,
        ``"self"`` for others. The model is left as it was found, also after an exception.

    Raises:
        WrongTask: the model has no attention weights.
    """
    found = _recorded(model, inputs)
    return _handed_out(model, inputs, name or type(model).__name__) if found is None else found


def _recorded(model: Any, inputs: Mapping[str, Any]) -> list[dict[str, Maps]] | None:
    """The attention of each text, recorded; ``None`` if this architecture cannot be recorded."""
    import torch

    from llm_course.attention.alibi import hooks_on_bloom

    recorder = Recorder()
    token = _active.set(recorder)
    try:
        with hooks_on_bloom(model, recorder) as bloom:
            if not bloom and not getattr(model, "_supports_sdpa", False):
                return None
            _register()
            with quiet_model(model, None if bloom else NAME), torch.no_grad():
                model(**inputs, **_sparing(model))
        return _by_kind(model, recorder.calls, inputs)
    except CannotRecord:
        return None
    except Exception:
        # A model that the library knows to ignore its table may stumble over a name it does not know.
        if getattr(model, "_can_set_attn_implementation", lambda: True)():
            raise
        return None
    finally:
        _active.reset(token)


def _sparing(model: Any) -> dict[str, Any]:
    """Options that spare memory: no cache, and scores of the last token only."""
    takes = inspect.signature(model.forward).parameters
    return {name: value for name, value in (("use_cache", False), ("logits_to_keep", 1)) if name in takes}


def _by_kind(
    model: Any, calls: list[tuple[Any, list[Layer]]], inputs: Mapping[str, Any]
) -> list[dict[str, Maps]] | None:
    """Sort the calls of a run by kind; ``None`` if they are not what this kind of model makes."""
    if not calls:
        return None
    parts: dict[str, list[list[Layer]]] = {"self": [layers for _, layers in calls]}
    if model.config.is_encoder_decoder:
        inside = {id(part) for part in model.get_encoder().modules()}
        decoder = [layers for module, layers in calls if id(module) not in inside]
        # Each layer of a decoder looks at what is written, then at what the encoder read.
        parts = {
            "encoder": [layers for module, layers in calls if id(module) in inside],
            "decoder": decoder[::2],
            "cross": decoder[1::2],
        }
    sizes = _sizes(model, inputs)
    for kind, found in parts.items():
        shapes = {(layers[0].heads, layers[0].query.shape[1], layers[0].key.shape[1]) for layers in found}
        if len(shapes) != 1 or shapes.pop()[1:] != sizes[kind]:
            return None
    batch = len(calls[0][1])
    return [{kind: Maps(tuple(layers[b] for layers in found)) for kind, found in parts.items()} for b in range(batch)]


def _sizes(model: Any, inputs: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Rows and columns of each kind of attention."""
    read = inputs["input_ids"].shape[1]
    if not model.config.is_encoder_decoder:
        return {"self": (read, read)}
    wrote = inputs["decoder_input_ids"].shape[1]
    return {"encoder": (read, read), "decoder": (wrote, wrote), "cross": (wrote, read)}


def _handed_out(model: Any, inputs: Mapping[str, Any], name: str) -> list[dict[str, Maps]]:
    """The attention of each text as the model's plain attention hands it out."""
    import torch

    with quiet_model(model, "eager"), torch.no_grad():
        out = model(**inputs, **_sparing(model), output_attentions=True)
    names = {"self": "attentions"}
    if model.config.is_encoder_decoder:
        names = {"encoder": "encoder_attentions", "decoder": "decoder_attentions", "cross": "cross_attentions"}
    found: dict[str, np.ndarray] = {}
    for kind, where in names.items():
        maps = plain_maps(model, inputs, getattr(out, where, None), kind, name)
        found[kind] = torch.stack([part.float().cpu() for part in maps], 1).numpy()
    batch = len(next(iter(found.values())))
    return [{kind: Maps(weights=weights[b]) for kind, weights in found.items()} for b in range(batch)]


def plain_maps(model: Any, inputs: Mapping[str, Any], handed: Any, kind: str, name: str) -> list[torch.Tensor]:
    """What plain attention handed out, checked: for each layer that has attention ``(batch, heads, rows, columns)``.

    Raises:
        WrongTask: there is nothing, or something of another form.
    """
    maps = [part for part in handed or () if part is not None]
    if not maps:
        raise WrongTask(
            f"{name} ({type(model).__name__}) has no attention weights to show: its layers mix tokens in another "
            "way, or do not hand them out. Take a Transformer, such as bert-mini or gpt-mini."
        )
    if len({tuple(part.shape) for part in maps}) > 1 or tuple(maps[0].shape[2:]) != _sizes(model, inputs)[kind]:
        raise WrongTask(
            f"{name} ({type(model).__name__}) has attention weights of another form than (heads, rows, columns) in "
            "each layer, which cannot be shown. Take another Transformer, such as bert-mini or gpt-mini."
        )
    return maps
