"""Translation: from one language to another, sentence by sentence.

Knows nothing about how models are found. Cut the text into sentences, tokenize, let the encoder read and
the decoder write (beam search), decode, and put the lines together again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Unpack, overload

from llm_course.arguments import Texts, number_in, texts_of
from llm_course.batching import in_batches
from llm_course.errors import BadOption, InputTooLong, UnknownLanguage
from llm_course.results import Result, box, broken_off, cut
from llm_course.shelf import catalogue
from llm_course.shelf.loading import LOCK, LanguageModel, ModelLike, RunOptions, load
from llm_course.text import split_sentences
from llm_course.use_cases.encoder_decoder import Written, write_batch

if TYPE_CHECKING:
    import torch

# T5 was trained on translation as a text task: the prompt names the languages (Raffel and others 2020).
_T5_NAMES = {"en": "English", "fr": "French", "de": "German", "ro": "Romanian"}


@dataclass(frozen=True, repr=False)
class Translation(Result):
    """A translation with its source and target language (ISO 639-1) and the original text.

    ``ended`` says whether the model ended each sentence; if not, one was broken off at its longest.
    """

    text: str
    source: str
    target: str
    original: str
    model: str
    ended: bool = True

    def __repr__(self) -> str:
        return f"Translation({cut(self.text)!r}, {self.source} to {self.target}{broken_off(self.ended)})"

    def _repr_html_(self) -> str:
        head = f"{self.model}: {self.source} to {self.target}{broken_off(self.ended)}"
        return box(
            head,
            f'<div style="opacity:.75" lang="{escape(self.source)}">{escape(self.original)}</div>',
            f'<div lang="{escape(self.target)}"><b>{escape(self.text)}</b></div>',
        )


@overload
def translate(
    text: str, source: str = ..., target: str = ..., *, num_beams: int = ..., **options: Unpack[RunOptions]
) -> Translation: ...
@overload
def translate(
    text: Texts, source: str = ..., target: str = ..., *, num_beams: int = ..., **options: Unpack[RunOptions]
) -> list[Translation]: ...
def translate(
    text: str | Texts,
    source: str = "en",
    target: str = "fr",
    *,
    num_beams: int = 4,
    model: ModelLike = None,
    device: str = "auto",
    progress: bool | None = None,
) -> Translation | list[Translation]:
    """Translate one text or each text of a list.

    Args:
        text: one ``str`` or a list of them. Longer texts go sentence by sentence; line breaks stay.
        source, target: ISO 639-1 codes.
        num_beams: translations kept alive while decoding; 1 is greedy.
        model: a shelf name, Hub id, folder or loaded model; the default of ``lc.use()`` if ``None``.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        progress: a bar always, never, or (``None``) when a list is slow.

    Returns:
        One :class:`Translation` or a list in the order given.

    Raises:
        BadInput, BadOption: the text or an option is not allowed.
        UnknownLanguage: the model has no such pair of languages.
        InputTooLong: one sentence alone is longer than the model's window; both lengths are named.
    """
    texts, single = texts_of(text)
    number_in("num_beams", num_beams, 1, 64, int)
    for code in (source, target):
        if not isinstance(code, str):
            raise BadOption(f"A language is a code such as 'en', not {code!r}.")
    if model is None:
        _check_shelf(source, target)
    lm = load(model, device, task="translate")
    # text -> lines (and, between them, line breaks) -> sentences; all sentences of all texts go into the same batches
    lines = [re.split(r"(\r\n|\r|\n)", one) for one in texts]
    cut = [[split_sentences(line) for line in text_lines[::2]] for text_lines in lines]
    # A tokenizer of many languages is told the source: another thread must not tell it another one meanwhile.
    with LOCK if hasattr(lm.tokenizer, "src_lang") else nullcontext():
        prefix, options = _prefix(lm, source, target), _languages(lm, source, target)
        flat = [prefix + sentence for text_lines in cut for line in text_lines for sentence in line]
        done = iter(translate_sentences(lm, flat, num_beams, options, progress))
    results = []
    for one, text_lines, sentences in zip(texts, lines, cut, strict=True):
        own = [[next(done) for _ in line] for line in sentences]
        text_lines[::2] = [" ".join(sentence.text for sentence in line) for line in own]
        ended = all(sentence.ended for line in own for sentence in line)
        results.append(Translation("".join(text_lines), source, target, one, lm.name, ended))
    return results[0] if single else results


def _check_shelf(source: str, target: str) -> None:
    pairs = [e.languages for e in catalogue.catalogue().values() if e.languages]
    if (source, target) not in pairs:
        known = ", ".join(sorted({f"{s} to {t}" for s, t in pairs}))
        raise UnknownLanguage(
            f"The shelf has no model from {source!r} to {target!r}. It has: {known}. "
            "For other languages name a model, such as model='Helsinki-NLP/opus-mt-en-de'."
        )


def _prefix(lm: LanguageModel, source: str, target: str) -> str:
    """What has to stand before every sentence; checks the languages where the model names them."""
    named = (getattr(lm.tokenizer, "source_lang", None), getattr(lm.tokenizer, "target_lang", None))
    pair = (lm.entry.languages if lm.entry else None) or named
    # Marian's tokenizers may also name a group of languages ("ROMANCE", "mul"): who belongs to it is not known here.
    known = [bool(re.fullmatch("[a-z]{2}", str(code))) for code in pair]
    if any(sure and own != asked for sure, own, asked in zip(known, pair, (source, target), strict=True)):
        raise UnknownLanguage(f"{lm.name} translates {pair[0]} to {pair[1]}, not {source} to {target}.")
    if lm.model.config.model_type in ("t5", "mt5"):
        for code in (source, target):
            if code not in _T5_NAMES:
                raise UnknownLanguage(f"{lm.name} knows {', '.join(_T5_NAMES)}; {code!r} is not among them.")
        return f"translate {_T5_NAMES[source]} to {_T5_NAMES[target]}: "
    return ""


def _languages(lm: LanguageModel, source: str, target: str) -> dict[str, int]:
    """Tell models of many languages (mBART and its kin) which: the source to the tokenizer, the target to the decoder.

    Returns what ``generate()`` takes for it.
    """
    codes = getattr(lm.tokenizer, "lang_code_to_id", None) or {}
    if not codes and hasattr(lm.tokenizer, "src_lang"):
        special = zip(lm.tokenizer.all_special_tokens, lm.tokenizer.all_special_ids, strict=True)
        codes = {token: i for token, i in special if re.fullmatch(r"[a-z]{2,3}_[A-Z][A-Za-z]+", token)}
    if not codes:
        return {}
    full = []
    for code in (source, target):
        own = next((c for c in codes if c == code or c.startswith(f"{code}_")), None)
        if own is None:
            raise UnknownLanguage(f"{lm.name} has no language {code!r}. It has: {', '.join(sorted(codes))}.")
        full.append(own)
    lm.tokenizer.src_lang = full[0]
    # The target's code is what the decoder starts from (mBART), or the first token it must write (mBART-50).
    starts = lm.model.config.decoder_start_token_id in codes.values()
    return {"decoder_start_token_id" if starts else "forced_bos_token_id": codes[full[1]]}


class _EndAt:
    """Ends each translation of a batch at a length of its own, so that it does not depend on its neighbours."""

    def __init__(self, lengths: Sequence[int], end: int) -> None:
        self.lengths, self.end = lengths, end

    def __call__(self, written: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        beams = len(written) // len(self.lengths)
        for row, length in enumerate(self.lengths):
            if written.shape[1] >= length:  # the start token counts in the shape: this is token number ``length``
                own = scores[row * beams : (row + 1) * beams]
                own.fill_(float("-inf"))
                own[:, self.end] = 0
        return scores


def translate_sentences(
    lm: LanguageModel, sentences: list[str], num_beams: int, options: dict[str, int], progress: bool | None
) -> list[Written]:
    """Translate sentences that fit the window, in batches by length."""
    encoded = []
    for sentence in sentences:
        ids = lm.tokenizer(sentence)["input_ids"]
        if lm.window and len(ids) > lm.window:
            raise InputTooLong(
                f"One sentence has {len(ids)} tokens and {lm.name} reads at most {lm.window}: "
                f"{sentence[:60]!r}… Split it by a full stop or a line break."
            )
        encoded.append(ids)
    end = lm.tokenizer.eos_token_id

    def run(batch: list[list[int]]) -> list[Written]:
        # A translation is rarely twice as long as its source; the bound stops a model that repeats itself.
        room = [min(2 * len(ids) + 20, (lm.window or 4096) - 1) for ids in batch]
        bounds = [] if end is None else [_EndAt(room, end)]
        return write_batch(lm, batch, room, num_beams, logits_processor=bounds, **options)

    tokens = (48_000 if lm.device.type == "cuda" else 5000) // num_beams
    return in_batches(encoded, len, run, tokens=tokens, most=256, progress=progress, what="sentences")
