"""bloom-mini: BLOOM's architecture in miniature, one raw language model for nine languages, trained from nothing.

What is BLOOM's (Le Scao and others 2022, arXiv 2211.05100, section 3.2): positions are not embedded; each head
subtracts from its scores a penalty that grows with distance (ALiBi, Press and others 2022, arXiv 2108.12409), and a
normalization follows the embeddings. One byte-level BPE serves all languages (section 3.2.3 there).

Six of the languages have enough text here. Portuguese, Afrikaans and Swahili have little: what such a language gains
from its relatives (Spanish, Dutch) is a reason to train one model for many languages.

Measured in bits per byte of each language beside an n-gram of its own, the best of several on the test text itself,
which favors them; and by the loss far past its trained length.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from transformers import BloomConfig, BloomForCausalLM, PreTrainedTokenizerFast

from llm_course.minis.baselines.kneser_ney import KneserNey
from llm_course.minis.batches import Chunks
from llm_course.minis.corpora import rows
from llm_course.minis.gpt_mini import cross_entropy, token_stream
from llm_course.minis.loop import Plan
from llm_course.minis.measures.figures import Figures, Table, goal, stamp
from llm_course.minis.mini import Line, Mini
from llm_course.minis.vocabulary import byte_level_bpe
from llm_course.shelf import catalogue
from llm_course.shelf.loading import LanguageModel, ModelLike, load
from llm_course.text import windows

LANGUAGES = {
    "en": "English",
    "fr": "French",
    "de": "German",
    "es": "Spanish",
    "nl": "Dutch",
    "vi": "Vietnamese",
    "pt": "Portuguese",
    "af": "Afrikaans",
    "sw": "Swahili",
}
PAIRS = tuple(f"tatoeba-en-{other}" for other in ("fr", "de", "es", "nl", "vi"))
CORPORA = ("storybooks", *PAIRS)
# At most so many bytes of a language, of which so many of storybooks. A language's share of the training tokens goes
# with its bytes to this power, so that the small ones are read more often.
MOST, MOST_STORIES, POWER = 1_000_000, 500_000, 0.7
VOCABULARY, LENGTH, BATCH = 2048, 128, 32
HELD_BACK = 60  # one text in so many is not trained on, so that the log shows how the model does on new ones
PLAN = Plan(steps=3500, lr=3e-3, muon=6e-3, warmup=200, weight_decay=0.1, betas=(0.9, 0.95))
END = "<|endoftext|>"


def texts(data: Path, language: str, split: str = "train") -> Iterator[str]:
    """The texts of one language, storybooks first: for training as many as :data:`MOST` allows, else all."""
    sizes = (MOST_STORIES, MOST) if split == "train" else (10**12, 10**12)
    used = 0
    for own, most in zip((_stories, _sentences), sizes, strict=True):
        for text in own(data, language, split):
            used += len(text.encode("utf-8"))
            if used > most:
                break
            yield text


def _stories(data: Path, language: str, split: str) -> Iterator[str]:
    yield from _storybooks(data, split).get(language, [])


@lru_cache(2)
def _storybooks(data: Path, split: str) -> dict[str, list[str]]:
    """Storybooks by language; kept, since each of nine languages would unpack the whole file."""
    found: dict[str, list[str]] = {}
    for row in rows(data, "storybooks", split):
        if row["lang"] in LANGUAGES:
            found.setdefault(row["lang"], []).append("\n".join(page.strip() for page in row["pages"]))
    return found


def _sentences(data: Path, language: str, split: str) -> Iterator[str]:
    """Sentences that belong together in no way; in the files they are sorted by length, so take some everywhere."""
    pairs = [pair for pair in PAIRS if language in ("en", pair[-2:])]
    found = list(dict.fromkeys(row[language] for pair in pairs[:2] for row in rows(data, pair, split)))
    order = np.random.default_rng(0).permutation(len(found))
    yield from (found[i] for i in order)


def make_tokenizer(data: Path) -> PreTrainedTokenizerFast:
    """A byte-level BPE of 2,048 pieces, learned on about as much text of every language."""
    own = {language: list(texts(data, language)) for language in LANGUAGES}
    sizes = {language: sum(len(text.encode("utf-8")) for text in some) for language, some in own.items()}
    enough = 600_000
    picked = []
    for language, some in own.items():
        if sizes[language] > enough:
            some = some[:: -(-sizes[language] // enough)]
        picked += some * max(1, enough // max(1, sizes[language]))
    return PreTrainedTokenizerFast(
        tokenizer_object=byte_level_bpe(picked, VOCABULARY, [END]),
        bos_token=END,
        eos_token=END,
        model_max_length=4 * LENGTH,
        clean_up_tokenization_spaces=False,
    )


def make_model(tokenizer: PreTrainedTokenizerFast) -> BloomForCausalLM:
    """4 layers, width 128, 8 heads: 1.1 million parameters, randomly initialized."""
    torch.manual_seed(PLAN.seed)
    config = BloomConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        n_layer=4,
        n_head=8,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        initializer_range=0.05,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return BloomForCausalLM(config)


class Task:
    """All languages as chunks of token ids, the loss of any batch of them, and that of texts held back."""

    def __init__(self, data: Path, tokenizer: PreTrainedTokenizerFast) -> None:
        self.streams, self.new = {}, {}
        for language in LANGUAGES:
            own = list(texts(data, language))
            new = token_stream(own[::HELD_BACK], tokenizer)
            del own[::HELD_BACK]
            self.streams[language] = token_stream(own, tokenizer)
            self.new[language] = [new[i : i + LENGTH + 1] for i in range(0, len(new) - LENGTH, LENGTH)][:BATCH]
        shares = [len(stream) ** POWER for stream in self.streams.values()]
        self.batches = Chunks(list(self.streams.values()), shares, LENGTH, BATCH, PLAN.seed)

    def loss(self, model: torch.nn.Module, number: int) -> torch.Tensor:
        """Cross-entropy of the next token, in nats."""
        return cross_entropy(model, self.batches[number])

    def watch(self, step: int, model: torch.nn.Module) -> dict[str, float]:
        """Cross-entropy of the next token in texts held back, in nats, for each language."""
        return {
            language: round(cross_entropy(model, np.stack(chunks).astype(np.int64)).item(), 3)
            for language, chunks in self.new.items()
            if chunks
        }


# --- how it is measured --------------------------------------------------------------------------------------------

SENTENCES, STORY_BYTES = 300, 20_000  # of each language, at most
ORDERS = (3, 4, 5, 6)
STEP = 64  # tokens in one piece of the curve by position
LEARNED = "learned_positions.json"  # what bloom_mini_learned.py leaves beside the card
HOW = (
    "Bits per byte on held-out sentences (at most 300) and storybooks (at most 20 kB) of each language. Each text is "
    "scored by itself after the start token, its end token included; longer ones in windows of 128 tokens that overlap "
    "by half, each token counted once; bits are divided by UTF-8 bytes. The n-gram of a language (modified Kneser-Ney "
    "over the same tokens, or over bytes; the best order on the test text) has read the same text in that language."
)


def measure(data: str | Path, limit: int | None = None, *, model: ModelLike = "bloom-mini") -> Figures:
    """Measure a multilingual model beside n-grams, one for each language, and by position.

    Args:
        data: the data folder.
        limit: at most so many sentences and stories of each language, and 20 times as many training texts for the
            n-grams: a quick look, no fair comparison.
        model: what ``lc.load`` takes.

    Raises:
        DataMissing: a corpus is not there.
    """
    lm = load(model, task="generate")
    languages: dict[str, Figures] = {}
    for code, name in LANGUAGES.items():
        test = test_texts(Path(data), code, limit)
        size = sum(len(text.encode("utf-8")) for text in test)
        train = list(islice(texts(Path(data), code), limit and 20 * limit))
        own = bits(lm, test) / size
        order, best = best_ngram(lm.tokenizer, train, test, size)
        languages[code] = {
            "language": name,
            "train_bytes": sum(len(text.encode("utf-8")) for text in train),
            "bytes": size,
            "model": round(own, 4),
            "n-gram": round(best, 4),
            "order": order,
            "below": round(1 - own / best, 4),
        }
    longer: Figures = {"trained_on": LENGTH, "step": STEP}
    longer["ALiBi"] = by_position(lm.model, lm.tokenizer, Path(data), limit)
    twin = catalogue.WEIGHTS / "bloom-mini" / LEARNED
    if twin.is_file():
        found = json.loads(twin.read_text(encoding="utf-8"))
        longer["learned positions"] = found["loss"]
        longer["twin"] = {"parameters": found["parameters"], "steps": found["training"]["steps"]}
    better = sum(one["below"] > 0 for one in languages.values())
    return {
        "how": HOW,
        "languages": languages,
        "longer": longer,
        "goals": [goal("languages in which the model needs fewer bits than the n-gram", len(LANGUAGES), better)],
        **stamp("bloom-mini", lm.device.type),
    }


def test_texts(data: Path, language: str, limit: int | None = None) -> list[str]:
    """The held-out texts of a language: storybooks up to 20 kB, sentences up to 300."""
    stories, sentences, used = [], [], 0
    for text in texts(data, language, "test"):
        text = text.strip()
        if "\n" not in text:
            sentences.append(text)
        elif used < STORY_BYTES:
            stories.append(text)
            used += len(text.encode("utf-8"))
    return stories[:limit] + sentences[: limit or SENTENCES]


def bits(lm: LanguageModel, test: list[str]) -> float:
    """The bits that a model needs for texts, end tokens included; each text is read by itself, in windows."""
    start, nats = lm.tokenizer.bos_token_id, 0.0
    for text in test:
        ids = [start, *lm.tokenizer(text, add_special_tokens=False)["input_ids"], lm.tokenizer.eos_token_id]
        done = 1  # tokens that have been counted: the start token has not to be predicted
        for begin, end in windows(len(ids), LENGTH, LENGTH // 2):
            part = torch.tensor([ids[begin:end]], device=lm.device)
            with torch.inference_mode():
                scores = lm.model(input_ids=part[:, :-1]).logits[0].float().log_softmax(-1)
            chances = scores.gather(1, part[0, 1:, None])[:, 0]
            nats -= float(chances[done - begin - 1 :].sum())
            done = end
    return nats / math.log(2)


def best_ngram(tokenizer: PreTrainedTokenizerFast, train: list[str], test: list[str], size: int) -> tuple[str, float]:
    """The order of the best n-gram, and its bits per byte: over the model's tokens, and over bytes."""

    def tokens(some: list[str]) -> list[list[int]]:
        encoded = tokenizer.backend_tokenizer.encode_batch([t.strip() for t in some], add_special_tokens=False)
        return [[*one.ids, tokenizer.eos_token_id] for one in encoded]

    def plain(some: list[str]) -> list[list[int]]:
        return [[*t.strip().encode("utf-8"), 256] for t in some]

    found = []
    for unit, cut, vocabulary, orders in (("token", tokens, len(tokenizer), ORDERS), ("byte", plain, 257, (6, 8))):
        known, new = cut(train), cut(test)
        for order in orders:
            grams = KneserNey(vocabulary, order, modified=True).fit(known)
            nats = -sum(float(grams.logprobs(one).sum()) for one in new)
            found.append((nats / math.log(2) / size, f"{order} {unit}s"))
    best, named = min(found)
    return named, best


