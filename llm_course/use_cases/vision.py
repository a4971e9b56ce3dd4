"""Questions about pictures: picture and text in, text out.

Knows nothing about how models are found. A picture becomes patches, the patches become embeddings that stand
among the words of the question, and the model goes on in words (LLaVA: Liu and others 2023, arXiv 2304.08485).
A mini gets its picture and its prompt from the few lines here; a full-size model from its own processor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any, Unpack, overload

import numpy as np

from llm_course.arguments import Texts, number_in, texts_of
from llm_course.batching import in_batches, padded
from llm_course.errors import BadInput, InputTooLong, WrongTask
from llm_course.results import Result, box, cut
from llm_course.shelf.loading import LanguageModel, ModelLike, RunOptions, load
from llm_course.use_cases.pictures import Picture, normalized, pictures_of, square
from llm_course.worlds.scenes import DESCRIBE, SIDE, png

if TYPE_CHECKING:
    import torch

MINI_PROMPT, FULL_PROMPT = DESCRIBE, "Describe the picture in one sentence."
NEW_TOKENS = {"mini": 26, "full": 100}  # of an answer at most; a mini's window ends there
SCENE_SIDE = 384  # pixels in which a scene is drawn for a full-size model


class _Seen(Result):
    """A result about a picture: a small copy of it is shown, but is not part of the data."""

    thumbnail: np.ndarray | None

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data, without the picture."""
        return {name: value for name, value in super().to_dict().items() if name != "thumbnail"}

    def _shown(self, head: str, words: str) -> str:
        source = "" if self.thumbnail is None else f"data:image/png;base64,{png(self.thumbnail)}"
        image = f'<img alt="the picture" width="96" height="96" src="{source}">'
        return box(head, f'<div style="display:flex;gap:.8em;align-items:center">{image}<div>{words}</div></div>')


@dataclass(frozen=True, repr=False)
class Description(_Seen):
    """What is on a picture, in words, and the probability that the model gave these words as a whole."""

    text: str
    probability: float
    model: str
    thumbnail: np.ndarray | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return f"Description({cut(self.text)!r}, {self.probability:.2f}, {self.model})"

    def _repr_html_(self) -> str:
        return self._shown(f"{self.model}: what is on the picture", f"<b>{escape(self.text)}</b>")


@dataclass(frozen=True, repr=False)
class Answer(_Seen):
    """The answer to a question about a picture, and its probability.

    ``first`` holds the most probable first tokens, up to five, with their probabilities: what else might have been
    said. Tokens that read the same, but for a space, count together.
    """

    text: str
    question: str
    probability: float
    first: dict[str, float]
    model: str
    thumbnail: np.ndarray | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return f"Answer({cut(self.text)!r}, {self.probability:.2f}, {cut(self.question, 40)!r})"

    def _repr_html_(self) -> str:
        words = f'<div style="opacity:.75">{escape(self.question)}</div><b>{escape(self.text)}</b>'
        return self._shown(f"{self.model}: probability {self.probability:.2f}", words)


@overload
def describe(  # type: ignore[overload-overlap]  # a str is a sequence of str, too
    image: Picture, *, max_new_tokens: int | None = ..., **options: Unpack[RunOptions]
) -> Description: ...
@overload
def describe(
    image: Sequence[Picture], *, max_new_tokens: int | None = ..., **options: Unpack[RunOptions]
) -> list[Description]: ...
def describe(
    image: Picture | Sequence[Picture],
    *,
    model: ModelLike = None,
    device: str = "auto",
    max_new_tokens: int | None = None,
    progress: bool | None = None,
) -> Description | list[Description]:
    """Say in words what is on a picture, or on each picture of a list.

    Args:
        image: a file name, an array ``(height, width, 3)``, a PIL image or a scene, or a list of these.
        model: a shelf name, Hub id, folder or loaded model; the default of ``lc.use()`` if ``None``.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        max_new_tokens: longest description, 1 to 1000; 26 for the mini and 100 for others if ``None``.
        progress: a bar always, never, or (``None``) when a list is slow.

    Returns:
        One :class:`Description` or a list in the order given.

    Raises:
        BadInput: the picture is not allowed.
        BadOption: an option is outside its range.
        WrongTask: the model takes no pictures.
        InputTooLong: picture and words do not fit the model's window.
    """
    prepared = seeing(model, device, max_new_tokens)
    pictures, single = pictures_of(image, prepared.side)
    prompt = MINI_PROMPT if prepared.mini else FULL_PROMPT
    found = [
        Description(said.text, said.probability, prepared.lm.name, square(picture, 96))
        for picture, said in zip(pictures, say(prepared, pictures, [prompt] * len(pictures), progress), strict=True)
    ]
    return found[0] if single else found


