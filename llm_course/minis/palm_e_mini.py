"""palm-e-mini: plans for a simulated robot, from an image, a state vector and an instruction, from nothing.

A vision transformer, a state encoder and a decoder-only language model learn together (Driess and others 2023, arXiv
2303.03378, who start from models trained before). The simulator draws the tables, the oracle writes the plans; only
the tokens of the plans are learned. Half of the tables are met in the middle of a plan, as when a step has failed.

Two things make it fast. Four instructions share one picture in a row: each sees the picture and itself, not the
others, so that the picture is read once. And two auxiliary losses teach the eye early: what a patch shows must read
as its color's word in the language model's own word table, and a linear layer must tell what lies above and below.

Measured in the simulator, whose judge looks at the table, not at the words: the share of wishes fulfilled on unseen
arrangements, with and without slipping steps, with the model's senses taken away one by one. Beside it stand the
oracle, which sees all, and a robot that knows the words only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import LlamaConfig, PreTrainedTokenizerFast, ViTConfig

from llm_course.minis.batches import LengthBatches
from llm_course.minis.loop import Plan
from llm_course.minis.measures.figures import Figures, Table, goal, stamp
from llm_course.minis.mini import Line, Mini
from llm_course.shelf.loading import LanguageModel, ModelLike, load
from llm_course.shelf.palm_e import PalmEMini, PalmEMiniConfig
from llm_course.use_cases.embodied import IMAGE, JOIN, PROMPT, STATE, RobotPlan, act, carry_out_all, steps_of
from llm_course.worlds import tabletop as world
from llm_course.worlds import tabletop_goals as goals

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
        tokenizer_object=backend,
        pad_token="<pad>",
        eos_token="<eos>",
        unk_token="<unk>",
        additional_special_tokens=[IMAGE, STATE],
        model_max_length=160,
        clean_up_tokenization_spaces=False,
    )


def make_model(tokenizer: PreTrainedTokenizerFast, layers: tuple[int, int] = (3, 3), width: int = TEXT) -> PalmEMini:
    """3 + 3 layers of width 96: 0.6 million parameters, randomly initialized."""
    torch.manual_seed(PLAN.seed)
    vision = ViTConfig(
        image_size=(world.HEIGHT, world.WIDTH),
        patch_size=PATCH,
        hidden_size=width,
        num_hidden_layers=layers[0],
        num_attention_heads=4,
        intermediate_size=2 * width,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        num_hidden_layers=layers[1],
        num_attention_heads=width // 16,
        num_key_value_heads=width // 16,
        intermediate_size=8 * width // 3,
        max_position_embeddings=160,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    config = PalmEMiniConfig(
        vision_config=vision.to_dict(),
        text_config=text.to_dict(),
        state_size=len(world.STATE),
        relations=RELATIONS,
        image_token_id=tokenizer.get_vocab()[IMAGE],
        state_token_id=tokenizer.get_vocab()[STATE],
    )
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
            "ids": torch.from_numpy(ids),
            "labels": torch.from_numpy(labels),
            "position": torch.from_numpy(position),
            "allowed": torch.from_numpy(allowed)[:, None],
            "image": torch.from_numpy(np.stack([world.picture(a, b) for a, b in zip(layouts, looks, strict=True)])),
            "state": torch.from_numpy(
                np.stack([world.sensed(a, b, c) for a, b, c in zip(layouts, looks, grippers, strict=True)])
            ),
            "reading": torch.from_numpy(reading(layouts, looks)),
        }

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


# --- how it is measured --------------------------------------------------------------------------------------------

TESTED, ASKS, SLIP, SUCCESS = 500, 6, 0.15, 0.9
HOW = (
    "Unseen arrangements of blocks (one in ten is kept out of training by a hash; places, light and noise at random), "
    "one wish each. Success: of the wishes that can be fulfilled and are not yet, the share that the simulator finds "
    f"fulfilled after carrying out the plan, with at most {ASKS} plans, a new one whenever a step fails. Answers: of "
    "the other wishes, the share answered as the oracle does. Without the image: the model is shown an empty table. "
    "Without the state: the vector of an empty gripper and empty trays. Shuffled: the image, or the state, of another "
    "table of the test. Words only: it picks the block that is named and places it where it should be."
)


Test = tuple[world.Layout, goals.Goal, str]  # a wish and its words
Planner = Callable[[list[str], list[world.Table]], list[RobotPlan]]


class Seen:
    """A table seen through other senses: its own, or those that are given."""

    def __init__(self, table: world.Table, image: np.ndarray | None, state: np.ndarray | None) -> None:
        self._table, self._image, self._state = table, image, state

    def image(self) -> np.ndarray:
        """The given image, else the table's."""
        return self._table.image() if self._image is None else self._image

    def state(self) -> np.ndarray:
        """The given state, else the table's."""
        return self._table.state() if self._state is None else self._state


