"""marian-mini: an encoder-decoder that translates English to French, trained from nothing on Tatoeba.

The architecture is MarianMT's (Junczys-Dowmunt and others 2018): normalization after each block,
sinusoidal positions, one embedding table for both languages and the output. It learns quickly from nothing;
T5's initialization does not.

Measured by BLEU and chrF beside a translation memory: the French of the most similar sentence of the training text.
The rows are grouped by their English sentence; all French variants of a sentence are its references.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import MarianConfig, MarianMTModel, PreTrainedTokenizerFast

from llm_course.minis.baselines.translation_memory import TranslationMemory
from llm_course.minis.batches import LengthBatches, pad
from llm_course.minis.corpora import Row, rows
from llm_course.minis.loop import Plan
from llm_course.minis.measures.figures import Figures, Table, first, goal, stamp
from llm_course.minis.mini import Line, Mini
from llm_course.minis.vocabulary import byte_fallback_bpe
from llm_course.shelf.loading import ModelLike, load
from llm_course.use_cases.translation import translate

CORPUS = "tatoeba-en-fr"
VOCABULARY, BATCH_TOKENS = 8000, 3600
PLAN = Plan(steps=7400, lr=1.4e-3, muon=2e-3, warmup=300, weight_decay=0.01)
# In the last quarter of the training every other batch has short sentences only, of so many English words at most.
EVERYDAY_FROM, EVERYDAY_WORDS = 3 / 4, 4
# Set phrases cannot be put together from their words: they have to be seen often. So the short batches have a phrase
# book that was written for this recipe, so many times over (without the phrases that the test split has).
PHRASES, PHRASE_COPIES = Path(__file__).parent / "phrase_book.json", 100
# Nearly all sentences of the corpus stand alone, so a question behind a comma ("Hello, how are you?") is rarely seen.
# The short sentences are therefore put behind one of these, too.
OPENERS = (
    ("Hello", "Bonjour"),
    ("Hello", "Salut"),
    ("Hi", "Salut"),
    ("Good morning", "Bonjour"),
    ("Yes", "Oui"),
    ("No", "Non"),
    ("Sorry", "Désolé"),
    ("Excuse me", "Excusez-moi"),
    ("Thanks", "Merci"),
    ("Well", "Eh bien"),
    ("Tom", "Tom"),
    ("Mary", "Marie"),
    ("Mom", "Maman"),
    ("Dad", "Papa"),
    ("Please", "S'il vous plaît"),
)


def make_tokenizer(data: Path) -> PreTrainedTokenizerFast:
    """A joint English-French BPE of 8,000 pieces."""
    texts = (text for row in rows(data, CORPUS) for text in (row["en"], row["fr"]))
    backend = byte_fallback_bpe(texts, VOCABULARY, ["<pad>", "</s>", "<unk>"], end="</s>")
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=128
    )


def make_model(tokenizer: PreTrainedTokenizerFast) -> MarianMTModel:
    """3 + 2 layers, width 256, feed-forward 1024, 4 heads: 6.5 million parameters, randomly initialized.

    A shallower decoder costs little quality and is run once per word (Kasai and others 2021, arXiv 2006.10369).
    """
    torch.manual_seed(PLAN.seed)
    config = MarianConfig(
        vocab_size=len(tokenizer),
        d_model=256,
        encoder_layers=3,
        decoder_layers=2,
        encoder_ffn_dim=1024,
        decoder_ffn_dim=1024,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        activation_function="relu",
        dropout=0.1,
        max_position_embeddings=128,
        scale_embedding=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        forced_eos_token_id=None,
        decoder_start_token_id=tokenizer.pad_token_id,
    )
    # The fused attention kernel is slower than plain matrix products at ten tokens on a CPU.
    config._attn_implementation = "eager"
    return MarianMTModel(config)


def behind_a_comma(pairs: list[tuple[str, str]], seed: int) -> list[tuple[str, str]]:
    """The pairs, each behind an opener drawn at random: "How are you?" becomes "Hello, how are you?".

    Left out are sentences whose first word is also written with a capital in the middle of others, in either language:
    names, "I", weekdays.
    """
    capital: Counter[str] = Counter()
    small: Counter[str] = Counter()
    for pair in pairs:
        for text in pair:
            for word in re.findall(r"(?<=[\w,] )[^\W\d_]+", text):
                (small if word[0].islower() else capital)[word.lower()] += 1
    usual = {word for word, seen in small.items() if seen > 10 * capital[word]}

    def starts_usual(text: str) -> bool:
        first = re.match(r"[^\W\d_]+", text)
        return first is not None and first[0].lower() in usual

    chance = random.Random(seed)
    found = []
    for en, fr in pairs:
        if starts_usual(en) and starts_usual(fr):
            opener, its_french = chance.choice(OPENERS)
            found.append((f"{opener}, {en[0].lower()}{en[1:]}", f"{its_french}, {fr[0].lower()}{fr[1:]}"))
    return found


def phrase_book(data: Path) -> list[tuple[str, str]]:
    """The set phrases with their French, without those whose English the test split has."""
    asked = {row["en"] for row in rows(data, CORPUS, "test")}
    return [(en, fr) for en, fr in json.loads(PHRASES.read_text(encoding="utf-8")) if en not in asked]


class Task:
    """The training pairs as token ids, and the loss of any batch of them."""

    def __init__(self, data: Path, tokenizer: PreTrainedTokenizerFast, split: str = "train") -> None:
        pairs = [(row["en"], row["fr"]) for row in rows(data, CORPUS, split)]
        short = [n for n, (en, _) in enumerate(pairs) if len(en.split()) <= EVERYDAY_WORDS]
        behind = behind_a_comma([pairs[n] for n in short], PLAN.seed) + PHRASE_COPIES * phrase_book(data)
        encode = tokenizer.backend_tokenizer.encode_batch
        self.source = [e.ids[:127] for e in encode([en for en, _ in pairs + behind])]
        self.target = [e.ids[:127] for e in encode([fr for _, fr in pairs + behind])]
        lengths = np.array([(len(s), len(t)) for s, t in zip(self.source, self.target, strict=True)])
        self.batches = LengthBatches(lengths[: len(pairs)], BATCH_TOKENS, PLAN.seed)
        self.everyday = np.array([*short, *range(len(pairs), len(pairs) + len(behind))])
        self.short_batches = LengthBatches(lengths[self.everyday], BATCH_TOKENS, PLAN.seed + 1)
        self.steps = PLAN.steps
        self.pad = tokenizer.pad_token_id

    def loss(self, model: torch.nn.Module, number: int, smoothing: float = 0.1) -> torch.Tensor:
        """Cross-entropy of the next French token, in nats, with label smoothing (Szegedy and others 2016)."""
        if number >= EVERYDAY_FROM * self.steps and number % 2 and len(self.everyday):
            batch = self.everyday[self.short_batches[number // 2]]
        else:
            batch = self.batches[number]
        source = torch.from_numpy(pad([self.source[i] for i in batch], self.pad))
        target = torch.from_numpy(pad([self.target[i] for i in batch], self.pad))
        # The decoder reads the target one step late; its first input is the padding token, as in Marian.
        shifted = torch.cat([torch.full_like(target[:, :1], self.pad), target[:, :-1]], dim=1)
        device = next(model.parameters()).device
        source, target, shifted = source.to(device), target.to(device), shifted.to(device)
        logits = model(
            input_ids=source, attention_mask=(source != self.pad).long(), decoder_input_ids=shifted, use_cache=False
        ).logits
        return torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), target.flatten(), ignore_index=self.pad, label_smoothing=smoothing
        )


# --- how it is measured --------------------------------------------------------------------------------------------

MEMORY = "translation memory"
BLEU_WANTED, CHRF_WANTED = 45.0, 63.0
LENGTHS = ((1, 5), (6, 10), (11, 15), (16, 10_000))  # words of the English sentence, both ends included
EVERYDAY = (
    "Hello, how are you?",
    "Good morning!",
    "Thank you very much.",
    "What is your name?",
    "I am hungry.",
    "Where is the train station?",
    "How much does it cost?",
    "I don't understand.",
    "My sister bought a new car.",
    "The children are playing in the garden.",
    "Can you help me, please?",
    "It is raining today.",
    "I would like a cup of coffee.",
    "See you tomorrow!",
    "We live in a small house.",
    "He is reading a book.",
    "What time is it?",
    "I have two brothers and a dog.",
    "She does not like fish.",
    "Happy birthday!",
)
HOW = (
    "Rows with split=test of Tatoeba English-French, grouped by English sentence, all French variants as references "
    "(sentences have different numbers of them; sacrebleu skips the missing ones). Beam search with four beams. "
    "BLEU and chrF by sacrebleu with its defaults; the signatures say which."
)


def measure(data: str | Path, limit: int | None = None, *, model: ModelLike = "marian-mini") -> Figures:
    """Measure a translation model beside a translation memory.

    Args:
        data: the data folder.
        limit: at most so many English sentences, and 20 times as many rows for the memory: a quick look.
        model: what ``lc.load`` takes.

    Raises:
        DataMissing: the corpus is not there.
    """
    lm = load(model, task="translate")
    references = grouped(rows(data, CORPUS, "test"))
    english = list(first(references, limit))
    french = [references[one] for one in english]
    train = [(row["en"], row["fr"]) for row in rows(data, CORPUS)]
    # the phrase book, too; how a sentence ends makes it no other one
    known = {en.strip(" .!?") for en, _ in [*train, *phrase_book(Path(data))]}
    train = list(first(train, limit and 20 * limit))
    memory = TranslationMemory([en for en, _ in train], [fr for _, fr in train])
    found = {lm.name: [one.text for one in translate(english, model=lm, progress=False)], MEMORY: memory(english)}
    systems = {name: scores_of(written, french) for name, written in found.items()}
    everyday = translate(list(EVERYDAY), model=lm, progress=False)
    own = systems[lm.name]
    return {
        "how": HOW,
        "sentences": len(english),
        "references": sum(map(len, french)),
        "systems": systems,
        "by_length": {name: by_length(english, written, french) for name, written in found.items()},
        "everyday": [
            {"en": one.original, "fr": one.text, "in_training_text": one.original.strip(" .!?") in known}
            for one in everyday
        ],
        "goals": [goal("BLEU", BLEU_WANTED, own["bleu"]), goal("chrF", CHRF_WANTED, own["chrf"])],
        **stamp(lm.name, lm.device.type),
    }


def grouped(pairs: Iterable[Row]) -> dict[str, list[str]]:
    """English sentence -> its different French variants, in file order."""
    found: dict[str, list[str]] = {}
    for row in pairs:
        own = found.setdefault(row["en"], [])
        if row["fr"] not in own:
            own.append(row["fr"])
    return found


def scores_of(written: Sequence[str], references: Sequence[Sequence[str]]) -> Figures:
    """Corpus BLEU and chrF, in 0 to 100, with sacrebleu's signatures.

    Args:
        written: one translation per sentence.
        references: the references of each sentence, one or more.
    """
    from sacrebleu.metrics import BLEU, CHRF

    # sacrebleu takes references by column; a sentence with fewer than others has None there and is fine.
    most = max(map(len, references))
    columns: list[list[Any]] = [[own[i] if i < len(own) else None for own in references] for i in range(most)]
    bleu, chrf = BLEU(), CHRF()
    return {
        "bleu": round(bleu.corpus_score(list(written), columns).score, 2),
        "chrf": round(chrf.corpus_score(list(written), columns).score, 2),
        "bleu_signature": str(bleu.get_signature()),
        "chrf_signature": str(chrf.get_signature()),
    }


def by_length(
    english: Sequence[str], written: Sequence[str], references: Sequence[Sequence[str]]
) -> dict[str, Figures]:
    """BLEU and chrF for sentences of 1 to 5, 6 to 10, 11 to 15, and more English words; empty groups are left out."""
    found = {}
    for low, high in LENGTHS:
        own = [i for i, sentence in enumerate(english) if low <= len(sentence.split()) <= high]
        if own:
            name = f"{low} to {high} words" if high < 1000 else f"{low} words or more"
            scores = scores_of([written[i] for i in own], [references[i] for i in own])
            found[name] = {"sentences": len(own), "bleu": scores["bleu"], "chrf": scores["chrf"]}
    return found


def headline(measured: Figures) -> list[Line]:
    """What was measured, the model's figure, and the baseline's."""
    own, memory = measured["systems"].values()
    return [
        ("BLEU, Tatoeba test", f"{own['bleu']:.1f}", f"{MEMORY} {memory['bleu']:.1f}"),
        ("chrF, Tatoeba test", f"{own['chrf']:.1f}", f"{MEMORY} {memory['chrf']:.1f}"),
    ]


def tables(measured: Figures) -> list[Table]:
    """The scores, the scores by length, and the everyday sentences."""
    systems = measured["systems"]
    lines = tuple((name, f"{s['bleu']:.1f}", f"{s['chrf']:.1f}") for name, s in systems.items())
    own = next(iter(measured["by_length"].values()))
    lengths = tuple((n, str(s["sentences"]), f"{s['bleu']:.1f}", f"{s['chrf']:.1f}") for n, s in own.items())
    everyday = tuple((e["en"], e["fr"], "yes" if e["in_training_text"] else "no") for e in measured["everyday"])
    title = f"English to French, {measured['sentences']:,} sentences, {measured['references']:,} references"
    return [
        Table(title, ("system", "BLEU", "chrF"), lines),
        Table(f"{next(iter(systems))} by length", ("English sentence", "sentences", "BLEU", "chrF"), lengths),
        Table("Everyday sentences", ("English", "French", "in the training text"), everyday),
    ]


def remarks(measured: Figures) -> list[str]:
    """The signatures of the scores."""
    own = next(iter(measured["systems"].values()))
    return [f"Signatures: `{own['bleu_signature']}`, `{own['chrf_signature']}`."]


MINI = Mini(
    name="marian-mini",
    kind="encoder-decoder",
    tasks=("translate",),
    default_for=("translate",),
    about="Translates everyday English sentences to French.",
    data="Tatoeba sentence pairs",
    example='print(lc.translate("Hello, how are you?"))',
    limits=(
        "It learned short everyday sentences; long, technical or literary ones often come out wrong.",
        "It translates each sentence by itself: 'it', 'they' and 'you' get a gender or politeness by chance.",
        "Names and rare words are spelled out of pieces and may be changed.",
        "Some set phrases, such as 'Hello, how are you?', it learned by heart, from a phrase book written for it.",
    ),
    hub_task="translation",
    tags=("marian", "english", "french"),
    languages=("en", "fr"),
    corpora=(CORPUS,),
    plan=PLAN,
    make_tokenizer=make_tokenizer,
    make_model=make_model,
    task=Task,
    measure=measure,
    headline=headline,
    tables=tables,
    remarks=remarks,
)
