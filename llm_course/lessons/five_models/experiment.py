"""How often a masked language model names a hidden word: from both sides, from one side, from both apart.

Knows nothing about how the model was trained. The words asked for are the same in every case. What a case must not see
is replaced by [MASK], so that the model still knows how many tokens stand there; a text that is cut off at the gap
would tell it that the sentence ends. "Apart" is what a pair of one-sided readers can do: the probabilities that the
left side gives and those that the right side gives are multiplied, and divided by those that the model gives when it
sees neither. How common a word is stands in both answers; without the division it would count twice. Both at once is
BERT's way (Devlin and others 2018, arXiv 1810.04805, section 1: *deeply* bidirectional, against a combination of two
one-sided models).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from llm_course.arguments import texts_of
from llm_course.batching import padded
from llm_course.errors import BadInput
from llm_course.results import Result
from llm_course.shelf.loading import LanguageModel, load

PIECE = 36  # tokens: bert-mini learned from pieces of 40, and knows later positions far less
NEAR = 4  # tokens left at least on either side of a gap
BATCH = 64
CHUNK = 512  # words: a row has a number for each token of the vocabulary, and four cases of all words take much memory
CASES = ("left only", "right only", "left and right, apart", "both at once")


@dataclass(frozen=True)
class Gap:
    """A hidden word: the tokens of a piece of text, and the place of the hidden one among them."""

    ids: tuple[int, ...]
    place: int


@dataclass(frozen=True, repr=False)
class SidesResult(Result):
    """The share of hidden words that were named, by what the model saw. ``words`` is how many were asked for.

    ``named`` has, for each case but the baseline, one answer a word: was it named first? The words are the same and in
    the same order in every case, so that two cases can be compared word by word.
    """

    accuracy: dict[str, float]
    words: int
    model: str
    named: dict[str, tuple[bool, ...]]

    @property
    def text(self) -> str:  # type: ignore[override]
        """One line for each case."""
        width = max(map(len, self.accuracy))
        return "\n".join(f"{case.ljust(width)}  {share:.2f}" for case, share in self.accuracy.items())

    def more(self, one: str, other: str, draws: int = 1000, seed: int = 0) -> tuple[float, float, float]:
        """By how much the share named is larger in case ``one`` than in case ``other``, and its 95% interval.

        The interval is a bootstrap over the words: each draw takes whole words, with their answers in both cases.

        Returns:
            The difference, the lower and the upper end.
        """
        each = np.array(self.named[one], dtype=float) - np.array(self.named[other], dtype=float)
        random = np.random.default_rng(seed)
        drawn = [each[random.integers(0, len(each), len(each))].mean() for _ in range(draws)]
        low, high = np.percentile(drawn, [2.5, 97.5])
        return float(each.mean()), float(low), float(high)

    def __repr__(self) -> str:
        return f"SidesResult({self.model}, {self.words} words: both sides {self.accuracy['both at once']:.2f})"


def gaps(texts: Sequence[str], lm: LanguageModel, each: int = 4, seed: int = 0) -> list[Gap]:
    """Words to be hidden: up to ``each`` of every piece of at most ``PIECE`` tokens, drawn at random.

    Pieces are whole sentences. Only whole words count, of letters alone, with ``NEAR`` tokens or more on either side.
    """
    random = np.random.default_rng(seed)
    found = []
    for ids in _pieces(texts, lm):
        words = lm.tokenizer.convert_ids_to_tokens(ids)
        fit = [i for i in range(NEAR, len(ids) - NEAR) if words[i].isalpha() and not words[i + 1].startswith("##")]
        found += [Gap(tuple(ids), int(i)) for i in random.permutation(fit)[:each]]
    return found


def _pieces(texts: Sequence[str], lm: LanguageModel) -> list[list[int]]:
    pieces = []
    for text in texts:
        piece: list[int] = []
        for sentence in re.split(r'(?<=[.!?"])\s+', text):
            ids = lm.tokenizer(sentence, add_special_tokens=False)["input_ids"]
            if piece and len(piece) + len(ids) > PIECE:
                pieces.append(piece)
                piece = []
            piece = piece + ids
        pieces.append(piece)
    return [piece for piece in pieces if len(piece) <= PIECE]


def by_side(
    texts: str | Sequence[str], model: Any = "bert-mini", *, each: int = 4, seed: int = 0, device: str = "auto"
) -> SidesResult:
    """Hide words of some texts, and count how many the model names from both sides, from one, and from both apart.

    Args:
        texts: texts that the model has not seen.
        model: a masked language model of BERT's family: a shelf name, Hub id, folder or loaded model.
        each: how many words of every piece of text are asked for.
        seed: decides which.
        device: where to load the model.

    Returns:
        The share of words named first, for ``"both at once"``, ``"left only"``, ``"right only"``, ``"left and right,
        apart"``, and for the baseline ``"always the commonest"``, which knows what is hidden most often in these texts.

    Raises:
        BadInput: no text has a sentence that is long enough.
        WrongTask: the model fills no masks.
    """
    many, _ = texts_of([texts] if isinstance(texts, str) else list(texts), "text")
    lm = load(model, device, task="fill_mask")
    asked = gaps(many, lm, each, seed)
    if not asked:
        raise BadInput(f"No sentence has {2 * NEAR + 1} to {PIECE} tokens. Give longer texts, of whole sentences.")
    truth = [g.ids[g.place] for g in asked]
    parts = [_named(lm, asked[start : start + CHUNK]) for start in range(0, len(asked), CHUNK)]
    named = {case: tuple(answer for part in parts for answer in part[case]) for case in CASES}
    commonest = Counter(truth).most_common(1)[0][1]
    accuracy = {"always the commonest": commonest / len(truth)} | {
        case: sum(named[case]) / len(truth) for case in CASES
    }
    return SidesResult(accuracy, len(truth), lm.name, named)


def _named(lm: LanguageModel, asked: list[Gap]) -> dict[str, list[bool]]:
    """For each case and hidden word, whether the word is the one that the model finds most probable."""
    mask = lm.tokenizer.mask_token_id
    seen = {
        "both at once": [[*g.ids[: g.place], mask, *g.ids[g.place + 1 :]] for g in asked],
        "left only": [[*g.ids[: g.place], *[mask] * (len(g.ids) - g.place)] for g in asked],
        "right only": [[*[mask] * (g.place + 1), *g.ids[g.place + 1 :]] for g in asked],
    }
    said = {case: _logprobs(lm, rows, [g.place for g in asked]) for case, rows in seen.items()}
    alike = sorted({(len(g.ids), g.place) for g in asked})  # with nothing seen, these two are all that differs
    nothing = _logprobs(lm, [[mask] * length for length, _ in alike], [place for _, place in alike])
    prior = nothing[[alike.index((len(g.ids), g.place)) for g in asked]]
    said["left and right, apart"] = said["left only"] + said["right only"] - prior
    truth = np.array([g.ids[g.place] for g in asked])
    return {case: (said[case].argmax(-1) == truth).tolist() for case in CASES}


def _logprobs(lm: LanguageModel, rows: list[list[int]], places: list[int]) -> np.ndarray:
    """The log-probability of every token at one place of each row: ``(rows, vocabulary)``."""
    import torch

    before, after = lm.frame
    found = np.empty((len(rows), lm.model.config.vocab_size), dtype=np.float32)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))  # rows of like length together: little padding
    for start in range(0, len(order), BATCH):
        some = order[start : start + BATCH]
        full = [[*before, *rows[i], *after] for i in some]
        ids, mask = padded(full, lm.tokenizer.pad_token_id, lm.device)
        inputs = {"input_ids": ids, "attention_mask": mask}
        at = torch.tensor([places[i] + len(before) for i in some], device=lm.device)
        where = torch.arange(len(some), device=lm.device), at
        with torch.inference_mode():
            if lm.model.__class__.__name__ == "BertForMaskedLM":  # its head is half of the work: one place is enough
                scores = lm.model.cls(lm.model.bert(**inputs).last_hidden_state[where])
            else:
                scores = lm.model(**inputs).logits[where]
        found[some] = scores.float().log_softmax(-1).cpu().numpy()
    return found