def unseen(count: int, seed: int = 1) -> list[Test]:
    """Layouts whose arrangement was kept out of training, each with a wish and its words."""
    random = np.random.default_rng([seed, 99])
    found: list[Test] = []
    while len(found) < count:
        layout = goals.random_layout(random)
        if goals.held_out(layout):
            wish = goals.random_goal(layout, random)
            found.append((layout, wish, goals.worded(wish, random)))
    return found


def words_only(instruction: str) -> RobotPlan:
    """What can be planned without looking: the named block is free, the gripper empty, both trays have room."""
    wish = goals.goal_of(instruction)
    assert wish is not None
    blocks = [block for block in (wish.block, wish.on) if block]
    guess = world.Layout(tuple((block,) for block in dict.fromkeys(blocks)) + ((),))
    if wish.kind == "free":
        guess = replace(guess, held="red")
    if wish.kind == "table":
        guess = replace(guess, stacks=(("other", wish.block), ()))
    steps = goals.plan(guess, wish)
    return RobotPlan(" ; ".join(steps), steps_of(" ; ".join(steps)), instruction, "words only")


def oracle(instruction: str, table: world.Table) -> RobotPlan:
    """The plan of the oracle, which sees the layout itself."""
    wish = goals.goal_of(instruction)
    assert wish is not None
    text = " ; ".join(goals.plan(table.layout, wish))
    return RobotPlan(text, steps_of(text), instruction, "oracle")


def planner(kind: str, lm: LanguageModel, tests: list[Test]) -> Planner:
    """A function from instructions and tables to plans, with the senses that ``kind`` leaves."""
    if kind == "words only":
        return lambda said, tables: [words_only(text) for text in said]
    if kind == "oracle":
        return lambda said, tables: [oracle(text, table) for text, table in zip(said, tables, strict=True)]
    bare = world.Table([])
    others = [world.Table.of(layout, seed=number) for number, (layout, _, _) in enumerate(tests)]
    shift = np.random.default_rng(5)

    def plans(said: list[str], tables: list[world.Table]) -> list[RobotPlan]:
        seen = []
        for table in tables:
            other = others[int(shift.integers(len(others)))]
            image = {"without the image": bare.image(), "shuffled images": other.image()}.get(kind)
            state = {"without the state": bare.state(), "shuffled states": other.state()}.get(kind)
            seen.append(Seen(table, image, state))
        found: list[RobotPlan] = act(said, seen, model=lm)
        return found

    return plans


KINDS = (
    "whole",
    "without the image",
    "without the state",
    "shuffled images",
    "shuffled states",
    "words only",
    "oracle",
)


def success(tests: list[Test], plans: Planner, slip: float, doable: list[bool]) -> dict[str, float]:
    """Share of the doable wishes that are fulfilled in the end, and plans asked for on the mean."""
    own = [test for test, can in zip(tests, doable, strict=True) if can]
    tables = [world.Table.of(layout, slip=slip, seed=number) for number, (layout, _, _) in enumerate(own)]
    episodes = carry_out_all([said for _, _, said in own], tables, model=plans, asks=ASKS)
    return {
        "success": round(float(np.mean([bool(episode.success) for episode in episodes])), 4),
        "plans": round(float(np.mean([len(episode.plans) for episode in episodes])), 2),
    }


