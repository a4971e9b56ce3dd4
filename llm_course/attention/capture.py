"""Read the attention weights of a model while it reads a text.

Knows nothing about plots. The model is switched to the plain ("eager") attention for one pass, which hands
out its weights, and back again, also after an error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llm_course.batching import number_in, texts_of
from llm_course.errors import BadInput, BadOption, InputTooLong, WrongTask
from llm_course.shelf.loading import LanguageModel, load

if TYPE_CHECKING:
    import numpy as np

KINDS = ("encoder", "decoder", "cross")


@dataclass(frozen=True)
class Attention:
    """The attention weights of one text.

    Attributes:
        rows: tokens that look (the queries); for cross-attention the token that is being written.
        columns: tokens that are looked at (the keys).
        weights: float32 array ``(layers, heads, rows, columns)``; every row sums to 1.
        kind: ``"encoder"`` (self), ``"decoder"`` (self, no look ahead) or ``"cross"`` (decoder to encoder).
        model: name of the model.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    weights: np.ndarray = field(repr=False)
    kind: str
    model: str

    @property
    def layers(self) -> int:
        """Number of layers."""
        return self.weights.shape[0]

    @property
    def heads(self) -> int:
        """Number of heads in each layer."""
        return self.weights.shape[1]

    def head(self, layer: int, head: int) -> np.ndarray:
        """Weights ``(rows, columns)`` of one head, both counted from 0.

        Raises:
            BadOption: there is no such layer or head.
        """
        number_in("layer", layer, 0, self.layers - 1, int)
        number_in("head", head, 0, self.heads - 1, int)
        return self.weights[layer, head]

    def mean(self, layer: int | None = None) -> np.ndarray:
        """Weights ``(rows, columns)`` averaged over the heads of a layer, or over all layers.

        Raises:
            BadOption: there is no such layer.
        """
        if layer is not None:
            number_in("layer", layer, 0, self.layers - 1, int)
        return (self.weights if layer is None else self.weights[layer][None]).mean(axis=(0, 1))


def attend(
    text: str, pair: str | None = None, model: Any = "bert-mini", *, target: str | None = None,
    kind: str | None = None, device: str = "auto",
) -> Attention:  # fmt: skip
    """Attention weights of a model on a text.

    Args:
        text: one text.
        pair: a second text for encoders that read pairs (BERT).
        model: a shelf name, Hub id, folder or loaded model.
        target: what the decoder of an encoder-decoder model has written; ``None`` lets it write.
        kind: for encoder-decoder models ``"encoder"``, ``"decoder"`` or ``"cross"`` (the default).

    Raises:
        BadInput, BadOption, InputTooLong: the text or an option is not allowed.
        WrongTask: the model hands out no attention weights.
    """
    import torch

    for one, what in ((text, "text"), (pair, "second text"), (target, "target")):
        if (one is not None or what == "text") and not texts_of(one, what)[1]:
            raise BadInput(f"attend() takes one {what}, not a list.")
    lm = load(model, device)
    both = lm.model.config.is_encoder_decoder
    if pair is not None and both:
        raise BadOption(f"{lm.name} reads one text: leave pair out. Encoders such as bert-mini read pairs.")
    if target is not None and not both:
        raise BadOption(f"{lm.name} has no decoder beside its encoder: leave target out. marian-mini takes one.")
    if kind is not None and (kind not in KINDS or not both):
        raise BadOption(
            f"kind={kind!r} is not allowed: encoder-decoder models have {', '.join(KINDS)}; others one kind."
        )
    args = (text,) if pair is None else (text, pair)
    # A pair's second text is marked as such where the model has an embedding for it (BERT has, RoBERTa has not).
    marks = pair is not None and getattr(lm.model.config, "type_vocab_size", 0) > 1
    inputs = lm.tokenizer(*args, return_tensors="pt", return_token_type_ids=marks).to(lm.device)
    count = inputs["input_ids"].shape[1]
    if lm.window and count > lm.window:
        raise InputTooLong(f"The text has {count} tokens, and {lm.name} reads at most {lm.window}. Shorten it.")
    before = lm.model.config._attn_implementation
    try:
        lm.model.set_attn_implementation("eager")
        with torch.inference_mode():
            rows = columns = _pieces(lm, inputs["input_ids"][0])
            if both:
                written = _written(lm, inputs, target)
                out = lm.model(**inputs, decoder_input_ids=written, output_attentions=True)
                kind = kind or "cross"
                wrote = _pieces(lm, written[0])
                if kind == "cross":
                    # The decoder looks from the place where it has read token t - 1 and is writing token t:
                    # the rows are named after what is being written.
                    wrote = wrote[1:]
                rows, columns = {"encoder": (rows, rows), "decoder": (wrote, wrote), "cross": (wrote, columns)}[kind]
                maps = getattr(
                    out,
                    {"encoder": "encoder_attentions", "decoder": "decoder_attentions"}.get(kind, "cross_attentions"),
                )
            else:
                out = lm.model(**inputs, output_attentions=True)
                maps, kind = out.attentions, _kind(lm)
    finally:
        lm.model.set_attn_implementation(before)
    if not maps:
        raise WrongTask(f"{lm.name} ({type(lm.model).__name__}) hands out no attention weights.")
    weights = torch.stack([layer[0] for layer in maps]).float().cpu().numpy()[:, :, : len(rows)]
    return Attention(rows, columns, weights, kind, lm.name)


def _kind(lm: LanguageModel) -> str:
    return "decoder" if lm.model.can_generate() else "encoder"


def _pieces(lm: LanguageModel, ids: Any) -> tuple[str, ...]:
    """The tokens as a reader wants to see them: special tokens by name, others as text."""
    special = set(lm.tokenizer.all_special_ids)
    names = lm.tokenizer.convert_ids_to_tokens(ids.tolist())
    shown = [n if i in special else lm.tokenizer.decode([i]) or n for n, i in zip(names, ids.tolist(), strict=True)]
    return tuple(shown)


def _written(lm: LanguageModel, inputs: Any, target: str | None) -> Any:
    """What the decoder reads, ``(1, tokens)``: the start token, then the target, given or generated."""
    import torch

    start = lm.model.config.decoder_start_token_id
    if target is None:
        room = min(2 * inputs["input_ids"].shape[1] + 20, (lm.window or 4096) - 1)
        return lm.model.generate(**inputs, num_beams=4, do_sample=False, max_new_tokens=room, max_length=None)
    ids = lm.tokenizer(text_target=target)["input_ids"]
    if lm.window and len(ids) >= lm.window:
        raise InputTooLong(
            f"The target has {len(ids)} tokens, and {lm.name} writes at most {lm.window - 1}. Shorten it."
        )
    return torch.tensor([[start, *ids]], device=lm.device)
