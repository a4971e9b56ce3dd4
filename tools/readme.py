"""Write the two tables of README.md: the lessons, and what was measured of the minis.

    python tools/readme.py          write them
    python tools/readme.py --check  fail if they are not what would be written

The lessons come from notebooks/src, the figures from the model cards. Nothing is measured here.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


def lessons() -> str:
    """One row per lesson: its number and title with a link, its first goals, its minutes."""
    lines = ["| | lesson | after it you can | time |", "|---|---|---|---|"]
    for path in sorted((ROOT / "notebooks" / "src").glob("[0-9][0-9]_*.md")):
        text = path.read_text(encoding="utf-8")
        title = re.search(r"^# (.+)$", text, re.M)
        goals = re.search(r"^## Goals\n(.*?)^\*\*", text, re.M | re.S)
        minutes = re.search(r"\*\*Time:\*\* (?:about )?(\d+) minutes", text)
        if not (title and goals and minutes):
            raise SystemExit(f"{path.name}: no title, goals or minutes found")
        points = [" ".join(g.split()).rstrip(".;,") for g in re.findall(r"^- (.+?)(?=^- |\Z)", goals[1], re.M | re.S)]
        own = "; ".join(points[:2])
        lines.append(f"| {path.name[:2]} | [{title[1]}](notebooks/{path.stem}.ipynb) | {own} | {minutes[1]} min |")
    return "\n".join(lines)


def measured() -> str:
    """One row per figure of a model card, beside its baselines, and the machine they were measured on."""
    from llm_course.shelf.catalogue import models
    from llm_course.training.evaluate import headline_of

    lines = ["| model | parameters | measure | measured | baselines |", "|---|---|---|---|---|"]
    for entry in models("mini"):
        for number, (what, figure, baselines) in enumerate(headline_of(entry.name, entry.card["measured"])):
            name, size = (f"`{entry.name}`", f"{entry.parameters / 1e6:.1f} M") if number == 0 else ("", "")
            lines.append(f"| {name} | {size} | {what} | {figure} | {baselines} |")
    return "\n".join(lines)


def written(text: str) -> str:
    """README's text with both tables as they are now."""
    for name, table in (("lessons", lessons()), ("measured", measured())):
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
