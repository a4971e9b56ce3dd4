"""Record what bloom-mini does, for lesson 06: bits per byte by language, loss by position, four beginnings continued.

The package has no room for bloom-mini's weights beside the others. So whoever wants to check the figures trains it:

    llm-course train bloom-mini --data DIR --install
    llm-course train bloom-mini-learned --data DIR --install      # its twin with learned positions: figures only
    llm-course evaluate bloom-mini --data DIR                     # beside an n-gram model for each language
    python benchmarks/bloom_mini.py                               # writes llm_course/lesson/data/bloom_mini.json

The first three take about a quarter of an hour on two CPU cores.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
STARTS = ("The boy went", "Le garçon", "Der Hund", "El gato")
RECORD = ROOT / "llm_course" / "lesson" / "data" / "bloom_mini.json"


def main() -> None:
    import llm_course as lc

    lm = lc.load("bloom-mini", device="cpu")
    texts = [lc.generate(start, model=lm, max_new_tokens=14, temperature=0) for start in STARTS]
    samples = [" ".join(one.full.split()) for one in texts]
    measured, training = lm.card["measured"], lm.card["training"]
    record = {"date": training["date"], "machine": training["machine"], "parameters": lm.parameters,
              "samples": samples, "languages": measured["languages"], "longer": measured["longer"]}  # fmt: skip
    RECORD.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print("\n".join(samples))
    print(f"Written: {RECORD}")


if __name__ == "__main__":
    main()
