"""Translation: the library's beams, sentence by sentence, lines kept, batches that change nothing."""

from __future__ import annotations

import pytest
import torch

import llm_course as lc
import tiny_models
from llm_course.errors import BadOption, InputTooLong, UnknownLanguage
from llm_course.shelf.loading import LanguageModel, load

families = pytest.mark.parametrize("name", tiny_models.ENCODER_DECODER)
SENTENCES = [
    "The cat sat on the mat.",
    "I love this product!",
    "Hello, how are you?",
    "A dog runs, and the children laugh!",
]


def model(name: str) -> LanguageModel:
    return load(tiny_models.folder(name), task="translate")


def library(lm: LanguageModel, sentence: str, num_beams: int) -> str:
    """The library's own generate() on one sentence, as its documentation calls it."""
    options = {}
    if lm.model.config.model_type == "t5":
        sentence = "translate English to French: " + sentence
    if lm.model.config.model_type == "mbart":
        french = lm.tokenizer.convert_tokens_to_ids("fr_XX")
        starts = lm.model.config.decoder_start_token_id == french
        options["decoder_start_token_id" if starts else "forced_bos_token_id"] = french
    ids = lm.tokenizer(sentence, return_tensors="pt", return_token_type_ids=False)
    room = min(2 * ids["input_ids"].shape[1] + 20, (lm.window or 4096) - 1)
    out = lm.model.generate(
        **ids,
        num_beams=num_beams,
        do_sample=False,
        max_new_tokens=room,
        max_length=None,
        early_stopping=num_beams > 1,
        pad_token_id=lm.model.config.pad_token_id,
        forced_eos_token_id=lm.tokenizer.eos_token_id,
        **options,
    )
    return lm.tokenizer.decode(out[0], skip_special_tokens=True).strip()


@families
@pytest.mark.parametrize("num_beams", [1, 4])
def test_one_sentence_equals_the_library(name: str, num_beams: int) -> None:
    lm = model(name)
    for sentence in SENTENCES:
        found = lc.translate(sentence, num_beams=num_beams, model=lm)
        assert found.text == library(lm, sentence, num_beams)
        assert (found.original, found.source, found.target) == (sentence, "en", "fr")


@families
@pytest.mark.parametrize("num_beams", [1, 3])
def test_a_batch_says_what_each_text_says_alone(name: str, num_beams: int) -> None:
    lm = model(name)
    texts = [*SENTENCES, "Hello", " ".join(SENTENCES)]
    together = lc.translate(texts, num_beams=num_beams, model=lm)
    alone = [lc.translate(text, num_beams=num_beams, model=lm).text for text in texts]
    assert [one.text for one in together] == alone
    assert any(alone), "models that say nothing would prove nothing"


@pytest.mark.parametrize("name", ["t5", "bart", "marian", "mbart-start", "pegasus"])
def test_sentences_and_lines_keep_their_order(name: str) -> None:
    lm = model(name)
    alone = {sentence: lc.translate(sentence, model=lm).text for sentence in SENTENCES}
    text = f"{SENTENCES[0]} {SENTENCES[1]}\n\n{SENTENCES[2]}\r\n  {SENTENCES[3]}\n"
    expected = f"{alone[SENTENCES[0]]} {alone[SENTENCES[1]]}\n\n{alone[SENTENCES[2]]}\r\n{alone[SENTENCES[3]]}\n"
    assert lc.translate(text, model=lm).text == expected
    assert len(set(alone.values())) > 1, "sentences that all read the same would prove no order"


