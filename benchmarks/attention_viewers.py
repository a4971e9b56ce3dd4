"""Attention viewers side by side: the course's explorer, bertviz and CircuitsVis on the same weights, offline.

Each viewer builds a page of 12 layers of 12 heads in a process of its own, and Chromium opens the page from a file
with the network blocked. Measured: seconds and memory to build, size of the page, seconds until something is drawn,
and for ours also the largest error of a weight, the first message of the live widget, and the change to another head.

    python benchmarks/attention_viewers.py                      # ours at 512 tokens, and the peers that are installed
    python benchmarks/attention_viewers.py --tokens 512 2048    # our page at several lengths, the peers at the first
    python benchmarks/attention_viewers.py --quick              # ours alone, at 512 tokens

The peers are no part of the course's environment. Put them into one of their own, then run this script with it:

    python -m venv --system-site-packages peers && peers/bin/pip install bertviz circuitsvis
    peers/bin/python benchmarks/attention_viewers.py

A peer that cannot be imported is listed as not installed. It prints a Markdown table and writes
benchmarks/results/attention_viewers.json. Peers get one layer as well, since a whole model may not fit them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
RESULTS = Path(__file__).parent / "results"
LAYERS, HEADS = 12, 12
LIMIT = 150  # seconds for one viewer to build its page, and again to draw it
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split() + ["--host-resolver-rules=MAP * ~NOTFOUND"]
# What the course promises at 512 tokens: page in MB, seconds to build, memory in MB, seconds to draw, error of a
# weight, first message in MB, milliseconds to another head; and seconds to draw 2,048 tokens.
TARGETS = {"page": 27.0, "build": 2.0, "memory": 500, "paint": 0.5, "error": 0.004, "message": 0.45, "switch": 50}
PAINT_LONG = 1.0
# The first thing each viewer draws. Ours says so itself, since it is painted on canvases.
DRAWN = {
    "ours": ".lcx[data-painted]",
    "bertviz": "svg line, svg rect",
    "circuitsvis": "canvas, img[src^='data:']",
}


class Recorded:
    """Random queries and keys with the names of an ``Attention``: a causal model of 12 layers of 12 heads."""

    def __init__(self, tokens: int, dimension: int = 64, layers: int = LAYERS) -> None:
        random = np.random.default_rng(0)
        self.rows = self.columns = tuple(f"token{i}" for i in range(tokens))
        self.kind, self.model, self.layers, self.heads, self.recorded = "decoder", "random", layers, HEADS, True
        self.special = self.row_special = (False,) * tokens
        self.segments = self.row_segments = (0,) * tokens
        self.written = tokens
        shape = (layers, HEADS, tokens, dimension)
        self._q, self._k = (random.standard_normal(shape, np.float32) for _ in range(2))
        self._q *= 2  # scores as far apart as in trained models

    def query(self, layer: int, head: int) -> np.ndarray:
        return self._q[layer, head]

    def key(self, layer: int, head: int) -> np.ndarray:
        return self._k[layer, head]

    def scale(self, layer: int, head: int) -> float:
        return float(self._q.shape[-1] ** -0.5)

    def bias(self, layer: int, head: int) -> np.ndarray:
        return np.triu(np.full((len(self.rows),) * 2, -np.inf, np.float32), 1)

    def bias_kind(self, layer: int, head: int) -> str:
        return "causal"

    def head(self, layer: int, head: int) -> np.ndarray:
        scores = self._q[layer, head] @ self._k[layer, head].T * np.float32(self.scale(layer, head))
        scores += self.bias(layer, head)
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        return weights / weights.sum(axis=1, keepdims=True)


def build(viewer: str, layers: int, tokens: int, dimension: int, path: Path) -> dict[str, Any]:
    """Build one page in this process: seconds, the memory it took on top, and sizes."""
    found: dict[str, Any] = {}
    attention = Recorded(tokens, dimension, layers)
    if viewer == "ours":
        from llm_course.attention.explorer import explore

        explore(Recorded(8, 8, 1)).save_html(path)  # imports are not part of building
        before, start, worked = _peak(), time.perf_counter(), time.process_time()
        explorer = explore(attention)
        explorer.save_html(path)
        found["build"], found["processor"] = time.perf_counter() - start, time.process_time() - worked
        spec, blocks = explorer._first_message()
        sources = [(ROOT / "llm_course" / "attention" / f"explorer.{end}").stat().st_size for end in ("js", "css")]
        found["message"] = (len(json.dumps(spec)) + sum(map(len, blocks.values())) + sum(sources)) / 1e6
    else:
        import torch

        weights = [torch.tensor(np.stack([attention.head(layer, h) for h in range(HEADS)])) for layer in range(layers)]
        if viewer == "bertviz":
            from bertviz import head_view

            before, start, worked = _peak(), time.perf_counter(), time.process_time()
            page = head_view([one[None] for one in weights], list(attention.rows), html_action="return").data
        else:
            from circuitsvis.attention import attention_heads

            before, start, worked = _peak(), time.perf_counter(), time.process_time()
            # The form that brings its own code, which it shows without network; str() of it asks another server.
            page = attention_heads(attention=torch.cat(weights), tokens=list(attention.rows)).local_src
        path.write_text(f"<!doctype html><meta charset=utf-8><body>{page}", encoding="utf-8")
        found["build"], found["processor"] = time.perf_counter() - start, time.process_time() - worked
    return found | {"memory": (_peak() - before) / 1e6, "page": path.stat().st_size / 1e6}


def _peak() -> int:
    """The most memory this process has held, in bytes."""
    factor = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * factor


def draw(viewer: str, path: Path, attention: Recorded | None) -> dict[str, Any]:
    """Open a page in Chromium without network: seconds until something is drawn; of ours, heads and errors."""
    from playwright.sync_api import Error, sync_playwright

    names = (os.environ.get("LLM_COURSE_CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    chromium = next((found for name in names if name and (found := shutil.which(name))), None)
    if chromium is None:
        return {"paint": "no Chromium: make browser"}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(LIMIT * 1000)
        page.goto("about:blank")
        start = time.perf_counter()
        try:
            page.goto(path.as_uri(), wait_until="commit")
            page.wait_for_selector(DRAWN[viewer], state="attached")
        except Error:
            browser.close()
            return {"paint": f"not within {LIMIT} s"}
        found: dict[str, Any] = {"paint": time.perf_counter() - start}
        if viewer == "ours":
            marks = page.evaluate("() => performance.getEntriesByName('lcx-painted').map((mark) => mark.startTime)")
            found["paint"] = marks[0] / 1000  # since the page was asked for, by the browser's own clock
            page.wait_for_load_state("load")
            found["switch"] = statistics.median(page.evaluate(SWITCH))
            if attention is not None:
                errors = [
                    np.abs(np.array(page.evaluate(WEIGHTS, [layer, head])) - attention.head(layer, head)).max()
                    for layer, head in ((0, 0), (LAYERS // 2, 5), (LAYERS - 1, HEADS - 1))
                ]
                found["error"] = float(max(errors))
        browser.close()
    return found


SWITCH = """async () => {
  const explorer = document.querySelector("[data-explorer]").lcx, times = [];
  for (let n = 1; n <= 12; n++) {
    const start = performance.now();
    const { layers, heads } = explorer.data;
    explorer.change({ tab: "map", source: "head", layer: n % layers, head: (n * 5) % heads });
    while (explorer.el.dataset.ready !== String(explorer.turn)) await new Promise((done) => setTimeout(done));
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    if (n > 2) times.push(performance.now() - start); // the first two compile
  }
  return times;
}"""
WEIGHTS = """async ([layer, head]) => {
  const explorer = document.querySelector("[data-explorer]").lcx;
  const matrix = await explorer.load(explorer.data, layer, head);
  return explorer.data.rows.map((_, i) => Array.from(matrix.row(i)));
}"""


def measure(viewer: str, layers: int, tokens: int, dimension: int, folder: Path) -> dict[str, Any]:
    """One row of the table: a viewer on so many layers and tokens."""
    row: dict[str, Any] = {"viewer": viewer, "layers": layers, "tokens": tokens, "dimension": dimension}
    path = folder / f"{viewer}-{layers}-{tokens}-{dimension}.html"
    task = json.dumps([viewer, layers, tokens, dimension, str(path)])
    try:
        done = subprocess.run(
            [sys.executable, __file__, "--build", task], capture_output=True, text=True, timeout=LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        return row | {"page": f"not built in {LIMIT} s"}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["killed"])[-1]
        return row | {"page": "not installed" if "ModuleNotFoundError" in last else last[:80]}
    row |= json.loads(done.stdout.splitlines()[-1])
    row |= draw(viewer, path, Recorded(tokens, dimension) if viewer == "ours" and tokens <= 512 else None)
    path.unlink()
    return row


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    columns = {
        "viewer": "viewer", "layers": "layers", "tokens": "tokens", "dimension": "d", "page": "page (MB)",
        "build": "build (s)", "processor": "processor time of it (s)", "memory": "memory (MB)",
        "paint": "drawn after (s)", "error": "error of a weight", "message": "first message (MB)",
        "switch": "another head (ms)",
    }  # fmt: skip
    digits = {"error": 4, "message": 2, "page": 1, "build": 2, "processor": 2, "paint": 2, "memory": 0, "switch": 0}

    def cell(name: str, value: Any) -> str:
        return "" if value is None else f"{value:.{digits[name]}f}" if isinstance(value, float) else str(value)

    lines = ["| " + " | ".join(columns.values()) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(cell(name, row.get(name)) for name in columns) + " |" for row in rows]
    return "\n".join(lines)


def verdicts(rows: list[dict[str, Any]]) -> list[str]:
    """What of the course's promises holds in these rows."""
    found = []
    for row in rows:
        if row["viewer"] != "ours" or row["layers"] != LAYERS:
            continue
        targets = TARGETS if row["tokens"] == 512 else {"paint": PAINT_LONG} if row["tokens"] == 2048 else {}
        for name, target in targets.items():
            value = row.get(name)
            if isinstance(value, (int, float)):
                word = "holds" if value <= target else "DOES NOT HOLD"
                found.append(f"{row['tokens']} tokens, d={row['dimension']}: {name} {value:.4g} <= {target:g} {word}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, nargs="+", default=[512, 2048], help="lengths of our page")
    parser.add_argument("--dimension", type=int, nargs="+", default=[64, 32], help="dimensions of a head")
    parser.add_argument("--quick", action="store_true", help="ours alone, 512 tokens, d=64")
    parser.add_argument("--build", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.build:
        viewer, layers, tokens, dimension, path = json.loads(args.build)
        print(json.dumps(build(viewer, layers, tokens, dimension, Path(path))))
        return
    tokens, dimensions = ([512], [64]) if args.quick else (args.tokens, args.dimension)
    tasks = [("ours", LAYERS, n, d) for n in tokens for d in (dimensions if n == tokens[0] else dimensions[:1])]
    if not args.quick:
        tasks += [
            (peer, layers, tokens[0], dimensions[0]) for peer in ("bertviz", "circuitsvis") for layers in (1, LAYERS)
        ]
    rows: list[dict[str, Any]] = []
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > 0.5 * (os.cpu_count() or 1):
        print(f"Other work is running here (load {load:.1f}): times will be too long.", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        for task in tasks:
            print("measuring", *task, file=sys.stderr)
            rows.append(measure(*task, Path(folder)))
    print(table(rows))
    print()
    print("\n".join(verdicts(rows)))
    RESULTS.mkdir(exist_ok=True)
    about = {"python": platform.python_version(), "processors": os.cpu_count(), "load": round(load, 1)}
    (RESULTS / "attention_viewers.json").write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
