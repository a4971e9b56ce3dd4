"""Scenes and their questions: drawn where they should be, and answered from what was drawn."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

from llm_course.errors import BadOption
from llm_course.worlds import scenes
from llm_course.worlds.scene_questions import KINDS, NUMBERS, PLURAL, caption, names, place, questions, relation, words
from llm_course.worlds.scenes import COLORS, GROUND, SHAPES, Thing, draw, random_scene, scene, shared

STAR = Thing("star", "red", "big", 0.3, 0.4)
CIRCLE = Thing("circle", "blue", "small", 0.75, 0.45)


@pytest.mark.parametrize("size", [60, 61, 240])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_thing_is_drawn_in_its_color_at_its_place(shape: str, size: int) -> None:
    picture = draw(scene((shape, "blue", "big", 0.3, 0.6)), size).astype(int)
    assert picture.shape == (size, size, 3)
    assert tuple(picture[round(0.62 * size), round(0.3 * size)]) == COLORS["blue"]
    assert tuple(picture[0, 0]) == GROUND
    drawn = (abs(picture - GROUND).sum(-1) > 0).nonzero()
    reach = 1.2 * 0.18 * size + 1.5
    assert abs(drawn[0] - 0.6 * size).max() <= reach and abs(drawn[1] - 0.3 * size).max() <= reach
    # The same on the left as on the right.
    assert abs((drawn[1].min() + drawn[1].max() + 1) / 2 - round(0.3 * size)) <= 0.5


def test_areas_are_those_of_geometry() -> None:
    radius = 0.18 * 400
    expected = {
        "circle": np.pi * 0.95 * radius**2,
        "square": (1.7 * radius) ** 2,
        "triangle": 2.1 * 1.85 / 2 * radius**2,
        "cross": (4 * 2 * 0.3 - 4 * 0.3**2) * radius**2,
        "star": 10 * 0.5 * 1.15 * 0.5 * np.sin(np.pi / 5) * radius**2,
    }
    for shape, area in expected.items():
        cover = scenes.covers(scene((shape, "red", "big", 0.5, 0.5)), 400)[0]
        assert cover.sum() == pytest.approx(area, rel=0.01), shape
    assert len({scenes.covers(scene((s, "red", "small", 0.5, 0.5)))[0].tobytes() for s in SHAPES}) == len(SHAPES)


def test_later_things_are_in_front_and_edges_cut() -> None:
    both = draw(scene(("square", "red", "big", 0.5, 0.5), ("square", "blue", "small", 0.5, 0.5)))
    assert tuple(both[30, 30]) == COLORS["blue"] and tuple(both[22, 30]) == COLORS["red"]
    corner = draw(scene(("square", "red", "big", 0, 0), ("circle", "blue", "big", 1, 1)))
    assert tuple(corner[0, 0]) == COLORS["red"] and tuple(corner[59, 59]) == COLORS["blue"]
    assert draw([STAR]).tobytes() == draw(scene(STAR)).tobytes() == np.asarray(scene(STAR)).tobytes()
    assert (draw(scene()) == GROUND).all()


@pytest.mark.parametrize(
    "bad",
    [
        ("ring", "red", "big", 0.5, 0.5),
        ("star", "purple", "big", 0.5, 0.5),
        ("star", "red", "huge", 0.5, 0.5),
        ("star", "red", "big", 1.5, 0.5),
        ("star", "red", "big", 0.5, "left"),
        ("star", "red"),
        "star",
        (),
        ("star", "red", "big", float("nan"), 0.5),
        5,
        None,
        {},
        ("star", ["red"], "big", 0.5, 0.5),
    ],
)
def test_what_cannot_be_drawn_is_named(bad: object) -> None:
    with pytest.raises(BadOption):
        scene(bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [5, None, "star", [5]])
def test_what_is_no_scene_is_not_drawn(bad: object) -> None:
    with pytest.raises(BadOption):
        draw(bad)  # type: ignore[arg-type]


def test_a_picture_has_a_size() -> None:
    for size in (0, 15, 4000, 60.0, True, "60"):
        with pytest.raises(BadOption, match="pixels from 16 to 2048"):
            draw(scene(STAR), size)  # type: ignore[arg-type]


def test_scenes_by_lot_keep_their_rules() -> None:
    source = random.Random(3)
    held = frozenset({("red", "star")})
    overlapping = 0
    counts: Counter[int] = Counter()
    for _ in range(400):
        drawn = random_scene(source, avoid=held)
        counts[len(drawn.things)] += 1
        assert not any((t.color, t.shape) in held for t in drawn.things)
        pairs = [(a, b) for i, a in enumerate(drawn.things) for b in drawn.things[:i]]
        touching = [pair for pair in pairs if not scenes.apart(*pair)]
        assert len(touching) <= 1 and all(shared(*pair) >= scenes.TOUCH for pair in touching)
        overlapping += len(touching)
        assert all(t.radius <= t.x <= 1 - t.radius and t.radius <= t.y <= 1 - t.radius for t in drawn.things)
    assert 40 < overlapping < 200 and min(counts[n] for n in (1, 2, 3, 4)) > 50
    assert all(random_scene(source, among=[("red", "star")]).things[0].color == "red" for _ in range(20))
    assert random_scene(random.Random(5)) == random_scene(random.Random(5))


def test_known_scene() -> None:
    drawn = scene(CIRCLE, STAR)
    assert caption(drawn) == "a big red star and a small blue circle."
    assert caption(scene()) == "nothing."
    assert relation(STAR, CIRCLE) == "left" and relation(CIRCLE, STAR) == "right"
    assert relation(STAR, Thing("cross", "red", "big", 0.3, 0.8)) == "above"
    assert relation(STAR, Thing("cross", "red", "big", 0.6, 0.7)) == ""  # as far aside as down
    assert (
        place(STAR) == "top left" and place(CIRCLE) == "" and place(Thing("star", "red", "big", 0.5, 0.5)) == "middle"
    )
    assert names(drawn, STAR) == ["the star", "the red one", "the red star", "the big star", "the big red one"]
    assert names(drawn, STAR, "shape") == ["the red one", "the big red one"]
    twins = scene(STAR, Thing("star", "blue", "big", 0.7, 0.7))
    assert names(twins, STAR) == ["the red one", "the red star", "the big red one"]


def test_answers_are_true_of_the_scene() -> None:
    """Each question is answered again from its words alone, and the scene."""
    source, seen = random.Random(0), Counter()
    for _ in range(300):
        drawn = random_scene(source)
        for q in questions(drawn, source):
            seen[q.kind] += 1
            text = q.text.rstrip("?").replace(",", "")
            if q.kind in ("color", "shape"):
                (thing,) = named(drawn, text.split("the ")[-1])
                assert q.answer == getattr(thing, q.kind)
            elif q.kind == "count":
                word, last = (text.split()[2:-2] * 2)[:2] if len(text.split()) == 6 else ("", text.split()[2])
                fits = [
                    t
                    for t in drawn.things
                    if word in ("", t.color, t.size) and last in (PLURAL[t.shape], "objects", "shapes")
                ]
                assert q.answer == NUMBERS[len(fits)], (q, str(drawn))
            elif q.kind == "exists":
                parts = set(text.split()[3:]) - {"object"}
                fits = [t for t in drawn.things if parts <= {t.color, t.shape, t.size}]
                assert q.answer == ("yes" if fits else "no")
            elif q.kind == "overlap":
                bare = text.replace("do ", "").replace("is ", "").replace(" overlap", "").replace("ping", " and")
                first, second = bare.split(" and ")
                (one,), (two,) = named(drawn, first.replace("the ", "", 1)), named(drawn, second.replace("the ", "", 1))
                assert q.answer == ("yes" if shared(one, two) >= scenes.TOUCH else "no")
    assert set(seen) == set(KINDS) and min(seen.values()) > 50


def named(drawn: scenes.Scene, phrase: str) -> list[Thing]:
    """The things that fit a phrase such as "big red one"."""
    parts = set(phrase.split()) - {"one", "the", "of"}
    return [t for t in drawn.things if parts <= {t.color, t.shape, t.size}]


def test_no_answer_is_the_rule_where_two_are_possible() -> None:
    source, answers = random.Random(1), {kind: Counter() for kind in KINDS}
    for _ in range(1500):
        for q in questions(random_scene(source), source):
            answers[q.kind][q.answer] += 1
    for kind in ("exists", "relation", "overlap"):
        yes, no = answers[kind]["yes"], answers[kind]["no"]
        assert 0.35 < yes / (yes + no) < 0.65, (kind, answers[kind])
    for kind in KINDS:
        assert answers[kind].most_common(1)[0][1] < 0.66 * answers[kind].total(), (kind, answers[kind])


def test_words_cover_all_that_is_asked_and_said() -> None:
    known, source = set(words()), random.Random(2)
    assert len(words()) == len(known)
    for _ in range(200):
        drawn = random_scene(source)
        for text in [caption(drawn), *(f"{q.text} {q.answer}" for q in questions(drawn, source))]:
            for mark in ",.?":
                text = text.replace(mark, f" {mark} ")
            assert set(text.split()) <= known
