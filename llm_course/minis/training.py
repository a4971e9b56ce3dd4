"""From a mini's recipe to its weights: train it, and put it into the package.

Knows nothing about any single mini: its file says what to train on what.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from llm_course.errors import DataMissing
from llm_course.minis import cards
from llm_course.minis.corpora import CORPORA, where_to_get
from llm_course.minis.lora import factors
from llm_course.minis.mini import Mini, mini
from llm_course.shelf import catalogue
from llm_course.shelf.loading import forget
from llm_course.shelf.stored import DOWN, UP

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from llm_course.minis.loop import Run


def train(name: str, data: Path | None, runs: Path, *, steps: int | None = None, install: bool = False) -> Run:
    """Train one mini by its recipe; go on from its last checkpoint if there is one.

    Args:
        name: which mini.
        data: the data folder; without it the error lists the public datasets.
        runs: where ``NAME/`` with tokenizer, checkpoint, log and the finished model goes.
        steps: train for so many steps instead of the recipe's.
        install: copy the finished model into the package, as float16 with its card and its checksums.

    Returns:
        What it took; with the corpora and the date it is also written to ``run.json``.

    Raises:
        BadOption: there is no mini of that name.
        DataMissing: there is no data folder, or a corpus is not there.
    """
    from accelerate import PartialState
    from transformers import PreTrainedTokenizerFast

    from llm_course.minis.loop import fit

    own = mini(name)
    if data is None and own.corpora:
        raise DataMissing(
            f"{name} is trained on files of a folder that --data names. Its corpora are public:\n"
            + where_to_get(own.corpora)
        )
    for corpus in own.corpora:
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
    task = own.task(data, tokenizer)
    plan = own.plan if steps is None else replace(own.plan, steps=steps)
    if hasattr(task, "steps"):  # a task that changes on the way: it counts batches, one a step for each process
        task.steps = plan.steps * state.num_processes
    run = fit(model, task.loss, plan, folder, watch=getattr(task, "watch", None))
    if not state.is_main_process:
        return run
    record = asdict(run) | {"corpora": list(own.corpora), "date": time.strftime("%Y-%m-%d")}
    (folder / "run.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    if own.finish:  # a model that was trained by low-rank differences gets them written into its weights
        model = own.finish(model)
    model.save_pretrained(folder / "final")
    tokenizer.save_pretrained(folder / "final")
    (folder / "final" / "card.json").write_text(json.dumps({"name": name, **own.for_loading}) + "\n", encoding="utf-8")
    if install and own.install:
        own.install(model, tokenizer, record, data)
    elif install:
        put_on_shelf(own, model, tokenizer, record)
    return run


def put_on_shelf(
    own: Mini, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, run: Mapping[str, object]
) -> Path:
    """Write a trained model into the package: float16 safetensors, tokenizer, card, checksums; returns the folder."""
    folder = catalogue.WEIGHTS / own.name
    folder.mkdir(parents=True, exist_ok=True)
    model.half().cpu().eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    news: cards.Card = {"parameters": sum(p.numel() for p in model.parameters()), "training": dict(run)}
    if own.base:
        base = catalogue.WEIGHTS / own.base / "model.safetensors"
        news["shared"] = share(folder / "model.safetensors", base, own.rank, own.table_rank)
    cards.write(own.name, **news)
    # What this process has read of the shelf is of the time before.
    catalogue.catalogue.cache_clear()
    forget()
    return folder


def share(own: Path, base: Path, rank: int | None = None, table_rank: int | None = None) -> list[str]:
    """Take out of a weights file what is bit for bit in its base's; return the names of those tensors.

    With a ``rank``, what a matrix has learned over the base's is stored as two factors of that rank, where they are
    smaller than the matrix; ``table_rank`` is that of embedding tables, if it is another.
    """
    from safetensors.torch import load_file, save_file

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
