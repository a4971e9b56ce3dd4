"""Which models exist: one entry per model, minis and full-size.

Knows nothing about PyTorch. What the minis are stands in the ``card.json`` beside their weights; the full-size models
stand here, and nobody else in the package spells a Hub id or a path to weights. A revision is the commit of the Hub
repository; where it is ``None`` the newest one is taken.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from llm_course.errors import BadOption, UnknownModel, WeightsDamaged

WEIGHTS = Path(__file__).parents[1] / "minis" / "weights"


@dataclass(frozen=True)
class Entry:
    """One model of the shelf.

    Attributes:
        name: the name that ``model=`` takes.
        kind: the type of language model, in words: "raw", "representation", "encoder-decoder", "instruction-tuned",
            "dialogue-tuned" or "multimodal", with ", fine-tuned" or ", embodied" after it where that holds.
        architecture: the model class in transformers.
        tasks: which use cases it serves; none if it is a mini whose card cannot be read.
        default_for: those of them in which it answers when no model is named.
        hub: Hub repository, or ``None`` for a mini.
        revision: pinned commit on the Hub.
        licence: SPDX name, or as the Hub page states it.
        parameters: number of parameters.
        megabytes: size of the weights, on disk or to download.
        data: what it was trained on, in a few words.
        languages: ``(source, target)`` for translation models.
    """

    name: str
    kind: str
    architecture: str
    tasks: tuple[str, ...]
    licence: str
    parameters: int
    megabytes: float
    data: str
    hub: str | None = None
    revision: str | None = None
    languages: tuple[str, ...] | None = None
    default_for: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """``"mini"`` (in the package) or ``"full"`` (on the Hub)."""
        return "mini" if self.hub is None else "full"

    @property
    def folder(self) -> Path | None:
        """Where the weights of a mini lie."""
        return WEIGHTS / self.name if self.hub is None else None

    @property
    def card(self) -> dict[str, Any]:
        """The model card as plain data: measured figures, data with licences, limits. Empty if there is none."""
        return card_in(WEIGHTS / self.name) if self.hub is None else {}


def card_in(folder: Path) -> dict[str, Any]:
    """What ``card.json`` of a model's folder says; empty if there is none.

    Raises:
        WeightsDamaged: it is no card; the message names the file.
    """
    path = folder / "card.json"
    try:
        card = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise WeightsDamaged(f"{path} is damaged: it is not JSON ({error}). Bring it back with git restore.") from error
    if not isinstance(card, dict):
        raise WeightsDamaged(f"{path} is damaged: it holds no record of a model. Bring it back with git restore.")
    return card


FAMILIES = ("mini", "full")
FULL = (
    Entry("gpt2", "raw", "GPT2LMHeadModel", ("generate",), "MIT", 124_439_808, 548, "WebText",
          hub="openai-community/gpt2", revision="607a30d783dfa663caf39e06633721c8d4cfcd7e", default_for=("generate",)),
    Entry("smollm2", "instruction-tuned", "LlamaForCausalLM", ("chat", "generate"), "Apache-2.0",
          134_515_008, 269, "2 trillion tokens; instructions and preferences",
          hub="HuggingFaceTB/SmolLM2-135M-Instruct", revision="45dead349c328fe92a861c5162de28c8c86754e1",
          default_for=("chat",)),
    Entry("roberta-sentiment", "representation, fine-tuned", "RobertaForSequenceClassification",
          ("sentiment",), "CC-BY-4.0", 124_647_939, 501, "124 million tweets; TweetEval",
          hub="cardiffnlp/twitter-roberta-base-sentiment-latest",
          revision="3216a57f2a0d9c45a2e6c20157c20c49fb4bf9c7", default_for=("sentiment",)),
    Entry("distilbart", "encoder-decoder", "BartForConditionalGeneration", ("summarize",), "Apache-2.0",
          305_510_400, 1222, "CNN/DailyMail", hub="sshleifer/distilbart-cnn-12-6",
          revision="a4f8f3ea906ed274767e9906dbaede7531d660ff", default_for=("summarize",)),
    Entry("opus-mt-en-fr", "encoder-decoder", "MarianMTModel", ("translate",), "Apache-2.0",
          75_133_952, 301, "OPUS", hub="Helsinki-NLP/opus-mt-en-fr",
          revision="dd7f6540a7a48a7f4db59e5c0b9c42c8eea67f18", languages=("en", "fr"), default_for=("translate",)),
    Entry("bert", "representation", "BertForMaskedLM", ("fill_mask",), "Apache-2.0", 109_514_298, 440,
          "BooksCorpus, English Wikipedia", hub="google-bert/bert-base-uncased",
          revision="86b5e0934494bd15c9632b12f734a8a67f723594", default_for=("fill_mask",)),
    Entry("minilm", "representation, fine-tuned", "BertModel", ("embed",), "Apache-2.0", 22_713_216, 91,
          "1 billion sentence pairs", hub="sentence-transformers/all-MiniLM-L6-v2",
          revision="c9745ed1d9f207416be6d2e6f8de32d1f16199bf", default_for=("embed",)),
    Entry("smolvlm", "multimodal", "Idefics3ForConditionalGeneration", ("describe",), "Apache-2.0",
          256_484_928, 513, "The Cauldron, Docmatix", hub="HuggingFaceTB/SmolVLM-256M-Instruct",
          default_for=("describe",)),
    Entry("bloom-560m", "raw", "BloomForCausalLM", ("generate",), "BigScience-BLOOM-RAIL-1.0", 559_214_592,
          1119, "ROOTS: 46 natural and 13 programming languages", hub="bigscience/bloom-560m",
          revision="ac2ae5fab2ce3f9f40dc79b5ca9f637430d24971"),
)  # fmt: skip


@cache
def catalogue() -> dict[str, Entry]:
    """All entries by name: the minis that have weights in this copy of the package, then the full-size models."""
    minis = [_mini(path.parent) for path in sorted(WEIGHTS.glob("*/model.safetensors"))]
    return {entry.name: entry for entry in (*minis, *FULL)}


def _mini(folder: Path) -> Entry:
    """The entry of a mini, by its card; of one whose card cannot be read, an entry without tasks."""
    size = round((folder / "model.safetensors").stat().st_size / 1e6, 1)
    try:
        card = card_in(folder)
        return Entry(
            name=folder.name,
            kind=card["kind"],
            architecture=card["architecture"]["class"],
            tasks=tuple(card["tasks"]),
            default_for=tuple(card["default_for"]),
            licence=card["licence"],
            parameters=card["parameters"],
            megabytes=size,
            data=card["data"],
            languages=tuple(card["languages"]) if "translate" in card["tasks"] else None,
        )
    except (WeightsDamaged, KeyError, TypeError):  # told when it is loaded: the other models are not to suffer from it
        return Entry(folder.name, "its card is damaged", "", (), "", 0, size, "")


def default(family: str, task: str) -> str:
    """The model that answers when none is named: that of the family, or a mini where the family has none.

    Raises:
        UnknownModel: there is none.
    """
    entries = list(catalogue().values())
    fit = [entry for entry in entries if task in entry.default_for and entry.family in (family, "mini")]
    fit.sort(key=lambda entry: entry.family != family)
    unread = [entry for entry in entries if not entry.tasks]  # it may be one of these: loading it tells what is wrong
    for entry in (*fit, *unread):
        return entry.name
    raise UnknownModel(f"No model of this copy of the package does {task!r}. Install the package again.")


def known(name: str) -> Entry | None:
    """The entry of that name, or of that Hub id; ``None`` if there is none."""
    entries = catalogue()
    return entries.get(name) or next((e for e in entries.values() if e.hub == name), None)


def unknown(name: str, task: str | None = None) -> UnknownModel:
    """The error for a name that is nowhere, offering the nearest names."""
    names = [n for n, e in catalogue().items() if task is None or task in e.tasks]
    near = difflib.get_close_matches(name, catalogue(), n=3, cutoff=0.5)
    offer = f"Did you mean {', '.join(map(repr, near))}? " if near else ""
    return UnknownModel(
        f"No model {name!r} is on the shelf. {offer}On the shelf: {', '.join(names)}. "
        "A Hub id ('owner/name') or a local folder works, too."
    )


class Shelf(list[Entry]):
    """The models as a table: text in a terminal, HTML in a notebook."""

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (e.name, e.family, e.kind, ", ".join(e.tasks), f"{e.parameters / 1e6:.1f} M", f"{e.megabytes:.0f} MB",
             e.licence, e.hub or "in the package")
            for e in self
        ]  # fmt: skip

    _head = ("name", "family", "type", "use", "parameters", "size", "licence", "where")

    def __repr__(self) -> str:
        rows = [self._head, *self._rows()]
        widths = [max(len(row[i]) for row in rows) for i in range(len(self._head))]
        return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(r, widths, strict=True)).rstrip() for r in rows)

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col" style="text-align:left">{h}</th>' for h in self._head)
        body = "".join(
            "<tr>" + "".join(f'<td style="text-align:left">{escape(c)}</td>' for c in row) + "</tr>"
            for row in self._rows()
        )
        return (
            f"<table><caption>The shelf of models</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )


def models(family: str | None = None) -> Shelf:
    """The shelf as a table; ``family`` keeps ``"mini"`` or ``"full"`` alone.

    Raises:
        BadOption: the family is neither.
    """
    if family is not None and (not isinstance(family, str) or family not in FAMILIES):
        raise BadOption(f"models({family!r}): allowed are 'mini' (embedded), 'full' (from the Hub) and None (all).")
    return Shelf(e for e in catalogue().values() if family in (None, e.family))
