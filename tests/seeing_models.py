"""Tiny random models that take pictures, each in a folder as a learner would save one.

Knows nothing about the course's use cases. ``folder("llava")`` and ``folder("idefics3")`` have a processor of their
own, as full-size models do; ``folder("mini")`` is an untrained vision-mini, which has none.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch
import transformers

import tiny_models
from llm_course.minis import vision_mini

FULL = ("llava", "idefics3")
SPECIAL = ["<pad>", "</s>", "<image>", "<fake_token_around_image>", "<end_of_utterance>", "<global-img>"]
SPECIAL += [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
SIDE, PATCH = 32, 8


@cache
def folder(name: str) -> Path:
    """The folder of a tiny model, made once per run of the tests."""
    home = Path(tempfile.mkdtemp(prefix="llm-course-seeing-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        {"mini": _mini, "llava": _llava, "idefics3": _idefics3}[name](home)
    return home


def _mini(home: Path) -> None:
    tokenizer = vision_mini.make_tokenizer()
    vision_mini.make_model(tokenizer).save_pretrained(home)
    tokenizer.save_pretrained(home)


def _text() -> tuple[Any, dict[str, Any]]:
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tiny_models.byte_level(SPECIAL),
        pad_token="<pad>",
        eos_token="</s>",
        additional_special_tokens=SPECIAL[2:],
    )
    config = {
        "model_type": "llama",
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 512,
        "pad_token_id": 0,
        "bos_token_id": None,
        "eos_token_id": 1,
        "initializer_range": 0.3,
    }
    return tokenizer, config


def _llava(home: Path) -> None:
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tokenizer, text = _text()
    seeing = {
        "model_type": "clip_vision_model",
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": SIDE,
        "patch_size": PATCH,
        "projection_dim": 32,
    }
    config = transformers.LlavaConfig(
        vision_config=seeing, text_config=text, image_token_index=2, image_seq_length=16, vision_feature_layer=-1
    )
    _scaled(transformers.LlavaForConditionalGeneration(config)).save_pretrained(home)
    square = {"height": SIDE, "width": SIDE}
    transformers.LlavaProcessor(
        CLIPImageProcessorPil(size=square, crop_size=square),
        tokenizer,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    ).save_pretrained(home)


def _idefics3(home: Path) -> None:
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

    tokenizer, text = _text()
    seeing = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": SIDE,
        "patch_size": PATCH,
    }
    config = transformers.Idefics3Config(vision_config=seeing, text_config=text, image_token_id=2, scale_factor=2)
    _scaled(transformers.Idefics3ForConditionalGeneration(config)).save_pretrained(home)
    edges = {"size": {"longest_edge": 2 * SIDE}, "max_image_size": {"longest_edge": SIDE}}
    template = (
        "{% for message in messages %}{{ message['role'] }}:{% for part in message['content'] %}"
        "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %}\n{% endfor %}"
        "{% if add_generation_prompt %}Assistant:{% endif %}"
    )
    transformers.Idefics3Processor(
        Idefics3ImageProcessorPil(**edges), tokenizer, image_seq_len=4, chat_template=template
    ).save_pretrained(home)


def _scaled(model: Any) -> Any:
    """What the pictures give is made larger, so that two pictures get different answers."""
    for name, parameter in model.named_parameters():
        if "projector" in name or "connector" in name:
            parameter.data *= 10
    return model.eval()
