"""The recipes: one file per mini, each with its corpora, tokenizer, architecture, plan and loss.

Every recipe module has ``CORPORA``, ``PLAN``, ``make_tokenizer(data)``, ``make_model(tokenizer)`` and
``Task(data, tokenizer)`` with ``loss(model, number)``.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from llm_course.errors import BadOption, DataMissing
from llm_course.minis.corpora import CORPORA
from llm_course.shelf.catalogue import WEIGHTS, catalogue
from llm_course.shelf.stored import seal

NAMES = (
    "gpt-mini", "bert-mini", "bert-mini-sentiment", "bert-mini-summary", "bart-mini", "marian-mini",
    "gpt-mini-instruct", "gpt-mini-chat", "vision-mini", "palm-e-mini", "bloom-mini", "incontext-mini",
)  # fmt: skip
# Trained for one comparison: their figures are kept, their weights are not.
COMPARISONS = ("bloom-mini-learned",)


def recipe(name: str) -> Any:
    """The recipe module of a mini.

    Raises:
        BadOption: there is no such recipe.
    """
    if name not in NAMES + COMPARISONS:
        raise BadOption(f"There is no recipe for {name!r}. There are: {', '.join(NAMES)}.")
    return import_module(f"{__name__}.{name.replace('-', '_')}")


def card_of(own: Any) -> dict[str, Any]:
    """What a recipe's module says about its model that no config of the library can hold."""
    return dict(getattr(own, "CARD", {}))


def where_to_get(names: list[str]) -> str:
    """The public homes of corpora, a line each, for people who have the network."""
    lines = [
        f"  {CORPORA[n].file}\n    {CORPORA[n].attribution}\n    {CORPORA[n].home} ({CORPORA[n].licence})"
        for n in names
    ]
    return "\n".join(lines)


def train(
    name: str, data: Path | None, runs: Path, *, steps: int | None = None, install: bool = False
) -> dict[str, Any]:
    """Train one mini by its recipe; go on from its last checkpoint if there is one.

    Args:
        name: which mini.
        data: the data folder; without it the error lists the public datasets.
        runs: where ``NAME/`` with tokenizer, checkpoint, log and the finished model goes.
        steps: train for so many steps instead of the recipe's.
        install: copy the finished model into the package, as float16 with its checksum.

    Returns:
        The record of the run, also written to ``run.json``.
    """
    from accelerate import PartialState
    from transformers import PreTrainedTokenizerFast

    from llm_course.minis.loop import fit

    own = recipe(name)
    if data is None and own.CORPORA:
        raise DataMissing(
            f"{name} is trained on files of a folder that --data names. Its corpora are public:\n"
            + where_to_get(own.CORPORA)
        )
    for corpus in own.CORPORA:
        if data is not None and not (data / CORPORA[corpus].file).is_file():
            raise DataMissing(f"{data / CORPORA[corpus].file} is missing. It is public:\n{where_to_get([corpus])}")
    folder = runs / name
    folder.mkdir(parents=True, exist_ok=True)
    state = PartialState()  # of several processes, the first one writes
    with state.main_process_first():
        if not (folder / "tokenizer.json").is_file():
            own.make_tokenizer(data).save_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    model = own.make_model(tokenizer)
    task = own.Task(data, tokenizer)
    plan = own.PLAN if steps is None else replace(own.PLAN, steps=steps)
    if hasattr(task, "steps"):  # a task that changes on the way: it counts batches, one a step for each process
        task.steps = plan.steps * state.num_processes
    record = fit(model, task.loss, plan, folder, watch=getattr(task, "watch", None))
    record |= {"corpora": list(own.CORPORA), "date": time.strftime("%Y-%m-%d")}
    if not state.is_main_process:
        return record
    (folder / "run.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    if hasattr(own, "finish"):  # a model that was trained by low-rank differences gets them written into its weights
        model = own.finish(model)
    model.save_pretrained(folder / "final")
    tokenizer.save_pretrained(folder / "final")
    # Loading this folder needs to know what no config says: a start token before every text, a smaller window.
    (folder / "final" / "card.json").write_text(json.dumps({"name": name, **card_of(own)}) + "\n", encoding="utf-8")
    if install and name in COMPARISONS:
        own.install(model, tokenizer, record, data)
    elif install:
        put_on_shelf(name, model, tokenizer, record)
    return record


def put_on_shelf(name: str, model: Any, tokenizer: Any, record: dict[str, Any]) -> Path:
    """Write a trained model into the package: float16 safetensors, tokenizer, record of the run, checksums."""
    import torch

    from llm_course.shelf.loading import forget

    folder = WEIGHTS / name
    folder.mkdir(parents=True, exist_ok=True)
    model = model.to("cpu", torch.float16).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    card_file = folder / "card.json"
    card = json.loads(card_file.read_text(encoding="utf-8")) if card_file.is_file() else {}
    card |= {"name": name, "parameters": sum(p.numel() for p in model.parameters())}
    if record:
        card["training"] = record
    card |= card_of(recipe(name))
    if "base" in card:
        base = WEIGHTS / card["base"] / "model.safetensors"
        card["shared"] = share(folder / "model.safetensors", base, card.get("rank"), card.get("table_rank"))
    card_file.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    seal(folder)
    # What this process has read of the shelf is of the time before.
    catalogue.cache_clear()
    forget()
    return folder


def share(own: Path, base: Path, rank: int | None = None, table_rank: int | None = None) -> list[str]:
    """Take out of a weights file what is bit for bit in its base's; return the names of those tensors.

    With a ``rank``, what a matrix has learned over the base's is stored as two factors of that rank, where they are
    smaller than the matrix; ``table_rank`` is that of embedding tables, if it is another.
    """
    from safetensors.torch import load_file, save_file

    from llm_course.minis.low_rank import factors
    from llm_course.shelf.stored import DOWN, UP

    tensors, theirs = load_file(own), load_file(base)
    alike = [n for n, t in tensors.items() if n in theirs and t.shape == theirs[n].shape]
    same = [n for n in alike if tensors[n].equal(theirs[n])]
    kept = {n: t for n, t in tensors.items() if n not in same}
    for name in set(alike) - set(same) if rank else ():
        matrix = kept[name]
        own_rank = table_rank or rank if "embeddings" in name else rank
        if own_rank and matrix.ndim == 2 and own_rank * sum(matrix.shape) < matrix.numel():
            up, down = factors(matrix.float() - theirs[name].float(), own_rank)
            del kept[name]
            kept |= {name + UP: up.to(matrix.dtype), name + DOWN: down.to(matrix.dtype)}
    save_file(kept, own, metadata={"format": "pt"})
    return sorted(same)