@overload
def ask(  # type: ignore[overload-overlap]
    image: Picture, question: str, *, max_new_tokens: int | None = ..., **options: Unpack[RunOptions]
) -> Answer: ...
@overload
def ask(
    image: Picture | Sequence[Picture],
    question: str | Texts,
    *,
    max_new_tokens: int | None = ...,
    **options: Unpack[RunOptions],
) -> list[Answer]: ...
def ask(
    image: Picture | Sequence[Picture],
    question: str | Texts,
    *,
    model: ModelLike = None,
    device: str = "auto",
    max_new_tokens: int | None = None,
    progress: bool | None = None,
) -> Answer | list[Answer]:
    """Answer a question about a picture.

    Args:
        image: a picture or a list of them, as :func:`describe` takes it.
        question: one question or a list. Of two lists, each picture has its own question; one picture or
            one question beside a list goes with every member of the list.
        model, device, max_new_tokens, progress: as for :func:`describe`.

    Returns:
        One :class:`Answer`, or a list if ``image`` or ``question`` is one.

    Raises:
        BadInput: a picture or question is not allowed, two lists differ in length, or the mini does not know
            a word of the question; the message names it.
        BadOption, WrongTask, InputTooLong: as for :func:`describe`.
    """
    prepared = seeing(model, device, max_new_tokens)
    pictures, one_picture = pictures_of(image, prepared.side)
    questions, one_question = texts_of(question, "question")
    if not one_picture and not one_question and len(pictures) != len(questions):
        raise BadInput(
            f"{len(pictures)} pictures and {len(questions)} questions do not go together: "
            "give as many questions as pictures, or one of either."
        )
    size = max(len(pictures), len(questions))
    pictures = pictures * size if len(pictures) == 1 else pictures
    questions = questions * size if len(questions) == 1 else questions
    found = [
        Answer(said.text, asked, said.probability, said.first, prepared.lm.name, square(picture, 96))
        for picture, asked, said in zip(pictures, questions, say(prepared, pictures, questions, progress), strict=True)
    ]
    return found[0] if one_picture and one_question else found


# --- how it is done -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seeing:
    """A model that takes pictures, and how pictures are made ready for it."""

    lm: LanguageModel
    limit: int

    @property
    def mini(self) -> bool:
        """Whether the course prepares its pictures; other models bring a processor."""
        return self.lm.processor is None

    @property
    def side(self) -> int:
        """Pixels of a side in which scenes are drawn for it."""
        return SIDE if self.mini else SCENE_SIDE

    @property
    def window(self) -> int | None:
        """Most tokens it reads at once, those of the picture included."""
        size = getattr(self.lm.model.config.get_text_config(), "max_position_embeddings", None)
        return size if isinstance(size, int) else None


@dataclass(frozen=True)
class Item:
    """A picture and its question; for a mini also the token ids of its prompt."""

    picture: np.ndarray
    question: str
    ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class Said:
    """What the model said: the text, its probability, and the most probable first tokens."""

    text: str
    probability: float
    first: dict[str, float]


def seeing(model: ModelLike, device: str, max_new_tokens: int | None) -> Seeing:
    """The model, if it takes pictures and something makes them ready for it."""
    lm = load(model, device, task="describe")
    if lm.processor is None and lm.model.config.model_type != "llava":
        raise WrongTask(
            f"{lm.name} has no processor that makes its pictures ready. Save it beside the model: "
            "processor.save_pretrained(folder)."
        )
    default = NEW_TOKENS["mini" if lm.processor is None else "full"]
    limit = default if max_new_tokens is None else number_in("max_new_tokens", max_new_tokens, 1, 1000, int)
    return Seeing(lm, limit)


def say(seeing: Seeing, pictures: Sequence[np.ndarray], questions: Sequence[str], progress: bool | None) -> list[Said]:
    """The model's words for each pair of picture and question, in batches of similar length."""
    mark = getattr(seeing.lm.processor, "image_token", None)
    if mark and (bad := next((question for question in questions if mark in question), None)):
        raise BadInput(
            f"The question {bad[:40]!r} has {mark!r} in it, which stands for a picture: {seeing.lm.name} puts it there "
            "itself. Leave it out."
        )
    items = [
        Item(picture, question, tuple(mini_ids(seeing.lm, question)) if seeing.mini else ())
        for picture, question in zip(pictures, questions, strict=True)
    ]
    for item in items:
        _check_window(seeing, len(item.ids), item.question)
    return in_batches(
        items,
        lambda item: len(item.ids or item.question),
        lambda some: _run(seeing, some),
        tokens=16_384,
        most=64 if seeing.mini else 4,
        progress=progress,
        what="pictures",
    )


