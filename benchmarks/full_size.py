"""Full-size architectures with random weights, for measuring speed without a download.

Knows nothing about what is measured. The sizes are those of the catalogue's full-size models; a random model
takes as long a step as a trained one. It rarely ends a text by itself, so that all methods write the same
number of tokens. The tokenizer is a small one, trained on a few sentences.
"""

from __future__ import annotations

from typing import Any

import torch
import transformers
from tokenizers import processors

from llm_course import device as devices
from llm_course.minis.vocabulary import byte_level_bpe
from llm_course.shelf.loading import LanguageModel

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
CLASSES = {"id2label": {0: "negative", 1: "neutral", 2: "positive"}}


def make(task: str, device: torch.device) -> LanguageModel:
    """The full-size architecture of a task, its weights drawn from a fixed seed, on a device.

    GPT-2 (124 M parameters) generates, RoBERTa base (125 M) classifies, DistilBART 12-6 (306 M) summarizes,
    an Opus-MT Marian (75 M) translates.
    """
    torch.manual_seed(0)
    framed = task != "generate"
    words = "the cat my sister an old man sees likes a letter the garden in the morning with great care and while"
    tokenizer = byte_level_bpe([words] * 20, 400, SPECIAL)
    if framed:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
        )
    ends = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
    model: Any
    if task == "generate":
        model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**ends))
    elif task == "sentiment":
        model = transformers.RobertaForSequenceClassification(
            transformers.RobertaConfig(max_position_embeddings=514, type_vocab_size=1, **ends, **CLASSES)
        )
    elif task == "summarize":
        model = transformers.BartForConditionalGeneration(
            transformers.BartConfig(decoder_layers=6, decoder_start_token_id=2, **ends)
        )
    else:
        model = transformers.MarianMTModel(
            transformers.MarianConfig(
                vocab_size=59514,
                d_model=512,
                encoder_layers=6,
                decoder_layers=6,
                encoder_ffn_dim=2048,
                decoder_ffn_dim=2048,
                encoder_attention_heads=8,
                decoder_attention_heads=8,
                max_position_embeddings=512,
                decoder_start_token_id=1,
                forced_eos_token_id=None,
                **ends,
            )
        )
    size = sum(p.numel() for p in model.parameters())
    model = model.to(device=device, dtype=devices.number_format(device, size)).eval().requires_grad_(False)
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        cls_token="<s>",
        sep_token="</s>",
        model_input_names=["input_ids", "attention_mask"],
    )
    kind = model.config.model_type
    return LanguageModel(f"{kind}, {size / 1e6:.0f} M, random", model, fast, {}, device)