def measure(data: str | Path | None = None, limit: int | None = None, *, model: ModelLike = "palm-e-mini") -> Figures:
    """Measure a robot's model; ``limit`` is the number of tables (else 500). ``data`` is not needed."""
    lm = load(model, task="act")
    tests = unseen(limit or TESTED)
    right = [" ; ".join(goals.plan(layout, wish)) for layout, wish, _ in tests]
    doable = [bool(steps_of(text)) for text in right]
    found: dict[str, dict[str, float]] = {}
    kinds: dict[str, list[bool]] = {}
    for kind in KINDS:
        plans = planner(kind, lm, tests)
        name = lm.name if kind == "whole" else kind if kind in ("words only", "oracle") else f"{lm.name}, {kind}"
        still = success(tests, plans, 0.0, doable)
        slippery = success(tests, plans, SLIP, doable)
        tables = [world.Table.of(layout, seed=n) for n, (layout, _, _) in enumerate(tests)]
        said = [plan.text for plan in plans([words for _, _, words in tests], tables)]
        same = [text == wanted for text, wanted, can in zip(said, right, doable, strict=True) if not can]
        found[name] = {
            "success": still["success"],
            "success, slipping": slippery["success"],
            "plans, slipping": slippery["plans"],
            "answers": round(float(np.mean(same)), 4),
        }
        if kind == "whole":
            for (_, wish, _), text, wanted in zip(tests, said, right, strict=True):
                kinds.setdefault(wish.kind, []).append(text == wanted)
    own = found[lm.name]
    blind, numb = (found[f"{lm.name}, without the {sense}"]["success"] for sense in ("image", "state"))
    return {
        "how": HOW,
        "tables": len(tests),
        "doable": sum(doable),
        "slip": SLIP,
        "planners": found,
        "first plan as the oracle's": {kind: round(float(np.mean(same)), 4) for kind, same in sorted(kinds.items())},
        "goals": [
            goal("success on unseen arrangements", SUCCESS, own["success"]),
            goal("the same, when 15% of the steps slip", SUCCESS, own["success, slipping"]),
            goal("success lost without the image", 0.1, own["success"] - blind),
            goal("success lost without the state", 0.1, own["success"] - numb),
        ],
        **stamp(lm.name, lm.device.type),
    }


def headline(measured: Figures) -> list[Line]:
    """Success, with the other planners' beside it."""
    (_, own), *others = measured["planners"].items()
    beside = "; ".join(f"{name.split(', ')[-1]} {figures['success']:.3f}" for name, figures in others)
    return [("wishes fulfilled, unseen arrangements", f"{own['success']:.3f}", beside)]


def tables(measured: Figures) -> list[Table]:
    """Success of every planner, and the first plans by kind of wish."""
    names = ("success", "success, slipping", "plans, slipping", "answers")
    rows = tuple(
        (name, *(f"{figures[n]:.2f}" if n.startswith("plans") else f"{figures[n]:.3f}" for n in names))
        for name, figures in measured["planners"].items()
    )
    head = ("planner", "success", f"success, {measured['slip']:.0%} of steps slip", "plans asked for then", "answers")
    title = f"Wishes fulfilled: {measured['doable']} of {measured['tables']} unseen tables, answers on the others"
    kinds = tuple((kind, f"{share:.3f}") for kind, share in measured["first plan as the oracle's"].items())
    return [
        Table(title, head, rows),
        Table("First plans that are word for word the oracle's", ("kind of wish", "share"), kinds),
    ]


MINI = Mini(
    name="palm-e-mini",
    kind="multimodal, embodied",
    tasks=("act",),
    default_for=("act",),
    about=("Plans for a simulated robot: an image and a state vector become embeddings among the words of the prompt."),
    data="tables that the course draws itself, with its planner's plans",
    example=(
        'table = lc.tabletop.Table([["red", "green"], ["blue"]])\n'
        'print(lc.act("put the red block on the blue one", table))'
    ),
    limits=(
        "It knows one table of five blocks, some fifty words and eight kinds of wishes; it refuses other words.",
        "Where the block already lies higher up in the other one's stack, it often wrongly says 'already done'.",
        "It writes the likeliest plan even where its senses do not fit together; the simulator tells, not the model.",
        "It has learned no world knowledge: PaLM-E's language and vision models had read and seen the web before.",
    ),
    hub_task="robotics",
    tags=("multimodal", "embodied"),
    plan=PLAN,
    make_tokenizer=make_tokenizer,
    make_model=make_model,
    task=Task,
    measure=measure,
    headline=headline,
    tables=tables,
)
