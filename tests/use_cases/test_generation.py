"""Text generation: our loop equals the library's, draws what the probabilities say, and batches change nothing."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import llm_course as lc
import tiny_models
from llm_course.errors import BadInput, BadOption, InputTooLong, NoMemory, WrongTask
from llm_course.shelf.loading import LanguageModel, load
from llm_course.use_cases import generation
from llm_course.use_cases.generation import Decoding, choose, token_logprobs
from rounding import LOGS, SHARE

families = pytest.mark.parametrize("name", tiny_models.GENERATION)
PROMPTS = ["The cat", "Once upon a time in a land far away, the children laugh!", "Hello", "A dog runs in the park 猫"]
few = settings(max_examples=60, deadline=None, derandomize=True)


def model(name: str) -> LanguageModel:
    return load(tiny_models.folder(name), task="generate")


def ids_of(lm: LanguageModel, text: str) -> list[int]:
    """The prompt as the model reads it: Llama's tokenizer puts a start token before it."""
    return lm.tokenizer(text)["input_ids"]


def library(lm: LanguageModel, ids: list[int], **options: object) -> list[int]:
    """The library's own generate(): the new tokens of one prompt, up to the end token."""
    tensor = torch.tensor([ids])
    out = lm.model.generate(
        input_ids=tensor,
        attention_mask=torch.ones_like(tensor),
        do_sample=False,
        max_new_tokens=16,
        pad_token_id=lm.tokenizer.pad_token_id or 0,
        **options,
    )
    new = out[0, len(ids) :].tolist()
    end = lm.tokenizer.eos_token_id
    return new[: new.index(end)] if end in new else new


# --- every family -------------------------------------------------------------------------------------------


@families
def test_greedy_equals_the_library(name: str) -> None:
    lm = model(name)
    for prompt in PROMPTS:
        found = lc.generate(prompt, temperature=0, max_new_tokens=16, model=lm)
        new = library(lm, ids_of(lm, prompt))
        assert found.tokens == tuple(lm.tokenizer.decode([i]) for i in new)
        assert found.ended == (len(new) < 16) and found.full == prompt + found.text


@families
@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 0},
        {"temperature": 1.3, "seed": 5},
        {"temperature": 0.9, "top_p": 0.8, "top_k": 50},
        {"num_beams": 3},
        {"temperature": 0, "repetition_penalty": 1.4},
    ],
)
def test_a_batch_says_what_each_prompt_says_alone(name: str, options: dict[str, float]) -> None:
    lm = model(name)
    together = lc.generate(PROMPTS, max_new_tokens=12, model=lm, **options)
    for prompt, one in zip(PROMPTS, together, strict=True):
        alone = lc.generate(prompt, max_new_tokens=12, model=lm, **options)
        assert (one.text, one.tokens, one.ended, one.prompt) == (alone.text, alone.tokens, alone.ended, prompt)
        assert one.logprobs == pytest.approx(alone.logprobs, abs=LOGS)


@families
def test_log_probabilities_are_those_of_one_plain_pass(name: str) -> None:
    lm = model(name)
    for options in ({"temperature": 1.5, "top_k": 9, "seed": 3}, {"num_beams": 2}):
        found = lc.generate(PROMPTS[1], max_new_tokens=10, model=lm, **options)
        ids = ids_of(lm, PROMPTS[1])
        # The same tokens again, by their names: a byte of a character does not survive decoding.
        tokens, scores = list(ids), []
        for text, logprob in zip(found.tokens, found.logprobs, strict=True):
            row = lm.model(input_ids=torch.tensor([tokens])).logits[0, -1].float().log_softmax(-1)
            fits = [i for i in range(len(row)) if lm.tokenizer.decode([i]) == text and abs(row[i] - logprob) < 1e-4]
            assert fits, (text, logprob)
            tokens.append(fits[0])
            scores.append(float(row[fits[0]]))
        assert found.logprobs == pytest.approx(scores, abs=LOGS) and len(scores) > 0


@families
def test_beams_equal_the_library(name: str) -> None:
    lm = model(name)
    found = lc.generate(PROMPTS[0], num_beams=4, max_new_tokens=16, model=lm)
    new = library(lm, ids_of(lm, PROMPTS[0]), num_beams=4)
    assert found.tokens == tuple(lm.tokenizer.decode([i]) for i in new)


