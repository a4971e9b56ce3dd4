"""gpt-mini: a raw language model of GPT-2's architecture, trained from nothing on children's stories.

Normalization before each block, learned positions, byte-level BPE (Radford and others 2019). Every story
begins after the token ``<|endoftext|>`` and ends with it.

Measured in bits per byte of new stories, beside Kneser-Ney n-grams, which use the same tokenizer and the same training
stories and are scored in the same way, with no window. End tokens cost bits and add no byte.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from llm_course.minis.baselines.kneser_ney import KneserNey
from llm_course.minis.batches import Chunks
from llm_course.minis.corpora import rows
from llm_course.minis.loop import Plan
from llm_course.minis.measures.figures import Figures, Table, first, goal, stamp
from llm_course.minis.mini import Line, Mini
from llm_course.minis.vocabulary import byte_level_bpe
from llm_course.shelf.loading import ModelLike, load
from llm_course.use_cases.generation import generate, token_logprobs

# Corpus -> its share of the training tokens. Easy books are those of short sentences.
MIXTURE = {"tinystories": 0.70, "fables": 0.12, "storybooks": 0.05, "childrens-books": 0.13}
VOCABULARY, LENGTH, BATCH = 4096, 256, 16
EASY = 14.0  # mean words in a sentence
# Dropout, since the small stories are read about six times over. One in HELD_BACK of them is not trained on, so that
# the log shows how the model does on new ones.
DROPOUT, HELD_BACK = 0.1, 50
PLAN = Plan(steps=4000, lr=2e-3, muon=4e-3, warmup=150, weight_decay=0.1, betas=(0.9, 0.95))
END = "<|endoftext|>"


def texts(data: Path, name: str, split: str = "train") -> Iterator[str]:
    """The English texts of one corpus."""
    for row in rows(data, name, split):
        if name == "storybooks":
            if row["lang"] == "en":
                yield "\n".join(row["pages"])
        elif name == "childrens-books":
            if row["mean_sentence_words"] < EASY:
                yield row["text"]
        else:
            yield row["text"]


def make_tokenizer(data: Path) -> PreTrainedTokenizerFast:
    """A byte-level BPE of 4,096 pieces, learned on stories; books would fill it with old words."""
    stories = (text for name in ("tinystories", "fables", "storybooks") for text in texts(data, name))
    backend = byte_level_bpe(stories, VOCABULARY, [END])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token=END,
        eos_token=END,
        model_max_length=LENGTH,
        clean_up_tokenization_spaces=False,
    )


def make_model(tokenizer: PreTrainedTokenizerFast) -> GPT2LMHeadModel:
    """6 layers, width 256, 4 heads: 5.9 million parameters, randomly initialized."""
    torch.manual_seed(PLAN.seed)
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=LENGTH,
        n_embd=256,
        n_layer=6,
        n_head=4,
        resid_pdrop=DROPOUT,
        embd_pdrop=DROPOUT,
        attn_pdrop=0.0,
        activation_function="gelu_pytorch_tanh",  # GPT-2's function, computed in one step
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    model = GPT2LMHeadModel(config)
    # Learned positions start as sinusoids, in which "the token before" is the same rotation at every place.
    # Not compared with a random start.
    model.transformer.wpe.weight.data.copy_(sinusoids(LENGTH, 256) * 0.02)
    return model


def sinusoids(length: int, width: int) -> torch.Tensor:
    """Positions from which learned ones can start (Vaswani and others 2017, section 3.5), ``(length, width)``.

    Sines and cosines of the place at ``width / 2`` wavelengths.
    """
    rates = 10_000 ** (-torch.arange(0, width, 2) / width)
    angles = torch.arange(length)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)


def token_stream(stories: Iterable[str], tokenizer: PreTrainedTokenizerFast) -> np.ndarray:
    """Texts as one row of token ids, each text between two end tokens."""
    end = tokenizer.eos_token_id
    ids = [end]
    for encoding in tokenizer.backend_tokenizer.encode_batch([t.strip() for t in stories]):
        ids += [*encoding.ids, end]
    return np.array(ids, dtype=np.int32)


class Task:
    """The mixture as chunks of token ids, the loss of any batch of them, and that of stories held back."""

    def __init__(self, data: Path, tokenizer: PreTrainedTokenizerFast) -> None:
        read = {name: list(texts(data, name)) for name in MIXTURE}
        held_back = read["tinystories"][::HELD_BACK]
        del read["tinystories"][::HELD_BACK]
        streams = [token_stream(stories, tokenizer) for stories in read.values()]
        self.sizes = {name: len(stream) for name, stream in zip(MIXTURE, streams, strict=True)}
        self.batches = Chunks(streams, list(MIXTURE.values()), LENGTH, BATCH, PLAN.seed)
        new = token_stream(held_back, tokenizer)
        self.new = [new[i : i + LENGTH + 1] for i in range(0, max(1, len(new) - LENGTH), LENGTH)]

    def loss(self, model: torch.nn.Module, number: int) -> torch.Tensor:
        """Cross-entropy of the next token, in nats."""
        return cross_entropy(model, self.batches[number])

    def watch(self, step: int, model: torch.nn.Module) -> dict[str, float]:
        """Cross-entropy of the next token in the stories held back, in nats."""
        parts = [np.stack(self.new[i : i + BATCH]).astype(np.int64) for i in range(0, len(self.new), BATCH)]
        total = sum(cross_entropy(model, part).item() * len(part) for part in parts)
        return {"held_back": round(total / len(self.new), 4)}


def cross_entropy(model: torch.nn.Module, chunk: np.ndarray) -> torch.Tensor:
    """Mean over all tokens of a chunk, an array ``(batch, length + 1)``, but the first."""
    ids = torch.from_numpy(chunk).to(next(model.parameters()).device)
    logits = model(input_ids=ids[:, :-1], use_cache=False).logits
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())


# --- how it is measured --------------------------------------------------------------------------------------------

ORDER, MARGIN = 5, 0.25
STORIES = ("tinystories", "fables")  # of MIXTURE, those that are closest to the validation file
PROMPTS = ("Once upon a time, there was a little girl named", "The dog was sad because", "Tom and his mom went to")
HOW = (
    "Bits per byte on the TinyStories validation file. Each story is scored by itself after the start token, its end "
    "token included; a story longer than the window is read in windows that overlap by half, each token counted once; "
    "the sum in bits is divided by the UTF-8 bytes of the stories. Kneser-Ney uses the same tokens."
)


def measure(data: str | Path, limit: int | None = None, *, model: ModelLike = "gpt-mini") -> Figures:
    """Measure a raw model beside its n-gram baselines.

    Args:
        data: the data folder.
        limit: at most so many validation stories, and 20 times as many training texts of each corpus for the
            n-grams: a quick look, no fair comparison.
        model: what ``lc.load`` takes.

    Raises:
        DataMissing: a corpus is not there.
    """
    lm = load(model, task="generate")
    stories = [row["text"].strip() for row in first(rows(data, "tinystories-validation", "validation"), limit)]
    size = sum(len(story.encode("utf-8")) for story in stories)
    test = sequences(lm.tokenizer, stories)
    start = lm.tokenizer.bos_token_id
    start = lm.tokenizer.eos_token_id if start is None else start
    nats = [-sum(token_logprobs(lm, [start, *one])) for one in test]
    tokens = sum(map(len, test))
    bits = {lm.name: sum(nats) / math.log(2) / size}
    wanted = [name for name in MIXTURE if (limit is None or name in STORIES)]
    trained = {
        name: sequences(lm.tokenizer, [t.strip() for t in first(texts(Path(data), name), limit and 20 * limit)])
        for name in wanted
    }
    for what, names in (("all training text", wanted), ("stories and fables", STORIES)):
        for modified in (False, True):
            grams = KneserNey(len(lm.tokenizer), ORDER, modified)
            grams.fit(one for name in names for one in trained[name])
            kind = "modified Kneser-Ney" if modified else "Kneser-Ney"
            loss = -sum(float(grams.logprobs(one).sum()) for one in test)
            bits[f"{kind} {ORDER}-gram, {what}"] = loss / math.log(2) / size
    lowest = min(value for name, value in bits.items() if name != lm.name)
    below = 1 - bits[lm.name] / lowest
    drawn = generate(list(PROMPTS), max_new_tokens=60, temperature=0.7, seed=0, model=lm, progress=False)
    return {
        "how": HOW,
        "stories": len(stories),
        "bytes": size,
        "tokens": tokens,
        "perplexity_per_token": round(math.exp(sum(nats) / tokens), 2),
        "bits_per_byte": {name: round(value, 4) for name, value in bits.items()},
        "below_best_baseline": round(below, 4),
        "samples": [str(one) for one in drawn],
        "goals": [goal("share of bits per byte below the best n-gram", MARGIN, below)],
        **stamp(lm.name, lm.device.type),
    }


def sequences(tokenizer: PreTrainedTokenizerFast, stories: list[str]) -> list[list[int]]:
    """Each story as token ids, with the end token."""
    end = tokenizer.eos_token_id
    return [[*e.ids, end] for e in tokenizer.backend_tokenizer.encode_batch(stories, add_special_tokens=False)]


def headline(measured: Figures) -> list[Line]:
    """What was measured, the model's figure, and the baselines'."""
    (_, own), *others = measured["bits_per_byte"].items()
    below = "; ".join(f"{name} {value:.3f}" for name, value in others)
    return [("bits per byte, TinyStories validation (lower is better)", f"{own:.3f}", below)]


def tables(measured: Figures) -> list[Table]:
    """Bits per byte of each model, lower is better."""
    found = measured["bits_per_byte"]
    lines = tuple((name, f"{value:.3f}") for name, value in sorted(found.items(), key=lambda pair: pair[1]))
    title = f"TinyStories validation, {measured['stories']} stories, {measured['bytes']:,} bytes (lower is better)"
    return [Table(title, ("model", "bits per byte"), lines)]


def remarks(measured: Figures) -> list[str]:
    """The samples, quoted."""
    quoted = ("> " + text.replace("\n", "\n> ") for text in measured["samples"])
    return ["**Samples (temperature 0.7, seed 0)**", *quoted]


MINI = Mini(
    name="gpt-mini",
    kind="raw",
    tasks=("generate",),
    default_for=("generate",),
    about="A raw language model: it continues a text, token by token, in the manner of children's stories.",
    data="children's stories",
    example='print(lc.generate("Once upon a time"))',
    limits=(
        "It has read children's stories only, in English. It knows no facts and answers no questions.",
        "Over a long text it may lose its subject, and its stories may contradict themselves.",
        "The older books it read carry the stereotypes of their time.",
    ),
    hub_task="text-generation",
    tags=("gpt2", "stories"),
    corpora=tuple(MIXTURE),
    tested_on=("tinystories-validation",),
    starts_with_bos=True,
    plan=PLAN,
    make_tokenizer=make_tokenizer,
    make_model=make_model,
    task=Task,
    measure=measure,
    headline=headline,
    tables=tables,
    remarks=remarks,
)