def by_position(
    model: torch.nn.Module, tokenizer: PreTrainedTokenizerFast, data: Path, limit: int | None = None
) -> list[float]:
    """Cross-entropy of the next token in nats by its place in the text the model reads, up to four trained lengths.

    The held-out storybooks of all languages (test and validation) are joined and cut into pieces of 512 tokens.

    Args:
        model: a causal model of transformers.
        tokenizer: its tokenizer.
        data: the data folder.
        limit: at most so many stories of each language.

    Returns:
        The mean over each 64 places, eight numbers.
    """
    length = 4 * LENGTH
    pieces = []
    for language in LANGUAGES:
        stories = [t for split in ("test", "validation") for t in texts(data, language, split) if "\n" in t.strip()]
        row = token_stream(stories[:limit], tokenizer)
        pieces += [row[i : i + length + 1] for i in range(0, len(row) - length, length)]
    if not pieces:
        return []
    total = torch.zeros(length)
    device = next(model.parameters()).device
    for some in (pieces[i : i + 16] for i in range(0, len(pieces), 16)):
        ids = torch.from_numpy(np.stack(some).astype(np.int64)).to(device)
        with torch.inference_mode():
            logits = model(input_ids=ids[:, :-1], use_cache=False).logits.float()
        each = torch.nn.functional.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")
        total += each.sum(0).cpu()
    means = (total / len(pieces)).view(-1, STEP).mean(1)
    return [round(value, 4) for value in means.tolist()]


