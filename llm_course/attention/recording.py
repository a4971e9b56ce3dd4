"""Record queries, keys and values while a model runs, so that attention weights can be rebuilt when asked for.

Knows nothing about texts and tokens. The library calls attention through a table of functions; one more entry in it
runs the same fast kernel and notes what went in. (BLOOM does not go through that table: two hooks on each of its
attention modules note the same.) Weights take memory that grows with the square of the length, queries and keys only
with the length. A model that cannot be recorded, or does more than scale, add and softmax, is run once more with its
plain ("eager") attention, which hands its weights out.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from llm_course.attention.biases import Mask, Offset, shorten
from llm_course.attention.kinds import by_kind
from llm_course.errors import WrongTask

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import PretrainedConfig, PreTrainedModel
    from transformers.models.bloom.modeling_bloom import BloomAttention
    from transformers.utils import ModelOutput

NAME = "llm_course_recording"  # no "sdpa" or "flash" in it: the library reads meaning into such names
# Options of an attention call that change the weights in ways a rebuilt head would not know. A cache of keys and values
# is none of them: what it holds is already in the keys and values of the call.
CHANGES_WEIGHTS = ("softcap", "s_aux", "sinks", "indices", "block_indices")
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

    calls: list[tuple[torch.nn.Module, list[Layer]]] = field(default_factory=list)
    # Layers share masks and position biases: each is shortened once. The tensors are held, so that no id comes twice.
    _shortened: dict[tuple[int, ...], tuple[list[tuple[Mask, Offset | None]], object]] = field(default_factory=dict)

    def add(
        self,
        module: torch.nn.Module,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        mask: torch.Tensor | None = None,
        *,
        scale: float | None = None,
        causal: bool = False,
        offset: torch.Tensor | None = None,
    ) -> None:
        """Note one call for a batch.

        Args:
            module: who called.
            query: ``(batch, heads, rows, d)``.
            key, value: ``(batch, groups, columns, d)``.
            mask: bool (True: may look) or added numbers, ``(batch or 1, heads or 1, rows or 1, columns)``.
            scale: 1 / sqrt(d) if ``None``.
            causal: without a mask: whether rows look back only.
            offset: added numbers without a mask, ``(batch or 1, heads, rows or 1, columns)``.

        Raises:
            CannotRecord: queries and keys do not fit each other.
        """
        batch, heads, rows, size = query.shape
        if size != key.shape[-1] or heads % key.shape[1] or key.shape[0] != batch:
            raise CannotRecord(f"shapes {tuple(query.shape)} and {tuple(key.shape)}")
        known = (id(mask), id(offset), batch, rows, key.shape[2], causal)
        if known not in self._shortened:
            self._shortened[known] = (shorten(mask, offset, *known[2:]), (mask, offset))
        biases = self._shortened[known][0]
        query, key, value = (_own(part) for part in (query, key, value))
        factor = size**-0.5 if scale is None else float(scale)
        self.calls.append((module, [Layer(query[b], key[b], value[b], factor, *biases[b]) for b in range(batch)]))


def _own(part: torch.Tensor) -> torch.Tensor:
    """A compact copy in main memory: a view would keep what it was cut from."""
    import torch

    return part.detach().clone(memory_format=torch.contiguous_format).cpu()


def record(model: PreTrainedModel, inputs: Mapping[str, torch.Tensor], name: str = "") -> list[dict[str, Maps]]:
    """Run a model once on a batch and give the attention of each text, by kind.

    Args:
        model: a transformers model, in evaluation mode.
        inputs: what it reads, on its device, each ``(batch, tokens)``; for encoder-decoder models with
            ``decoder_input_ids``.
        name: what to call the model in an error.

    Returns:
        For each text of the batch its maps: ``"encoder"``, ``"decoder"`` and ``"cross"`` for encoder-decoder models,
        ``"self"`` for others. The model has its own attention implementation again, also after an exception.

    Raises:
        WrongTask: the model has no attention weights.
    """
    import torch

    # Options that spare memory: no cache, and scores of the last token only.
    takes = inspect.signature(model.forward).parameters
    sparing = {option: value for option, value in (("use_cache", False), ("logits_to_keep", 1)) if option in takes}
    with torch.no_grad():
        found = _recorded(model, inputs, sparing)
        if found is not None:
            return found
        handed_out = run_eager(model, inputs, name, **sparing)[1]
    full = {kind: torch.stack(maps, 1).float().cpu().numpy() for kind, maps in handed_out.items()}
    batch = len(next(iter(full.values())))
    return [{kind: Maps(weights=weights[b]) for kind, weights in full.items()} for b in range(batch)]


def run_eager(
    model: PreTrainedModel, inputs: Mapping[str, torch.Tensor], name: str = "", **options: object
) -> tuple[ModelOutput, dict[str, list[torch.Tensor]]]:
    """Run a model with its plain attention: its output, and the weights that it hands out, by kind.

    Args:
        model, inputs, name: as for :func:`record`.
        options: further ones of the model.

    Returns:
        The output, and for each kind a tensor ``(batch, heads, rows, columns)`` for each layer that has attention.

    Raises:
        WrongTask: there are no weights, or some of another form.
    """
    with _implementation(model, "eager"):
        out = model(**inputs, **options, output_attentions=True)
    name = f"{name or 'The model'} ({type(model).__name__})"
    found = {}
    for kind, shape in _shapes(model, inputs).items():
        handed = getattr(out, "attentions" if kind == "self" else f"{kind}_attentions", None)
        found[kind] = maps = [part for part in handed or () if part is not None]
        if not maps:
            raise WrongTask(
                f"{name} has no attention weights to show: its layers mix tokens in another way, or do not hand them "
                "out. Take a Transformer, such as bert-mini or gpt-mini."
            )
        if len({part.shape for part in maps}) > 1 or tuple(maps[0].shape[2:]) != shape:
            raise WrongTask(
                f"{name} has attention weights of another form than (heads, rows, columns) in each layer, which cannot "
                "be shown. Take another Transformer, such as bert-mini or gpt-mini."
            )
    return out, found


def _recorded(
    model: PreTrainedModel, inputs: Mapping[str, torch.Tensor], options: Mapping[str, object]
) -> list[dict[str, Maps]] | None:
    """The attention of each text, recorded; ``None`` if this architecture cannot be recorded."""
    blooms: list[BloomAttention] = [part for part in model.modules() if type(part).__name__ == "BloomAttention"]  # type: ignore[misc]
    if not blooms and not getattr(model, "_supports_sdpa", False):
        return None
    recorder = Recorder()
    try:
        with _hooks_on_bloom(blooms, recorder) if blooms else _table_entry(model, recorder):
            model(**inputs, **options)
    except CannotRecord:
        return None
    except Exception:
        # A model that the library knows to ignore its table may stumble over a name it does not know.
        if getattr(model, "_can_set_attn_implementation", lambda: True)():
            raise
        return None
    if not recorder.calls:
        return None
    kinds = by_kind(model, recorder.calls)
    for kind, shape in _shapes(model, inputs).items():
        sizes = {(first.heads, first.query.shape[1], first.key.shape[1]) for first, *_ in kinds[kind]}
        if len(sizes) != 1 or sizes.pop()[1:] != shape:  # not the calls that this kind of model makes
            return None
    batch = len(recorder.calls[0][1])
    return [{kind: Maps(tuple(layer[b] for layer in layers)) for kind, layers in kinds.items()} for b in range(batch)]


def _shapes(model: PreTrainedModel, inputs: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, int]]:
    """Rows and columns of each kind of attention."""
    read = inputs["input_ids"].shape[1]
    if not model.config.is_encoder_decoder:
        return {"self": (read, read)}
    wrote = inputs["decoder_input_ids"].shape[1]
    return {"encoder": (read, read), "decoder": (wrote, wrote), "cross": (wrote, read)}


# --- how a model is made to tell ------------------------------------------------------------------------------------


@contextmanager
def _table_entry(model: PreTrainedModel, recorder: Recorder) -> Iterator[None]:
    """Have a model take its attention from the library's table in the name of :data:`NAME`, and the recorder listen."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(NAME, _recording_attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    token = _active.set(recorder)
    try:
        with _implementation(model, NAME):
            yield
    finally:
        _active.reset(token)