@families
@pytest.mark.parametrize("prompt", ["The cat", "日本語の猫"])
def test_the_streamed_pieces_joined_are_the_text(name: str, prompt: str) -> None:
    lm = model(name)
    for seed in range(6):
        options = {"max_new_tokens": 20, "temperature": 2.0, "seed": seed, "model": lm}
        pieces = list(lc.stream(prompt, **options))
        assert "".join(pieces) == lc.generate(prompt, **options).text
        assert all(pieces)


def test_a_character_of_several_byte_tokens_comes_out_whole() -> None:
    lm = model("llama")
    lm.tokenizer.convert_tokens_to_ids("<0xE7>")
    from llm_course.use_cases.generation import continuation

    cat = lm.tokenizer("猫", add_special_tokens=False)["input_ids"][-3:]
    assert [lm.tokenizer.decode([i]) for i in cat] == ["\ufffd"] * 3
    prompt = ids_of(lm, "the 猫")
    assert continuation(lm, prompt, cat) == "猫" and continuation(lm, ids_of(lm, "the"), cat) == "猫"


# --- the draw -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_two_thousand_draws_follow_the_probabilities(temperature: float) -> None:
    lm = model("gpt2")
    draws = 2000
    found = lc.generate("The cat", max_new_tokens=1, temperature=temperature, seed=list(range(draws)), model=lm)
    scores = lm.model(input_ids=torch.tensor([ids_of(lm, "The cat")])).logits[0, -1].double() / temperature
    expected: dict[str, float] = {}
    for token, share in enumerate(scores.softmax(-1).tolist()):
        if token != lm.tokenizer.eos_token_id:
            text = lm.tokenizer.decode([token])
            expected[text] = expected.get(text, 0) + share
    seen: dict[str, int] = {}
    for one in found:
        for token in one.tokens:
            seen[token] = seen.get(token, 0) + 1
    assert set(seen) <= set(expected)
    # Chi-square over the tokens expected at least 5 times, the rest as one: 4.5 sigma is 1 in 300,000.
    common = [t for t in expected if expected[t] * draws >= 5]
    cells = [(seen.get(t, 0), expected[t] * draws) for t in common]
    cells.append((draws - sum(n for n, _ in cells), draws - sum(e for _, e in cells)))
    chi = sum((n - e) ** 2 / e for n, e in cells if e > 0)
    assert chi < len(cells) + 4.5 * math.sqrt(2 * len(cells)), (chi, len(cells))


def test_the_same_seed_says_the_same_and_another_one_something_else() -> None:
    texts = {
        lc.generate("The cat", temperature=1.0, seed=s, max_new_tokens=12, model=model("gpt2")).text for s in (1, 1, 1)
    }
    assert len(texts) == 1
    many = lc.generate("The cat", temperature=1.0, seed=[1, 2, 3, 4], max_new_tokens=12, model=model("gpt2"))
    assert len({one.text for one in many}) == 4 and many[0].text in texts


def test_more_tokens_go_on_from_fewer() -> None:
    short, long = (lc.generate("The cat", seed=3, max_new_tokens=n, model=model("qwen3")) for n in (5, 30))
    assert long.tokens[:5] == short.tokens


# Steps of a hundredth: two scores that differ by 1e-38 are the same to float32 arithmetic, and a tie may go either way.
scores_of = st.lists(st.integers(-3000, 3000), min_size=2, max_size=30).map(lambda row: torch.tensor([row]) / 100)


def draw(scores: torch.Tensor, seed: int, **options: float) -> int:
    how = Decoding(**{"temperature": 1.0, **options})  # type: ignore[arg-type]
    nothing = torch.zeros((1, 1), dtype=torch.long)
    return int(choose(scores, nothing, nothing, [torch.Generator().manual_seed(seed)], how))


@few
@given(scores_of, st.integers(1, 40), st.integers(0, 2**40))
def test_top_k_never_draws_a_token_outside_the_k_best(scores: torch.Tensor, k: int, seed: int) -> None:
    token = draw(scores, seed, top_k=k)
    assert int((scores[0] > scores[0, token]).sum()) < k


