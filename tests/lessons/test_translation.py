"""The exercises: the solutions pass, and each typical mistake gets its own diagnosis."""

from __future__ import annotations

import pytest

from llm_course.checks.exercises import Wrong
from llm_course.lessons.translation import exercises

STEP = """def beam_step(beams, table, k):
    candidates = []
    for words, p in beams:
        for word, q in table[words].items():
            candidates.append(((*words, word), p * q))
    return sorted(candidates, key=lambda beam: beam[1], reverse=True)[:k]"""
SEARCH = """def beam_search(table, k, steps):
    beams = [((), 1.0)]
    for _ in range(steps):
        beams = beam_step(beams, table, k)
    return beams[0][0]"""


def solved(name, *sources):
    space: dict = {}
    for source in sources:
        exec(source, space)
    return space[name]


def step(combine=lambda p, q: p * q, key=lambda beam: -beam[1], cut=lambda beams, k: beams[:k]):
    def function(beams, table, k):
        longer = [((*words, word), combine(p, q)) for words, p in beams for word, q in table[words].items()]
        return cut(sorted(longer, key=key), k)

    return function


def search(one=None, rounds=lambda steps: steps, give=lambda beams: beams[0][0]):
    def function(table, k, steps):
        beams = [((), 1.0)]
        for _ in range(rounds(steps)):
            beams = (one or step())(beams, table, k)
        return give(beams)

    return function


def gaps(beams, table, k):
    candidates = []
    for words, _ in beams:
        for word in table[words]:
            candidates.append(((*words, word), ...))
    return ...


def test_right_answers_pass():
    assert "overtakes" in exercises.check_beam_step(solved("beam_step", STEP))
    assert "greedy" in exercises.check_beam_search(solved("beam_search", STEP, SEARCH))


def test_the_toys_tell_one_two_and_three_beams_apart():
    found = {k: exercises._search(exercises.LONGER, k, 3) for k in (1, 2, 3)}
    assert found == {1: ("a", "x", "m"), 2: ("b", "x", "m"), 3: ("c", "x", "m")}


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (gaps, "Not written yet"),
        (lambda beams, table, k: None, "Not written yet"),
        (lambda beams, table, k: [((*w, x), ...) for w, _ in beams for x in table[w]][:k], "Gap 1"),
        (step(combine=lambda p, q: p + q), "added"),
        (step(combine=lambda p, q: q), "last word alone"),
        (step(key=lambda beam: beam[1]), "least probable"),
        (step(cut=lambda beams, k: beams), "Keep only the first k"),
        (step(cut=lambda beams, k: beams[:1]), "keep one"),
        (step(cut=lambda beams, k: beams[:2]), "not for k = 1"),
        (step(cut=lambda beams, k: beams[:k][::-1]), "not the best one first"),
        (step(key=lambda beam: 0), "sort all candidates"),
        (step(cut=lambda beams, k: beams[0]), "list of pairs"),
        ("beam_step", "not a function"),
    ],
)
def test_step_mistakes(answer, diagnosis):
    with pytest.raises(Wrong, match=diagnosis):
        exercises.check_beam_step(answer)


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        (lambda table, k, steps: ..., "Not written yet"),
        (search(give=lambda beams: beams), "is a list"),
        (search(give=lambda beams: beams[0]), "pair of words"),
        (search(give=lambda beams: " ".join(beams[0][0])), "one string"),
        (search(rounds=lambda steps: steps - 1), "Count the rounds"),
        (search(one=step(cut=lambda beams, k: beams[:1])), "greedy text"),
        (search(give=lambda beams: beams[-1][0]), "That is the greedy text"),
        (search(one=step(cut=lambda beams, k: beams)), "Do you cut to k"),
        (search(one=step(key=lambda beam: beam[1])), "most probable text"),
        (search(one=step(combine=lambda p, q: p + q)), "add probabilities"),
        (search(rounds=lambda steps: 2), "as often as `steps` says"),
    ],
)
def test_search_mistakes(answer, diagnosis):
    with pytest.raises(Wrong, match=diagnosis):
        exercises.check_beam_search(answer)
