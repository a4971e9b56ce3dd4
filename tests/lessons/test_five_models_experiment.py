"""Masked words from one side and from both, on a made-up model whose answers are known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from llm_course.errors import BadInput, WrongTask
from llm_course.lessons.five_models import experiment as sides
from llm_course.lessons.what_makes_it_large.experiment import stories

torch = pytest.importorskip("torch")

PAD, CLS, SEP, MASK = 0, 1, 2, 3
WORDS = {word: 4 + i for i, word in enumerate("a b c d e f g h".split())}


class Tokenizer:
    pad_token_id, mask_token_id = PAD, MASK

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        return {"input_ids": [WORDS[word] for word in text.replace(".", "").split()]}

    def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
        names = {number: word for word, number in WORDS.items()}
        return [names[i] for i in ids]


class Neighbors(torch.nn.Module):
    """At a place it names the token ``step`` places away, and is unsure where that is hidden."""

    def __init__(self, *steps: int) -> None:
        super().__init__()
        self.steps = steps
        self.config = SimpleNamespace(vocab_size=12)

    def forward(self, input_ids: Any, attention_mask: Any) -> Any:
        scores = torch.zeros(*input_ids.shape, 12)
        for step in self.steps:
            seen = torch.roll(input_ids, step, 1)
            scores += torch.nn.functional.one_hot(seen, 12) * (seen > MASK)[..., None] * 5.0
        return SimpleNamespace(logits=scores)


def made_up(monkeypatch: pytest.MonkeyPatch, *steps: int, kind: type = Neighbors) -> None:
    lm = SimpleNamespace(name="made-up", tokenizer=Tokenizer(), model=kind(*steps), device="cpu", frame=([CLS], [SEP]))
    monkeypatch.setattr(sides, "load", lambda *args, **kwargs: lm)


class Common(Neighbors):
    """Copies the left neighbor, and besides expects one common word everywhere, seen or not."""

    def forward(self, input_ids: Any, attention_mask: Any) -> Any:
        scores = super().forward(input_ids, attention_mask).logits
        scores[..., WORDS["h"]] += 3.0
        return SimpleNamespace(logits=scores)


TWINS = "a a a a a b b b b b c c c c c d d d d d e e e e e."  # a word mostly stands beside itself


def test_a_model_that_copies_its_left_neighbor_needs_the_left_side(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up(monkeypatch, 1)
    found = sides.by_side(TWINS, each=99).accuracy
    # Places 4 to 20: at 5, 10, 15 and 20 the left neighbor is another word.
    assert found["both at once"] == found["left only"] == pytest.approx(13 / 17)
    assert found["right only"] == 0
    assert found["left and right, apart"] == pytest.approx(13 / 17)
    assert found["always the commonest"] == pytest.approx(5 / 17)


def test_a_model_that_copies_its_right_neighbor_needs_the_right_side(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up(monkeypatch, -1)
    found = sides.by_side(TWINS, each=99).accuracy
    assert found["right only"] == pytest.approx(13 / 17)
    assert found["left only"] == 0


def test_how_common_a_word_is_counts_once_when_the_sides_are_combined(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up(monkeypatch, 1, kind=Common)
    found = sides.by_side(TWINS, each=99).accuracy
    # The left neighbor has 5 and the common word 3; from both sides without a division it would have 3 + 3.
    assert found["left only"] == found["left and right, apart"] == pytest.approx(13 / 17)
    assert found["right only"] == 0


def test_two_cases_are_compared_word_by_word(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up(monkeypatch, 1)
    found = sides.by_side(TWINS, each=99)
    assert len(found.named["left only"]) == found.words == 17
    assert found.more("both at once", "left only") == (0, 0, 0)
    more, low, high = found.more("both at once", "right only")
    assert more == pytest.approx(13 / 17) and low < more < high <= 1
    assert found.more("both at once", "right only") == (more, low, high), "the draws hang on the seed"


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up(monkeypatch, 1)
    whole = sides.by_side(TWINS, each=99)
    monkeypatch.setattr(sides, "CHUNK", 5)
    assert sides.by_side(TWINS, each=99) == whole


def test_the_draw_hangs_on_the_seed_and_keeps_away_from_the_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up(monkeypatch, 1)
    lm = sides.load()
    one, again, other = (sides.gaps([TWINS], lm, each=3, seed=seed) for seed in (0, 0, 1))
    assert one == again != other
    assert len(one) == 3
    assert all(4 <= gap.place <= 20 for gap in sides.gaps([TWINS], lm, each=99))


def test_too_short_texts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up(monkeypatch, 1)
    with pytest.raises(BadInput, match="9 to 36 tokens"):
        sides.by_side(["a b c.", "a b."])


def test_bert_mini_needs_both_sides() -> None:
    texts = [text for part in stories() for text in part]
    found = sides.by_side(texts, each=1)
    assert found.words > 90
    share = found.accuracy
    # Both at once against both apart is a matter of a few words: it takes more of them than one of each piece.
    assert min(share["both at once"], share["left and right, apart"]) > max(share["left only"], share["right only"])
    assert min(share["left only"], share["right only"]) > share["always the commonest"]
    assert len(str(found).splitlines()) == 5


def test_a_model_that_fills_no_masks_is_refused() -> None:
    with pytest.raises(WrongTask):
        sides.by_side(TWINS, "gpt-mini")
