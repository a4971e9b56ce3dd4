"""What one mini is: the record that every file of a mini ends with, and how minis are found.

Knows nothing about any single mini. A mini is a file of this folder that defines ``MINI``: its recipe, its description
and how it is measured stand in that file, its weights lie in ``weights/NAME``. Nothing else lists the minis.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from llm_course.errors import BadOption

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from llm_course.minis.loop import Plan
    from llm_course.minis.measures.figures import Figures, Table

HERE = Path(__file__).parent
Line = tuple[str, str, str]  # what was measured, the model's figure, the baselines' figures


class Task(Protocol):
    """What a mini learns.

    It may also have ``watch(step, model)``, whose figures are logged on the way, and ``steps``, which training sets to
    the number of batches of the whole run, for a task that changes on the way.
    """

    def loss(self, model: Any, number: int) -> torch.Tensor:
        """The loss of batch ``number``, a scalar."""


@dataclass(frozen=True)
class Mini:
    """All that is known of a mini before it is trained and measured.

    Attributes:
        name: as ``model=`` takes it; the file's name with hyphens.
        kind: the type of language model, in words; :class:`llm_course.shelf.catalogue.Entry` lists them.
        tasks: the use cases it serves, and in ``default_for`` those in which it answers when no model is named.
        about: one or two sentences for people.
        data: what it was trained on, in a few words.
        example: lines of Python that use it and print.
        limits: what it cannot do, a sentence each.
        hub_task: what the Hub calls the task; ``tags`` are for the Hub, too.
        languages: codes of the languages it has read; of a translation model, from which to which.
        corpora: what training reads, by the names of :data:`llm_course.minis.corpora.CORPORA`.
        tested_on: the corpora that measuring reads besides.
        plan: how long and how fast to train.
        make_tokenizer: ``(data)``, the folder of the corpora, to the tokenizer.
        make_model: ``(tokenizer)`` to the untrained model.
        task: ``(data, tokenizer)`` to what it learns.
        measure: ``(data, limit)`` to the figures, plain data; minis with the same function are measured together.
        headline: the main figures beside the baselines'.
        tables: all of the figures.
        remarks: further paragraphs of the card, in Markdown.
        base: the mini it is tuned from; the package stores the difference only.
        rank: of the stored difference; ``table_rank`` that of embedding tables, if it is another.
        window: tokens it has learned to read, where its architecture would take more.
        starts_with_bos: whether the start token stood before every text in its training.
        finish: what to do with the trained model before it is saved.
        install: ``(model, tokenizer, run, data)``, what installing does in place of putting the weights on the shelf:
            for a model that is trained for a comparison and does not ship.
    """

    name: str
    kind: str
    tasks: tuple[str, ...]
    about: str
    data: str
    example: str
    limits: tuple[str, ...]
    hub_task: str
    tags: tuple[str, ...]
    plan: Plan
    make_tokenizer: Callable[..., PreTrainedTokenizerFast]
    make_model: Callable[..., PreTrainedModel]
    task: Callable[..., Task]
    measure: Callable[..., Figures]
    headline: Callable[[Figures], list[Line]]
    tables: Callable[[Figures], list[Table]]
    remarks: Callable[[Figures], list[str]] | None = None
    default_for: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)
    licence: str = "Apache-2.0"
    corpora: tuple[str, ...] = ()
    tested_on: tuple[str, ...] = ()
    base: str | None = None
    rank: int | None = None
    table_rank: int | None = None
    window: int | None = None
    starts_with_bos: bool = False
    finish: Callable[..., PreTrainedModel] | None = None
    install: Callable[..., Path] | None = None

    @property
    def for_loading(self) -> dict[str, str | int]:
        """What loading the model has to know and no config of the library can hold, as ``card.json`` has it."""
        facts = ("base", "rank", "table_rank", "starts_with_bos", "window")
        return {name: value for name in facts if (value := getattr(self, name))}


def names() -> list[str]:
    """The minis that have a file, in the order of the alphabet."""
    files = [path for path in HERE.glob("*.py") if re.search(r"^MINI\b", path.read_text(encoding="utf-8"), re.M)]
    return sorted(path.stem.replace("_", "-") for path in files)


def mini(name: str) -> Mini:
    """The record of one mini.

    Raises:
        BadOption: there is no file of that name.
    """
    if name not in names():
        raise BadOption(f"There is no mini {name!r}. There are: {', '.join(names())}.")
    found: Mini = import_module(f"{__package__}.{name.replace('-', '_')}").MINI
    return found
