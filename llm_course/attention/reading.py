"""From a text to what a model reads, and the names of its tokens.

Knows nothing about attention weights. Encoders read a text in the frame of special tokens that their tokenizer puts
around it; decoder models read it as text generation does; encoder-decoder models read it and write a target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llm_course.errors import BadInput, BadOption, InputTooLong
from llm_course.shelf.loading import LanguageModel

if TYPE_CHECKING:
    import torch
    from transformers import BatchEncoding, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Side:
    """The tokens on one side of a table of weights.

    Attributes:
        tokens: as text.
        special: whether each is a special token.
        segments: 0 for the first text, 1 for the second of a pair.
    """

    tokens: tuple[str, ...]
    special: tuple[bool, ...]
    segments: tuple[int, ...]

    def __getitem__(self, part: slice) -> Side:
        return Side(self.tokens[part], self.special[part], self.segments[part])


@dataclass(frozen=True, eq=False)
class Reading:
    """What a model reads.

    Attributes:
        inputs: the model's inputs by name, each ``(1, tokens)``.
        sides: rows and columns for each kind of attention, ``"self"`` where there is one kind.
        written: how many tokens stood there before the model wrote by itself.
    """

    inputs: Mapping[str, torch.Tensor]
    sides: Mapping[str, tuple[Side, Side]]
    written: int


def read(lm: LanguageModel, text: str, pair: str | None, target: str | None, generate: int) -> Reading:
    """Turn a text into a model's inputs; models that write may write first.

    Raises:
        BadInput, InputTooLong: the text has no tokens, or too many.
        BadOption: the model needs a target.
    """
    if lm.model.config.is_encoder_decoder:
        return _both(lm, text, target)
    if lm.model.can_generate():
        return _decoder(lm, text, generate)
    inputs = _framed(lm, text, pair)
    ids = inputs["input_ids"][0].tolist()
    side = _side(lm, ids, _segments(inputs, len(ids)) if pair is not None else None)
    return Reading(dict(inputs), {"self": (side, side)}, len(ids))


def _framed(lm: LanguageModel, text: str, pair: str | None = None) -> BatchEncoding:
    args = (text,) if pair is None else (text, pair)
    # A pair's second text is marked as such where the model has an embedding for it (BERT has, RoBERTa has not).
    marks = pair is not None and getattr(lm.model.config, "type_vocab_size", 0) > 1
    inputs = lm.tokenizer(*args, return_tensors="pt", return_token_type_ids=marks).to(lm.device)
    count = inputs["input_ids"].shape[1]
    if lm.window and count > lm.window:
        raise InputTooLong(f"The text has {count} tokens, and {lm.name} reads at most {lm.window}. Shorten it.")
    return inputs


def _decoder(lm: LanguageModel, text: str, new: int) -> Reading:
    import torch

    ids = lm.start + lm.tokenizer(text, add_special_tokens=False)["input_ids"]
    if not ids:
        raise BadInput(f"{lm.name}'s tokenizer finds no token in the text. Give it another text.")
    count = len(ids)
    if lm.window and count + new > lm.window:
        asked = f" and {new} new ones were asked for: together {count + new}" if new else ""
        raise InputTooLong(
            f"The text has {count} tokens{asked}, and {lm.name} reads at most {lm.window}. Shorten it"
            + (", or lower generate." if new else ".")
        )
    read = torch.tensor([ids], device=lm.device)
    if new:
        ends = lm.ends
        fill = lm.tokenizer.pad_token_id if lm.tokenizer.pad_token_id is not None else (ends or [0])[0]
        # Greedy and nothing else, whatever the model's own file says.
        read = lm.model.generate(
            input_ids=read,
            attention_mask=torch.ones_like(read),
            max_new_tokens=new,
            max_length=None,
            do_sample=False,
            num_beams=1,
            repetition_penalty=1.0,
            temperature=None,
            top_k=None,
            top_p=None,
            pad_token_id=fill,
            eos_token_id=ends or None,
            output_attentions=False,
            return_dict_in_generate=False,
        )
    side = _side(lm, read[0].tolist())
    return Reading({"input_ids": read, "attention_mask": torch.ones_like(read)}, {"self": (side, side)}, count)


def _both(lm: LanguageModel, text: str, target: str | None) -> Reading:
    inputs = _framed(lm, text)
    written = _written(lm, inputs, target)
    columns, wrote = _side(lm, inputs["input_ids"][0].tolist()), _side(lm, written[0].tolist())
    sides = {
        "encoder": (columns, columns),
        "decoder": (wrote, wrote),
        # The decoder looks from the place where it has read token t - 1 and is writing token t: the rows are named
        # after what is being written.
        "cross": (wrote[1:], columns),
    }
    return Reading({**inputs, "decoder_input_ids": written}, sides, written.shape[1])


def _written(lm: LanguageModel, inputs: BatchEncoding, target: str | None) -> torch.Tensor:
    """What the decoder reads, ``(1, tokens)``: the start token, then the target, given or generated."""
    import torch

    start = lm.model.config.decoder_start_token_id
    if target is None:
        if not lm.model.can_generate():
            raise BadOption(f"{lm.name} ({type(lm.model).__name__}) writes no text by itself: give it a target.")
        room = min(2 * inputs["input_ids"].shape[1] + 20, (lm.window or 4096) - 1)
        return lm.model.generate(
            **inputs,
            num_beams=4,
            do_sample=False,
            max_new_tokens=room,
            max_length=None,
            output_attentions=False,
            return_dict_in_generate=False,
        )
    ids = lm.tokenizer(text_target=target)["input_ids"]
    if lm.window and len(ids) >= lm.window:
        raise InputTooLong(
            f"The target has {len(ids)} tokens, and {lm.name} writes at most {lm.window - 1}. Shorten it."
        )
    return torch.tensor([[start, *ids]], device=lm.device)


def _side(lm: LanguageModel, ids: Sequence[int], segments: Sequence[int] | None = None) -> Side:
    """Tokens as a reader wants to see them: those that the tokenizer calls special by name, others as text."""
    special, named = _special(lm.tokenizer), set(lm.tokenizer.all_special_ids)
    names = {i: lm.tokenizer.convert_ids_to_tokens(i) for i in set(ids)}
    shown = {i: name if i in named else lm.tokenizer.decode([i]) or name for i, name in names.items()}
    return Side(
        tuple(str(shown[i]) for i in ids),
        tuple(i in special for i in ids),
        tuple(segments) if segments is not None else (0,) * len(ids),
    )


def _special(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Tokens that stand around a text. A mask or an unknown word stands in it, in the place of a word.

    Some tokenizers use one token for both: GPT-2's unknown token is its end of text.
    """
    frame = {
        tokenizer.bos_token_id,
        tokenizer.eos_token_id,
        tokenizer.cls_token_id,
        tokenizer.sep_token_id,
        tokenizer.pad_token_id,
    }
    inside = {tokenizer.mask_token_id, tokenizer.unk_token_id} - frame
    return set(tokenizer.all_special_ids) - inside


def _segments(inputs: BatchEncoding, count: int) -> list[int]:
    """To which text of a pair each token belongs; a special token goes with what stands before it."""
    found, now = [], 0
    for own in inputs.sequence_ids(0)[:count]:
        now = now if own is None else own
        found.append(now)
    return found
