"""Questions about scenes, with their answers in words, taken from what was drawn.

Knows nothing about models or pictures: it reads a scene's list of things. A question is only asked where
the answer is clear: a thing is named so that one thing alone fits, and near-ties of place are left out.
"""

from __future__ import annotations

import random as randoms
from dataclasses import dataclass

from llm_course.worlds.scenes import COLORS, DESCRIBE, MOST, SHAPES, SIZES, TOUCH, Scene, Thing, apart, shared

KINDS = ("color", "shape", "count", "exists", "relation", "size", "overlap", "place")
NUMBERS = ("zero", "one", "two", "three", "four")
PLURAL = {shape: shape + ("es" if shape.endswith("s") else "s") for shape in SHAPES}
DIRECTIONS = {"left": "left of", "right": "right of", "above": "above", "below": "below"}
PLACES = ("top left", "top right", "bottom left", "bottom right", "middle")
ASIDE, CENTRAL = 0.08, 0.1  # how far from the middle lines a thing is in a corner; how near in the middle


@dataclass(frozen=True)
class Question:
    """A question with its kind and its right answer."""

    kind: str
    text: str
    answer: str


def caption(scene: Scene) -> str:
    """All things from left to right: "a big red star, a small blue circle and a small green heart."."""
    named = [f"a {thing}" for thing in sorted(scene.things, key=lambda t: (t.x, t.y))]
    if not named:
        return "nothing."
    return (", ".join(named[:-1]) + " and " if named[1:] else "") + named[-1] + "."


def with_article(words: str) -> str:
    """The words with "a" or "an" before them."""
    return ("an " if words[0] in "aeiou" else "a ") + words


def names(scene: Scene, thing: Thing, without: str = "") -> list[str]:
    """How a thing can be named so that no other fits, from short to long; one property may be left ``without``."""
    found = []
    shape, color, size = thing.shape, thing.color, thing.size
    like = [(t.shape == shape, t.color == color, t.size == size) for t in scene.things]
    if without != "shape" and sum(a for a, _, _ in like) == 1:
        found.append(f"the {shape}")
    if without != "color" and sum(b for _, b, _ in like) == 1:
        found.append(f"the {color} one")
    if without not in ("shape", "color") and sum(a and b for a, b, _ in like) == 1:
        found.append(f"the {color} {shape}")
    if without not in ("shape", "size") and sum(a and c for a, _, c in like) == 1:
        found.append(f"the {size} {shape}")
    if without not in ("color", "size") and sum(b and c for _, b, c in like) == 1:
        found.append(f"the {size} {color} one")
    return found


def relation(thing: Thing, other: Thing) -> str:
    """Where a thing is, seen from another one; empty if it is about as far aside as up or down."""
    across, down = thing.x - other.x, thing.y - other.y
    if max(abs(across), abs(down)) < 0.15 or not (abs(across) > 1.6 * abs(down) or abs(down) > 1.6 * abs(across)):
        return ""
    if abs(across) > abs(down):
        return "left" if across < 0 else "right"
    return "above" if down < 0 else "below"


def place(thing: Thing) -> str:
    """In which corner of the picture a thing is, or in the middle; empty if that is not clear."""
    across, down = thing.x - 0.5, thing.y - 0.5
    if max(abs(across), abs(down)) <= CENTRAL - 0.02:
        return "middle"
    if min(abs(across), abs(down)) >= ASIDE:
        return f"{'top' if down < 0 else 'bottom'} {'left' if across < 0 else 'right'}"
    return ""


def questions(
    scene: Scene,
    random: randoms.Random,
    kinds: tuple[str, ...] = KINDS,
    *,
    avoid: frozenset[tuple[str, str]] = frozenset(),
    about: Thing | None = None,
) -> list[Question]:
    """One question of each kind that the scene allows, in the order of ``kinds``.

    Answers are drawn evenly where the scene lets us choose: half of all yes-no answers are "yes".

    Args:
        scene: what is on the picture.
        random: the source of chance.
        kinds: which kinds of question.
        avoid: pairs of color and shape that are not asked for.
        about: ask about this thing.
    """
    found = []
    for kind in kinds:
        thing = about or (random.choice(scene.things) if scene.things else None)
        made = _MAKERS[kind](scene, thing, random, avoid) if thing else None
        if made:
            found.append(Question(kind, *made))
    return found


Made = tuple[str, str] | None
Avoid = frozenset[tuple[str, str]]


def _color(scene: Scene, thing: Thing, random: randoms.Random, avoid: Avoid) -> Made:
    if not (named := names(scene, thing, "color")):
        return None
    form = random.choice(("what color is {}?", "what is the color of {}?"))
    return form.format(random.choice(named)), thing.color


def _shape(scene: Scene, thing: Thing, random: randoms.Random, avoid: Avoid) -> Made:
    if not (named := names(scene, thing, "shape")):
        return None
    form = random.choice(("what shape is {}?", "what is {}?"))
    return form.format(random.choice(named)), thing.shape


def _count(scene: Scene, thing: Thing, random: randoms.Random, avoid: Avoid) -> Made:
    # All that can be counted, by answer; then the answer is drawn first, so that no number is the rule.
    ways: dict[int, list[str]] = {len(scene.things): ["objects are there", "shapes are there"]}
    for shape in SHAPES:
        number = sum(t.shape == shape for t in scene.things)
        ways.setdefault(number, []).append(f"{PLURAL[shape]} are there")
    for word in (*COLORS, *SIZES):
        number = sum(word in (t.color, t.size) for t in scene.things)
        ways.setdefault(number, []).append(f"{word} {random.choice(('objects', 'shapes'))} are there")
    number = random.choice([n for n in ways if n <= MOST])
    return f"how many {random.choice(ways[number])}?", NUMBERS[number]


