"""Codes: words and code words that can be told apart, and problems that keep their rule."""

from __future__ import annotations

import numpy as np
import pytest

from llm_course.errors import BadOption
from llm_course.worlds.codes import CODE, KINDS, RULES, WORDS, draw_problem, never_together


def test_words_are_sixty_and_code_words_begin_differently():
    assert len(set(WORDS)) == 60 and len({word[0] for word in CODE}) == 16 and not set(WORDS) & set(CODE)
    # Two code words for each kind, no two kinds the same: a code of six kinds can be made of them.
    assert (never_together().sum(1) == 2).all() and (never_together().sum(0) <= 1).all()


@pytest.mark.parametrize("unmet", [False, True])
@pytest.mark.parametrize("rule", RULES)
def test_problems_keep_their_rule(rule, unmet):
    random = np.random.default_rng(0)
    kind_of = {word: kind for kind, words in KINDS.items() for word in words}
    shown = 0
    for _ in range(100):
        problem = draw_problem(6, random, rule=rule, unmet=unmet)
        known = dict((kind_of[x], y) if rule == "by kind" else (x, y) for x, y in problem.examples)
        key = kind_of[problem.query] if rule == "by kind" else problem.query
        assert problem.shown == (key in known)
        assert known.get(key, problem.answer) == problem.answer
        assert len(set(known.values())) == len(known)  # no code word stands for two things
        if rule == "by kind":
            assert problem.query not in {x for x, _ in problem.examples}
        if unmet:
            place = list(KINDS).index(kind_of[problem.query]), CODE.index(problem.answer)
            assert never_together()[place]
        shown += problem.shown
    assert 60 < shown < 95  # of 4 words, 6 draws show one in 82% of cases


def test_bad_options_say_what_is_allowed():
    random = np.random.default_rng(0)
    with pytest.raises(BadOption, match="dictionary"):
        draw_problem(2, random, rule="alphabet")
    with pytest.raises(BadOption, match="1 to 6"):
        draw_problem(2, random, rule="by kind", count=7)
    with pytest.raises(BadOption, match="shots"):
        draw_problem(-1, random)
    with pytest.raises(BadOption, match="own code words"):
        draw_problem(2, random, unmet=True, code=("yes", "no", "a", "b"))
