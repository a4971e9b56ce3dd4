"""marian-mini: an encoder-decoder that translates English to French, trained from nothing on Tatoeba.

The architecture is MarianMT's (Junczys-Dowmunt and others 2018): normalization after each block,
sinusoidal positions, one embedding table for both languages and the output. It learns quickly from nothing;
T5's initialization does not.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from transformers import MarianConfig, MarianMTModel, PreTrainedTokenizerFast

from llm_course.minis.batches import LengthBatches, pad
from llm_course.minis.corpora import rows
from llm_course.minis.loop import Plan
from llm_course.minis.vocabulary import byte_fallback_bpe

CORPORA = ["tatoeba-en-fr"]
VOCABULARY, BATCH_TOKENS = 8000, 3600
PLAN = Plan(steps=7400, lr=1.4e-3, muon=2e-3, warmup=300, weight_decay=0.01)
# In the last quarter of the training every other batch has short sentences only, of so many English words at most.
EVERYDAY_FROM, EVERYDAY_WORDS = 3 / 4, 4
# Set phrases cannot be put together from their words: they have to be seen often. So the short batches have a phrase
# book that was written for this recipe, so many times over (without the phrases that the test split has).
PHRASES, PHRASE_COPIES = Path(__file__).parents[1] / "phrase_book.json", 100
# Nearly all sentences of the corpus stand alone, so a question behind a comma ("Hello, how are you?") is rarely seen.
# The short sentences are therefore put behind one of these, too.
OPENERS = (
    ("Hello", "Bonjour"), ("Hello", "Salut"), ("Hi", "Salut"), ("Good morning", "Bonjour"), ("Yes", "Oui"),
    ("No", "Non"), ("Sorry", "Désolé"), ("Excuse me", "Excusez-moi"), ("Thanks", "Merci"), ("Well", "Eh bien"),
    ("Tom", "Tom"), ("Mary", "Marie"), ("Mom", "Maman"), ("Dad", "Papa"), ("Please", "S'il vous plaît"),
)  # fmt: skip


def make_tokenizer(data: Path) -> PreTrainedTokenizerFast:
    """A joint English-French BPE of 8,000 pieces."""
    texts = (text for row in rows(data, "tatoeba-en-fr") for text in (row["en"], row["fr"]))
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
        vocab_size=len(tokenizer), d_model=256, encoder_layers=3, decoder_layers=2, encoder_ffn_dim=1024,
        decoder_ffn_dim=1024, encoder_attention_heads=4, decoder_attention_heads=4, activation_function="relu",
        dropout=0.1, max_position_embeddings=128, scale_embedding=True, pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id, bos_token_id=None, forced_eos_token_id=None,
        decoder_start_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
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
    asked = {row["en"] for row in rows(data, "tatoeba-en-fr", "test")}
    return [(en, fr) for en, fr in json.loads(PHRASES.read_text(encoding="utf-8")) if en not in asked]


class Task:
    """The training pairs as token ids, and the loss of any batch of them."""

    def __init__(self, data: Path, tokenizer: PreTrainedTokenizerFast, split: str = "train") -> None:
        pairs = [(row["en"], row["fr"]) for row in rows(data, "tatoeba-en-fr", split)]
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
