"""palm-e-mini: plans for a simulated robot, from an image, a state vector and an instruction, from nothing.

A vision transformer, a state encoder and a decoder-only language model learn together (Driess and others 2023, arXiv
2303.03378, who start from models trained before). The simulator draws the tables, the oracle writes the plans; only
the tokens of the plans are learned. Half of the tables are met in the middle of a plan, as when a step has failed.

Two things make it fast. Four instructions share one picture in a row: each sees the picture and itself, not the
others, so that the picture is read once. And two auxiliary losses teach the eye early: what a patch shows must read
as its color's word in the language model's own word table, and a linear layer must tell what lies above and below.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import LlamaConfig, PreTrainedTokenizerFast, ViTConfig

from llm_course.minis.batches import LengthBatches
from llm_course.minis.loop import Plan
from llm_course.shelf.palm_e import PalmEMini, PalmEMiniConfig
from llm_course.use_cases.embodied import IMAGE, JOIN, PROMPT, STATE
from llm_course.worlds import tabletop as world
from llm_course.worlds import tabletop_goals as goals

CORPORA: list[str] = []  # the simulator draws everything
PATCH, VISION, TEXT = 8, 96, 96  # pixels a side; widths
TABLES, WISHES, BATCH = 40_000, 4, 4096  # tables drawn; instructions for each; tokens in a batch
PLAN = Plan(steps=1400, lr=3e-3, muon=5e-3, warmup=100, weight_decay=0.02, betas=(0.9, 0.95))
AUXILIARY = 0.3  # weight of the auxiliary losses
# The classes of the auxiliary reading: a color, nothing, or no block at all here.
NOTHING, NO_BLOCK = len(world.COLORS), len(world.COLORS) + 1
RELATIONS = 3 * (NO_BLOCK + 1)  # above, below, top of the stack
SPECIAL = ["<pad>", "<eos>", "<unk>", IMAGE, STATE]


def make_tokenizer(data: Path | None = None) -> PreTrainedTokenizerFast:
    """One token a word: all words of the wordings, the steps and the answers."""
    texts = [
        PROMPT,
        JOIN,
        "pick place on in tray table",
        goals.DONE,
        goals.IMPOSSIBLE,
        goals.FULL,
        "tray is full no block",
    ]
    texts += [w.format(a="red", b="red") for wordings in goals.WORDINGS.values() for w in wordings]
    texts += [*world.COLORS, *world.TRAYS]
    split = pre_tokenizers.Whitespace()
    bare = " ".join(texts).format(instruction="").replace(IMAGE, " ").replace(STATE, " ").lower()
    words = dict.fromkeys([*SPECIAL, *sorted({word for word, _ in split.pre_tokenize_str(bare)})])
    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = split
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>",
        additional_special_tokens=[IMAGE, STATE], model_max_length=160, clean_up_tokenization_spaces=False,
    )  # fmt: skip


def make_model(tokenizer: PreTrainedTokenizerFast, layers: tuple[int, int] = (3, 3), width: int = TEXT) -> PalmEMini:
    """3 + 3 layers of width 96: 0.6 million parameters, randomly initialized."""
    torch.manual_seed(PLAN.seed)
    vision = ViTConfig(
        image_size=(world.HEIGHT, world.WIDTH), patch_size=PATCH, hidden_size=width, num_hidden_layers=layers[0],
        num_attention_heads=4, intermediate_size=2 * width, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    text = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=width, num_hidden_layers=layers[1], num_attention_heads=width // 16,
        num_key_value_heads=width // 16, intermediate_size=8 * width // 3, max_position_embeddings=160,
        pad_token_id=tokenizer.pad_token_id, bos_token_id=None, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    config = PalmEMiniConfig(
        vision_config=vision.to_dict(), text_config=text.to_dict(), state_size=len(world.STATE), relations=RELATIONS,
        image_token_id=tokenizer.get_vocab()[IMAGE], state_token_id=tokenizer.get_vocab()[STATE],
    )  # fmt: skip
    return PalmEMini(config)


def drawn(random: np.random.Generator) -> tuple[world.Layout, list[goals.Goal]]:
    """A table that is not kept for testing, and wishes for it; the first one may be half fulfilled."""
    while True:
        layout = goals.random_layout(random)
        wish = goals.random_goal(layout, random)
        if random.random() < 0.5:
            steps = goals.plan(layout, wish)
            if not goals.answers(steps):
                done = int(random.integers(1, len(steps) + 1))
                for number, step in enumerate(steps[:done], 1):  # the last one of them may slip
                    layout = world.after(layout, step, slips=number == done and random.random() < 0.4)
        if not goals.held_out(layout):
            return layout, [wish, *(goals.random_goal(layout, random) for _ in range(WISHES - 1))]


def reading(layouts: list[world.Layout], looks: list[world.Looks]) -> np.ndarray:
    """What each patch shows, ``(tables, patches, 4)``: its color, those above, below and on top; see ``NOTHING``."""
    rows, columns = world.HEIGHT // PATCH, world.WIDTH // PATCH
    names = list(world.COLORS)
    shown = np.full((len(layouts), world.HEIGHT, world.WIDTH), -1, np.int8)
    told = np.full((len(layouts), NO_BLOCK + 1, 4), NO_BLOCK)  # what is said of each color of each table
    for n, (layout, own) in enumerate(zip(layouts, looks, strict=True)):
        for color, left, top in world.boxes(layout, own):
            here = names.index(color)
            shown[n, top : top + world.BLOCK_HEIGHT, left : left + world.BLOCK_WIDTH] = here
            over, under = layout.above(color), layout.below(color)
            told[n, here] = (
                here,
                names.index(over[0]) if over else NOTHING,
                names.index(under) if under in names else NOTHING,
                names.index(over[-1]) if over else NOTHING,
            )
    tiles = shown.reshape(len(layouts), rows, PATCH, columns, PATCH)
    pixels = np.stack([(tiles == color).sum((2, 4)) for color in range(len(names))], -1).reshape(
        len(layouts), -1, len(names)
    )
    main = np.where(pixels.max(-1) >= 12, pixels.argmax(-1), NO_BLOCK)
    return np.take_along_axis(told, main[..., None], 1)


class Task:
    """Tables with wishes and the oracle's plans, the loss of any batch of them, and a check on unseen tables."""

    def __init__(self, data: Path | None, tokenizer: PreTrainedTokenizerFast, tables: int | None = None) -> None:
        tables = tables or TABLES
        self.tokenizer = tokenizer
        backend = tokenizer.backend_tokenizer
        before, after = PROMPT.split("{instruction}")
        patches = (world.HEIGHT // PATCH) * (world.WIDTH // PATCH)
        head = backend.encode(before).ids
        image = tokenizer.get_vocab()[IMAGE]
        place = head.index(image)
        self.head = [*head[:place], *[image] * patches, *head[place + 1 :]]
        self.tail, self.join = backend.encode(after).ids, backend.encode(JOIN).ids
        self.word = dict(tokenizer.get_vocab())
        self.reads = torch.tensor([*(self.word[color] for color in world.COLORS), -100, self.word["table"]])
        random = np.random.default_rng(PLAN.seed)
        self.layouts: list[world.Layout] = []
        self.rows: list[list[tuple[list[int], int]]] = []  # of each table: instruction and plan, and where that begins
        for _ in range(tables):
            layout, wishes = drawn(random)
            self.layouts.append(layout)
            self.rows.append([self.encode(layout, wish, random) for wish in wishes])
        self.held: list[int] = []  # unseen tables stand after the others
        while len(self.held) < min(256, tables):
            layout = goals.random_layout(random)
            if goals.held_out(layout):
                self.held.append(len(self.layouts))
                self.layouts.append(layout)
                wishes = [goals.random_goal(layout, random) for _ in range(WISHES)]
                self.rows.append([self.encode(layout, wish, random) for wish in wishes])
        self.tables = tables
        lengths = [[len(self.head) + sum(len(ids) for ids, _ in rows)] for rows in self.rows[:tables]]
        self.batches = LengthBatches(lengths, BATCH, PLAN.seed)

    def encode(self, layout: world.Layout, wish: goals.Goal, random: np.random.Generator) -> tuple[list[int], int]:
        """Instruction and plan as token ids, and where the plan begins."""
        said = [self.word[word] for word in goals.worded(wish, random).split()] + self.tail
        steps = f" {JOIN} ".join(goals.plan(layout, wish))
        return [*said, *(self.word[word] for word in steps.split()), self.tokenizer.eos_token_id], len(said)

    def batch(self, which: list[int], random: np.random.Generator) -> dict[str, torch.Tensor]:
        """Tables with all their wishes in one row each; ``allowed`` says which token may look at which."""
        looks = [world.Looks.draw(random) for _ in which]
        layouts = [self.layouts[i] for i in which]
        longest = len(self.head) + max(sum(len(ids) for ids, _ in self.rows[i]) for i in which)
        shape = (len(which), longest)
        ids, labels = np.full(shape, self.tokenizer.pad_token_id), np.full(shape, -100)
        group, position = np.full(shape, -1), np.zeros(shape, np.int64)
        start = len(self.head)
        for n, i in enumerate(which):
            ids[n, :start], group[n, :start], position[n, :start] = self.head, 0, np.arange(start)
            place = start
            for number, (row, begins) in enumerate(self.rows[i], 1):
                end = place + len(row)
                ids[n, place:end], group[n, place:end] = row, number
                position[n, place:end] = start + np.arange(len(row))
                labels[n, place + begins - 1 : end - 1] = row[begins:]  # each token tells the next one
                place = end
        causal = np.tri(longest, dtype=bool)
        allowed = causal & ((group[:, None] == 0) | (group[:, None] == group[:, :, None]))
        grippers = [(float(x), float(y)) for x, y in random.random((len(which), 2))]
        return {
            "ids": torch.from_numpy(ids), "labels": torch.from_numpy(labels), "position": torch.from_numpy(position),
            "allowed": torch.from_numpy(allowed)[:, None],
            "image": torch.from_numpy(np.stack([world.picture(a, b) for a, b in zip(layouts, looks, strict=True)])),
            "state": torch.from_numpy(
                np.stack([world.sensed(a, b, c) for a, b, c in zip(layouts, looks, grippers, strict=True)])
            ),
            "reading": torch.from_numpy(reading(layouts, looks)),
        }  # fmt: skip

    def scores(self, model: Any, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Scores of the next token ``(tables, tokens, words)``, and what the eye made of the patches."""
        seen = model.see(batch["image"])
        vectors = model.embed(batch["ids"], None, batch["state"], model.project(seen))
        out = model.text(
            inputs_embeds=vectors, attention_mask=batch["allowed"], position_ids=batch["position"], use_cache=False
        )
        return out.logits, seen

    def loss(self, model: Any, number: int) -> torch.Tensor:
        """Cross-entropy of the plans' tokens, in nats, and the auxiliary losses."""
        device = next(model.parameters()).device
        random = np.random.default_rng([PLAN.seed, 1, number])
        own = self.batch(self.batches[number].tolist(), random)
        batch = {name: value.to(device) for name, value in own.items()}
        logits, seen = self.scores(model, batch)
        cross_entropy = torch.nn.functional.cross_entropy
        words = model.project(seen) @ model.text.get_input_embeddings().weight.T
        color, relations = batch["reading"][..., 0], batch["reading"][..., 1:]
        eye = cross_entropy(words.flatten(0, 1).float(), self.reads.to(device)[color].flatten())
        told = model.relation_head(seen).unflatten(-1, (3, -1)).float()
        eye = eye + cross_entropy(told.flatten(0, 2), relations.flatten())
        return cross_entropy(logits.flatten(0, 1).float(), batch["labels"].flatten()) + AUXILIARY * eye

    def watch(self, step: int, model: torch.nn.Module) -> dict[str, float]:
        """On unseen tables: the share of plans whose every token is the model's first choice after those before."""
        device = next(model.parameters()).device
        right, loss = [], []
        for start in range(0, len(self.held), 32):
            own = self.batch(self.held[start : start + 32], np.random.default_rng(start))
            batch = {name: value.to(device) for name, value in own.items()}
            logits, _ = self.scores(model, batch)
            wrong = (logits.argmax(-1) != batch["labels"]) & (batch["labels"] != -100)
            loss.append(
                torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), batch["labels"].flatten()).item()
            )
            # Tokens of the same wish have the same place in its row: a wish is wrong where any of them is.
            starts = (batch["labels"] != -100) & (batch["labels"].roll(1, 1) == -100)
            number = starts.cumsum(1)
            for row in range(len(number)):
                bad = set(number[row][wrong[row]].tolist())
                right += [n not in bad for n in range(1, int(number[row].max()) + 1)]
        return {"held_plans": round(float(np.mean(right)), 4), "held_loss": round(float(np.mean(loss)), 4)}
