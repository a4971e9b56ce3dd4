"""Filling gaps: which words fit where ``[MASK]`` stands?

Knows nothing about how models are found. Tokenize, run the masked language model, read the probabilities at each
gap. A gap in a text longer than the model's window is read in that window in which it stands nearest the middle.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any, Unpack, overload

from llm_course.arguments import Texts, number_in, texts_of
from llm_course.batching import in_batches
from llm_course.errors import BadInput, WrongTask
from llm_course.results import Result, box, cut
from llm_course.shelf.loading import LanguageModel, ModelLike, RunOptions, load
from llm_course.text import windows
from llm_course.use_cases.encoder import batch_of, room_of

MASK = "[MASK]"  # how a gap is written for every model; each model's own token ("<mask>") is understood, too


@dataclass(frozen=True)
class Candidate:
    """A token that may fill a gap, with its probability; ``##`` in front marks one that goes on a word."""

    token: str
    probability: float


@dataclass(frozen=True, repr=False)
class FilledMask(Result):
    """A text whose gaps are filled, each with the most probable token.

    ``candidates`` holds for each gap its best tokens, the most probable first.
    """

    text: str
    candidates: tuple[tuple[Candidate, ...], ...]
    original: str
    model: str

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data."""
        gaps = [[{"token": c.token, "probability": c.probability} for c in own] for own in self.candidates]
        return {"text": self.text, "candidates": gaps, "original": self.original, "model": self.model}

    def __repr__(self) -> str:
        best = ", ".join(f"{own[0].token} {own[0].probability:.2f}" for own in self.candidates)
        return f"FilledMask({cut(self.text)!r}, {cut(best)})"

    def _repr_html_(self) -> str:
        rows = [
            f"<div>gap {number}: "
            + ", ".join(f"<b>{escape(c.token)}</b>&nbsp;{c.probability:.2f}" for c in own)
            + "</div>"
            for number, own in enumerate(self.candidates, 1)
        ]
        return box(f"{self.model}: gaps filled", f"<div>{escape(self.text)}</div>", *rows)


@overload
def fill_mask(text: str, top: int = ..., **options: Unpack[RunOptions]) -> FilledMask: ...
@overload
def fill_mask(text: Texts, top: int = ..., **options: Unpack[RunOptions]) -> list[FilledMask]: ...
def fill_mask(
    text: str | Texts, top: int = 5, *, model: ModelLike = None, device: str = "auto", progress: bool | None = None
) -> FilledMask | list[FilledMask]:
    """Fill the gaps of one text or of each text of a list.

    Args:
        text: one ``str`` or a list of them, with ``[MASK]`` or the model's own mask token at each gap.
        top: candidates for each gap, from 1 to 1,000; fewer where the vocabulary has no more.
        model: a shelf name, Hub id, folder or loaded model; the default of ``lc.use()`` if ``None``.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        progress: a bar always, never, or (``None``) when a list is slow.

    Returns:
        One :class:`FilledMask` or a list in the order given. Probabilities are those of the whole
        vocabulary, so the candidates' sum to less than 1; special tokens are no candidates. With several gaps each
        one is filled by itself, the others left open: the best words need not fit each other. A candidate is one
        token, so a longer word that the tokenizer cuts is never found.

    Raises:
        BadInput: a text is not allowed, or has no gap.
        BadOption: ``top`` is not a whole number in its range.
        WrongTask: the model is no masked language model.
    """
    texts, single = texts_of(text)
    number_in("top", top, 1, 1000, int)
    lm = load(model, device, task="fill_mask")
    if lm.tokenizer.mask_token_id is None:
        raise WrongTask(f"{lm.name} has no mask token, so it has not learned to fill gaps. Take bert-mini or bert.")
    own = lm.tokenizer.mask_token
    readable = [one if own == MASK else one.replace(MASK, own) for one in texts]
    items: list[tuple[int, list[int], list[int]]] = []  # number of the text, ids of one window, places of its gaps
    for number, one in enumerate(readable):
        ids = lm.tokenizer(one, add_special_tokens=False)["input_ids"]
        if lm.tokenizer.mask_token_id not in ids or ids.count(lm.tokenizer.mask_token_id) != one.count(own):
            where = "" if single else f" (number {number} of the list)"
            raise BadInput(f"The text has no gap{where}. Write {MASK} where a word is missing: 'The {MASK} sat down.'")
        items += [(number, *part) for part in _windows(lm, ids)]
    found = in_batches(
        items,
        lambda item: len(item[1]),
        lambda some: gap_candidates(lm, [item[1:] for item in some], top),
        tokens=32_768 if lm.device.type == "cuda" else 4096,
        progress=progress,
    )
    gaps: list[list[tuple[Candidate, ...]]] = [[] for _ in texts]
    for (number, _, _), candidates in zip(items, found, strict=True):
        gaps[number] += candidates
    pieces = _Pieces(lm.tokenizer)
    results = [
        FilledMask(pieces.put(one.split(own), [c[0].token for c in filled]), tuple(filled), original, lm.name)
        for original, one, filled in zip(texts, readable, gaps, strict=True)
    ]
    return results[0] if single else results


def _windows(lm: LanguageModel, ids: list[int]) -> list[tuple[list[int], list[int]]]:
    """The windows that hold a gap to be read there, with the places of these gaps, in the order of the text."""
    before, after = lm.frame
    room = room_of(lm)
    spans = windows(len(ids), room, room // 2)
    gaps: dict[tuple[int, int], list[int]] = {}
    for place in (i for i, token in enumerate(ids) if token == lm.tokenizer.mask_token_id):
        # Most context on its poorer side; a gap at the text's own end has none there in any window.
        best = max(spans, key=lambda span: min(place - span[0], span[1] - 1 - place))  # below 0 outside of a window
        gaps.setdefault(best, []).append(place)
    return [
        ([*before, *ids[start:end], *after], [place - start + len(before) for place in places])
        for (start, end), places in gaps.items()
    ]


def gap_candidates(
    lm: LanguageModel, batch: list[tuple[list[int], list[int]]], top: int
) -> list[list[tuple[Candidate, ...]]]:
    """The best tokens at each gap: for every item of a batch one tuple per gap, the most probable first.

    An item is ``(token ids, places of its gaps)``.
    """
    import torch

    ids, mask = batch_of(lm, [ids for ids, _ in batch])
    with torch.inference_mode():
        logits = lm.model(input_ids=ids, attention_mask=mask).logits
        rows = torch.tensor([row for row, (_, places) in enumerate(batch) for _ in places], device=lm.device)
        places = torch.tensor([place for _, own in batch for place in own], device=lm.device)
        shares = logits[rows, places].float().softmax(-1)
        # A table padded for speed has rows without a token; those and the special tokens are no words.
        shares[:, len(lm.tokenizer) :] = -1
        shares[:, [i for i in lm.tokenizer.all_special_ids if i < shares.shape[1]]] = -1
        best = shares.topk(min(top, shares.shape[1]), dim=-1)
    words = _Pieces(lm.tokenizer)
    each = iter(
        tuple(Candidate(words.text(i), share) for i, share in zip(some, own, strict=True) if share >= 0)
        for some, own in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    )
    return [[next(each) for _ in own] for _, own in batch]


class _Pieces:
    """Tokens as text, and texts with tokens put into their gaps.

    A token that goes on a word ("##ing" in WordPiece, "ing" without a space before it elsewhere) is written with
    ``##`` in front, for every model.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        # A word to put before a token: whether a space comes between shows whether the token begins a word.
        self.lead = tokenizer("a", add_special_tokens=False)["input_ids"]
        self.before = tokenizer.decode(self.lead)
        self.known: dict[int, str] = {}

    def text(self, token: int) -> str:
        """One token as text."""
        if token not in self.known:
            both = self.tokenizer.decode([*self.lead, token], clean_up_tokenization_spaces=False)
            own = both[len(self.before) :] if both.startswith(self.before) else self.tokenizer.decode([token])
            begins = own[:1].isspace() or not own[:1].isalnum()
            self.known[token] = own.strip() if begins else f"##{own}"
        return self.known[token]

    def put(self, parts: list[str], tokens: list[str]) -> str:
        """Join the parts of a text by the tokens that fill the gaps between them."""
        out = parts[0]
        for token, part in zip(tokens, parts[1:], strict=True):
            if token.startswith("##") and len(token) > 2:
                out = out.rstrip() + token[2:]
            else:
                apart = out[-1:].isalnum() and token[:1].isalnum()
                out += (" " if apart else "") + token
            out += part
        return out
