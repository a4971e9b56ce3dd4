"""Makes tiny random models, with tokenizers, of every architecture the course may be handed.

Knows nothing about the course's own models or use cases. Each model has two layers of width 32 and is saved
to a folder as a learner would save one; its weights are random but scaled up, so that its scores differ
clearly from token to token. ``folder("llama")`` makes a model once per run of the tests.
"""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

TEXT = [
    "The cat sat on the mat. A dog runs in the park, and the children laugh!",
    "I love this product. It is not bad at all, but the food was cold.",
    "Hello, how are you? My sister bought a new car yesterday, it's red.",
    "translate English to French: summarize: once upon a time in a land far away",
] * 30
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
CLASSES = {
    "id2label": {0: "negative", 1: "neutral", 2: "positive"},
    "label2id": {"negative": 0, "neutral": 1, "positive": 2},
}


# --- tokenizers ---------------------------------------------------------------------------------------------


def byte_level(special: list[str], before: str = "", after: str = "") -> Tokenizer:
    """GPT-2's kind; the special tokens get the numbers 0, 1, ... in the order given."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=340,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXT, trainer)
    return _framed(tokenizer, before, after)


def word_piece() -> Tokenizer:
    """BERT's kind, lower case."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(
        TEXT, trainers.WordPieceTrainer(vocab_size=150, special_tokens=special, show_progress=False)
    )
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def byte_fallback(special: list[str], before: str = "", after: str = "") -> Tokenizer:
    """SentencePiece's kind with bytes for unknown characters, as Llama and the course's Marian have it."""
    size = len(special)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=120 + size, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(TEXT, trainer)
    import json

    state = json.loads(tokenizer.to_str())
    vocabulary = state["model"]["vocab"]
    for byte in range(256):
        vocabulary[f"<0x{byte:02X}>"] = len(vocabulary)
    state["model"]["byte_fallback"] = True
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return _framed(tokenizer, before, after)


def unigram_pieces(special: list[str]) -> list[tuple[str, float]]:
    """A unigram vocabulary with scores, as T5, Pegasus and mBART have it, after the special tokens given."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=160, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(TEXT, trainer)
    import json

    learned = [(piece, score) for piece, score in json.loads(tokenizer.to_str())["model"]["vocab"] if piece != "<unk>"]
    return [(piece, 0.0) for piece in special] + learned


def _framed(tokenizer: Tokenizer, before: str, after: str) -> Tokenizer:
    parts = [part for part in (before, "$A", after) if part]
    if len(parts) > 1:
        own = [(t, tokenizer.token_to_id(t)) for t in (before, after) if t]
        pair = [part for part in (before, "$A", after, "$B:1", after and f"{after}:1") if part]
        tokenizer.post_processor = processors.TemplateProcessing(single=parts, pair=pair, special_tokens=own)
    return tokenizer


def _fast(tokenizer: Tokenizer, **names: Any) -> Any:
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)


# --- models -------------------------------------------------------------------------------------------------


def _gpt2(
    tie: bool = True, pad: bool = False, side: str = "right", positions: int = 128, template: str | None = None
) -> tuple[Any, Any]:
    special = ["<|endoftext|>", "<pad>"] if pad else ["<|endoftext|>"]
    tokenizer = _fast(
        byte_level(special),
        eos_token=special[0],
        bos_token=special[0],
        padding_side=side,
        **({"pad_token": "<pad>"} if pad else {}),
    )
    config = transformers.GPT2Config(
        vocab_size=len(tokenizer),
        n_layer=2,
        n_embd=32,
        n_head=2,
        n_positions=positions,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=1 if pad else None,
        tie_word_embeddings=tie,
    )
    tokenizer.chat_template = template
    return transformers.GPT2LMHeadModel(config), tokenizer


def _gpt2_chat() -> tuple[Any, Any]:
    """With the course's chat template, and room for a conversation in its small vocabulary."""
    from llm_course.minis.conversations import TEMPLATE

    return _gpt2(positions=1024, template=TEMPLATE)


def _neox() -> tuple[Any, Any]:
    tokenizer = _fast(byte_level(["<|endoftext|>", "<|padding|>"]), eos_token="<|endoftext|>", pad_token="<|padding|>")
    config = transformers.GPTNeoXConfig(
        vocab_size=len(tokenizer),
        intermediate_size=64,
        max_position_embeddings=128,
        bos_token_id=0,
        eos_token_id=0,
        **SMALL,
    )
    return transformers.GPTNeoXForCausalLM(config), tokenizer


def _llama(tie: bool = False) -> tuple[Any, Any]:
    tokenizer = _fast(
        byte_fallback(["<unk>", "<s>", "</s>"], before="<s>"),
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        padding_side="left",
    )
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        intermediate_size=64,
        num_key_value_heads=1,
        max_position_embeddings=128,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=None,
        tie_word_embeddings=tie,
        **SMALL,
    )
    return transformers.LlamaForCausalLM(config), tokenizer


