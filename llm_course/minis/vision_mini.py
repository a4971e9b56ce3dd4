"""vision-mini: LLaVA's architecture, trained from nothing on scenes that the project draws itself.

A vision transformer (CLIP's; Radford and others 2021, arXiv 2103.00020) turns a picture into 36 patches and
one class token; a projection of two layers puts them among the word embeddings of a Llama decoder (Liu and
others 2023, arXiv 2304.08485, section 4.1; 2310.03744 for the two layers). Here both halves are trained
together, on questions of eight kinds and on captions.

Two things make it learn in minutes. Many questions share one picture in one sequence: each sees the picture
and itself only, at the places that it would have if it stood alone. And in the first half of the training a
second loss asks each projected patch for the words of what it shows (color, shape, size, and "one" where a
thing's middle is), through the scores that the words themselves are predicted with. It is weakened step by
step and then dropped; it adds no parameters.

Measured by the share of questions about unseen scenes, drawn with a seed of their own, that it answers word for word.
"""

from __future__ import annotations

import random as randoms
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PreTrainedTokenizerFast,
)

from llm_course.minis.batches import pad
from llm_course.minis.gpt_mini import sinusoids
from llm_course.minis.loop import Plan
from llm_course.minis.measures.figures import Figures, Table, goal, stamp
from llm_course.minis.mini import Line, Mini
from llm_course.shelf.loading import ModelLike, load
from llm_course.use_cases.pictures import normalized
from llm_course.use_cases.vision import ask, describe
from llm_course.worlds.scene_questions import KINDS, Question, caption, questions, words
from llm_course.worlds.scenes import COLORS, DESCRIBE, SHAPES, SIDE, SIZES, Scene, covers, draw, random_scene

# Pairs of color and shape that never occur in training, in no picture, question or answer.
HELD_OUT = frozenset(
    {
        ("red", "star"),
        ("blue", "heart"),
        ("green", "circle"),
        ("yellow", "triangle"),
        ("pink", "square"),
        ("black", "cross"),
    }
)
PATCH, BATCH, WINDOW = 10, 64, 96
IMAGE_TOKENS = (SIDE // PATCH) ** 2 + 1
PLAN = Plan(steps=1400, lr=3e-3, muon=5e-3, warmup=100, weight_decay=0.02)
ASKED = (*KINDS, "relation", "count")  # of one picture; the two that are hardest to learn twice
GUIDED, SEEN = 0.5, 12.0  # share of the steps with the second loss; pixels that a thing must show in a patch


def make_tokenizer(data: Path | None = None) -> PreTrainedTokenizerFast:
    """Whole words and marks in small letters; a word it does not know becomes ``<unk>``."""
    vocabulary = {word: i for i, word in enumerate(["<pad>", "<unk>", "<end>", "<image>", *words()])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        unk_token="<unk>",
        eos_token="<end>",
        additional_special_tokens=["<image>"],
        model_max_length=WINDOW,
        model_input_names=["input_ids"],
    )


def make_model(tokenizer: PreTrainedTokenizerFast) -> LlavaForConditionalGeneration:
    """4 layers of width 96 that see, 3 layers of width 128 that speak: 1.0 million parameters."""
    torch.manual_seed(PLAN.seed)
    vision = CLIPVisionConfig(
        hidden_size=96,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        image_size=SIDE,
        patch_size=PATCH,
        projection_dim=96,
        hidden_act="gelu",
    )
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=WINDOW,
        tie_word_embeddings=True,
        initializer_range=128**-0.5,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=tokenizer.get_vocab()["<image>"],
        image_seq_length=IMAGE_TOKENS,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        tie_word_embeddings=True,
    )
    config._attn_implementation = "eager"
    model = LlavaForConditionalGeneration(config)
    # A patch's place starts as its row and its column, each as sinusoids (Vaswani and others 2017, section 3.5).
    side = SIDE // PATCH
    lines = sinusoids(side, 48)
    places = torch.cat([lines.repeat_interleave(side, 0), lines.repeat(side, 1)], 1)
    model.model.vision_tower.embeddings.position_embedding.weight.data[1:] = places * 0.2
    # LLaVA's 0.02 is made for a width of thousands; one over the square root of the width keeps the signal's size.
    for layer in (model.model.multi_modal_projector.linear_1, model.model.multi_modal_projector.linear_2):
        torch.nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
    model.generation_config.pad_token_id, model.generation_config.eos_token_id = 0, tokenizer.eos_token_id
    return model


