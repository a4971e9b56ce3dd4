"""How long the package takes to start: ``import llm_course``, and a cold ``llm-course translate Hello``.

Each time is that of a fresh interpreter, the median of several, taken in turn so that a busy moment hits all
alike. The peer of the command is the import of its model class alone: what no program that uses it can avoid.

    python benchmarks/startup.py            # a table, and benchmarks/results/startup.json
    python benchmarks/startup.py --imports  # the modules that the command imports beside those of its peer
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
IMPORT = "import time; start = time.perf_counter(); import llm_course; print(time.perf_counter() - start)"
PEER = "from transformers import MarianMTModel"
TARGETS = {"import llm_course": 0.15, "ratio": 1.3}


def python(*arguments: str) -> tuple[float, str]:
    """Run a fresh interpreter; its wall time in seconds and what it printed."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        cwd=Path(__file__).parents[1],
    )
    return time.perf_counter() - start, done.stdout


def measure(repeats: int, model: str | None) -> dict[str, list[float]]:
    """Seconds of each program, ``repeats`` times; one more run before warms the disk's cache."""
    command = ["-m", "llm_course.cli", "translate", "Hello", *(["--model", model] if model else [])]
    times: dict[str, list[float]] = {"import llm_course": [], PEER: [], "llm-course translate Hello": []}
    for turn in range(repeats + 1):
        found = (float(python("-c", IMPORT)[1]), python("-c", PEER)[0], python(*command)[0])
        if turn:
            for name, seconds in zip(times, found, strict=True):
                times[name].append(seconds)
    return times


def own_imports(model: str | None) -> list[tuple[float, str]]:
    """Milliseconds and name of every module that only our command imports, the slowest first."""

    def imported(*arguments: str) -> dict[str, float]:
        done = subprocess.run(
            [sys.executable, "-X", "importtime", *arguments],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[1],
        )
        rows = [line.removeprefix("import time:").split("|") for line in done.stderr.splitlines() if "|" in line]
        return {row[2].strip(): float(row[0]) / 1000 for row in rows if row[0].strip().isdigit()}

    peer = imported("-c", PEER)
    ours = imported("-m", "llm_course.cli", "translate", "Hello", *(["--model", model] if model else []))
    return sorted(((ms, name) for name, ms in ours.items() if name not in peer), reverse=True)


def main() -> None:
    """Measure, print a Markdown table, save the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--model", help="a Marian model in place of marian-mini: shelf name or folder")
    parser.add_argument("--imports", action="store_true", help="list what our command imports beside its peer")
    options = parser.parse_args()
    if options.imports:
        for milliseconds, name in own_imports(options.model)[:40]:
            print(f"{milliseconds:8.1f} ms  {name}")
        return
    times = measure(options.repeats, options.model)
    medians = {name: statistics.median(values) for name, values in times.items()}
    ratio = medians["llm-course translate Hello"] / medians[PEER]
    print(f"| fresh interpreter | median of {options.repeats} | fastest | target |\n|---|---|---|---|")
    for name, values in times.items():
        target = f"{TARGETS[name]} s" if name in TARGETS else ""
        print(f"| `{name}` | {medians[name]:.3f} s | {min(values):.3f} s | {target} |")
    print(f"| the command over its model class | {ratio:.2f} | | {TARGETS['ratio']} |")
    RESULTS.mkdir(exist_ok=True)
    record = {
        "seconds": times,
        "ratio": ratio,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "date": time.strftime("%Y-%m-%d"),
    }
    (RESULTS / "startup.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
