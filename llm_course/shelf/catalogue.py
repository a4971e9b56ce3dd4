"""Which models exist: one entry per model, minis and full-size.

Knows nothing about PyTorch. Nobody else in the package spells a Hub id or a path to weights.
A revision is the commit of the Hub repository; where it is ``None`` the newest one is taken.
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
        family: ``"mini"`` (in the package) or ``"full"`` (on the Hub).
        kind: the type of language model, in words: "raw", "representation", "encoder-decoder", "instruction-tuned",
            "dialogue-tuned" or "multimodal", with ", fine-tuned" or ", embodied" after it where that holds.
        architecture: the model class in transformers.
        tasks: which use cases it serves.
        hub: Hub repository, or ``None`` for a mini.
        revision: pinned commit on the Hub.
        licence: SPDX name, or as the Hub page states it.
        parameters: number of parameters.
        megabytes: size of the weights, on disk or to download.
        data: what it was trained on, in a few words.
        languages: ``(source, target)`` for translation models.
    """

    name: str
    family: str
    kind: str
    architecture: str
    tasks: tuple[str, ...]
    licence: str
    parameters: int
    megabytes: float
    data: str
    hub: str | None = None
    revision: str | None = None
    languages: tuple[str, str] | None = None

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


_CODE = "Apache-2.0"
_ENTRIES = (
    Entry("gpt-mini", "mini", "raw", "GPT2LMHeadModel", ("generate",), _CODE, 5_853_184, 11.7, "children's stories"),
    Entry("gpt-mini-instruct", "mini", "instruction-tuned", "GPT2LMHeadModel", ("chat", "generate"), _CODE, 0, 0,
          "22 small tasks by instruction, on top of gpt-mini's stories"),
    Entry("gpt-mini-chat", "mini", "dialogue-tuned", "GPT2LMHeadModel", ("chat", "generate"), _CODE, 0, 0,
          "dialogues at a coffee bar, on top of gpt-mini's stories"),
    Entry("bert-mini", "mini", "representation", "BertForMaskedLM", ("fill_mask", "embed"), _CODE, 0, 0,
          "reviews, conversations, stories"),
    Entry("bert-mini-sentiment", "mini", "representation, fine-tuned", "BertForSequenceClassification",
          ("sentiment",), _CODE, 0, 0, "rated sentences in three classes"),
    Entry("bert-mini-summary", "mini", "representation, fine-tuned", "BertForTokenClassification",
          ("summarize",), _CODE, 0, 0, "abstracts, contracts and stories with summaries"),
    Entry("bart-mini", "mini", "encoder-decoder", "BartForConditionalGeneration", ("summarize",), _CODE, 0, 0,
          "stories, abstracts with summaries"),
    Entry("marian-mini", "mini", "encoder-decoder", "MarianMTModel", ("translate",), _CODE, 7_643_136, 15.3,
          "Tatoeba sentence pairs", languages=("en", "fr")),
    Entry("vision-mini", "mini", "multimodal", "LlavaForConditionalGeneration", ("describe",), _CODE, 0, 0,
          "scenes of colored shapes that the course draws itself"),
    Entry("palm-e-mini", "mini", "multimodal, embodied", "PalmEMini", ("act",), _CODE, 0, 0,
          "tables that the course draws itself, with its planner's plans"),
    Entry("bloom-mini", "mini", "raw", "BloomForCausalLM", ("generate",), _CODE, 0, 0,
          "sentences and picture books in nine languages"),
    Entry("incontext-mini", "mini", "raw", "LlamaForCausalLM", ("generate",), _CODE, 0, 0,
          "codes drawn at random"),
    Entry("gpt2", "full", "raw", "GPT2LMHeadModel", ("generate",), "MIT", 124_439_808, 548, "WebText",
          hub="openai-community/gpt2", revision="607a30d783dfa663caf39e06633721c8d4cfcd7e"),
    Entry("smollm2", "full", "instruction-tuned", "LlamaForCausalLM", ("chat", "generate"), "Apache-2.0",
          134_515_008, 269, "2 trillion tokens; instructions and preferences",
          hub="HuggingFaceTB/SmolLM2-135M-Instruct", revision="45dead349c328fe92a861c5162de28c8c86754e1"),
    Entry("roberta-sentiment", "full", "representation, fine-tuned", "RobertaForSequenceClassification",
          ("sentiment",), "CC-BY-4.0", 124_647_939, 501, "124 million tweets; TweetEval",
          hub="cardiffnlp/twitter-roberta-base-sentiment-latest",
          revision="3216a57f2a0d9c45a2e6c20157c20c49fb4bf9c7"),
    Entry("distilbart", "full", "encoder-decoder", "BartForConditionalGeneration", ("summarize",), _CODE,
          305_510_400, 1222, "CNN/DailyMail", hub="sshleifer/distilbart-cnn-12-6",
          revision="a4f8f3ea906ed274767e9906dbaede7531d660ff"),
    Entry("opus-mt-en-fr", "full", "encoder-decoder", "MarianMTModel", ("translate",), "Apache-2.0",
          75_133_952, 301, "OPUS", hub="Helsinki-NLP/opus-mt-en-fr",
          revision="dd7f6540a7a48a7f4db59e5c0b9c42c8eea67f18", languages=("en", "fr")),
    Entry("bert", "full", "representation", "BertForMaskedLM", ("fill_mask",), _CODE, 109_514_298, 440,
          "BooksCorpus, English Wikipedia", hub="google-bert/bert-base-uncased",
          revision="86b5e0934494bd15c9632b12f734a8a67f723594"),
    Entry("minilm", "full", "representation, fine-tuned", "BertModel", ("embed",), _CODE, 22_713_216, 91,
          "1 billion sentence pairs", hub="sentence-transformers/all-MiniLM-L6-v2",
          revision="c9745ed1d9f207416be6d2e6f8de32d1f16199bf"),
    Entry("smolvlm", "full", "multimodal", "Idefics3ForConditionalGeneration", ("describe",), _CODE,
          256_484_928, 513, "The Cauldron, Docmatix", hub="HuggingFaceTB/SmolVLM-256M-Instruct"),
    Entry("bloom-560m", "full", "raw", "BloomForCausalLM", ("generate",), "BigScience-BLOOM-RAIL-1.0", 559_214_592,
          1119, "ROOTS: 46 natural and 13 programming languages", hub="bigscience/bloom-560m",
          revision="ac2ae5fab2ce3f9f40dc79b5ca9f637430d24971"),
)  # fmt: skip

