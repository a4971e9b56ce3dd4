"""Read the attention weights of a model while it reads a text.

Knows nothing about plots and measures. The model runs its own fast attention; queries and keys are recorded
(:mod:`llm_course.attention.recording`), and the weights of a head are rebuilt each time they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llm_course.arguments import number_in, texts_of
from llm_course.attention.kinds import KINDS, kind_of
from llm_course.attention.reading import Side, read
from llm_course.attention.recording import Layer, Maps, record
from llm_course.errors import BadInput, BadOption
from llm_course.shelf.loading import ModelLike, load

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from transformers import PreTrainedModel

    from llm_course.attention.ranking import Ranking

HOOKED = "_output_capturing_hooks_installed"  # how the library notes that its hooks are in a model


@dataclass(frozen=True, eq=False)
class Attention:
    """The attention of one text: who looks at whom, in every layer and head. :func:`attend` makes it.

    Weights are rebuilt at each access: softmax(:meth:`scale` · :meth:`query` · :meth:`key` + :meth:`bias`), the
    scaled dot-product attention of Vaswani and others (2017). What is kept grows with the length of the text, what
    :attr:`weights` gives with its square.

    Attributes:
        kind: ``"encoder"`` (self), ``"decoder"`` (self, no look ahead) or ``"cross"`` (decoder to encoder).
        model: name of the model.
        written: decoder models that generated: the index of the first generated token; else the number of rows.
    """

    kind: str
    model: str
    written: int
    _sides: Mapping[str, tuple[Side, Side]] = field(repr=False)
    _maps: Mapping[str, Maps] = field(repr=False)

    def __repr__(self) -> str:
        def shown(tokens: tuple[str, ...]) -> str:
            return repr(tokens) if len(tokens) <= 24 else f"({', '.join(map(repr, tokens[:24]))}, ... {len(tokens)})"

        return (
            f"Attention(rows={shown(self.rows)}, columns={shown(self.columns)}, kind={self.kind!r}, "
            f"model={self.model!r}, layers={self.layers}, heads={self.heads})"
        )

    @property
    def rows(self) -> tuple[str, ...]:
        """Tokens that look (the queries); for cross-attention the token that is being written."""
        return self._sides[self.kind][0].tokens

    @property
    def columns(self) -> tuple[str, ...]:
        """Tokens that are looked at (the keys)."""
        return self._sides[self.kind][1].tokens

    @property
    def special(self) -> tuple[bool, ...]:
        """Per column: whether it is a special token, such as ``[CLS]``, ``</s>`` or ``<|endoftext|>``."""
        return self._sides[self.kind][1].special

    @property
    def segments(self) -> tuple[int, ...]:
        """Per column: 0 for the first text, 1 for the second text of a pair."""
        return self._sides[self.kind][1].segments

    @property
    def row_special(self) -> tuple[bool, ...]:
        """Per row: whether it is a special token."""
        return self._sides[self.kind][0].special

    @property
    def row_segments(self) -> tuple[int, ...]:
        """Per row: 0 for the first text, 1 for the second text of a pair."""
        return self._sides[self.kind][0].segments

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of attention of this run; :meth:`of` gives each."""
        return tuple(kind for kind in KINDS if kind in self._maps)

    @property
    def recorded(self) -> bool:
        """Whether queries and keys were recorded; if not, the model's plain attention handed the weights out."""
        return self._maps[self.kind].weights is None

    @property
    def layers(self) -> int:
        """Number of layers that have attention."""
        maps = self._maps[self.kind]
        return len(maps.layers) if maps.weights is None else maps.weights.shape[0]

    @property
    def heads(self) -> int:
        """Number of (query) heads in each layer."""
        maps = self._maps[self.kind]
        return maps.layers[0].heads if maps.weights is None else maps.weights.shape[1]

    @property
    def nbytes(self) -> int:
        """Bytes of numbers kept for this text, all kinds together; what layers share is counted once."""
        return sum(maps.nbytes for maps in self._maps.values())

    def of(self, kind: str) -> Attention:
        """Another kind of attention of the same run, for encoder-decoder models; this one for its own kind.

        Raises:
            BadOption: the run has no such kind.
        """
        if not isinstance(kind, str) or kind not in self.kinds:
            raise BadOption(f"kind={kind!r} is not allowed: {self.model} has {', '.join(self.kinds)}.")
        written = self.written if kind == self.kind else len(self._sides[kind][0].tokens)
        return Attention(kind, self.model, written, self._sides, self._maps)

    def head(self, layer: int, head: int) -> np.ndarray:
        """Weights of one head, float32 ``(rows, columns)`` from 0 to 1; every row sums to 1.

        Both are counted from 0. (A model with attention sinks, such as GPT-OSS, leaves a part of each row to them.)

        Raises:
            BadOption: there is no such layer or head.
        """
        layer, head = self._checked(layer, head)
        maps = self._maps[self.kind]
        if maps.weights is not None:
            return maps.weights[layer, head, : len(self.rows)].copy()
        return maps.layers[layer].weights(head)[: len(self.rows)].numpy()

    def mean(self, layer: int | None = None, heads: Sequence[int] | None = None) -> np.ndarray:
        """Weights averaged over heads, float32 ``(rows, columns)``; every row sums to 1.

        Args:
            layer: one layer, or ``None`` for all.
            heads: the heads to average over in each layer, or ``None`` for all.

        Raises:
            BadOption: there is no such layer or head.
        """
        import numpy as np

        some = range(self.heads) if heads is None else heads
        if isinstance(some, (str, bytes)) or not hasattr(some, "__len__") or not len(some):
            raise BadOption(f"heads={heads!r} is not allowed: give a list of heads, or None for all.")
        layers = range(self.layers) if layer is None else [layer]
        total = np.zeros((len(self.rows), len(self.columns)), np.float32)
        for one in layers:
            for head in some:
                total += self.head(one, head)
        return total / (len(layers) * len(some))

    @property
    def weights(self) -> np.ndarray:
        """All weights, float32 ``(layers, heads, rows, columns)``; every row sums to 1.

        Built anew at each access, and quadratic in the length: ask once, or ask :meth:`head` for one head.
        """
        import numpy as np

        found = np.empty((self.layers, self.heads, len(self.rows), len(self.columns)), np.float32)
        for layer in range(self.layers):
            for head in range(self.heads):
                found[layer, head] = self.head(layer, head)
        return found

    def query(self, layer: int, head: int) -> np.ndarray | None:
        """The queries of one head, float32 ``(rows, d)``; ``None`` if nothing was recorded."""
        own, head = self._layer(layer, head)
        return None if own is None else own.query[head, : len(self.rows)].float().numpy().copy()

    def key(self, layer: int, head: int) -> np.ndarray | None:
        """The keys of one head, float32 ``(columns, d)``; heads of a group share them. ``None`` if not recorded."""
        own, head = self._layer(layer, head)
        return None if own is None else own.key[own.group(head)].float().numpy().copy()

    def value(self, layer: int, head: int) -> np.ndarray | None:
        """The values of one head, float32 ``(columns, d_v)``; heads of a group share them. ``None`` if not recorded."""
        own, head = self._layer(layer, head)
        return None if own is None else own.value[own.group(head)].float().numpy().copy()

    def scale(self, layer: int, head: int) -> float:
        """What multiplies q · k before the softmax: 1/sqrt(d) as a rule, 1.0 for T5; NaN if nothing was recorded."""
        own, _ = self._layer(layer, head)
        return float("nan") if own is None else own.scale

    def bias(self, layer: int, head: int) -> np.ndarray | None:
        """What is added to the scaled scores, float32 ``(rows, columns)``; masked pairs have -inf.

        Position biases (T5), ALiBi (BLOOM), windows and causal masks. ``None`` if nothing is added, and if nothing
        was recorded.
        """
        own, head = self._layer(layer, head)
        found = None if own is None else own.bias(head)
        return None if found is None else found[: len(self.rows)].numpy()

    def bias_kind(self, layer: int, head: int) -> str:
        """``"none"``: nothing is added to the scores; ``"causal"``: the plain causal mask alone; else ``"other"``.

        ``"other"`` also if nothing was recorded, since then it is not known.
        """
        own, _ = self._layer(layer, head)
        return "other" if own is None or own.offset is not None else own.mask.kind

    def find(self, name: str, top: int = 5, *, lowest: bool = False) -> Ranking:
        """The heads that do one thing most, ``"previous token"`` for example; see :func:`.ranking.find`."""
        from llm_course.attention.ranking import find

        return find(self, name, top, lowest=lowest)

    def save_html(self, path: str | Path, other: Attention | None = None) -> Path:
        """Save the explorer as a page that needs no network; see :func:`.explorer.save_html`."""
        from llm_course.attention.explorer import save_html

        return save_html(self, path, other)

    def _layer(self, layer: int, head: int) -> tuple[Layer | None, int]:
        """What was recorded in a layer, ``None`` if nothing was; and the head's number, checked."""
        layer, head = self._checked(layer, head)
        maps = self._maps[self.kind]
        return maps.layers[layer] if maps.weights is None else None, head

    def _checked(self, layer: int, head: int) -> tuple[int, int]:
        layer = number_in("layer", layer, 0, self.layers - 1, int)
        return layer, number_in("head", head, 0, self.heads - 1, int)