def _exists(scene: Scene, thing: Thing, random: randoms.Random, avoid: Avoid) -> Made:
    form = random.choice(("{color} {shape}", "{color} {shape}", "{shape}", "{color} object", "{size} {shape}"))
    present = {form.format(color=t.color, shape=t.shape, size=t.size) for t in scene.things}
    if random.random() < 0.5:
        words = form.format(color=thing.color, shape=thing.shape, size=thing.size)
    else:  # near misses: half of the time both words are in the picture, but not on one thing
        source = random.choice((scene.things, None))
        for _ in range(20):
            shape = random.choice(source).shape if source else random.choice(SHAPES)
            color = random.choice(source).color if source else random.choice([*COLORS])
            size = random.choice(source).size if source else random.choice([*SIZES])
            words = form.format(color=color, shape=shape, size=size)
            if words not in present and not ("color" in form and "shape" in form and (color, shape) in avoid):
                break
            source = None
        else:
            return None
    return f"is there {with_article(words)}?", "yes" if words in present else "no"


def _two(scene: Scene, thing: Thing, random: randoms.Random, fits: list[Thing]) -> tuple[Thing, str, str] | None:
    """Another thing among those that fit, and names of both."""
    fits = [t for t in fits if t is not thing and names(scene, t)]
    if not fits or not names(scene, thing):
        return None
    other = random.choice(fits)
    return other, random.choice(names(scene, thing)), random.choice(names(scene, other))


def _relation(scene: Scene, thing: Thing, random: randoms.Random, avoid: Avoid) -> Made:
    two = _two(scene, thing, random, [t for t in scene.things if relation(thing, t)])
    if two is None:
        return None
    other, own, its = two
    where = relation(thing, other)
    if random.random() < 0.5:
        return f"where is {own}, seen from {its}?", where
    opposite = {"left": "right", "right": "left", "above": "below", "below": "above"}[where]
    asked = random.choice((where, opposite))
    return f"is {own} {DIRECTIONS[asked]} {its}?", "yes" if asked == where else "no"


def _size(scene: Scene, thing: Thing, random: randoms.Random, avoid: Avoid) -> Made:
    form = random.random()
    if form < 0.5:
        named = names(scene, thing, "size")
        return (f"is {random.choice(named)} big or small?", thing.size) if named else None
    fits = [t for t in scene.things if form >= 0.75 or t.size != thing.size]
    fits = [t for t in fits if t is not thing and names(scene, t, "size")]
    if not fits or not names(scene, thing, "size"):
        return None
    other = random.choice(fits)
    own, its = random.choice(names(scene, thing, "size")), random.choice(names(scene, other, "size"))
    if form >= 0.75:
        return f"are {own} and {its} equally big?", "yes" if thing.size == other.size else "no"
    return f"which is bigger, {own} or {its}?", own if thing.size == "big" else its


def _overlap(scene: Scene, thing: Thing, random: randoms.Random, avoid: Avoid) -> Made:
    touching = [t for t in scene.things if t is not thing and shared(thing, t) >= TOUCH]
    free = [t for t in scene.things if t is not thing and apart(thing, t)]
    if touching and free:
        touching, free = random.choice(((touching, []), ([], free)))
    # Things that stand apart are the rule: they are asked about less often.
    elif free and random.random() < 0.75:
        return None
    two = _two(scene, thing, random, touching or free)
    if two is None:
        return None
    _, own, its = two
    form = random.choice(("do {} and {} overlap?", "is {} overlapping {}?"))
    return form.format(own, its), "yes" if touching else "no"


def _place(scene: Scene, thing: Thing, random: randoms.Random, avoid: Avoid) -> Made:
    if random.random() < 0.5:
        named, where = names(scene, thing), place(thing)
        return (f"where is {random.choice(named)}?", where) if named and where else None
    where = random.choice(PLACES)
    if random.random() < 0.75 and place(thing):
        where = place(thing)
    there = [t for t in scene.things if place(t) == where]
    # A thing on a middle line may be seen there or not.
    if len(there) > 1 or any(not place(t) for t in scene.things):
        return None
    return f"what is in the {where}?", f"a {there[0]}" if there else "nothing"


_MAKERS = {
    "color": _color,
    "shape": _shape,
    "count": _count,
    "exists": _exists,
    "relation": _relation,
    "size": _size,
    "overlap": _overlap,
    "place": _place,
}


def words() -> list[str]:
    """Every word and mark of the questions and answers, in a fixed order: vision-mini's vocabulary."""
    forms = (
        DESCRIBE,
        *(f"{name} {PLURAL[name]}" for name in SHAPES),
        *COLORS,
        *SIZES,
        *NUMBERS,
        *PLACES,
        *DIRECTIONS.values(),
        "yes no nothing and , . ? a an the one object objects shapes",
        "what color is the shape of which how many are there is there where seen from",
        "bigger or equally do overlap overlapping in",
    )
    marked = " ".join(forms).replace(".", " .").replace(",", " , ").replace("?", " ? ")
    return list(dict.fromkeys(marked.split()))