def _qwen(generation: int) -> tuple[Any, Any]:
    tokenizer = _fast(
        byte_level(["<|endoftext|>", "<|im_start|>", "<|im_end|>"]),
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        padding_side="left",
    )
    config_class, model_class = {
        2: (transformers.Qwen2Config, transformers.Qwen2ForCausalLM),
        3: (transformers.Qwen3Config, transformers.Qwen3ForCausalLM),
    }[generation]
    extra = {"head_dim": 16} if generation == 3 else {}
    config = config_class(
        vocab_size=len(tokenizer),
        intermediate_size=64,
        num_key_value_heads=1,
        max_position_embeddings=128,
        bos_token_id=0,
        eos_token_id=2,
        pad_token_id=0,
        tie_word_embeddings=generation == 3,
        **SMALL,
        **extra,
    )
    return model_class(config), tokenizer


def _bloom() -> tuple[Any, Any]:
    tokenizer = _fast(
        byte_level(["<unk>", "<s>", "</s>", "<pad>"]),
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
        padding_side="left",
    )
    config = transformers.BloomConfig(
        vocab_size=len(tokenizer), hidden_size=32, n_layer=2, n_head=2, bos_token_id=1, eos_token_id=2, pad_token_id=3
    )
    return transformers.BloomForCausalLM(config), tokenizer


def _words() -> tuple[Any, Any]:
    """incontext-mini's: a token a word."""
    from llm_course.minis.incontext_mini import make_tokenizer

    tokenizer = make_tokenizer()
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        **SMALL,
        intermediate_size=48,
        max_position_embeddings=73,
        bos_token_id=0,
        eos_token_id=None,
    )
    return transformers.LlamaForCausalLM(config), tokenizer


def _bert(head: str = "ForSequenceClassification", side: str = "right", **more: Any) -> tuple[Any, Any]:
    tokenizer = _fast(
        word_piece(),
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        padding_side=side,
    )
    labels = {"num_labels": 1} if head == "ForTokenClassification" else CLASSES
    config = transformers.BertConfig(
        vocab_size=len(tokenizer),
        intermediate_size=64,
        max_position_embeddings=64,
        pad_token_id=0,
        **{**SMALL, **labels, **more},
    )
    return getattr(transformers, f"Bert{head}")(config), tokenizer


def _distilbert(head: str = "ForSequenceClassification") -> tuple[Any, Any]:
    tokenizer = _fast(
        word_piece(),
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "attention_mask"],
    )
    config = transformers.DistilBertConfig(
        vocab_size=len(tokenizer),
        dim=32,
        n_layers=2,
        n_heads=2,
        hidden_dim=64,
        max_position_embeddings=64,
        pad_token_id=0,
        **CLASSES,
    )
    return getattr(transformers, f"DistilBert{head}")(config), tokenizer


def _roberta(head: str = "ForSequenceClassification", pad: bool = True) -> tuple[Any, Any]:
    tokenizer = _fast(
        byte_level(["<s>", "<pad>", "</s>", "<unk>", "<mask>"], before="<s>", after="</s>"),
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        unk_token="<unk>",
        mask_token="<mask>",
        **({"pad_token": "<pad>"} if pad else {}),
    )
    labels = {"num_labels": 1} if head == "ForTokenClassification" else CLASSES
    config = transformers.RobertaConfig(
        vocab_size=len(tokenizer),
        intermediate_size=64,
        max_position_embeddings=66,
        type_vocab_size=1,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        **SMALL,
        **labels,
    )
    return getattr(transformers, f"Roberta{head}")(config), tokenizer


def _mpnet() -> tuple[Any, Any]:
    """Counts its positions from its padding token on, as RoBERTa does."""
    lm, tokenizer = transformers.MPNetForMaskedLM, _roberta()[1]
    config = transformers.MPNetConfig(
        vocab_size=len(tokenizer),
        intermediate_size=64,
        max_position_embeddings=66,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        **SMALL,
    )
    return lm(config), tokenizer


def _mamba() -> tuple[Any, Any]:
    """Recurrent: it has a state where a Transformer has keys and values."""
    tokenizer = _gpt2()[1]
    config = transformers.MambaConfig(
        vocab_size=len(tokenizer), hidden_size=32, state_size=4, num_hidden_layers=2, eos_token_id=0, pad_token_id=0
    )
    return transformers.MambaForCausalLM(config), tokenizer