@few
@given(scores_of, st.floats(0.01, 1), st.floats(0.1, 3), st.integers(0, 2**40))
def test_top_p_never_draws_a_token_outside_the_nucleus(scores: torch.Tensor, p: float, t: float, seed: int) -> None:
    token = draw(scores, seed, top_p=p, temperature=t)
    shares = (scores[0].double() / t).softmax(-1)
    # Scores that differ by less than a float32 softmax can show are equal to the code, and so here.
    better = float(shares[shares > shares[token] + 1e-9].sum())
    assert better < p + 1e-5, "the better tokens alone already reach top_p"
    assert p == 1 or shares[token] > 0


@few
@given(scores_of, st.sampled_from([5e-324, 1e-300, 1e-40, 1e-9, 1e-3, 100.0]), st.integers(0, 2**40))
def test_any_temperature_draws_a_token_and_a_tiny_one_the_best(scores: torch.Tensor, t: float, seed: int) -> None:
    token = draw(scores, seed, temperature=t)
    assert 0 <= token < scores.shape[1]
    if t < 1e-30:
        assert scores[0, token] == scores.max()


def test_the_penalty_falls_on_tokens_that_stood_and_not_on_padding() -> None:
    scores = torch.tensor([[2.0, 1.9, -1.0, -1.1]])
    seen, mask = torch.tensor([[1, 0, 2]]), torch.tensor([[0, 1, 1]])
    how = Decoding(temperature=0, repetition_penalty=2)
    assert int(choose(scores, seen, mask, [torch.Generator()], how)) == 1, "token 0 stood: 1.0; token 1 is padding"
    assert int(choose(scores[:, 2:], torch.tensor([[0]]), torch.tensor([[1]]), [torch.Generator()], how)) == 1


# --- next tokens, perplexity, tokens ------------------------------------------------------------------------


@families
def test_next_tokens_are_the_best_of_the_softmax(name: str) -> None:
    lm = model(name)
    found = lc.next_tokens("The cat", 5, temperature=2.0, model=lm)
    shares = (lm.model(input_ids=torch.tensor([ids_of(lm, "The cat")])).logits[0, -1].float() / 2).softmax(-1)
    best = shares.topk(5)
    assert [p for _, p in found] == pytest.approx(best.values.tolist(), abs=SHARE)
    assert [t for t, _ in found] == [lm.tokenizer.decode([i]) for i in best.indices.tolist()]
    everything = lc.next_tokens("The cat", lm.model.config.vocab_size, model=lm)
    assert sum(p for _, p in everything) == pytest.approx(1, abs=SHARE)


@families
def test_perplexity_is_the_mean_loss_of_the_library(name: str) -> None:
    lm = model(name)
    text = "The cat sat on the mat. I love it"
    found = lc.perplexity(text, model=lm)
    ids = torch.tensor([ids_of(lm, text)])
    loss = float(lm.model(input_ids=ids, labels=ids).loss)
    assert found.loss == pytest.approx(loss, abs=LOGS) and found.perplexity == pytest.approx(math.exp(loss), rel=1e-3)
    assert len(found.tokens) == len(found.logprobs) == ids.shape[1] - 1
    size = len("".join(found.tokens).encode()) if name != "llama" and name != "llama-tied" else None
    if size:
        assert found.bits_per_byte == pytest.approx(loss * len(found.tokens) / math.log(2) / size, rel=1e-4)


def test_perplexity_of_a_long_text_counts_each_token_once_with_half_a_window_before_it() -> None:
    lm = model("gpt2")
    ids = torch.randint(5, 300, (411,), generator=torch.Generator().manual_seed(1)).tolist()
    found = token_logprobs(lm, ids)
    assert len(found) == 410
    # Its window is the first that holds it: one that starts at a multiple of 64, or the last one.
    for place in (1, 100, 127, 128, 200, 300, 383, 384, 410):
        start = min(max(0, math.ceil((place - 127) / 64) * 64), 411 - 128)
        row = lm.model(input_ids=torch.tensor([ids[start:place]])).logits[0, -1].log_softmax(-1)
        assert found[place - 1] == pytest.approx(float(row[ids[place]]), abs=LOGS)


@families
def test_tokens_are_the_pieces_of_the_text(name: str) -> None:
    found = lc.tokenize("The cat sat on the mat.", model=tiny_models.folder(name))
    assert len(found.tokens) == len(found.ids) > 5
    assert "".join(found.tokens).replace(" ", "") == "Thecatsatonthemat."


