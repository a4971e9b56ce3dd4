"""Tokenizers for the minis, trained from nothing on the training text.

Knows nothing about models. Three kinds, as the architectures use them: byte-level BPE (GPT-2), WordPiece
(BERT), and BPE with byte fallback and a word-start mark (Marian, after SentencePiece). None has an unknown
token in practice: GPT-2's and Marian's fall back to bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers


def byte_level_bpe(texts: Iterable[str], size: int, special: list[str]) -> Tokenizer:
    """GPT-2's kind: BPE over bytes, a leading space belongs to the word (Radford and others 2019, 2.2)."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def wordpiece(texts: Iterable[str], size: int) -> Tokenizer:
    """BERT's kind: lower case, words split into pieces marked ``##`` (Devlin and others 2019, 3)."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def byte_fallback_bpe(texts: Iterable[str], size: int, special: list[str], end: str) -> Tokenizer:
    """Marian's kind: BPE on words marked ``▁``; a character never seen becomes its UTF-8 bytes.

    ``size`` counts special tokens, the 256 byte tokens and all pieces. Every encoding ends with ``end``.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation(), pre_tokenizers.Digits(individual_digits=True)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=size - 256, special_tokens=special, min_frequency=3, limit_alphabet=120, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    # The 256 byte tokens join the vocabulary as ordinary tokens: special ones would be dropped in decoding.
    state = json.loads(tokenizer.to_str())
    vocabulary = state["model"]["vocab"]
    for byte in range(256):
        vocabulary[f"<0x{byte:02X}>"] = len(vocabulary)
    state["model"]["byte_fallback"] = True
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {end}", pair=None, special_tokens=[(end, tokenizer.token_to_id(end))]
    )
    return tokenizer
