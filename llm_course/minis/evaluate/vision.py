"""How well vision-mini sees: the share of questions about unseen scenes that it answers rightly, by kind.

Knows nothing about how the model was trained, beyond the pairs of color and shape that were held out. The
scenes are drawn with a seed of their own. An answer counts if it is the right one word for word.
"""

from __future__ import annotations

import random as randoms
from collections import Counter
from pathlib import Path
from typing import Any

from llm_course.minis.evaluate.record import Table, goal, stamp
from llm_course.minis.recipes.vision_mini import HELD_OUT
from llm_course.shelf.loading import load
from llm_course.use_cases.vision import ask, describe
from llm_course.worlds.scene_questions import KINDS, Question, caption, questions
from llm_course.worlds.scenes import Scene, draw, random_scene

SCENES, WANTED = 200, 0.95
UNSEEN, NEW_PAIRS = "unseen scenes", "held-out pairs"
FREQUENT, BLANK = "most frequent answer", "picture blank"
HOW = (
    f"Scenes are drawn anew with a seed that training did not use: {SCENES} with the pairs of color and shape of the "
    f"training, and {SCENES} whose first thing is one of the six pairs that were held out, asked about that thing. "
    "Each scene gets one question of each kind that has a clear answer there. An answer counts if it is right word for "
    "word; a description, if it names all things rightly from left to right. Baselines on the unseen scenes: the "
    "answer that is most frequent for the kind in this very test, and the model itself with an empty picture."
)
Asked = list[tuple[Scene, Any, Question]]


def test_set(name: str, count: int) -> tuple[list[Scene], list[Any], Asked]:
    """Scenes, their pictures (colors shifted a little, as in training) and questions about them."""
    random = randoms.Random(f"vision-mini test {name}")
    held = sorted(HELD_OUT)
    drawn = [
        random_scene(random, among=held) if name == NEW_PAIRS else random_scene(random, avoid=HELD_OUT)
        for _ in range(count)
    ]
    pictures = [draw(scene, random=random) for scene in drawn]
    asked = []
    for scene, picture in zip(drawn, pictures, strict=True):
        about = scene.things[0] if name == NEW_PAIRS else None
        avoid = frozenset() if name == NEW_PAIRS else HELD_OUT
        asked += [(scene, picture, q) for q in questions(scene, random, KINDS, avoid=avoid, about=about)]
    return drawn, pictures, asked


def measure(data: str | Path | None, limit: int | None = None, *, model: Any = "vision-mini") -> dict[str, Any]:
    """Measure a model of pictures on scenes; ``limit`` is the most scenes of each set (else 200).

    ``data`` is not read: the scenes are drawn.
    """
    lm = load(model, task="describe")
    count = min(limit or SCENES, SCENES)
    accuracy: dict[str, dict[str, float]] = {}
    captions: dict[str, float] = {}
    numbers: dict[str, int] = {}
    mistakes: list[dict[str, str]] = []
    for name in (UNSEEN, NEW_PAIRS):
        drawn, pictures, asked = test_set(name, count)
        found = ask([p for _, p, _ in asked], [q.text for _, _, q in asked], model=lm, progress=False)
        said = [one.text for one in found]
        accuracy[name] = _by_kind([(q.kind, text == q.answer) for (_, _, q), text in zip(asked, said, strict=True)])
        told = describe(pictures, model=lm, progress=False)
        captions[name] = round(sum(t.text == caption(s) for t, s in zip(told, drawn, strict=True)) / len(drawn), 4)
        numbers[name] = len(asked)
        if name == UNSEEN:
            wrong = [(s, q, text) for (s, _, q), text in zip(asked, said, strict=True) if text != q.answer]
            mistakes = [
                {"scene": str(s), "question": q.text, "right": q.answer, "said": text} for s, q, text in wrong[:8]
            ]
            counts: dict[str, Counter[str]] = {}
            for _, _, q in asked:
                counts.setdefault(q.kind, Counter())[q.answer] += 1
            accuracy[FREQUENT] = _by_kind([(q.kind, counts[q.kind].most_common(1)[0][0] == q.answer)
                                           for _, _, q in asked])  # fmt: skip
            empty = draw(Scene(()))
            # Each question once: with the same picture it has the same answer.
            texts = list(dict.fromkeys(q.text for _, _, q in asked))
            blind = {a.question: a.text for a in ask(empty, texts, model=lm, progress=False)}
            accuracy[BLANK] = _by_kind([(q.kind, blind[q.text] == q.answer) for _, _, q in asked])
    return {
        "how": HOW,
        "questions": numbers,
        "scenes": count,
        "accuracy": accuracy,
        "descriptions": captions,
        "mistakes": mistakes,
        "goals": [goal("questions about unseen scenes answered rightly", WANTED, accuracy[UNSEEN]["all"])],
        **stamp(lm.name, lm.device.type),
    }


def _by_kind(answers: list[tuple[str, bool]]) -> dict[str, float]:
    """The share of right answers over all, then by kind."""
    kinds = [kind for kind in KINDS if any(k == kind for k, _ in answers)]
    own = {kind: [right for k, right in answers if k == kind] for kind in kinds}
    every = [right for _, right in answers]
    return {"all": _share(every), **{kind: _share(own[kind]) for kind in kinds}}


def _share(right: list[bool]) -> float:
    return round(sum(right) / max(1, len(right)), 4)


def headline(measured: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Questions about unseen scenes, then about held-out pairs, beside the baselines."""
    own = measured["accuracy"]
    base = f"{FREQUENT} {own[FREQUENT]['all']:.3f}, {BLANK} {own[BLANK]['all']:.3f}"
    return [
        ("questions about unseen scenes", f"{own[UNSEEN]['all']:.3f}", base),
        ("questions about held-out pairs", f"{own[NEW_PAIRS]['all']:.3f}", "-"),
    ]


def tables(measured: dict[str, Any]) -> list[Table]:
    """Accuracy by kind of question, and descriptions."""
    own = measured["accuracy"]
    rows = tuple(
        (kind, *(f"{shares[kind]:.3f}" if kind in shares else "-" for shares in own.values())) for kind in own[UNSEEN]
    )
    told = tuple((name, f"{share:.3f}") for name, share in measured["descriptions"].items())
    count = measured["questions"]
    title = f"Questions answered rightly, {count[UNSEEN]:,} about unseen scenes, {count[NEW_PAIRS]:,} about new pairs"
    return [
        Table(title, ("kind", *own), rows),
        Table(f"Descriptions right word for word, of {measured['scenes']:,} scenes", ("scenes", "share"), told),
    ]