class Task:
    """Endless new scenes, each with its questions, and the loss of any batch of them."""

    def __init__(self, data: Path | None, tokenizer: PreTrainedTokenizerFast) -> None:
        vocabulary = tokenizer.get_vocab()
        self.ids, self.end, self.image = vocabulary, tokenizer.eos_token_id, vocabulary["<image>"]
        self.steps = PLAN.steps
        # The words that a patch may show, in groups of which one is right.
        groups = (COLORS, SHAPES, SIZES, ("one",))
        self.groups = [[vocabulary[word] for word in ("nothing", *group)] for group in groups]

    def encode(self, text: str) -> list[int]:
        """Token ids of words of the vocabulary: faster than the tokenizer, which tests compare it with."""
        for mark in ",.?":
            text = text.replace(mark, f" {mark}")
        return [self.ids[word] for word in text.split()]

    def scenes(self, number: int) -> tuple[list[Scene], randoms.Random]:
        """The scenes of batch ``number``, and the source of chance to go on with."""
        random = randoms.Random(f"vision-mini {PLAN.seed} {number}")
        return [random_scene(random, avoid=HELD_OUT) for _ in range(BATCH)], random

    def loss(self, model: torch.nn.Module, number: int) -> torch.Tensor:
        """Cross-entropy of the answers' words, and in the guided part of the patches' words, in nats."""
        scenes, random = self.scenes(number)
        device = next(model.parameters()).device
        rows = [self.row(scene, random) for scene in scenes]
        ids, blocks, answers = (
            torch.from_numpy(pad([row[i] for row in rows], fill)).to(device) for i, fill in enumerate((0, -1, 0))
        )
        mask, positions = layout(blocks)
        pictures = normalized([draw(scene, random=random) for scene in scenes]).to(device)
        found = model(input_ids=ids, pixel_values=pictures, attention_mask=mask, position_ids=positions)
        target = answers[:, 1:].bool()
        loss = torch.nn.functional.cross_entropy(found.logits[:, :-1][target].float(), ids[:, 1:][target])
        weight = 1 - number / (GUIDED * self.steps)
        if weight > 0:
            loss = loss + weight * self.patch_loss(model, found.image_hidden_states, scenes)
        return loss

    def row(self, scene: Scene, random: randoms.Random) -> tuple[list[int], list[int], list[int]]:
        """One sequence: token ids, which block each belongs to (0: the picture), and which are answers."""
        ids, blocks, answers = [self.image] * IMAGE_TOKENS, [0] * IMAGE_TOKENS, [0] * IMAGE_TOKENS
        asked = [(q.text, q.answer) for q in questions(scene, random, ASKED, avoid=HELD_OUT)]
        for block, (question, answer) in enumerate([*asked, (DESCRIBE, caption(scene))], start=1):
            first, second = self.encode(question), [*self.encode(answer), self.end]
            ids += first + second
            blocks += [block] * len(first + second)
            answers += [0] * len(first) + [1] * len(second)
        return ids, blocks, answers

    def patch_loss(self, model: Any, features: torch.Tensor, scenes: list[Scene]) -> torch.Tensor:
        """How badly the projected patches name what they show: the mean cross-entropy over the four groups."""
        wanted = torch.from_numpy(np.stack([shown(scene) for scene in scenes])).to(features.device)
        patches = features.reshape(len(scenes), IMAGE_TOKENS, -1)[:, 1:].float()
        table = model.lm_head.weight
        losses = [
            torch.nn.functional.cross_entropy((patches @ table[group].T.float()).flatten(0, 1), wanted[:, i].flatten())
            for i, group in enumerate(self.groups)
        ]
        return torch.stack(losses).mean()


