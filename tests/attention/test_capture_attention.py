"""The object that attend gives, generated tokens, models that cannot be recorded, memory, and a model left alone."""

from __future__ import annotations

import copy
import dataclasses
import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

import llm_course as lc
import tiny_models
from llm_course.attention import reading, recording
from llm_course.errors import BadOption, InputTooLong, LLMCourseError, WrongTask
from llm_course.shelf.loading import LanguageModel, load
from llm_course.use_cases import generation
from rounding import agree

DECODERS = ("gpt2", "gpt-neox", "llama", "qwen2", "bloom")
EACH = (*DECODERS, "qwen3", "bert", "distilbert", "roberta", "modernbert", "t5", "bart", "marian")
TINY = {"vocab_size": 400, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


def by_hand(model: Any, card: dict[str, Any] | None = None) -> LanguageModel:
    """A model without a folder, with the tiny GPT-2's tokenizer."""
    tokenizer = load(tiny_models.folder("gpt2")).tokenizer
    return LanguageModel("by hand", model.eval(), tokenizer, card or {}, torch.device("cpu"))


# --- the object ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EACH)
def test_a_head_is_the_softmax_of_what_the_object_hands_out(name: str) -> None:
    first = lc.attend("The cat sat on the mat. A dog runs!", model=tiny_models.folder(name))
    for found in map(first.of, first.kinds):
        for layer, head in ((0, 1), (1, 0)):
            query, key = found.query(layer, head), found.key(layer, head)
            value, bias = found.value(layer, head), found.bias(layer, head)
            assert query is not None and key is not None and value is not None and found.recorded
            assert (len(query), len(key), len(value)) == (len(found.rows), len(found.columns), len(found.columns))
            scores = query.astype(np.float64) @ key.T * found.scale(layer, head)
            scores = scores if bias is None else scores + bias
            shares = np.exp(scores - scores.max(-1, keepdims=True))
            assert np.abs(shares / shares.sum(-1, keepdims=True) - found.head(layer, head)).max() < 1e-5
            kind = found.bias_kind(layer, head)
            assert (kind == "none") == (bias is None)
            if kind == "causal":
                seen = np.tril(np.ones_like(bias))
                assert np.array_equal(bias, np.where(seen, 0, -np.inf))
            assert found.scale(layer, head) == (1.0 if name == "t5" else pytest.approx(query.shape[1] ** -0.5))
    expected = "causal" if name in ("gpt2", "gpt-neox", "llama", "qwen2", "qwen3") else None
    if expected:
        assert {first.bias_kind(layer, head) for layer in (0, 1) for head in (0, 1)} == {expected}


def test_it_cannot_be_changed() -> None:
    found = lc.attend("the cat sat", model=tiny_models.folder("bert"))
    before = found.head(0, 0)
    for array in (found.head(0, 0), found.query(0, 0), found.key(0, 0), found.value(0, 0), found.weights):
        array[:] = 0.5  # a copy is changed, and nothing else
    assert agree(found.head(0, 0), before)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.kind = "cross"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        found.rows = ()  # type: ignore[misc]


def test_its_short_text_names_the_model_and_the_tokens() -> None:
    found = lc.attend("the cat sat", model=tiny_models.folder("bert"))
    assert "'[CLS]'" in repr(found) and "kind='encoder'" in repr(found) and "layers=2" in repr(found)
    assert len(repr(lc.attend("the cat " * 25, model=tiny_models.folder("bert")))) < 1500


def test_means_over_chosen_heads_and_layers() -> None:
    found = lc.attend("the cat sat", model=tiny_models.folder("bert"))
    all_of_them = found.weights
    assert np.allclose(found.mean(heads=[1]), all_of_them[:, 1].mean(0), atol=1e-6)
    assert np.allclose(found.mean(1, heads=[0]), all_of_them[1, 0], atol=1e-6)
    assert np.allclose(found.mean(1, heads=range(2)), all_of_them[1].mean(0), atol=1e-6)
    assert agree(found.head(np.int64(1), np.int32(0)), all_of_them[1, 0]), "numbers as numpy gives them"
    for layer, heads in ((2, None), (0, [2]), (0, []), (0, "01"), (None, 1), (None, [0.5]), (True, None)):
        with pytest.raises(BadOption):
            found.mean(layer, heads)  # type: ignore[arg-type]
    for ask in (found.query, found.key, found.value, found.bias, found.scale, found.bias_kind):
        for layer, head in ((2, 0), (0, 2), (-1, 0), (0.0, 0), (None, 0)):
            with pytest.raises(BadOption):
                ask(layer, head)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["t5", "bart", "marian", "mbart", "pegasus"])
