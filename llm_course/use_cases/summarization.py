"""Summarization: the gist of a text in a few sentences.

Knows nothing about how models are found. Two methods, and a summary says which one made it:

- extractive: an encoder reads the text with a mark before each sentence, scores the sentences, and the best
  ones are given back unchanged, in their order (Liu and Lapata 2019, arXiv 1908.08345). It invents nothing.
- abstractive: an encoder reads the text and a decoder writes new sentences, which may be wrong.

A text longer than the window is read in parts: sentence scores come from all parts; the abstractive
summaries of the parts are joined, and summarized again where they are too many.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any, Unpack, overload

from llm_course.arguments import Texts, number_in, texts_of
from llm_course.batching import in_batches
from llm_course.errors import BadOption, WrongTask
from llm_course.results import Result, box, broken_off, cut
from llm_course.shelf import catalogue
from llm_course.shelf.loading import LanguageModel, ModelLike, RunOptions, load, use
from llm_course.text import split_sentences, windows
from llm_course.use_cases.encoder import batch_of
from llm_course.use_cases.encoder_decoder import Written, write_batch

METHODS = ("extractive", "abstractive")
LONGEST = 128  # tokens of an abstractive summary of one window at most


@dataclass(frozen=True, repr=False)
class Summary(Result):
    """A summary. ``method`` says how it came about: ``"extractive"`` (sentences of the text, unchanged) or
    ``"abstractive"`` (new sentences, which may say what the text does not).

    ``sentences`` holds the sentences; for an extractive summary ``positions`` says which ones of the text.
    ``ended`` says whether the model ended what it wrote; if not, it was broken off at its longest.
    """

    text: str
    method: str
    sentences: tuple[str, ...]
    original: str
    model: str
    positions: tuple[int, ...] = ()
    ended: bool = True

    def __repr__(self) -> str:
        return f"Summary({cut(self.text)!r}, {self.method}{broken_off(self.ended)})"

    def _repr_html_(self) -> str:
        words, all_words = len(self.text.split()), len(self.original.split())
        head = f"{self.model}, {self.method}: {words} of {all_words} words{broken_off(self.ended)}"
        return box(head, f"<div>{escape(self.text)}</div>")


@overload
def summarize(
    text: str, max_sentences: int = ..., *, method: str | None = ..., **options: Unpack[RunOptions]
) -> Summary: ...
@overload
def summarize(
    text: Texts, max_sentences: int = ..., *, method: str | None = ..., **options: Unpack[RunOptions]
) -> list[Summary]: ...
def summarize(
    text: str | Texts,
    max_sentences: int = 2,
    *,
    method: str | None = None,
    model: ModelLike = None,
    device: str = "auto",
    progress: bool | None = None,
) -> Summary | list[Summary]:
    """Summarize one text or each text of a list.

    Args:
        text: one ``str`` or a list of them.
        max_sentences: most sentences of the summary.
        method: ``"extractive"``, ``"abstractive"``, or ``None`` for what the model does.
        model: a shelf name, Hub id, folder or loaded model; the default of ``lc.use()`` if ``None``.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        progress: a bar always, never, or (``None``) when a list is slow.

    Returns:
        One :class:`Summary` or a list in the order given.

    Raises:
        BadInput, BadOption: the text or an option is not allowed, or the model does the other method.
        WrongTask: the model neither writes nor scores sentences.
    """
    texts, single = texts_of(text)
    number_in("max_sentences", max_sentences, 1, 1000, int)
    if method is not None and method not in METHODS:
        raise BadOption(f"method={method!r} is not allowed: it is 'extractive' or 'abstractive' (or None).")
    if model is None and method is not None:
        model = _default(method)
    lm = load(model, device, task="summarize")
    does = "abstractive" if lm.model.config.is_encoder_decoder else "extractive"
    if method not in (None, does):
        raise BadOption(f"{lm.name} is {does}; for method={method!r} leave model out, or name another one.")
    run = _extract if does == "extractive" else _abstract
    results = run(lm, texts, max_sentences, progress)
    return results[0] if single else results


def _default(method: str) -> str:
    """The shelf's model of that method, of the family in use if it has one."""
    kind = "encoder-decoder" if method == "abstractive" else "representation, fine-tuned"
    fit = [e for e in catalogue.catalogue().values() if "summarize" in e.tasks and e.kind == kind]
    fit.sort(key=lambda e: e.family != use())
    if not fit:
        raise BadOption(f"No model on the shelf does method={method!r}; name one with model=.")
    return fit[0].name


# --- extractive ---------------------------------------------------------------------------------------------


