"""Which architectures can do which task, by the library's own tables.

Knows nothing about names, files or weights.
"""

from __future__ import annotations

from typing import Any

# Task -> (the library's Auto class, how it names what fits). The first class that fits is taken.
AUTO_CLASSES = {
    "generate": ("AutoModelForCausalLM",),
    "sentiment": ("AutoModelForSequenceClassification",),
    "summarize": ("AutoModelForSeq2SeqLM", "AutoModelForTokenClassification"),
    "translate": ("AutoModelForSeq2SeqLM",),
    "fill_mask": ("AutoModelForMaskedLM",),
    "embed": ("AutoModel",),
    "chat": ("AutoModelForCausalLM",),
    "describe": ("AutoModelForImageTextToText",),
}


def does(own: str, config: Any, task: str, auto_class: str | None = None) -> bool:
    """Whether a model saved as class ``own`` can do a task (with that Auto class, or any of the task's).

    The type alone does not say: the library would also make a BERT, or the decoder of a BART, generate.
    """
    if task in ("generate", "chat") and config.is_encoder_decoder:
        return False
    for name in [auto_class] if auto_class else AUTO_CLASSES[task]:
        classes = architectures(name).get(config.model_type, ())
        # A model saved without a head ("GPT2Model"), or that names no class: its weights will tell.
        bare = not own or (own.endswith("Model") and not own.endswith(("MTModel", "HeadModel")))
        if classes and (bare or own in classes):
            return True
    return False


def architectures(auto_class: str) -> dict[str, tuple[str, ...]]:
    """Model type -> class names that an Auto class of the library accepts."""
    from transformers.models.auto import modeling_auto

    table = {
        "AutoModelForCausalLM": "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
        "AutoModelForSequenceClassification": "MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES",
        "AutoModelForSeq2SeqLM": "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES",
        "AutoModelForTokenClassification": "MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES",
        "AutoModelForMaskedLM": "MODEL_FOR_MASKED_LM_MAPPING_NAMES",
        "AutoModelForImageTextToText": "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES",
        "AutoModel": "MODEL_MAPPING_NAMES",
    }[auto_class]
    names = getattr(modeling_auto, table)
    return {kind: (own,) if isinstance(own, str) else tuple(own) for kind, own in names.items()}