def test_all_kinds_come_from_one_run(name: str) -> None:
    lm = load(tiny_models.folder(name))
    runs = []
    hook = lm.model.get_encoder().register_forward_hook(lambda *_: runs.append(1))
    try:
        cross = lc.attend("The cat sat.", model=lm, target="A dog runs.")
    finally:
        hook.remove()
    assert len(runs) == 1 and cross.kinds == ("encoder", "decoder", "cross") and cross.of("cross").kind == "cross"
    for kind in cross.kinds:
        own = lc.attend("The cat sat.", model=lm, target="A dog runs.", kind=kind)
        same = cross.of(kind)
        assert (own.rows, own.columns, own.kind) == (same.rows, same.columns, same.kind)
        assert agree(own.weights, same.weights) and same.of("cross").kind == "cross"
        assert same.written == len(same.rows) and len(same.special) == len(same.columns)
        assert len(same.row_special) == len(same.row_segments) == len(same.rows)
    with pytest.raises(BadOption, match="encoder, decoder, cross"):
        cross.of("self")


def test_one_kind_is_of_itself() -> None:
    found = lc.attend("the cat sat", model=tiny_models.folder("gpt2"), generate=2)
    assert found.kinds == ("decoder",) and agree(found.of("decoder").weights, found.weights)
    assert found.of("decoder").written == found.written
    for kind in ("encoder", "cross", None, 3, []):
        with pytest.raises(BadOption):
            found.of(kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "end"), [("bert", "[SEP]"), ("roberta", "</s>"), ("distilbert", "[SEP]")])
def test_special_tokens_and_the_texts_of_a_pair(name: str, end: str) -> None:
    found = lc.attend("the cat sat", "a dog runs", model=tiny_models.folder(name))
    second, last = found.columns.index(end) + 1, len(found.columns) - 1
    assert [i for i, special in enumerate(found.special) if special] == [0, second - 1, last]
    assert found.segments == (0,) * second + (1,) * (last + 1 - second)
    assert found.row_special == found.special and found.row_segments == found.segments
    alone = lc.attend("the cat sat", model=tiny_models.folder(name))
    assert set(alone.segments) == {0} and alone.written == len(alone.rows)


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_a_mask_stands_in_the_text_and_is_no_special_token(name: str) -> None:
    lm = load(tiny_models.folder(name))
    mask = lm.tokenizer.mask_token
    found = lc.attend(f"the {mask} sat 🦄", model=lm)
    inside = [i for i, token in enumerate(found.columns) if token in (mask, "[UNK]")]
    assert found.columns[inside[0]] == mask and (len(inside) == 2) == (name == "bert"), "bert does not know the unicorn"
    assert [i for i, special in enumerate(found.special) if special] == [0, len(found.columns) - 1]


def test_a_token_that_is_unknown_and_end_of_text_is_special() -> None:
    class Tokenizer:  # GPT-2's own
        bos_token_id = eos_token_id = unk_token_id = 7
        pad_token_id = cls_token_id = sep_token_id = mask_token_id = None
        all_special_ids = (7,)

    assert reading._special(Tokenizer()) == {7}


def test_a_special_token_goes_with_the_text_before_it() -> None:
    class Inputs:
        """RoBERTa's form: <s> A A </s> </s> B </s>."""

        def sequence_ids(self, text: int) -> list[int | None]:
            return [None, 0, 0, None, None, 1, None]

    assert reading._segments(Inputs(), 7) == [0, 0, 0, 0, 0, 1, 1]


