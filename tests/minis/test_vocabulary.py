"""The tokenizers: nothing is lost, and an unseen character is no unknown token."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_course.minis.vocabulary import byte_fallback_bpe, byte_level_bpe, wordpiece

TEXTS = ["The cat sat on the mat. Été: l'élève a 42 chats!", "A dog ran, and the cat sat."] * 50


@pytest.fixture(scope="module")
def marian():
    return byte_fallback_bpe(TEXTS, 400, ["<pad>", "</s>", "<unk>"], "</s>")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp", "Mn", "Mc", "Me", "Co", "Cn"]), min_size=1)
)
def test_byte_fallback_gives_the_text_back(marian, text):
    import unicodedata

    text = unicodedata.normalize("NFC", text).replace("▁", "")
    encoding = marian.encode(text)
    assert marian.token_to_id("<unk>") not in encoding.ids
    assert marian.decode(encoding.ids) == text


def test_every_encoding_ends(marian):
    assert marian.encode("the cat").tokens[-1] == "</s>"
    assert marian.encode("猫").tokens == ["▁", "<0xE7>", "<0x8C>", "<0xAB>", "</s>"]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_byte_level_gives_every_text_back(text):
    tokenizer = test_byte_level_gives_every_text_back.tokenizer
    assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text


test_byte_level_gives_every_text_back.tokenizer = byte_level_bpe(TEXTS, 400, ["<|endoftext|>"])


def test_wordpiece_frames_and_lowers():
    tokenizer = wordpiece(TEXTS, 120)
    assert tokenizer.encode("The CAT").tokens == ["[CLS]", "the", "cat", "[SEP]"]
    pair = tokenizer.encode("the cat", "a dog").tokens
    assert pair.count("[SEP]") == 2