# The model that answers when none is named: family, then task.
DEFAULTS = {
    "mini": {"generate": "gpt-mini", "sentiment": "bert-mini-sentiment", "summarize": "bert-mini-summary",
             "translate": "marian-mini", "fill_mask": "bert-mini", "embed": "bert-mini", "chat": "gpt-mini-chat",
             "describe": "vision-mini", "act": "palm-e-mini"},
    "full": {"generate": "gpt2", "sentiment": "roberta-sentiment", "summarize": "distilbart",
             "translate": "opus-mt-en-fr", "fill_mask": "bert", "embed": "minilm", "chat": "smollm2",
             "describe": "smolvlm", "act": "palm-e-mini"},  # PaLM-E itself is not open: the mini acts in both families
}  # fmt: skip


@cache
def catalogue() -> dict[str, Entry]:
    """All entries by name. Minis whose weights this copy of the package lacks are left out."""
    from dataclasses import replace

    found = {}
    for entry in _ENTRIES:
        if entry.hub is None:
            if not (WEIGHTS / entry.name / "model.safetensors").is_file():
                continue
            size = (WEIGHTS / entry.name / "model.safetensors").stat().st_size / 1e6
            try:
                parameters = entry.card.get("parameters", entry.parameters)
            except WeightsDamaged:  # told when the model is loaded: the other models are not to suffer from it
                parameters = entry.parameters
            entry = replace(entry, parameters=parameters, megabytes=round(size, 1))
        found[entry.name] = entry
    return found


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
    if family is not None and (not isinstance(family, str) or family not in DEFAULTS):
        raise BadOption(f"models({family!r}): allowed are 'mini' (embedded), 'full' (from the Hub) and None (all).")
    return Shelf(e for e in catalogue().values() if family in (None, e.family))