def _modernbert(head: str = "ForSequenceClassification") -> tuple[Any, Any]:
    tokenizer = _fast(
        byte_level(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], before="[CLS]", after="[SEP]"),
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "attention_mask"],
    )
    config = transformers.ModernBertConfig(
        vocab_size=len(tokenizer),
        intermediate_size=64,
        max_position_embeddings=64,
        local_attention=16,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
        cls_token_id=2,
        sep_token_id=3,
        **SMALL,
        **CLASSES,
    )
    return getattr(transformers, f"ModernBert{head}")(config), tokenizer


def _gpt2_classifier(pad: bool) -> tuple[Any, Any]:
    model, tokenizer = _gpt2(pad=pad)
    config = transformers.GPT2Config(**{**model.config.to_dict(), **CLASSES})
    return transformers.GPT2ForSequenceClassification(config), tokenizer


def _t5(tie: bool = True) -> tuple[Any, Any]:
    tokenizer = transformers.T5Tokenizer(vocab=unigram_pieces(["<pad>", "</s>", "<unk>"]), extra_ids=0)
    config = transformers.T5Config(
        vocab_size=len(tokenizer),
        d_model=32,
        d_kv=16,
        d_ff=64,
        num_layers=2,
        num_heads=2,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
        tie_word_embeddings=tie,
        feed_forward_proj="relu" if tie else "gated-gelu",
    )
    return transformers.T5ForConditionalGeneration(config), tokenizer


def _encoder_decoder(positions: int) -> dict[str, Any]:
    return dict(
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        max_position_embeddings=positions,
    )


def _bart(pad: bool = True, positions: int = 128) -> tuple[Any, Any]:
    _, tokenizer = _roberta(pad=pad)
    config = transformers.BartConfig(
        vocab_size=len(tokenizer),
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=2,
        forced_eos_token_id=2,
        **_encoder_decoder(positions),
    )
    return transformers.BartForConditionalGeneration(config), tokenizer


def _marian(tie: bool = True) -> tuple[Any, Any]:
    tokenizer = _fast(
        byte_fallback(["<pad>", "</s>", "<unk>"], after="</s>"), pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
    config = transformers.MarianConfig(
        vocab_size=len(tokenizer),
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
        forced_eos_token_id=None,
        bos_token_id=None,
        tie_word_embeddings=tie,
        share_encoder_decoder_embeddings=True,
        **_encoder_decoder(96),
    )
    return transformers.MarianMTModel(config), tokenizer


def _marian_spm() -> tuple[Any, Any]:
    """As Opus-MT's models are stored: two SentencePiece models, and ``<pad>`` last, which also starts the decoder."""
    import sentencepiece

    home = _home() / "spm"
    home.mkdir(exist_ok=True)
    for side in ("source", "target"):
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(TEXT),
            model_prefix=str(home / side),
            vocab_size=130,
            hard_vocab_limit=False,
            minloglevel=2,
        )
    reader = sentencepiece.SentencePieceProcessor(model_file=str(home / "source.model"))
    pieces = [reader.id_to_piece(i) for i in range(reader.get_piece_size())]
    names = ["</s>", "<unk>", *(p for p in pieces if p not in ("<s>", "</s>", "<unk>")), "<pad>"]
    (home / "vocab.json").write_text(json.dumps({name: i for i, name in enumerate(names)}), encoding="utf-8")
    tokenizer = transformers.MarianTokenizer(
        str(home / "source.model"),
        str(home / "target.model"),
        str(home / "vocab.json"),
        source_lang="en",
        target_lang="fr",
    )
    last = len(names) - 1
    config = transformers.MarianConfig(
        vocab_size=len(names),
        pad_token_id=last,
        eos_token_id=0,
        decoder_start_token_id=last,
        forced_eos_token_id=0,
        bos_token_id=None,
        share_encoder_decoder_embeddings=True,
        **_encoder_decoder(96),
    )
    return transformers.MarianMTModel(config), tokenizer


def _mbart(start_is_language: bool = False) -> tuple[Any, Any]:
    """mBART; ``start_is_language`` as in mbart-large-en-ro, where the decoder starts on the target's code."""
    from transformers.models.mbart.tokenization_mbart import FAIRSEQ_LANGUAGE_CODES as codes

    pieces = unigram_pieces(["<s>", "<pad>", "</s>", "<unk>"])
    tokenizer = transformers.MBartTokenizer(vocab=[*pieces, *((c, 0.0) for c in codes), ("<mask>", 0.0)])
    french = tokenizer.convert_tokens_to_ids("fr_XX")
    config = transformers.MBartConfig(
        vocab_size=len(tokenizer),
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
        forced_eos_token_id=2,
        decoder_start_token_id=french if start_is_language else 2,
        **_encoder_decoder(96),
    )
    return transformers.MBartForConditionalGeneration(config), tokenizer