# --- decoder models -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DECODERS)
def test_generated_tokens_are_those_that_generate_writes(name: str) -> None:
    folder = tiny_models.folder(name)
    found = lc.attend("The cat sat", model=folder, generate=5)
    prompt = lc.attend("The cat sat", model=folder)
    wrote = lc.generate("The cat sat", model=folder, max_new_tokens=5, temperature=0)
    assert found.written == len(prompt.rows) == prompt.written and found.rows[: found.written] == prompt.rows
    assert found.rows[found.written :][: len(wrote.tokens)] == wrote.tokens
    assert len(found.rows) == found.written + len(wrote.tokens) + wrote.ended and found.rows == found.columns
    assert np.abs(np.triu(found.weights, 1)).max() == 0
    n = found.written
    assert np.abs(found.weights[:, :, :n, :n] - prompt.weights).max() < 1e-5, "one full pass over all"


@pytest.mark.parametrize("name", [*DECODERS, "qwen3"])
def test_a_text_is_read_as_generate_reads_it(name: str) -> None:
    lm = load(tiny_models.folder(name))
    started = LanguageModel(lm.name, lm.model, lm.tokenizer, {"starts_with_bos": True}, lm.device)
    for one in (lm, started) if lm.tokenizer.bos_token_id is not None else (lm,):
        found = lc.attend("The cat sat", model=one)
        expected = generation.encode(one, "The cat sat", 0)
        assert len(found.columns) == len(expected)
        assert found.special[0] == (expected[0] in one.tokenizer.all_special_ids)


def test_what_generate_takes() -> None:
    gpt2 = tiny_models.folder("gpt2")
    for value in (-1, 1.5, "3", None, True, 10**9, float("nan")):
        with pytest.raises(BadOption):
            lc.attend("the cat", model=gpt2, generate=value)  # type: ignore[arg-type]
    with pytest.raises(InputTooLong, match="128"):
        lc.attend("the cat", model=gpt2, generate=127)
    with pytest.raises(InputTooLong, match="128"):
        lc.attend("the cat sat on the mat. " * 30, model=gpt2)
    for name in ("bert", "marian", "gpt2-classifier"):
        with pytest.raises(BadOption, match="generate"):
            lc.attend("the cat", model=tiny_models.folder(name), generate=1)
    with pytest.raises(BadOption, match="pair"):
        lc.attend("the cat", "a dog", model=gpt2)
    with pytest.raises(LLMCourseError):
        lc.attend("the cat", model=gpt2, target="a dog")


def test_a_decoder_with_another_head_is_a_decoder() -> None:
    found = lc.attend("the cat sat", model=tiny_models.folder("gpt2-classifier"))
    assert found.kind == "decoder" and found.bias_kind(0, 0) == "causal"


# --- what cannot be recorded --------------------------------------------------------------------------------


def falcon() -> Any:
    return transformers.FalconForCausalLM(
        transformers.FalconConfig(
            vocab_size=400,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            alibi=True,
            bos_token_id=0,
            eos_token_id=0,
        )  # fmt: skip
    )


def gemma() -> Any:
    """Scores pass through a tanh before the softmax: queries and keys alone do not give the weights."""
    ids = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    return transformers.Gemma2ForCausalLM(transformers.Gemma2Config(**TINY, **ids, num_key_value_heads=1, head_dim=16))


@pytest.mark.parametrize("make", [falcon, gemma])
def test_what_cannot_be_recorded_is_handed_out_by_eager(make: Any) -> None:
    torch.manual_seed(0)
    lm = by_hand(make())
    found = lc.attend("The cat sat", model=lm, generate=2)
    assert not found.recorded and found.kind == "decoder" and found.weights.dtype == np.float32
    ids = generation.encode(lm, "The cat sat", 0)
    inputs = torch.tensor([ids])
    plain = copy.deepcopy(lm.model)
    plain.config._attn_implementation = "eager"
    maps = plain(input_ids=inputs, output_attentions=True).attentions
    expected = torch.stack([layer[0] for layer in maps]).detach().numpy()
    assert np.abs(found.weights[:, :, : len(ids), : len(ids)] - expected).max() < 1e-6
    assert found.query(0, 0) is found.key(0, 0) is found.value(0, 0) is found.bias(0, 0) is None
    assert np.isnan(found.scale(0, 0)) and found.bias_kind(0, 0) == "other"