@pytest.mark.parametrize("name", ["t5", "marian", "bart", "mbart", "pegasus"])
def test_a_sentence_longer_than_the_window_names_both_lengths(name: str) -> None:
    lm = model(name)
    assert lm.window
    with pytest.raises(InputTooLong) as caught:
        lc.translate("cat " * lm.window, model=lm)
    assert f"at most {lm.window}" in str(caught.value) and "full stop" in str(caught.value)
    assert lc.translate("Cats. Dogs! " * (lm.window // 2), model=lm, num_beams=1).text, "one by one they fit"


def test_each_translation_ends_at_its_own_bound_in_a_batch_of_others() -> None:
    lm = model("marian-untied")
    texts = ["Hello", "The cat sat on the mat, and a dog runs in the park."]
    lm.model.final_logits_bias[0, lm.tokenizer.eos_token_id] = -100  # it never ends by itself
    generate, out = lm.model.generate, []
    lm.model.generate = lambda **inputs: out.append(generate(**inputs)) or out[-1]
    try:
        for found in lc.translate(texts, num_beams=2, model=lm):
            assert not found.ended and "broken off" in repr(found) and "broken off" in found._repr_html_()
    finally:
        del lm.model.generate
        lm.model.final_logits_bias[0, lm.tokenizer.eos_token_id] = 1
    long, short = (row.tolist().index(lm.tokenizer.eos_token_id) for row in out[0])
    sizes = [
        len(lm.tokenizer(t)["input_ids"]) for t in ("Hello", "The cat sat on the mat, and a dog runs in the park.")
    ]
    assert [short, long] == [2 * size + 20 for size in sizes] and long < (lm.window or 0)


@pytest.mark.parametrize("name", ["mbart", "mbart-start"])
def test_mbart_is_told_both_languages(name: str) -> None:
    lm = model(name)
    seen = []
    generate = lm.model.generate

    def spy(**inputs: torch.Tensor) -> torch.Tensor:
        seen.append(inputs)
        return generate(**inputs)

    lm.model.generate = spy
    try:
        lc.translate("The cat sat.", "de", "fr", model=lm)
    finally:
        del lm.model.generate
    german, french = (lm.tokenizer.convert_tokens_to_ids(code) for code in ("de_DE", "fr_XX"))
    assert seen[0]["input_ids"][0, -1] == german, "mBART's source ends with the code of its language"
    assert seen[0].get("decoder_start_token_id" if name == "mbart-start" else "forced_bos_token_id") == french
    with pytest.raises(UnknownLanguage, match="'xx'.*fr_XX"):
        lc.translate("The cat sat.", "en", "xx", model=lm)


def test_languages_that_nobody_knows_are_named() -> None:
    with pytest.raises(UnknownLanguage, match="English|en, fr"):
        lc.translate("The cat sat.", "en", "xx", model=model("t5"))
    with pytest.raises(UnknownLanguage, match="en to fr"):
        lc.translate("The cat sat.", "en", "de")
    with pytest.raises(UnknownLanguage, match="en to fr"):
        lc.translate("The cat sat.", "fr", "en")
    spm = model("marian-spm")  # its tokenizer says en and fr
    for pair in (("zz", "yy"), ("fr", "en"), ("en", "de")):
        with pytest.raises(UnknownLanguage, match="en to fr"):
            lc.translate("The cat sat.", *pair, model=spm)
    for wrong in (None, 3, ["fr"], b"fr"):
        with pytest.raises(BadOption, match="code such as 'en'"):
            lc.translate("The cat sat.", "en", wrong)  # type: ignore[arg-type]


def test_a_group_of_languages_is_not_taken_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    lm = model("marian-spm")
    monkeypatch.setattr(lm.tokenizer, "target_lang", "ROMANCE")
    assert lc.translate("The cat sat.", "en", "es", model=lm).target == "es"
    with pytest.raises(UnknownLanguage, match="en to ROMANCE"):
        lc.translate("The cat sat.", "de", "es", model=lm)


@pytest.mark.parametrize("wrong", [0, -1, 65, 1.5, "4", None, True])
def test_beams_outside_the_range_are_named(wrong: object) -> None:
    with pytest.raises(BadOption, match="num_beams=.* from 1 to 64"):
        lc.translate("The cat sat.", num_beams=wrong, model=model("marian"))  # type: ignore[arg-type]


@pytest.mark.gpu
@families
def test_a_gpu_says_what_the_cpu_says(name: str) -> None:
    here, there = (load(tiny_models.folder(name), device=d, task="translate") for d in ("cpu", "cuda"))
    one, two = (lc.translate(SENTENCES, num_beams=2, model=lm) for lm in (here, there))
    assert [r.text for r in one] == [r.text for r in two]