def _pegasus() -> tuple[Any, Any]:
    tokenizer = transformers.PegasusTokenizer(
        vocab=unigram_pieces(["<pad>", "</s>", "<mask_1>", "<mask_2>", "<unk>"]), offset=5, additional_special_tokens=[]
    )
    config = transformers.PegasusConfig(
        vocab_size=len(tokenizer),
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
        forced_eos_token_id=1,
        **_encoder_decoder(128),
    )
    return transformers.PegasusForConditionalGeneration(config), tokenizer


MAKERS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "gpt2": _gpt2,
    "gpt2-untied": lambda: _gpt2(tie=False),
    "gpt2-pad-left": lambda: _gpt2(pad=True, side="left"),
    "gpt2-chat": _gpt2_chat,
    "gpt2-pad-right": lambda: _gpt2(pad=True),
    "gpt2-bf16": _gpt2,
    "gpt-neox": _neox,
    "llama": _llama,
    "llama-tied": lambda: _llama(tie=True),
    "qwen2": lambda: _qwen(2),
    "qwen3": lambda: _qwen(3),
    "bloom": _bloom,
    "words": _words,
    "mamba": _mamba,
    "mpnet": _mpnet,
    "bert": _bert,
    "bert-pad-left": lambda: _bert(side="left"),
    "bert-bf16": _bert,
    "distilbert": _distilbert,
    "roberta": _roberta,
    "roberta-no-pad": lambda: _roberta(pad=False),
    "modernbert": _modernbert,
    "gpt2-classifier": lambda: _gpt2_classifier(pad=True),
    "gpt2-classifier-no-pad": lambda: _gpt2_classifier(pad=False),
    "bert-masked": lambda: _bert("ForMaskedLM"),
    "bert-masked-pad-left": lambda: _bert("ForMaskedLM", side="left"),
    "distilbert-masked": lambda: _distilbert("ForMaskedLM"),
    "roberta-masked": lambda: _roberta("ForMaskedLM"),
    "modernbert-masked": lambda: _modernbert("ForMaskedLM"),
    "bert-bare": lambda: _bert("Model"),
    "bert-extract": lambda: _bert("ForTokenClassification"),
    "roberta-extract": lambda: _roberta("ForTokenClassification"),
    "bert-tagger": lambda: _bert("ForTokenClassification", num_labels=5),
    "bert-topics": lambda: _bert(id2label={0: "sports", 1: "politics"}, label2id={"sports": 0, "politics": 1}),
    "t5": _t5,
    "t5-untied": lambda: _t5(tie=False),
    "bart": _bart,
    "bart-no-pad": lambda: _bart(pad=False),
    "bart-bf16": _bart,
    "bart-long": lambda: _bart(positions=512),
    "marian": _marian,
    "marian-untied": lambda: _marian(tie=False),
    "marian-spm": _marian_spm,
    "mbart": _mbart,
    "mbart-start": lambda: _mbart(start_is_language=True),
    "pegasus": _pegasus,
}
GENERATION = (
    "gpt2",
    "gpt2-untied",
    "gpt2-pad-left",
    "gpt2-pad-right",
    "gpt2-bf16",
    "gpt-neox",
    "llama",
    "llama-tied",
    "qwen2",
    "qwen3",
    "bloom",
)
SENTIMENT = (
    "bert",
    "bert-pad-left",
    "bert-bf16",
    "distilbert",
    "roberta",
    "roberta-no-pad",
    "modernbert",
    "gpt2-classifier",
    "gpt2-classifier-no-pad",
)
ENCODER_DECODER = (
    "t5",
    "t5-untied",
    "bart",
    "bart-no-pad",
    "bart-bf16",
    "marian",
    "marian-untied",
    "marian-spm",
    "mbart",
    "mbart-start",
    "pegasus",
)
MASKED = ("bert-masked", "bert-masked-pad-left", "distilbert-masked", "roberta-masked", "modernbert-masked")
EMBEDDING = (*MASKED, "bert-bare", "bert", "gpt2", "llama", "t5", "bart", "mpnet")
EXTRACTIVE = ("bert-extract", "roberta-extract")


@cache
def _home() -> Path:
    home = Path(tempfile.mkdtemp(prefix="tiny-models-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    return home


@cache
def folder(name: str) -> Path:
    """The folder of that tiny model; made on first use, deleted when Python ends."""
    torch.manual_seed(sum(map(ord, name)))
    model, tokenizer = MAKERS[name]()
    with torch.no_grad():
        for key, weight in model.named_parameters():
            if weight.dim() == 2 and "position" not in key:
                weight.mul_(1.5 if name.startswith("t5") else 8)
    if hasattr(model, "final_logits_bias"):  # texts of different lengths: the end comes up now and then
        model.final_logits_bias[0, tokenizer.eos_token_id] = 1.0
    if name.endswith("bf16"):
        model = model.to(torch.bfloat16)
    where = _home() / name
    model.save_pretrained(where)
    tokenizer.save_pretrained(where)
    return where
