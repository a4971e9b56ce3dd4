"""Where a model looks on a picture while it answers: the attention from each word to each patch.

Knows nothing about drawing: weights and patches are handed over as they are. Attention says
where information may have come from, not why the answer is as it is (Jain and Wallace 2019, arXiv 1902.10186).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from llm_course.batching import fits_in_memory, texts_of
from llm_course.errors import BadInput, WrongTask
from llm_course.results import Result
from llm_course.shelf.loading import LOCK, LanguageModel
from llm_course.use_cases import vision
from llm_course.use_cases.pictures import pictures_of, square


@dataclass(frozen=True, eq=False)
class Look(Result):
    """What one question and its answer looked at.

    Attributes:
        picture: the picture as the model saw it, ``(side, side, 3)`` of ``uint8``.
        words: the tokens of the question and of the answer.
        asked: how many of the words are the question's.
        weights: ``(layers, heads, words, rows, columns)``: the share of a word's attention on each patch. What
            is missing to 1 went to other words, or to the token of the whole picture. The row of the question's
            last word is the one from which the answer's first word is written.
        answer: the answer as text.
        model: the model's name.
    """

    picture: np.ndarray = field(repr=False)
    words: tuple[str, ...]
    asked: int
    weights: np.ndarray = field(repr=False)
    answer: str
    model: str

    @property
    def layers(self) -> int:
        """Number of layers."""
        return int(self.weights.shape[0])

    @property
    def heads(self) -> int:
        """Number of heads in a layer."""
        return int(self.weights.shape[1])

    @property
    def text(self) -> str:  # type: ignore[override]
        """The answer."""
        return self.answer

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data, without the picture."""
        return {
            "words": list(self.words), "asked": self.asked, "weights": self.weights.tolist(), "answer": self.answer,
            "model": self.model,
        }  # fmt: skip


def look(image: Any, question: str, *, model: Any = None, device: str = "auto") -> Look:
    """Ask a question about one picture, and read where each word looked.

    Args:
        image: one picture, as :func:`llm_course.ask` takes it.
        question: one question.
        model, device: as for :func:`llm_course.ask`.

    Raises:
        BadInput: the picture or question is not allowed, or is a list.
        WrongTask: the model takes no pictures, or does not say which of its tokens are which patch.
    """
    import torch

    if isinstance(image, (list, tuple)) or isinstance(question, (list, tuple)):
        raise BadInput("look() takes one picture and one question.")
    prepared = vision.seeing(model, device, None)
    lm = prepared.lm
    (picture,), _ = pictures_of(image, prepared.side)
    (question,), _ = texts_of(question, "question")
    said = vision.say(prepared, [picture], [question], False)[0]
    inputs = vision.inputs_of(lm, [(picture, vision.mini_ids(lm, question) if prepared.mini else question)])
    prompt = inputs["input_ids"][0].tolist()
    places = patch_places(lm, prompt)
    inputs["input_ids"] = torch.tensor([prompt + list(said.ids)], device=lm.device)
    inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
    with LOCK:
        before = lm.model.config.get_text_config()._attn_implementation
        if before != "eager":
            lm.model.set_attn_implementation("eager")  # fused kernels do not give their weights out
        try:
            with torch.inference_mode(), fits_in_memory("The picture with its question and answer"):
                layers = lm.model(**inputs, output_attentions=True).attentions
        finally:
            if before != "eager":
                lm.model.set_attn_implementation(before)
    image_token = lm.model.config.image_token_id
    last = max(i for i, token in enumerate(prompt) if token == image_token)
    own = list(range(last + 1, len(prompt) + len(said.ids)))
    read = torch.stack([layer[0] for layer in layers]).float().cpu().numpy()
    side = round(len(places) ** 0.5)
    weights = read[:, :, own][:, :, :, places].reshape(*read.shape[:2], len(own), side, side)
    ids = (prompt + list(said.ids))[last + 1 :]
    words = tuple(lm.tokenizer.decode([token]).strip() or "␣" for token in ids)
    asked = len(prompt) - last - 1
    return Look(square(picture, max(prepared.side, 60)), words, asked, weights, said.text, lm.name)


def patch_places(lm: LanguageModel, prompt: list[int]) -> list[int]:
    """At which places of the prompt the patches stand, row by row from the top left.

    Raises:
        WrongTask: the model's picture tokens are no square of patches.
    """
    places = [i for i, token in enumerate(prompt) if token == lm.model.config.image_token_id]
    last = getattr(lm.processor, "image_seq_len", None)
    if last:  # Idefics3 and SmolVLM cut large pictures into pieces; the whole picture comes last
        places = places[-int(last) :]
    if round((len(places) - 1) ** 0.5) ** 2 == len(places) - 1:  # one token for the whole comes first
        places = places[1:]
    if not places or round(len(places) ** 0.5) ** 2 != len(places):
        raise WrongTask(
            f"{lm.name} puts {len(places)} picture tokens into its prompt, which make no square of patches: where it "
            "looks cannot be drawn. vision-mini and models of the types llava and idefics3 work."
        )
    return places
