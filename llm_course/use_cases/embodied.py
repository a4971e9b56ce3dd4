"""A robot that is told what to do: an instruction and what it senses go in, a plan in words comes out.

Knows nothing about how models are found, or how the table moves. The prompt names the observations by placeholders,
the model puts their embeddings there (Driess and others 2023, arXiv 2303.03378, section 3), and the plan is written
token by token, the most probable one each time. :func:`carry_out` closes the loop: it carries the plan out, and where
a step fails, the robot looks again and asks again.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Protocol, Unpack, overload

from llm_course.arguments import Texts, number_in, texts_of
from llm_course.batching import in_batches, padded
from llm_course.errors import BadInput
from llm_course.results import Result, box, cut
from llm_course.shelf.loading import LanguageModel, ModelLike, RunOptions, load
from llm_course.worlds.tabletop import Layout, Move, Table
from llm_course.worlds.tabletop_goals import answers, goal_of

if TYPE_CHECKING:
    import numpy as np
    from transformers import PreTrainedTokenizerFast

PROMPT = "given <state> <image> , {instruction} . plan :"
IMAGE, STATE, JOIN = "<image>", "<state>", ";"
LONGEST_PLAN, LONGEST_INSTRUCTION = 56, 16  # tokens; the longest plan of the oracle has 53


@dataclass(frozen=True, repr=False)
class RobotPlan(Result):
    """What a robot's model wrote: the text, and its steps. An answer in words ("already done") has no steps."""

    text: str
    steps: tuple[str, ...]
    instruction: str
    model: str

    def __repr__(self) -> str:
        return f"RobotPlan({cut(self.text)!r}, {len(self.steps)} steps)"

    def _repr_html_(self) -> str:
        lines = "".join(f"<li>{escape(step)}</li>" for step in self.steps)
        body = f"<ol>{lines}</ol>" if lines else f"<div><b>{escape(self.text)}</b></div>"
        return box(f"{self.model}: {cut(self.instruction, 100)}", body)


class Senses(Protocol):
    """What the model gets of a table: the camera's image ``(48, 64, 3)``, and the state vector ``(8,)``."""

    def image(self) -> np.ndarray: ...
    def state(self) -> np.ndarray: ...


@overload
def act(instruction: str, table: Senses, **options: Unpack[RunOptions]) -> RobotPlan: ...
@overload
def act(instruction: Texts, table: Senses | Sequence[Senses], **options: Unpack[RunOptions]) -> list[RobotPlan]: ...
def act(
    instruction: str | Texts,
    table: Senses | Sequence[Senses],
    *,
    model: ModelLike = None,
    device: str = "auto",
    progress: bool | None = None,
) -> RobotPlan | list[RobotPlan]:
    """Ask the model for a plan. Nothing moves: ``table.run(plan)`` or :func:`carry_out` does that.

    Args:
        instruction: what is wished, for instance ``"put the red block on the blue one"``; or a list.
        table: a :class:`~llm_course.worlds.tabletop.Table`, or a list of them, one for each instruction. Its
            ``image()`` and ``state()`` are all that the model gets.
        model: a shelf name, a folder or a loaded model; the default of ``lc.use()`` if ``None``.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        progress: a bar always, never, or (``None``) when a list is slow.

    Returns:
        One :class:`RobotPlan` or a list: its text, and its steps; no steps where the model answers that the wish is
        fulfilled already or cannot be.

    Raises:
        BadInput: the instruction is blank, too long or has a word that the model does not know; ``table`` is no table.
        WrongTask: the model makes no plans from images and states.
    """
    texts, single = texts_of(instruction, "instruction")
    tables = list(table) if isinstance(table, Sequence) else [table] * len(texts)
    for one in tables:
        _check_table("act", one, ("image", "state"))
    if len(tables) != len(texts):
        raise BadInput(f"There are {len(texts)} instructions and {len(tables)} tables: give one table, or as many.")
    lm = load(model, device, task="act")
    items = [(words_of(lm, text), one.image(), one.state()) for text, one in zip(texts, tables, strict=True)]
    plans = in_batches(
        items,
        lambda item: len(item[0]),
        lambda some: written(lm, some),
        tokens=16_384,
        most=192,
        progress=progress,
        what="plans",
    )
    found = [RobotPlan(text, steps_of(text), said, lm.name) for text, said in zip(plans, texts, strict=True)]
    return found[0] if single else found


def _check_table(who: str, table: object, parts: tuple[str, ...]) -> None:
    if isinstance(table, type) or not all(hasattr(table, part) for part in parts):
        raise BadInput(f"{who}() needs a table, not {type(table).__name__}: lc.tabletop.Table([['red']]).")


def words_of(lm: LanguageModel, instruction: str) -> list[int]:
    """The prompt as token ids, ``<image>`` once for every patch.

    Raises:
        BadInput: a word is unknown, or there are too many.
    """
    said = instruction.strip().rstrip(".!").strip().lower()
    known = set(lm.tokenizer.get_vocab())
    words = re.findall(r"\w+|[^\w\s]", said)
    if not words:
        raise BadInput(
            f"The instruction {instruction!r} has no word. Say, for instance: put the red block on the table."
        )
    if unknown := [word for word in words if word not in known or not word.isalpha()]:
        near = difflib.get_close_matches(unknown[0], [w for w in known if w.isalpha()], n=2, cutoff=0.6)
        offer = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise BadInput(
            f"{lm.name} does not know the word {unknown[0]!r}.{offer} It knows: "
            f"{', '.join(sorted(w for w in known if w.isalpha()))}."
        )
    if len(words) > LONGEST_INSTRUCTION:
        raise BadInput(f"The instruction has {len(words)} words; {lm.name} reads up to {LONGEST_INSTRUCTION}.")
    return prompt_ids(lm.tokenizer, said, lm.model.patches)