def attend(
    text: str,
    pair: str | None = None,
    model: ModelLike = "bert-mini",
    *,
    target: str | None = None,
    kind: str | None = None,
    generate: int = 0,
    device: str = "auto",
) -> Attention:
    """Attention of a model on a text.

    Args:
        text: one text. A decoder model reads it as ``lc.generate`` does, others in their frame of special tokens.
        pair: a second text for encoders that read pairs (BERT).
        model: a shelf name, Hub id, folder or loaded model.
        target: what the decoder of an encoder-decoder model has written; ``None`` lets it write.
        kind: for encoder-decoder models ``"encoder"``, ``"decoder"`` or ``"cross"`` (the default); the other kinds
            are in the result, too: ``attention.of("encoder")``.
        generate: for decoder models: how many tokens to append first, each the most probable one.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.

    Raises:
        BadInput, BadOption, InputTooLong: the text or an option is not allowed.
        WrongTask: the model has no attention weights.
    """
    for one, what in ((text, "text"), (pair, "second text"), (target, "target")):
        if (one is not None or what == "text") and not texts_of(one, what)[1]:
            raise BadInput(f"attend() takes one {what}, not a list.")
    number_in("generate", generate, 0, 100_000, int)
    lm = load(model, device)
    both = lm.model.config.is_encoder_decoder
    if pair is not None and (both or lm.model.can_generate()):
        raise BadOption(f"{lm.name} reads one text: leave pair out. Encoders such as bert-mini read pairs.")
    if target is not None and not both:
        raise BadOption(f"{lm.name} has no decoder beside its encoder: leave target out. marian-mini takes one.")
    kind = kind_of(lm.model, kind)
    if generate and (both or not lm.model.can_generate()):
        raise BadOption(
            f"{lm.name} continues no text: leave generate out. "
            + ("It writes its target by itself." if both else "Decoder models such as gpt-mini take it.")
        )
    with evaluation_mode(lm.model):
        reading = read(lm, text, pair, target, generate)
        maps, sides = record(lm.model, reading.inputs, lm.name)[0], reading.sides
    if kind == "self":
        kind = "decoder" if lm.model.can_generate() or _looks_back_only(maps["self"]) else "encoder"
        maps, sides = {kind: maps["self"]}, {kind: sides["self"]}
    written = reading.written if len(maps) == 1 else len(sides[kind][0].tokens)
    return Attention(kind, lm.name, written, sides, maps)


def _looks_back_only(maps: Maps) -> bool:
    """Whether no row of any layer looks ahead: a decoder, whatever head it has (a classifier, say)."""
    import numpy as np

    if maps.weights is None:
        return all(layer.mask.above == 0 for layer in maps.layers)
    return maps.weights.shape[-1] > 1 and not np.triu(maps.weights, 1).any()


@contextmanager
def evaluation_mode(model: PreTrainedModel) -> Iterator[None]:
    """A model in evaluation mode; afterwards each part has its own mode, and no hooks that it did not have before."""
    training = [part for part in model.modules() if part.training]
    hooks = {part: (set(part._forward_hooks), HOOKED in vars(part)) for part in model.modules()}
    try:
        for part in training:
            part.training = False
        yield
    finally:
        for part, (own, hooked) in hooks.items():
            # The library collects weights by hooks, which it would leave in the model.
            for new in set(part._forward_hooks) - own:
                if part._forward_hooks[new].__module__ == "transformers.utils.output_capturing":
                    del part._forward_hooks[new]
            if not hooked:
                vars(part).pop(HOOKED, None)
        for part in training:
            part.training = True