# --- limits -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gpt2", "llama", "bloom"])
def test_a_prompt_that_leaves_no_room_names_both_lengths(name: str) -> None:
    lm = model(name)
    assert lm.window
    text = "cat " * (3 * lm.window)
    with pytest.raises(InputTooLong) as caught:
        lc.generate(text, model=lm, max_new_tokens=10)
    assert str(lm.window) in str(caught.value) and str(len(ids_of(lm, text))) in str(caught.value)
    fits = lm.window - len(ids_of(lm, "The cat"))
    assert lc.generate("The cat", model=lm, temperature=0, max_new_tokens=min(fits, 200)).tokens
    with pytest.raises(InputTooLong):
        lc.generate("The cat", model=lm, max_new_tokens=fits + 1)


@pytest.mark.parametrize(
    "options",
    [
        {"max_new_tokens": 0},
        {"max_new_tokens": -3},
        {"max_new_tokens": 2.5},
        {"temperature": math.nan},
        {"temperature": math.inf},
        {"temperature": -1},
        {"top_p": 0},
        {"top_p": 1.1},
        {"top_k": -1},
        {"num_beams": 0},
        {"repetition_penalty": 0},
        {"seed": -1},
        {"seed": "x"},
        {"seed": [1, 2]},
        {"seed": []},
        {"temprature": 1},
    ],
)
def test_an_option_outside_its_range_is_named(options: dict[str, object]) -> None:
    with pytest.raises(BadOption, match="seed" if "seed" in options else next(iter(options))):
        lc.generate(["a b", "c d", "e f"], model=model("gpt2"), **options)


def test_stream_fails_at_the_call_and_takes_neither_lists_nor_beams() -> None:
    for call in (
        lambda: lc.stream(["a"], model=model("gpt2")),  # type: ignore[arg-type]
        lambda: lc.stream("a b", num_beams=2, model=model("gpt2")),
        lambda: lc.stream("a " * 900, model=model("gpt2")),
        lambda: lc.stream("", model=model("gpt2")),
    ):
        with pytest.raises((BadInput, BadOption, InputTooLong)):
            call()


def test_a_text_for_which_the_tokenizer_has_no_token_is_an_error() -> None:
    with pytest.raises(BadInput):
        lc.perplexity("a", model=model("gpt2"))


@pytest.mark.gpu
@families
def test_a_gpu_says_what_the_cpu_says(name: str) -> None:
    here, there = (load(tiny_models.folder(name), device=d, task="generate") for d in ("cpu", "cuda"))
    for options in ({"temperature": 0}, {"temperature": 1.0, "seed": 4}, {"num_beams": 3}):
        one, two = (lc.generate(PROMPTS, max_new_tokens=8, model=lm, **options) for lm in (here, there))
        assert [r.tokens for r in one] == [r.tokens for r in two]
    pieces = lc.stream("The cat", seed=1, model=there, max_new_tokens=9)
    assert "".join(pieces) == lc.generate("The cat", seed=1, model=here, max_new_tokens=9).text


def test_tokens_are_those_of_the_family_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(generation, "load", lambda model, task: (asked.append((model, task)), tiny)[1])
    tiny = model("gpt2")
    lc.tokenize("The cat"), lc.tokenize("The cat", model="bert")
    assert asked == [(None, "generate"), ("bert", None)]


def test_a_recurrent_model_is_refused() -> None:
    lm = model("mamba")
    assert lc.next_tokens("The cat", model=lm), "one pass needs no cache"
    for call in (lc.generate, lc.stream):
        with pytest.raises(WrongTask, match="MambaForCausalLM.*Transformer"):
            call("The cat", model=lm)


@pytest.mark.parametrize("seed", [[1, 2], [], None, -1, "1", 1.5])
def test_a_stream_takes_one_seed(seed: object) -> None:
    with pytest.raises(BadOption, match="seed="):
        lc.stream("The cat", seed=seed, model=model("gpt2"))  # type: ignore[arg-type]


@pytest.mark.parametrize("call", [lc.next_tokens, lambda *a, **o: list(lc.stream(*a, **o))])
def test_a_full_memory_says_so_outside_of_batches_too(call: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    lm = model("gpt2")
    monkeypatch.setattr(lm.model.transformer, "forward", lambda *a, **o: full())
    with pytest.raises(NoMemory, match="device='cpu'"):
        call("The cat", model=lm)  # type: ignore[operator]