def prompt_ids(tokenizer: PreTrainedTokenizerFast, instruction: str, patches: int) -> list[int]:
    """Token ids of the prompt; the placeholder ``<image>`` stands there once for every patch."""
    encoded = tokenizer.backend_tokenizer.encode(PROMPT.format(instruction=instruction))
    ids, place = encoded.ids, encoded.tokens.index(IMAGE)
    return [*ids[:place], *[ids[place]] * patches, *ids[place + 1 :]]


def written(lm: LanguageModel, batch: list[tuple[list[int], np.ndarray, np.ndarray]]) -> list[str]:
    """The plans that the model writes, for a batch of prompt, image ``(48, 64, 3)`` and state ``(8,)``."""
    import numpy as np
    import torch

    fill, end = lm.tokenizer.pad_token_id, lm.tokenizer.eos_token_id
    # Padding stands on the left, so that every prompt ends where the plan begins.
    ids, mask = padded([own for own, _, _ in batch], fill, lm.device, left=True)
    image = torch.from_numpy(np.stack([image for _, image, _ in batch])).to(lm.device)
    state = torch.from_numpy(np.stack([state for _, _, state in batch])).to(lm.device)
    with torch.inference_mode():
        vectors = lm.model.embed(ids, image, state)
        new = lm.model.text.generate(
            inputs_embeds=vectors,
            attention_mask=mask,
            max_new_tokens=LONGEST_PLAN,
            do_sample=False,
            pad_token_id=fill,
            eos_token_id=end,
        )
    return [lm.tokenizer.decode(row, skip_special_tokens=True) for row in new]


def steps_of(text: str) -> tuple[str, ...]:
    """The steps of a plan; none where the text is an answer in words."""
    steps = [step.strip() for step in text.split(JOIN) if step.strip()]
    return () if answers(steps) else tuple(steps)


# --- the closed loop ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Episode(Result):
    """What happened from the instruction to the end.

    Attributes:
        instruction: what was wished.
        plans: the plans, one for each time the model was asked.
        moves: the steps that were tried, in order.
        start: the layout before the first of them.
        end: the layout after the last.
        success: whether the wish is fulfilled; ``None`` if the judge does not know these words.
    """

    instruction: str
    plans: tuple[RobotPlan, ...]
    moves: tuple[Move, ...]
    start: Layout
    end: Layout
    success: bool | None

    @property
    def text(self) -> str:  # type: ignore[override]
        """What happened, a line for each plan and each step."""
        lines, moves = [self.instruction], list(self.moves)
        for number, plan in enumerate(self.plans, 1):
            lines.append(f"{'plan' if number == 1 else 'new plan'}: {plan.text}")
            for _ in plan.steps:
                if not moves:
                    break
                move = moves.pop(0)
                lines.append(f"  {move}")
                if move.problem:
                    break
        lines.append({True: "fulfilled", False: "not fulfilled", None: "not judged"}[self.success])
        return "\n".join(lines)

    def __repr__(self) -> str:
        return (
            f"Episode({self.instruction!r}, {len(self.plans)} plans, {len(self.moves)} steps, success={self.success})"
        )


# Instructions and tables to one plan each: what may stand in for a model.
Planner = Callable[[list[str], list[Table]], Sequence[RobotPlan]]


def carry_out(
    instruction: str, table: Table, *, model: ModelLike | Planner = None, asks: int = 6, device: str = "auto"
) -> Episode:
    """Ask for a plan, carry it out, and ask again with a new image and state whenever a step fails.

    Args:
        instruction: as in :func:`act`.
        table: it moves.
        model: as in :func:`act`; or a function from a list of instructions and a list of tables to a list of plans.
        asks: most plans to ask for, 1 to 50.

    Raises:
        BadInput, WrongTask: as in :func:`act`.
    """
    number_in("asks", asks, 1, 50, int)
    (instruction,), single = texts_of(instruction, "instruction")
    if not single:
        raise BadInput("carry_out() takes one instruction and one table.")
    _check_table("carry_out", table, ("image", "state", "run", "layout"))
    return carry_out_all([instruction], [table], model=model, asks=asks, device=device)[0]


def carry_out_all(
    instructions: list[str],
    tables: list[Table],
    *,
    model: ModelLike | Planner = None,
    asks: int = 6,
    device: str = "auto",
) -> list[Episode]:
    """:func:`carry_out` for many tables side by side: one batch of prompts for each round of plans."""
    starts = [table.layout for table in tables]
    plans: list[list[RobotPlan]] = [[] for _ in tables]
    moves: list[list[Move]] = [[] for _ in tables]
    waiting = list(range(len(tables)))
    for _ in range(asks):
        if not waiting:
            break
        said, seen = [instructions[i] for i in waiting], [tables[i] for i in waiting]
        given = model(said, seen) if callable(model) else act(said, seen, model=model, device=device, progress=False)
        again = []
        for i, plan in zip(waiting, given, strict=True):
            plans[i].append(plan)
            done = tables[i].run(plan)
            moves[i] += done
            if done and done[-1].problem:
                again.append(i)
        waiting = again
    goals = [goal_of(text) for text in instructions]
    return [
        Episode(
            text, tuple(plans[i]), tuple(moves[i]), starts[i], table.layout, goal.holds(table.layout) if goal else None
        )
        for i, (text, table, goal) in enumerate(zip(instructions, tables, goals, strict=True))
    ]
