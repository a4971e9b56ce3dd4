"""Throughput of the use cases: calls as tutorials write them, the library's pipelines, plain batches, and ours.

All methods run in one process on the same model object, the same texts and the same bounds, after a warm-up:

- one by one: tokenize one text, call the model or ``generate()``, decode; then the next text
- pipeline: ``transformers.pipeline``, where the task still exists, one by one and with ``batch_size=32``
- batches of 32: the texts in the order given, padded to the longest
- llm_course: the course's own function on the whole list

    python benchmarks/use_cases.py                 # the minis of the shelf
    python benchmarks/use_cases.py --full          # full-size architectures with random weights
    python benchmarks/use_cases.py --device cuda   # on a GPU both, in bfloat16 above 100 million parameters

It prints a Markdown table and writes benchmarks/results/use_cases-DEVICE.json. On a GPU it also says what
share of the memory bandwidth decoding reaches: the bytes of the weights and of the cache that every step must
read, over the bandwidth that one large copy reaches.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import full_size  # noqa: E402

import llm_course as lc  # noqa: E402
from llm_course import device as devices  # noqa: E402
from llm_course.shelf import catalogue  # noqa: E402
from llm_course.shelf.loading import LanguageModel, load  # noqa: E402

RESULTS = Path(__file__).parent / "results"
TASKS = ("generate", "sentiment", "summarize", "translate")
NEW_TOKENS = 60
BEAMS = 4
# Targets of the course: ours over one by one, ours over batches of 32 (CPU); ours over one by one (GPU, generation).
TARGETS = {"cpu": (4.0, 1.3), "cuda": (20.0, None)}


@dataclass
class Row:
    """One measured method: seconds are medians over the repeats."""

    task: str
    model: str
    method: str
    texts: int
    seconds: float
    texts_per_second: float
    tokens_per_second: float | None
    peak_megabytes: float | None


def make_texts(count: int, seed: int = 0) -> list[str]:
    """English sentences of mixed length, 3 to 60 words, most of them short, in random order."""
    chance = random.Random(seed)
    who = "the cat,my sister,an old man,the teacher,a small dog,every child,our neighbor,the doctor".split(",")
    does = "sees,likes,finds,buys,remembers,carries,paints,loses".split(",")
    what = "the red car,a letter,the garden,some bread,a good book,the long road,an apple,the song".split(",")
    how = "in the morning,with great care,near the river,for a friend,after the rain,at home".split(",")
    texts = []
    for _ in range(count):
        words = min(60, max(3, round(chance.lognormvariate(2.5, 0.7))))
        text = ""
        while len(text.split()) < words:
            parts = (chance.choice(who), chance.choice(does), chance.choice(what), chance.choice(how))
            text += " ".join(parts) + chance.choice([" and ", ", and ", " while "])
        texts.append(" ".join(text.split()[:words]).strip(",").capitalize() + ".")
    return texts


# --- the ways to run a use case -----------------------------------------------------------------------------


def one_by_one(task: str, lm: LanguageModel, texts: list[str]) -> list[Any]:
    """A loop as tutorials write it."""
    found = []
    for text in texts:
        inputs = lm.tokenizer(text, return_tensors="pt", return_token_type_ids=False).to(lm.device)
        with torch.no_grad():
            if task == "sentiment":
                found.append(lm.model(**inputs).logits.softmax(-1)[0].tolist())
            else:
                out = lm.model.generate(**inputs, **_bounds(task, inputs["input_ids"].shape[1], lm))
                found.append(lm.tokenizer.decode(out[0], skip_special_tokens=True))
    return found


def batches_of_32(task: str, lm: LanguageModel, texts: list[str]) -> list[Any]:
    """Batches in the order given, padded by the tokenizer."""
    found: list[Any] = []
    lm.tokenizer.padding_side = "left" if task == "generate" else "right"
    for start in range(0, len(texts), 32):
        part = texts[start : start + 32]
        inputs = lm.tokenizer(part, return_tensors="pt", padding=True, return_token_type_ids=False).to(lm.device)
        with torch.no_grad():
            if task == "sentiment":
                found += lm.model(**inputs).logits.softmax(-1).tolist()
            else:
                out = lm.model.generate(**inputs, **_bounds(task, inputs["input_ids"].shape[1], lm))
                found += lm.tokenizer.batch_decode(out, skip_special_tokens=True)
    return found


def pipeline(task: str, lm: LanguageModel, texts: list[str], batch_size: int = 1) -> list[Any]:
    """The library's pipeline, for the tasks it still has."""
    import transformers

    kind = {"generate": "text-generation", "sentiment": "text-classification"}[task]
    if task == "generate":
        lm.tokenizer.padding_side = "left"
    run = transformers.pipeline(kind, model=lm.model, tokenizer=lm.tokenizer, device=lm.device)
    options = _bounds(task, 0, lm) if task == "generate" else {"top_k": None}
    return list(run(texts, batch_size=batch_size, **options))


