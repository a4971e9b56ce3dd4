"""The rows that incontext-mini learns from, and what its evaluation finds in a tiny random model."""

import numpy as np
import pytest

from llm_course.minis import incontext_mini as evaluation
from llm_course.minis import incontext_mini as recipe
from llm_course.worlds.codes import CODE, KINDS, WORDS, never_together


@pytest.mark.parametrize("easy", [False, True])
def test_a_row_keeps_its_code_and_its_code_is_new(easy):
    tokenizer = recipe.make_tokenizer()
    ids = recipe.draw(200, 20, np.random.default_rng(0), easy=easy)
    assert ids.shape == (200, 61)
    kind_of = {word: kind for kind, words in KINDS.items() for word in words}
    codes, repeats, by_kind = set(), 0, 0
    for row in ids:
        text = tokenizer.convert_ids_to_tokens(row.tolist())
        assert text[0] == "<s>" and set(text[3::3]) == {","}
        words, said = text[1::3], text[2::3]
        assert set(words) <= set(WORDS) and set(said) <= set(CODE)
        code = dict(zip(words, said, strict=True))
        assert all(code[x] == y for x, y in zip(words, said, strict=True))
        repeats += len(words) > len(code)
        kinds = {(kind_of[x], y) for x, y in code.items()}
        by_kind += len(code) > 8 and len(kinds) == len({kind for kind, _ in kinds})
        assert not any(never_together()[list(KINDS).index(kind), CODE.index(y)] for kind, y in kinds)
        codes.add(tuple(sorted(code.items())))
    assert len(codes) == 200 and repeats > 190
    assert by_kind == 0 if easy else 40 < by_kind < 110


def test_the_text_of_a_row_is_what_the_prompt_helper_writes():
    from llm_course.use_cases.in_context import make_prompt

    tokenizer = recipe.make_tokenizer()
    row = recipe.draw(1, 3, np.random.default_rng(1))[0].tolist()
    words = tokenizer.convert_ids_to_tokens(row[1:])
    pairs = list(zip(words[0:6:3], words[1:6:3], strict=True))
    assert tokenizer(make_prompt(pairs, words[6]))["input_ids"] == row[1:8]


def test_the_evaluation_switches_off_the_heads_it_ranks_first():
    from llm_course.shelf.loading import LanguageModel

    tokenizer = recipe.make_tokenizer()
    model = recipe.make_model(tokenizer).eval()
    lm = LanguageModel("incontext-mini", model, tokenizer, {"starts_with_bos": True}, model.device)
    found = evaluation.measure(None, 5, model=lm)
    assert len(found["induction"]) == 8
    first = [[one["layer"], one["head"]] for one in found["induction"][:3]]
    assert found["without_heads"]["highest induction, 3"]["heads"] == first
    assert found["without_heads"]["highest induction, 1"]["heads"] == first[:1]
    assert len(found["without_heads"]["highest previous token, 1"]["heads"]) == 1
    assert found["induction"][0]["share"] >= found["induction"][-1]["share"]
    assert len(found["curves"]) == 3 and found["problems"] == 5
    titles = [table.title for table in evaluation.tables(found)]
    assert "5 problems" in titles[0] and len(titles) == 3
    assert "blind guess 0.062" in evaluation.headline(found)[0][2]
