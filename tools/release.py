"""What a release says of itself: the changelog's section of a version, after a check that tag and package agree.

python tools/release.py notes v0.2.0
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def notes(tag: str, root: Path = ROOT) -> str:
    """The text below a version's heading in CHANGELOG.md.

    Raises ``SystemExit`` when the tag is not the package's version, or its section is missing, empty or "unreleased".
    """
    version = re.search(r'^__version__ = "(.+)"$', (root / "llm_course/__init__.py").read_text(encoding="utf-8"), re.M)
    if not version or tag != f"v{version[1]}":
        raise SystemExit(f"The tag is {tag}, and the package's version {version and version[1]}: they must agree.")
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    section = re.search(rf"^## {re.escape(version[1])} \((.+?)\)\n(.*?)(?=^## |\Z)", changes, re.M | re.S)
    if not section or section[1] == "unreleased" or not section[2].strip():
        raise SystemExit(f"CHANGELOG.md needs a section '## {version[1]} (date)' that says what has changed.")
    return section[2].strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("what", choices=("notes",))
    parser.add_argument("tag", help="v and the version: v0.2.0")
    print(notes(parser.parse_args().tag))


if __name__ == "__main__":
    main()