def _recording_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The library's fast attention; notes what goes in."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    recorder = _active.get()
    if recorder is not None:
        for name in CHANGES_WEIGHTS:
            if options.get(name) is not None:
                raise CannotRecord(f"attention with {name}")
        causal = options.get("is_causal")
        causal = getattr(module, "is_causal", True) if causal is None else causal
        recorder.add(
            module,
            query,
            key,
            value,
            attention_mask,
            scale=options.get("scaling"),
            causal=bool(causal) and attention_mask is None,
            offset=options.get("position_bias"),
        )
    return ALL_ATTENTION_FUNCTIONS["sdpa"](module, query, key, value, attention_mask, **options)


@contextmanager
def _hooks_on_bloom(modules: list[BloomAttention], recorder: Recorder) -> Iterator[None]:
    """Have BLOOM's attention modules tell the recorder what goes in; the hooks are gone afterwards.

    Such a module gets the ALiBi offsets as an argument, and makes queries, keys and values in one linear layer.
    """
    alibi = offset = mask = None

    def before(module: BloomAttention, args: tuple[object, ...], options: dict[str, object]) -> None:
        nonlocal alibi, offset, mask
        given = inspect.signature(module.forward).bind(*args, **options).arguments
        if alibi is not given["alibi"]:  # the same for all layers, so that it is shortened once
            alibi = given["alibi"]  # (batch * heads, 1, columns)
            offset = alibi.view(given["hidden_states"].shape[0], module.num_heads, 1, -1)
        mask = given.get("attention_mask")

    def after(module: BloomAttention, linear: torch.nn.Module, args: tuple[object, ...], fused: torch.Tensor) -> None:
        batch, length, _ = fused.shape
        # The layer writes query, key and value of a head side by side.
        query, key, value = fused.view(batch, length, module.num_heads, 3, module.head_dim).permute(3, 0, 2, 1, 4)
        scale = module.inv_norm_factor
        recorder.add(module, query, key, value, mask, scale=scale, causal=mask is None, offset=offset)

    with ExitStack() as stack:
        for module in modules:
            stack.callback(module.register_forward_pre_hook(before, with_kwargs=True).remove)
            stack.callback(module.query_key_value.register_forward_hook(partial(after, module)).remove)
        yield


@contextmanager
def _implementation(model: PreTrainedModel, name: str) -> Iterator[None]:
    """A model with another attention implementation; each part has its own config, and each is put back by itself."""
    before = [(config, config._attn_implementation) for config in _configs(model)]
    try:
        for config, _ in before:
            config._attn_implementation = {"": name}  # this config alone, not those below it
        yield
    finally:
        for config, own in before:
            config._attn_implementation = {"": own}


def _configs(model: PreTrainedModel) -> list[PretrainedConfig]:
    """Every config of a model and its parts, each once."""
    found: dict[int, PretrainedConfig] = {}
    waiting = [getattr(part, "config", None) for part in model.modules()]
    while waiting:
        config = waiting.pop()
        if config is None or id(config) in found or not hasattr(config, "_attn_implementation"):
            continue
        found[id(config)] = config
        waiting += [getattr(config, name, None) for name in getattr(config, "sub_configs", {})]
    return list(found.values())