def test_a_kernel_that_does_more_than_softmax_is_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found out in the middle of the run: the model is then run again."""
    forward = recording._forward
    monkeypatch.setattr(recording, "_forward", lambda *args, **options: forward(*args, **options, softcap=30.0))
    lm = load(tiny_models.folder("llama"))
    assert not lc.attend("the cat", model=lm).recorded
    assert lm.model.config._attn_implementation != recording.NAME


def test_a_model_that_stumbles_over_the_recording_is_run_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*args: object, **options: object) -> None:
        raise KeyError(recording.NAME)

    monkeypatch.setattr(recording, "_forward", stumble)
    model = copy.deepcopy(load(tiny_models.folder("llama")).model)
    with pytest.raises(KeyError):
        lc.attend("the cat", model=by_hand(model))  # not hidden in a model that goes through the table
    monkeypatch.setattr(type(model), "_can_set_attn_implementation", classmethod(lambda cls: False))
    assert not lc.attend("the cat", model=by_hand(model)).recorded


def mamba() -> Any:
    return transformers.MambaForCausalLM(
        transformers.MambaConfig(vocab_size=400, hidden_size=32, num_hidden_layers=2, bos_token_id=0, eos_token_id=0)
    )


def fnet() -> Any:
    return transformers.FNetModel(
        transformers.FNetConfig(vocab_size=400, hidden_size=32, num_hidden_layers=2, intermediate_size=64)
    )


def longformer() -> Any:
    """Hands out a band of weights for each row, not rows by columns."""
    return transformers.LongformerModel(
        transformers.LongformerConfig(**TINY, attention_window=8, max_position_embeddings=64)
    )


@pytest.mark.parametrize("make", [mamba, fnet, longformer])
def test_a_model_without_attention_weights_says_so(make: Any) -> None:
    lm = by_hand(make())
    with pytest.raises(WrongTask, match="by hand .*attention weights"):
        lc.attend("the cat sat on the mat", model=lm)


# --- the model is left alone --------------------------------------------------------------------------------


def state(model: Any) -> Any:
    """All that a run could leave behind."""
    return (
        [(name, part.training, len(part._forward_hooks), len(part._forward_pre_hooks), sorted(vars(part)))
         for name, part in model.named_modules()],
        [(key, config.to_dict(), config._attn_implementation) for key, config in enumerate(configs(model))],
        [own.to_dict() for own in [getattr(model, "generation_config", None)] if own],
        [(name, p.requires_grad, p.grad, p.sum().item()) for name, p in model.named_parameters()],
        torch.random.get_rng_state().tolist(),
    )  # fmt: skip


def configs(model: Any) -> Iterator[Any]:
    seen = set()
    for part in model.modules():
        if hasattr(part, "config") and id(part.config) not in seen:
            seen.add(id(part.config))
            yield part.config


@pytest.mark.parametrize("name", ["gpt2", "llama", "bloom", "bert", "modernbert", "t5", "marian"])
@pytest.mark.parametrize("own", ["sdpa", "eager"])
def test_the_model_is_left_as_it_was(name: str, own: str) -> None:
    lm = load(tiny_models.folder(name))
    lm = LanguageModel("copy", copy.deepcopy(lm.model), lm.tokenizer, lm.card, lm.device)
    if name != "bloom":
        lm.model.set_attn_implementation(own)
    lm.model.train()
    next(iter(lm.model.children())).eval()  # modes may differ from part to part
    before = state(lm.model)
    expected = lc.attend("the cat sat", model=lm, **({"target": "a dog"} if name in ("t5", "marian") else {})).weights
    assert state(lm.model) == before
    lm.model.eval()
    same = lc.attend("the cat sat", model=lm, **({"target": "a dog"} if name in ("t5", "marian") else {})).weights
    assert agree(same, expected), "dropout was off"
    lm.model.train()
    next(iter(lm.model.children())).eval()
    broken = [part for part in lm.model.modules() if "Norm" in type(part).__name__][-1]
    broken.forward = fails
    try:
        with pytest.raises(ZeroDivisionError):
            lc.attend("the cat sat", model=lm)
    finally:
        del broken.forward
    assert state(lm.model) == before, "also after an exception"
    assert recording._active.get() is None


def fails(*args: object, **options: object) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize("make", [falcon, gemma, mamba])
def test_also_when_it_cannot_be_recorded(make: Any) -> None:
    lm = by_hand(make())
    before = state(lm.model)
    try:
        lc.attend("the cat sat", model=lm)
    except WrongTask:
        assert make is mamba
    assert state(lm.model) == before


def test_parts_with_implementations_of_their_own_keep_them() -> None:
    lm = load(tiny_models.folder("t5"))
    lm = LanguageModel("copy", copy.deepcopy(lm.model), lm.tokenizer, lm.card, lm.device)
    lm.model.decoder.config._attn_implementation = "eager"
    lm.model.encoder.config._attn_implementation = "sdpa"
    assert lc.attend("the cat", model=lm, target="a dog").recorded
    assert lm.model.decoder.config._attn_implementation == "eager"
    assert lm.model.encoder.config._attn_implementation == "sdpa"


# --- memory -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "make"), [("gpt2", None), ("t5", None), ("bloom", None), ("", falcon)])
def test_nothing_stays_when_the_result_is_dropped(name: str, make: Any) -> None:
    """Not even until the garbage collector comes: it does not know how large a tensor is."""
    found = lc.attend("the cat sat", model=by_hand(make()) if make else tiny_models.folder(name))
    maps = weakref.ref(found._maps[found.kind])
    other = found.of(found.kind)
    gc.disable()
    try:
        del found
        assert maps() is not None and other.head(0, 0) is not None
        del other
        assert maps() is None
    finally:
        gc.enable()


@pytest.fixture(scope="module")
def long_gpt() -> LanguageModel:
    """gpt-mini's architecture with random weights and 4,096 positions."""
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=4096, n_layer=6, n_embd=256, n_head=4, n_positions=4096, bos_token_id=0, eos_token_id=0
    )
    return by_hand(transformers.GPT2LMHeadModel(config))


