"""Write the tables of README.md: lessons, figures of the minis, speed, the explorer and the judge beside their peers.

    python tools/readme.py          write them
    python tools/readme.py --check  fail if they are not what would be written

The lessons come from llm_course/lessons, the figures from the model cards and from benchmarks/results. Nothing is
measured here.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
from typing import Any

from colab import address
from llm_course.lessons import contents, fill
from nb_source import ROOT

README = ROOT / "README.md"


def lessons() -> str:
    """A table per part, one row per lesson: its number and title with a link, its first goals, its minutes."""
    lines, part = [], ""
    for lesson in contents():
        if lesson.part != part:
            part = lesson.part
            lines += ["", f"**{part}**", "", "| | lesson | after it you can | time | |", "|---|---|---|---|---|"]
        text = fill(lesson.source.read_text(encoding="utf-8"), lesson)
        goals = re.search(r"^## Goals\n(.*?)(?=^\*\*|^## )", text, re.M | re.S)
        if not goals:
            raise SystemExit(f"{lesson.slug}: no goals found")
        points = [" ".join(g.split()).rstrip(".;,") for g in re.findall(r"^- (.+?)(?=^- |\Z)", goals[1], re.M | re.S)]
        title = f"[{lesson.title}](notebooks/{lesson.name}.ipynb)"
        row = [lesson.number, title, "; ".join(points[:2]), f"{lesson.minutes} min", f"[Colab]({address(lesson)})"]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join([*lines[1:], ""])


def measured() -> str:
    """One row per figure of a model card, beside its baselines, and the machine they were measured on."""
    from llm_course.minis.mini import mini
    from llm_course.shelf.catalogue import models

    lines = ["| model | parameters | measure | measured | baselines |", "|---|---|---|---|---|"]
    for entry in models("mini"):
        for number, (what, figure, baselines) in enumerate(mini(entry.name).headline(entry.card["measured"])):
            name, size = (f"`{entry.name}`", f"{entry.parameters / 1e6:.1f} M") if number == 0 else ("", "")
            lines.append(f"| {name} | {size} | {what} | {figure} | {baselines} |")
    return "\n".join(lines)


def result(name: str) -> Any:
    """What a benchmark has left in benchmarks/results."""
    return json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text(encoding="utf-8"))


def speed() -> str:
    """One row per use case: texts a second by each way of calling, and the time to start."""
    record, start = result("use_cases-cpu"), result("startup")
    found: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
    for row in record["rows"]:
        found.setdefault((row["task"], row["model"]), {})[row["method"]] = row
    ways = ("one by one", "pipeline, batch_size=32", "batches of 32", "llm_course")
    lines = [
        "| use case | model | one by one | pipeline, batches of 32 | batches of 32 | llm_course "
        "| over one by one | over batches of 32 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (task, model), own in found.items():
        speeds = [f"{own[way]['texts_per_second']:,.1f}" if way in own else "removed" for way in ways]
        faster = [f"{own[way]['seconds'] / own['llm_course']['seconds']:.1f} x" for way in (ways[0], ways[2])]
        lines.append(f"| {task} | `{model}` | {' | '.join([*speeds, *faster])} |")
    texts = record["rows"][0]["texts"]
    imported = statistics.median(start["seconds"]["import llm_course"])
    lines += [
        "",
        f"Texts a second, {texts} texts of mixed length, {record['threads']} CPU threads, {record['date']}: "
        f"`python benchmarks/use_cases.py`. `import llm_course` takes {imported:.3f} s, and a cold "
        f"`llm-course translate Hello` {start['ratio']:.2f} times as long as importing its model class alone: "
        "`python benchmarks/startup.py`.",
    ]
    return "\n".join(lines)


def viewers() -> str:
    """One row per attention viewer and size: what its page weighs, and how long building and drawing it takes."""
    record = result("attention_viewers")
    lines = [
        "| viewer | layers x heads | tokens | page, MB | build, s | memory, MB | drawn after, s | another head, ms |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in record["rows"]:
        if row["dimension"] != 64:
            continue
        name = "**this course**" if row["viewer"] == "ours" else row["viewer"]
        drawn = row["paint"] if isinstance(row["paint"], str) else f"{row['paint']:.2f}"
        switch = f"{row['switch']:.0f}" if "switch" in row else ""
        lines.append(
            f"| {name} | {row['layers']} x 12 | {row['tokens']:,d} | {row['page']:,.1f} | {row['build']:.1f} "
            f"| {row['memory']:,.0f} | {drawn} | {switch} |"
        )
    error = max(row["error"] for row in record["rows"] if "error" in row)
    lines += [
        "",
        f"Saved pages, opened by Chromium with the network off, {record['about']['processors']} CPU cores: `python "
        f"benchmarks/attention_viewers.py`. Read back from three heads, our weights are off by {error:.4f} at most. "
        "bertviz's page loads libraries from other servers, so it draws nothing here; circuitsvis's is the form that "
        "brings its own code.",
    ]
    return "\n".join(lines)


def graders() -> str:
    """Which grader each cheat fools, and how long honest submissions take."""
    record = result("graders")
    names = [name for name in ("nbgrader", "otter", "ours") if name in record["cheats"][0]]
    lines = ["| a submission that | points due | " + " | ".join(names) + " |", "|---" * (2 + len(names)) + "|"]
    for row in record["cheats"]:
        lines.append(f"| {row['tries']} | {row['due']} | " + " | ".join(row[name] for name in names) + " |")
    speed = record["throughput"]
    lines += [
        "",
        f"The same submissions to each, nbgrader {record['nbgrader']}, {record['date']}: `make grade-proof`. "
        f"{speed['submissions']} honest submissions of this small assignment take nbgrader {speed['nbgrader']:.0f} s "
        f"without isolation, and the judge {speed['ours']:.0f} s in its sandbox.",
    ]
    return "\n".join(lines)


def written(text: str) -> str:
    """README's text with its tables as they are now."""
    for make in (lessons, measured, speed, viewers, graders):
        name, table = make.__name__, make()
        pattern = rf"(<!-- {name}: written by tools/readme.py -->\n).*?(<!-- end of {name} -->)"
        text, count = re.subn(pattern, lambda m, t=table: f"{m[1]}{t}\n{m[2]}", text, flags=re.S)
        if count != 1:
            raise SystemExit(f"README.md: the marks of the table {name!r} are missing")
    return text


def main() -> int:
    """Write or check; returns the exit status."""
    old = README.read_text(encoding="utf-8")
    new = written(old)
    if "--check" in sys.argv[1:]:
        if old != new:
            print("README.md: its tables are out of date. Run: python tools/readme.py", file=sys.stderr)
        return int(old != new)
    README.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
