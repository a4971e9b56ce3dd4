"""Write the cards of all minis in the package again, and the checksums of their files.

    python tools/seal.py

For after a change to what a mini's file says of it, or to a file beside its weights. Nothing is trained or measured.
"""

from __future__ import annotations

from llm_course.minis import cards
from llm_course.minis.mini import mini, names


def main() -> None:
    """Write every card; that seals its folder."""
    for name in names():
        if mini(name).install is None:
            cards.write(name)
            print(name)


if __name__ == "__main__":
    main()