def kilobytes(what: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(what):
            return int(line.split()[1])
    raise LookupError(what)


def text_of(lm: LanguageModel, tokens: int) -> str:
    text = "a" * (2 * tokens)
    ids = lm.tokenizer(text, add_special_tokens=False)["input_ids"]
    return lm.tokenizer.decode(ids[:tokens])


def test_what_is_kept_grows_with_the_length_and_not_its_square(long_gpt: LanguageModel) -> None:
    sizes = {n: lc.attend(text_of(long_gpt, n), model=long_gpt) for n in (128, 256, 512)}
    for n, found in sizes.items():
        assert len(found.rows) == n
        assert found.nbytes == 6 * 3 * n * 256 * 4, "queries, keys and values, and nothing for the mask"


@pytest.mark.parametrize("name", ["llama", "bloom", "bert", "modernbert", "t5"])
def test_no_family_keeps_anything_quadratic(name: str) -> None:
    lm = load(tiny_models.folder(name))
    kept = {
        n: lc.attend("a " * n, model=lm, **({"target": "a " * n} if name == "t5" else {})) for n in (12, 24)
    }  # fmt: skip
    tokens = {n: len(found.columns) for n, found in kept.items()}
    assert tokens[24] > 1.7 * tokens[12]
    assert kept[24].nbytes / kept[12].nbytes <= 1.1 * tokens[24] / tokens[12]


def test_4096_tokens_take_linear_memory(long_gpt: LanguageModel) -> None:
    text = text_of(long_gpt, 4096)
    lc.attend(text_of(long_gpt, 64), model=long_gpt)  # what the first run loads stays
    clear = Path("/proc/self/clear_refs")
    try:
        clear.write_text("5", encoding="utf-8")  # forget the peak so far
    except OSError:
        pytest.skip("this system does not tell a process's peak memory")
    before = kilobytes("VmRSS")
    found = lc.attend(text, model=long_gpt)
    peak = kilobytes("VmHWM") - before
    assert len(found.rows) == 4096 and found.nbytes == 6 * 3 * 4096 * 256 * 4  # 75 MB
    # All weights would take 1,611 MB; plain attention holds scores and weights of a layer at once, 537 MB. With one
    # thread the run took 189 MB, with two 342.
    assert peak < 500_000, f"the run took {peak // 1000} MB"
    one = found.head(5, 3)
    assert one.shape == (4096, 4096) and np.abs(one.sum(1) - 1).max() < 1e-4
    assert kilobytes("VmHWM") - before < 800_000, "one head, when asked for"