def ours(task: str, lm: LanguageModel, texts: list[str]) -> list[Any]:
    """The course's own function."""
    if task == "generate":
        return lc.generate(texts, model=lm, max_new_tokens=NEW_TOKENS, temperature=0, progress=False)
    options: dict[str, Any] = {"num_beams": BEAMS} if task == "translate" else {}
    return getattr(lc, task)(texts, model=lm, progress=False, **options)


def _bounds(task: str, source: int, lm: LanguageModel) -> dict[str, Any]:
    """The same search and the same bounds of length that ours has."""
    fixed = {"do_sample": False, "max_length": None, "pad_token_id": lm.tokenizer.pad_token_id}
    if task == "generate":
        return fixed | {"max_new_tokens": NEW_TOKENS, "temperature": None, "top_k": None, "top_p": None}
    room = (lm.window or 512) - 1
    if task == "translate":
        return fixed | {"num_beams": BEAMS, "max_new_tokens": min(2 * source + 20, room), "early_stopping": True}
    return fixed | {
        "num_beams": 4,
        "max_new_tokens": min(128, room),
        "early_stopping": True,
        "min_length": 0,
        "no_repeat_ngram_size": 3,
    }


def methods(task: str) -> dict[str, Callable[[str, LanguageModel, list[str]], list[Any]]]:
    """Name to function; pipelines only where the library still has one."""
    found: dict[str, Any] = {"one by one": one_by_one}
    if task in ("generate", "sentiment"):
        found["pipeline"] = pipeline
        found["pipeline, batch_size=32"] = lambda *args: pipeline(*args, batch_size=32)
    return found | {"batches of 32": batches_of_32, "llm_course": ours}


# --- measuring ----------------------------------------------------------------------------------------------


