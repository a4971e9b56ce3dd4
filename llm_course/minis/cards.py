"""Model cards: what a mini is, what it learned from, how it was measured, and what it cannot do.

Knows nothing about training or measuring: it puts together the mini's own record, that of its training, the corpora
with their licences, the architecture as the config file has it, and the measured figures. One card is two files beside
the weights: ``card.json`` for programs (the shelf reads from it what the model is), ``README.md`` in the form of the
Hugging Face Hub for people.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from llm_course.minis.corpora import CORPORA
from llm_course.minis.measures.figures import Figures, Table, goals_table
from llm_course.minis.mini import mini
from llm_course.shelf import catalogue
from llm_course.shelf.stored import checksum, seal

Card = dict[str, Any]  # as JSON holds it


def card_of(name: str, measured: Figures | None = None, **news: object) -> Card:
    """Everything that is known about a mini, as plain data.

    What its ``card.json`` has already is kept, unless something newer is given. Figures that were measured
    with other weights than those in the folder are dropped: they are not this model's.

    Args:
        name: which mini.
        measured: what its ``measure`` gave.
        **news: of its training: ``training``, the record of the run, ``parameters``, and for a mini that stores its
            difference to another ``shared``, the tensors that it took over.

    Raises:
        BadOption: there is no such mini.
        UnknownModel: the mini is not on the shelf.
    """
    own, folder = mini(name), catalogue.WEIGHTS / name
    if not (folder / "model.safetensors").is_file():
        raise catalogue.unknown(name)
    card: Card = {"name": name, **catalogue.card_in(folder), **own.for_loading, **news}
    read = card.get("training", {}).get("corpora") or list(own.corpora)
    shape = architecture(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    shape["window"] = own.window or shape["window"]
    card |= {
        "kind": own.kind,
        "tasks": list(own.tasks),
        "default_for": list(own.default_for),
        "data": own.data,
        "licence": own.licence,
        "languages": list(own.languages),
        "architecture": shape,
        "corpora": [_corpus(corpus) for corpus in read],
        "limits": list(own.limits),
    }
    if own.base:
        card["base_corpora"] = [_corpus(corpus) for corpus in mini(own.base).corpora if corpus not in read]
    weights = checksum(folder / "model.safetensors")
    if measured is not None:
        card["measured"] = measured | {"weights_sha256": weights}
    elif card.get("measured", {}).get("weights_sha256") != weights:
        card.pop("measured", None)
    return card


def write(name: str, measured: Figures | None = None, **news: object) -> list[Path]:
    """Write ``card.json`` and ``README.md`` of a mini beside its weights, as :func:`card_of`; returns both paths."""
    folder = catalogue.WEIGHTS / name
    card = card_of(name, measured, **news)
    readme, plain = folder / "README.md", folder / "card.json"
    plain.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    readme.write_text(page(card), encoding="utf-8")
    seal(folder)
    return [plain, readme]


def architecture(config: dict[str, Any]) -> dict[str, Any]:
    """Layers, width and so on of a model by its ``config.json``, under the same names for every architecture."""
    seeing = config.get("vision_config")  # an eye before the language model, of which the figures are
    own = config | config.get("text_config", {})

    def either(*names: str) -> Any:
        return next((own[name] for name in names if own.get(name) is not None), None)

    width = either("d_model", "hidden_size", "n_embd")
    layers = either("num_hidden_layers", "n_layer")
    if own.get("encoder_layers"):
        layers = f"{own['encoder_layers']} + {own['decoder_layers']}"
    if seeing:
        layers = f"{seeing['num_hidden_layers']} (vision, width {seeing['hidden_size']}) + {layers}"
    return {
        "class": config["architectures"][0],
        "layers": layers,
        "width": width,
        "heads": either("encoder_attention_heads", "num_attention_heads", "n_head"),
        # GPT-2's config leaves this open, which means four times the width.
        "feed_forward": either("encoder_ffn_dim", "intermediate_size", "n_inner") or 4 * width,
        "vocabulary": own["vocab_size"],
        "window": either("max_position_embeddings", "n_positions"),
    }


def _corpus(name: str) -> dict[str, str]:
    corpus = CORPORA[name]
    return {"name": name, "licence": corpus.licence, "attribution": corpus.attribution, "home": corpus.home}


def tables_of(name: str, measured: Figures) -> list[Table]:
    """All tables of one mini, its goals last if it has any."""
    found = mini(name).tables(measured)
    return [*found, goals_table(name, measured)] if measured["goals"] else found


def page(card: Card) -> str:
    """The card as a Markdown page with YAML front matter, as the Hub reads it."""
    import jinja2

    own, measured = mini(card["name"]), card.get("measured")
    parts: list[str] = []
    if measured:
        parts = [table.markdown() for table in tables_of(own.name, measured)]
        parts += own.remarks(measured) if own.remarks else []
    template = (Path(__file__).parent / "card.md.jinja").read_text(encoding="utf-8")
    pages = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    return pages.from_string(template).render(card=card, mini=own, measured=measured, parts=parts)