def _check_window(seeing: Seeing, length: int, question: str) -> None:
    if seeing.window and length + seeing.limit > seeing.window:
        raise InputTooLong(
            f"{seeing.lm.name} reads and writes at most {seeing.window} tokens; picture and question are {length}, "
            f"and {seeing.limit} more may be written. Shorten the question ({question[:40]!r}), or set max_new_tokens."
        )


def mini_ids(lm: LanguageModel, question: str) -> list[int]:
    """The prompt of a mini: a place for each patch, then the question's words.

    Raises:
        BadInput: the mini does not know a word.
    """
    text = " ".join(question.split())
    if text[-1] not in ".?":
        text += "." if text.lower().startswith("describe") else "?"
    found = lm.tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)
    unknown = [
        text[start:end]
        for number, (start, end) in zip(found["input_ids"], found["offset_mapping"], strict=True)
        if number in (lm.tokenizer.unk_token_id, lm.model.config.image_token_id)
    ]
    if unknown:
        known = [word for word in lm.tokenizer.get_vocab() if word.isalpha()]
        raise BadInput(
            f"{lm.name} knows {len(known)} words; it does not know {', '.join(map(repr, dict.fromkeys(unknown)))}. "
            f"They are: {', '.join(sorted(known))}. Ask, for instance: 'what color is the star?'"
        )
    return [lm.model.config.image_token_id] * image_tokens(lm) + list(found["input_ids"])


def image_tokens(lm: LanguageModel) -> int:
    """How many places a mini's picture takes: one a patch, and one for the whole."""
    vision = lm.model.config.vision_config
    return (vision.image_size // vision.patch_size) ** 2 + 1


def inputs_of(lm: LanguageModel, items: Sequence[Item]) -> dict[str, torch.Tensor]:
    """What the model's ``forward`` takes for a batch."""
    if lm.processor is None:
        side = lm.model.config.vision_config.image_size
        ids, mask = padded([item.ids for item in items], lm.tokenizer.pad_token_id, lm.device, left=True)
        return {
            "input_ids": ids,
            "attention_mask": mask,
            "pixel_values": normalized([square(item.picture, side) for item in items]).to(lm.device, lm.model.dtype),
        }
    from PIL import Image

    made = lm.processor(
        text=[_prompt(lm, item.question) for item in items],
        images=[[Image.fromarray(item.picture)] for item in items],
        padding=True,
        padding_side="left",
        return_tensors="pt",
    )
    return {
        name: value.to(lm.device, lm.model.dtype) if value.is_floating_point() else value.to(lm.device)
        for name, value in made.items()
    }


def _prompt(lm: LanguageModel, question: str) -> str:
    """Picture and question in the form that the model was trained on, if it says which."""
    if getattr(lm.processor, "chat_template", None):
        content = [{"type": "image"}, {"type": "text", "text": question}]
        messages = [{"role": "user", "content": content}]
        return str(lm.processor.apply_chat_template(messages, add_generation_prompt=True))
    return f"{getattr(lm.processor, 'image_token', '<image>')}\n{question}\n"


def _run(seeing: Seeing, items: list[Item]) -> list[Said]:
    import torch

    lm = seeing.lm
    inputs = inputs_of(lm, items)
    length = inputs["input_ids"].shape[1]
    _check_window(seeing, length, items[0].question)
    fill = lm.tokenizer.pad_token_id
    with torch.inference_mode():
        found = lm.model.generate(
            **inputs,
            max_new_tokens=seeing.limit,
            do_sample=False,
            return_dict_in_generate=True,
            output_logits=True,
            eos_token_id=lm.ends or None,
            pad_token_id=fill if fill is not None else 0,
        )
        logprobs = torch.stack(found.logits, 1).float().log_softmax(-1)  # (items, tokens, vocabulary)
    said = []
    for row, own in zip(found.sequences[:, length:].tolist(), logprobs, strict=True):
        end = next((i + 1 for i, token in enumerate(row) if token in lm.ends), len(row))
        total = sum(own[i, token].item() for i, token in enumerate(row[:end]))
        best = own[0].exp().topk(min(5, own.shape[-1]))
        first: dict[str, float] = {}
        for share, token in zip(best.values.tolist(), best.indices.tolist(), strict=True):
            shown = lm.tokenizer.decode([token]).strip()  # " one" and "one" read the same: together they count
            first[shown] = first.get(shown, 0.0) + share
        said.append(Said(in_words(lm, row[:end]), float(np.exp(total)), first))
    return said


def in_words(lm: LanguageModel, ids: Sequence[int]) -> str:
    """Token ids as text, special tokens left out, marks close to their words."""
    text = lm.tokenizer.decode(ids, skip_special_tokens=True).strip()
    return text.replace(" ,", ",").replace(" .", ".").replace(" ?", "?") if lm.processor is None else text