class Peak:
    """Peak memory of a block in megabytes: the GPU's allocator, or on Linux the process's own high-water mark."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.megabytes = device, None

    def __enter__(self) -> Peak:
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        elif sys.platform == "linux":
            Path("/proc/self/clear_refs").write_text("5")
        return self

    def __exit__(self, *error: object) -> None:
        self.megabytes: float | None = None
        if self.device.type == "cuda":
            self.megabytes = torch.cuda.max_memory_allocated() / 1e6
        elif sys.platform == "linux":
            status = Path("/proc/self/status").read_text()
            self.megabytes = int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


def measure(task: str, lm: LanguageModel, texts: list[str], repeats: int) -> list[Row]:
    """Every method of a task; they take turns, so that a busy moment of the machine hits all alike."""
    ways = methods(task)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    peaks: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way(task, lm, texts[:8])
    written = 0
    for _ in range(repeats):
        for name, way in ways.items():
            with Peak(lm.device) as peak:
                start = time.perf_counter()
                found = way(task, lm, texts)
                if lm.device.type == "cuda":
                    torch.cuda.synchronize()
                seconds[name].append(time.perf_counter() - start)
            assert len(found) == len(texts)
            if peak.megabytes is not None:
                peaks[name].append(peak.megabytes)
            if task == "generate" and name == "llm_course":
                written = sum(len(one.tokens) for one in found)
    rows = []
    for name in ways:
        median = statistics.median(seconds[name])
        rows.append(
            Row(
                task,
                lm.name,
                name,
                len(texts),
                round(median, 4),
                round(len(texts) / median, 2),
                round(written / median, 1) if written else None,
                round(max(peaks[name]), 1) if peaks[name] else None,
            )
        )
    return rows


def bandwidth(device: torch.device) -> float:
    """Bytes a second that one large copy reads and writes together, the best of ten."""
    size = 2 << 30 if device.type == "cuda" else 64 << 20
    source = torch.empty(size, dtype=torch.uint8, device=device)
    target, best = torch.empty_like(source), 0.0
    for _ in range(10):
        start = time.perf_counter()
        target.copy_(source)
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = max(best, 2 * size / (time.perf_counter() - start))
    return best


def decoding_share(lm: LanguageModel, texts: list[str], batch: int) -> dict[str, float]:
    """How near decoding comes to the memory's limit: bytes every step must read, over what a copy reaches."""
    texts = (texts * (batch // len(texts) + 1))[:batch]
    lc.generate(texts, model=lm, max_new_tokens=8, temperature=0, progress=False)
    start = time.perf_counter()
    found = lc.generate(texts, model=lm, max_new_tokens=NEW_TOKENS, temperature=0, progress=False)
    seconds = time.perf_counter() - start
    config, width = lm.model.config, next(lm.model.parameters()).element_size()
    weights = sum(p.numel() * p.element_size() for p in lm.model.parameters())
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    a_token = 2 * config.num_hidden_layers * heads * (config.hidden_size // config.num_attention_heads) * width
    longest = max(len(lm.tokenizer(text)["input_ids"]) for text in texts)
    cache = batch * (longest + NEW_TOKENS / 2) * a_token  # in the middle of the run; padding is read, too
    limit = bandwidth(lm.device)
    reached = (weights + cache) * NEW_TOKENS / seconds
    return {
        "batch": batch,
        "tokens_per_second": round(sum(len(one.tokens) for one in found) / seconds, 1),
        "milliseconds_per_step": round(1000 * seconds / NEW_TOKENS, 3),
        "weights_megabytes": round(weights / 1e6, 1),
        "cache_megabytes": round(cache / 1e6, 1),
        "copy_gigabytes_per_second": round(limit / 1e9, 1),
        "share_of_bandwidth": round(reached / limit, 4),
    }


# --- the run ------------------------------------------------------------------------------------------------


def models(task: str, device: torch.device, minis: bool, full: bool) -> list[LanguageModel]:
    """The mini of a task, if its weights are there, and the full-size architecture with random weights."""
    found = []
    # Summaries are compared where text is written; scoring sentences has no counterpart in the library.
    mini = "bart-mini" if task == "summarize" else catalogue.DEFAULTS["mini"][task]
    if minis and mini in catalogue.catalogue():
        lm = load(mini, str(device))
        if lm.tokenizer.pad_token_id is None:
            lm.tokenizer.pad_token = lm.tokenizer.eos_token  # what the other methods need, as tutorials do it
        found.append(lm)
    return [*found, full_size.make(task, device)] if full else found


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table; the last column says how many times as fast ours is."""
    lines = [
        "| use case | model | method | texts/s | tokens/s | peak MB | llm_course is faster by |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        own = next(r for r in rows if (r.task, r.model, r.method) == (row.task, row.model, "llm_course"))
        tokens = "" if row.tokens_per_second is None else f"{row.tokens_per_second:,.0f}"
        peak = "" if row.peak_megabytes is None else f"{row.peak_megabytes:,.0f}"
        faster = "" if row is own else f"{row.seconds / own.seconds:.1f} x"
        lines.append(
            f"| {row.task} | {row.model} | {row.method} | {row.texts_per_second:,.1f} | {tokens} | {peak} | {faster} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, print the table, save the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--full", action="store_true", help="full-size, random weights, too (always on a GPU)")
    parser.add_argument("--no-minis", action="store_true")
    parser.add_argument("--texts", type=int, help="256; with --full on a CPU 32, which already takes many minutes")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--batch", type=int, default=128, help="texts decoded at once for the share of bandwidth")
    options = parser.parse_args()
    device = devices.resolve(options.device)
    full = options.full or device.type == "cuda"
    texts = make_texts(options.texts or (32 if full and device.type == "cpu" else 256))
    rows: list[Row] = []
    shares: dict[str, dict[str, float]] = {}
    for task in options.tasks:
        for lm in models(task, device, not options.no_minis, full):
            rows += measure(task, lm, texts, options.repeats)
            if task == "generate" and device.type == "cuda":
                shares[lm.name] = decoding_share(lm, texts, options.batch)
            print(f"{task} {lm.name}: done", file=sys.stderr)
    if not rows:
        raise SystemExit("No mini of these tasks is in this copy of the package; --full needs none.")
    where = torch.cuda.get_device_name() if device.type == "cuda" else platform.processor() or platform.machine()
    print(f"{len(texts)} texts, {where}, {torch.get_num_threads()} threads, median of {options.repeats}\n")
    print(table(rows))
    for name, share in shares.items():
        print(f"\n{name}, {share['batch']} texts at once: {share['milliseconds_per_step']} ms a step,", end=" ")
        print(f"{share['share_of_bandwidth']:.1%} of the {share['copy_gigabytes_per_second']:.0f} GB/s of a copy.")
    RESULTS.mkdir(exist_ok=True)
    record = {
        "device": where,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "targets": TARGETS,
        "date": time.strftime("%Y-%m-%d"),
        "rows": [asdict(row) for row in rows],
        "decoding": shares,
    }
    path = RESULTS / f"use_cases-{device.type}{'-full' if full and device.type == 'cpu' else ''}.json"
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