def headline(measured: Figures) -> list[Line]:
    """Bits per byte over all languages, and the loss at four times the trained length beside the twin's."""
    languages = measured["languages"].values()
    own, base = (np.mean([one[key] for one in languages]) for key in ("model", "n-gram"))
    lines = [(f"bits per byte, mean of {len(languages)} languages", f"{own:.3f}", f"an n-gram for each {base:.3f}")]
    longer = measured["longer"]
    if longer["ALiBi"]:
        other = longer.get("learned positions")
        beside = f"learned positions {other[-1]:.2f}" if other else "not measured"
        lines.append(("loss per token at 4 times the trained length", f"{longer['ALiBi'][-1]:.2f}", beside))
    return lines


def tables(measured: Figures) -> list[Table]:
    """Bits per byte of each language, and the loss by position."""
    rows = tuple(
        (
            one["language"],
            f"{one['train_bytes'] / 1e6:.2f}",
            f"{one['model']:.3f}",
            f"{one['n-gram']:.3f}",
            one["order"],
            f"{one['below']:+.0%}",
        )
        for one in measured["languages"].values()
    )
    head = ("language", "training text, MB", "bloom-mini", "best n-gram", "its order", "fewer bits")
    found = [Table("Bits per byte of held-out text (lower is better)", head, rows)]
    longer = measured["longer"]
    kinds = [name for name in ("ALiBi", "learned positions") if longer.get(name)]
    if kinds:
        places = [f"{i * STEP + 1} to {(i + 1) * STEP}" for i in range(len(longer[kinds[0]]))]
        lines = tuple((name, *(f"{value:.2f}" for value in longer[name])) for name in kinds)
        title = f"Loss in nats per token by place in the text; trained on {longer['trained_on']} tokens"
        found.append(Table(title, ("positions", *places), lines))
    return found


MINI = Mini(
    name="bloom-mini",
    kind="raw",
    tasks=("generate",),
    about="A raw language model for nine languages, with BLOOM's architecture: positions enter as ALiBi.",
    data="sentences and picture books in nine languages",
    example='print(lc.generate("Der Hund", model="bloom-mini"))',
    limits=(
        "It has read short sentences and picture books: it writes words and phrases of each language, not much sense.",
        "Of Portuguese, Afrikaans and Swahili it has read little, and of all other languages nothing.",
        "It learned on pieces of 128 tokens; longer texts it bears, but it uses little of what lies farther back.",
    ),
    hub_task="text-generation",
    tags=("bloom", "multilingual", "alibi"),
    languages=tuple(LANGUAGES),
    corpora=CORPORA,
    window=4 * LENGTH,  # ALiBi has no longest text; measured is up to four times the length of the training pieces
    starts_with_bos=True,
    plan=PLAN,
    make_tokenizer=make_tokenizer,
    make_model=make_model,
    task=Task,
    measure=measure,
    headline=headline,
    tables=tables,
)
