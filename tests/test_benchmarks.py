"""The benchmarks compare like with like: on tiny models every method must give the same answers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "benchmarks")]
import abilities  # noqa: E402
import torch  # noqa: E402

import made_up_data  # noqa: E402
import tiny_models  # noqa: E402
import use_cases  # noqa: E402
from llm_course.shelf.loading import load  # noqa: E402
from rounding import SHARE  # noqa: E402

MODELS = {"generate": "gpt2-pad-left", "sentiment": "roberta", "summarize": "bart", "translate": "marian"}
TEXTS = [" ".join(text.split()[:6]) for text in use_cases.make_texts(5, seed=3)]  # tiny windows


def test_the_texts_are_of_mixed_length_and_always_the_same() -> None:
    texts = use_cases.make_texts(256)
    sizes = sorted(len(text.split()) for text in texts)
    assert texts == use_cases.make_texts(256) and sizes[0] <= 4 and sizes[-1] >= 40 and 8 <= sizes[128] <= 16
    assert all(text.count(".") == 1 for text in texts), "one sentence each: all methods translate the same pieces"


@pytest.mark.parametrize("task", MODELS)
def test_every_method_does_the_same_work(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(use_cases, "NEW_TOKENS", 6)
    lm = load(tiny_models.folder(MODELS[task]), task=task)
    found = {name: way(task, lm, TEXTS) for name, way in use_cases.methods(task).items()}
    own = found["llm_course"]
    if task == "sentiment":
        for one, plain, kind in zip(own, found["one by one"], found["pipeline"], strict=True):
            shares = dict(zip(("negative", "neutral", "positive"), plain, strict=True))
            assert one.scores == pytest.approx(shares, abs=SHARE)
            assert one.scores == pytest.approx({k["label"]: k["score"] for k in kind}, abs=SHARE)
        for plain, padded in zip(found["one by one"], found["batches of 32"], strict=True):
            assert padded == pytest.approx(plain, abs=SHARE)
    elif task == "generate":
        whole = [one.full for one in own]
        assert found["one by one"] == whole == found["batches of 32"]
        for name in ("pipeline", "pipeline, batch_size=32"):
            assert [kind[0]["generated_text"] for kind in found[name]] == whole
    else:  # alike up to the last token: at the bound ours puts the end token
        for one, plain in zip(own, found["one by one"], strict=True):
            assert one.text[:12].strip() == plain.strip()[:12].strip()


@pytest.mark.parametrize("task", ["generate", "sentiment"])
def test_rows_and_table_say_how_many_times_as_fast(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(use_cases, "NEW_TOKENS", 3)
    rows = use_cases.measure(task, load(tiny_models.folder(MODELS[task]), task=task), TEXTS, 1)
    assert [row.method for row in rows] == list(use_cases.methods(task))
    assert all(row.seconds > 0 and row.texts_per_second == pytest.approx(5 / row.seconds, rel=0.1) for row in rows)
    lines = use_cases.table(rows).splitlines()
    assert len(lines) == 2 + len(rows) and lines[2].count(" x |") == 1 and " x |" not in lines[-1]


@pytest.mark.gpu
def test_decoding_reaches_a_share_of_the_bandwidth() -> None:
    share = use_cases.decoding_share(load(tiny_models.folder("gpt2"), "cuda", task="generate"), TEXTS, 8)
    assert 0 < share["share_of_bandwidth"] < 1 and share["copy_gigabytes_per_second"] > 10
    assert torch.cuda.is_available()


def test_each_ability_is_a_number_or_a_dash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = made_up_data.write(tmp_path)
    for name, most in (("STORIES", 3), ("PER_TASK", 1), ("DIALOGUES", 2), ("GAPS", 5)):
        monkeypatch.setattr(abilities, name, most)
    decoder, encoder, both = (load(tiny_models.folder(name)) for name in ("gpt2-chat", "bert-masked", "bart"))

    def dashes(lm: Any) -> set[str]:
        return {what for what, (_, own) in abilities.ABILITIES.items() if what not in SKIP and own(lm, data) is None}

    SKIP = ("find similar texts",)  # the made-up corpus has no pairs of sentences
    assert dashes(decoder) == {"answer about a picture"}
    writing = {"continue a story", "follow an instruction", "hold a turn", "answer about a picture"}
    assert dashes(encoder) == writing
    assert dashes(both) == {*writing, "fill a gap"}
    gaps = list(abilities.gaps(data, 5))
    assert len(gaps) == 5 and all(word.isalpha() and word.islower() for _, word, _ in gaps)