def layout(blocks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Who may look at whom, and the place of each token, for sequences of one picture and several questions.

    Args:
        blocks: ``(rows, length)``: 0 for the picture, 1, 2, ... for the questions, -1 for padding.

    Returns:
        What is added to the attention scores, ``(rows, 1, length, length)``: a token sees the picture and what
        stands before it in its own block. And the places, ``(rows, length)``: every block starts after the picture.
    """
    length = blocks.shape[1]
    before = torch.ones(length, length, dtype=torch.bool, device=blocks.device).tril()
    seen = (blocks[:, None, :] == 0) | (blocks[:, None, :] == blocks[:, :, None])
    mask = torch.zeros(len(blocks), 1, length, length, device=blocks.device)
    mask.masked_fill_(~(seen & before)[:, None], torch.finfo(torch.float32).min)
    places = torch.arange(length, device=blocks.device).expand(len(blocks), -1)
    begins = torch.zeros_like(places)
    begins[:, 1:] = torch.where(blocks[:, 1:] != blocks[:, :-1], places[:, 1:], 0)
    return mask, torch.where(blocks > 0, places - begins.cummax(1).values + IMAGE_TOKENS, places * (blocks == 0))


def shown(scene: Scene) -> np.ndarray:
    """What each patch shows: ``(4, patches)``, for color, shape, size and middle; 0 is the ground.

    The thing that shows most in a patch counts, if it shows on at least ``SEEN`` of its pixels.
    """
    side = SIDE // PATCH
    planes = covers(scene)
    for front in range(1, len(planes)):
        planes[:front] *= 1 - planes[front]
    areas = planes.reshape(len(planes), side, PATCH, side, PATCH).sum((2, 4)).reshape(len(planes), -1)
    found = np.zeros((4, side * side), dtype=np.int64)
    best = areas.argmax(0)
    for number, thing in enumerate(scene.things):
        own = (best == number) & (areas[number] >= SEEN)
        found[0, own] = 1 + [*COLORS].index(thing.color)
        found[1, own] = 1 + SHAPES.index(thing.shape)
        found[2, own] = 1 + [*SIZES].index(thing.size)
        found[3, int(thing.y * side) * side + int(thing.x * side)] = 1
    return found


# --- how it is measured --------------------------------------------------------------------------------------------

SCENES, WANTED = 200, 0.95
UNSEEN, NEW_PAIRS = "unseen scenes", "held-out pairs"
FREQUENT, BLANK = "most frequent answer", "picture blank"
HOW = (
    f"Scenes are drawn anew with a seed that training did not use: {SCENES} with the pairs of color and shape of the "
    f"training, and {SCENES} whose first thing is one of the six pairs that were held out, asked about that thing. "
    "Each scene gets one question of each kind that has a clear answer there. An answer counts if it is right word for "
    "word; a description, if it names all things rightly from left to right. Baselines on the unseen scenes: the "
    "answer that is most frequent for the kind in this very test, and the model itself with an empty picture."
)
Asked = list[tuple[Scene, np.ndarray, Question]]


def test_set(name: str, count: int) -> tuple[list[Scene], list[np.ndarray], Asked]:
    """Scenes, their pictures (colors shifted a little, as in training) and questions about them."""
    random = randoms.Random(f"vision-mini test {name}")
    held = sorted(HELD_OUT)
    drawn = [
        random_scene(random, among=held) if name == NEW_PAIRS else random_scene(random, avoid=HELD_OUT)
        for _ in range(count)
    ]
    pictures = [draw(scene, random=random) for scene in drawn]
    asked = []
    for scene, picture in zip(drawn, pictures, strict=True):
        about = scene.things[0] if name == NEW_PAIRS else None
        avoid = frozenset() if name == NEW_PAIRS else HELD_OUT
        asked += [(scene, picture, q) for q in questions(scene, random, KINDS, avoid=avoid, about=about)]
    return drawn, pictures, asked


def measure(data: str | Path | None, limit: int | None = None, *, model: ModelLike = "vision-mini") -> Figures:
    """Measure a model of pictures on scenes; ``limit`` is the most scenes of each set (else 200).

    ``data`` is not read: the scenes are drawn.
    """
    lm = load(model, task="describe")
    count = min(limit or SCENES, SCENES)
    accuracy: dict[str, dict[str, float]] = {}
    captions: dict[str, float] = {}
    numbers: dict[str, int] = {}
    mistakes: list[dict[str, str]] = []
    for name in (UNSEEN, NEW_PAIRS):
        drawn, pictures, asked = test_set(name, count)
        found = ask([p for _, p, _ in asked], [q.text for _, _, q in asked], model=lm, progress=False)
        said = [one.text for one in found]
        accuracy[name] = _by_kind([(q.kind, text == q.answer) for (_, _, q), text in zip(asked, said, strict=True)])
        told = describe(pictures, model=lm, progress=False)
        captions[name] = round(sum(t.text == caption(s) for t, s in zip(told, drawn, strict=True)) / len(drawn), 4)
        numbers[name] = len(asked)
        if name == UNSEEN:
            wrong = [(s, q, text) for (s, _, q), text in zip(asked, said, strict=True) if text != q.answer]
            mistakes = [
                {"scene": str(s), "question": q.text, "right": q.answer, "said": text} for s, q, text in wrong[:8]
            ]
            counts: dict[str, Counter[str]] = {}
            for _, _, q in asked:
                counts.setdefault(q.kind, Counter())[q.answer] += 1
            accuracy[FREQUENT] = _by_kind(
                [(q.kind, counts[q.kind].most_common(1)[0][0] == q.answer) for _, _, q in asked]
            )
            empty = draw(Scene(()))
            # Each question once: with the same picture it has the same answer.
            texts = list(dict.fromkeys(q.text for _, _, q in asked))
            blind = {a.question: a.text for a in ask(empty, texts, model=lm, progress=False)}
            accuracy[BLANK] = _by_kind([(q.kind, blind[q.text] == q.answer) for _, _, q in asked])
    return {
        "how": HOW,
        "questions": numbers,
        "scenes": count,
        "accuracy": accuracy,
        "descriptions": captions,
        "mistakes": mistakes,
        "goals": [goal("questions about unseen scenes answered rightly", WANTED, accuracy[UNSEEN]["all"])],
        **stamp(lm.name, lm.device.type),
    }


def _by_kind(answers: list[tuple[str, bool]]) -> dict[str, float]:
    """The share of right answers over all, then by kind."""
    kinds = [kind for kind in KINDS if any(k == kind for k, _ in answers)]
    own = {kind: [right for k, right in answers if k == kind] for kind in kinds}
    every = [right for _, right in answers]
    return {"all": _share(every), **{kind: _share(own[kind]) for kind in kinds}}


def _share(right: list[bool]) -> float:
    return round(sum(right) / max(1, len(right)), 4)


def headline(measured: Figures) -> list[Line]:
    """Questions about unseen scenes, then about held-out pairs, beside the baselines."""
    own = measured["accuracy"]
    base = f"{FREQUENT} {own[FREQUENT]['all']:.3f}, {BLANK} {own[BLANK]['all']:.3f}"
    return [
        ("questions about unseen scenes", f"{own[UNSEEN]['all']:.3f}", base),
        ("questions about held-out pairs", f"{own[NEW_PAIRS]['all']:.3f}", "-"),
    ]


def tables(measured: Figures) -> list[Table]:
    """Accuracy by kind of question, and descriptions."""
    own = measured["accuracy"]
    rows = tuple(
        (kind, *(f"{shares[kind]:.3f}" if kind in shares else "-" for shares in own.values())) for kind in own[UNSEEN]
    )
    told = tuple((name, f"{share:.3f}") for name, share in measured["descriptions"].items())
    count = measured["questions"]
    title = f"Questions answered rightly, {count[UNSEEN]:,} about unseen scenes, {count[NEW_PAIRS]:,} about new pairs"
    return [
        Table(title, ("kind", *own), rows),
        Table(f"Descriptions right word for word, of {measured['scenes']:,} scenes", ("scenes", "share"), told),
    ]


MINI = Mini(
    name="vision-mini",
    kind="multimodal",
    tasks=("describe",),
    default_for=("describe",),
    about="Answers questions about scenes of colored shapes, and describes them.",
    data="scenes of colored shapes that the course draws itself",
    example='print(lc.ask(lc.scenes.scene(("star", "red", "big", 0.3, 0.4)), "what color is the star?"))',
    limits=(
        (
            "It has seen nothing but drawings of six shapes in seven colors and two sizes, one to four at a time, on "
            "a plain light ground. Of any other picture it speaks in these words, too, and is wrong."
        ),
        (
            "It never saw an empty picture, and names something in one. How sure it is tells more: for pictures "
            "unlike its own the probability of its description is near 0."
        ),
        "It knows the words of its own questions only; a question with another word is refused.",
        (
            "Where two things are about as far aside as up or down, on a middle line, or just touching, its answer "
            "is a guess: such questions were left out of training and test."
        ),
        "It cannot say that a question has no answer: asked for the color of a star that is not there, it names one.",
    ),
    hub_task="image-text-to-text",
    tags=("llava", "visual-question-answering"),
    plan=PLAN,
    make_tokenizer=make_tokenizer,
    make_model=make_model,
    task=Task,
    measure=measure,
    headline=headline,
    tables=tables,
)