def parts_of(tokenizer: Any, window: int, sentences: list[str]) -> list[tuple[int, list[int], list[int]]]:
    """The sentences as the model reads them: ``[CLS] sentence [SEP] [CLS] sentence [SEP] ...``.

    Returns parts that fit the window: number of the first sentence, token ids, and the places of the
    ``[CLS]`` marks, one per sentence. A sentence longer than a whole window is read in windows itself, and
    then has several marks; :func:`sentence_scores` takes the best of them.
    """
    first, last = tokenizer.cls_token_id, tokenizer.sep_token_id
    parts: list[tuple[int, list[int], list[int]]] = []
    ids: list[int] = []
    marks: list[int] = []
    start = 0
    for number, sentence in enumerate(sentences):
        own = tokenizer(sentence, add_special_tokens=False)["input_ids"]
        for piece, (low, high) in enumerate(windows(len(own), window - 2, 0)):
            if ids and (len(ids) + high - low + 2 > window or piece):
                parts.append((start, ids, marks))
                ids, marks = [], []
            if not ids:
                start = number
            marks.append(len(ids))
            ids = [*ids, first, *own[low:high], last]
    return [*parts, (start, ids, marks)]


def sentence_scores(lm: LanguageModel, texts: list[list[str]], progress: bool | None = None) -> list[list[float]]:
    """Score every sentence of every text: higher means more worth keeping."""
    import torch

    parts = [
        (number, *part)
        for number, sentences in enumerate(texts)
        for part in parts_of(lm.tokenizer, lm.window or 512, sentences)
    ]

    def run(batch: list[tuple[int, int, list[int], list[int]]]) -> list[list[float]]:
        ids, mask = batch_of(lm, [own for _, _, own, _ in batch])
        with torch.inference_mode():
            scores = lm.model(input_ids=ids, attention_mask=mask).logits[:, :, 0].float()
        return [scores[row, marks].tolist() for row, (_, _, _, marks) in enumerate(batch)]

    found = in_batches(parts, lambda part: len(part[2]), run, progress=progress, what="parts")
    scores = [[float("-inf")] * len(sentences) for sentences in texts]
    for (number, start, _, _), part in zip(parts, found, strict=True):
        for offset, score in enumerate(part):
            scores[number][start + offset] = max(score, scores[number][start + offset])
    return scores


def _extract(lm: LanguageModel, texts: list[str], most: int, progress: bool | None) -> list[Summary]:
    if lm.model.config.num_labels != 1 or None in (lm.tokenizer.cls_token_id, lm.tokenizer.sep_token_id):
        raise WrongTask(
            f"{lm.name} labels words and does not score sentences: an extractive summarizer has num_labels=1 and the "
            "tokens [CLS] and [SEP]. Take bert-mini-summary, or an encoder-decoder such as distilbart."
        )
    sentences = [split_sentences(text) for text in texts]
    results = []
    for text, own, scores in zip(texts, sentences, sentence_scores(lm, sentences, progress), strict=True):
        best = sorted(sorted(range(len(own)), key=lambda i: -scores[i])[:most])
        kept = tuple(own[i] for i in best)
        results.append(Summary(" ".join(kept), "extractive", kept, text, lm.name, tuple(best)))
    return results


# --- abstractive --------------------------------------------------------------------------------------------


def _abstract(lm: LanguageModel, texts: list[str], most: int, progress: bool | None) -> list[Summary]:
    first = write(lm, texts, progress)
    sentences, ended = [split_sentences(one.text) for one in first], [one.ended for one in first]
    # More sentences than asked for: the summary is summarized, never cut, unless that changes nothing.
    while many := [number for number, own in enumerate(sentences) if len(own) > most]:
        for number, one in zip(many, write(lm, [" ".join(sentences[n]) for n in many], False), strict=True):
            again = split_sentences(one.text)
            fewer = 0 < len(again) < len(sentences[number])
            sentences[number] = again if fewer else sentences[number][:most]
            ended[number] = one.ended if fewer else True  # whole sentences at the start of what there was
    return [
        Summary(" ".join(own), "abstractive", tuple(own), text, lm.name, ended=whole)
        for text, own, whole in zip(texts, sentences, ended, strict=True)
    ]


def write(lm: LanguageModel, texts: list[str], progress: bool | None = None) -> list[Written]:
    """Write a summary of each text with an encoder-decoder, long texts part by part; and whether it ended each part."""
    prefix = "summarize: " if lm.model.config.model_type in ("t5", "mt5") else ""
    window = lm.window or 512
    lead = lm.tokenizer(prefix, add_special_tokens=False)["input_ids"] if prefix else []
    before, after = [*lm.frame[0], *lead], lm.frame[1]
    parts: list[tuple[int, list[int]]] = []
    for number, text in enumerate(texts):
        ids = lm.tokenizer(text, add_special_tokens=False)["input_ids"]
        for low, high in windows(len(ids), window - len(before) - len(after), 0):
            parts.append((number, [*before, *ids[low:high], *after]))
    large = lm.device.type == "cuda"

    def run(batch: list[tuple[int, list[int]]]) -> list[Written]:
        longest = [min(LONGEST, window - 1)] * len(batch)
        return write_batch(lm, [own for _, own in batch], longest, 4, min_length=0, no_repeat_ngram_size=3)

    found = in_batches(
        parts,
        lambda part: len(part[1]),
        run,
        tokens=32_768 if large else 2048,
        most=128 if large else 32,
        progress=progress,
        what="parts",
    )
    joined: list[list[Written]] = [[] for _ in texts]
    for (number, _), summary in zip(parts, found, strict=True):
        joined[number].append(summary)
    return [Written(" ".join(one.text for one in own if one.text), all(one.ended for one in own)) for own in joined]
