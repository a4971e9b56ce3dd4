"""Store the checksums of all minis in the package again, after their cards or weights were changed on purpose.

.venv/bin/python tools/seal.py
"""

from __future__ import annotations

from llm_course.shelf.catalogue import WEIGHTS
from llm_course.shelf.stored import seal


def main() -> None:
    """Seal every folder that holds weights."""
    for weights in sorted(WEIGHTS.glob("*/model.safetensors")):
        seal(weights.parent)
        print(weights.parent.name)


if __name__ == "__main__":
    main()
