"""Text generation: continue a text, token by token.

Knows nothing about how models are found. The loop is written out, not hidden in the library: tokenize,
ask the model for the scores of the next token, choose one, append it, ask again. Beam search, which keeps
several texts alive at once, is the library's.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, overload

from llm_course.arguments import Texts, number_in, texts_of
from llm_course.batching import fits_in_memory, in_batches, padded
from llm_course.errors import BadInput, BadOption, InputTooLong, WrongTask
from llm_course.results import Result, box, cut
from llm_course.shelf.kv_cache import cache_argument, cached
from llm_course.shelf.loading import LanguageModel, ModelLike, load
from llm_course.text import windows

if TYPE_CHECKING:
    import torch

Drawn = tuple[list[int], list[float]]  # the new tokens of one text, and the log-probability of each


@dataclass(frozen=True, repr=False)
class Generation(Result):
    """A continued text. ``text`` is the continuation alone, ``full`` prompt and continuation.

    ``tokens`` are the new tokens as text, ``logprobs`` the natural logarithm of the probability that the
    model itself (temperature 1, all tokens) gave each. ``ended`` says whether the model ended the text.
    """

    text: str
    prompt: str
    tokens: tuple[str, ...]
    logprobs: tuple[float, ...]
    model: str
    ended: bool = False

    @property
    def full(self) -> str:
        """Prompt and continuation."""
        return self.prompt + self.text

    def __str__(self) -> str:
        return self.full

    def __repr__(self) -> str:
        return f"Generation({cut(self.full)!r}, {len(self.tokens)} new tokens, {self.model})"

    def _repr_html_(self) -> str:
        body = f'<span style="opacity:.7">{escape(self.prompt)}</span><b>{escape(self.text)}</b>'
        return box(f"{self.model}: {len(self.tokens)} new tokens in bold", f"<div>{body}</div>")


@dataclass(frozen=True, repr=False)
class Perplexity(Result):
    """How well a language model predicts a text.

    ``loss`` is the mean of ``-logprobs`` in nats a token, ``perplexity`` is ``exp(loss)``, ``bits_per_byte``
    is the whole loss in bits over the text's UTF-8 bytes, which compares models with different tokenizers.
    """

    perplexity: float
    loss: float
    bits_per_byte: float
    tokens: tuple[str, ...]
    logprobs: tuple[float, ...]
    text: str
    model: str

    def __str__(self) -> str:
        return f"{self.perplexity:.1f}"

    def __repr__(self) -> str:
        return f"Perplexity({self.perplexity:.1f}, {self.bits_per_byte:.2f} bits per byte, {cut(self.text, 40)!r})"


@dataclass(frozen=True, repr=False)
class Tokens(Result):
    """A text cut into tokens: the pieces as text, and their numbers in the vocabulary."""

    text: str
    tokens: tuple[str, ...]
    ids: tuple[int, ...]
    model: str

    def __repr__(self) -> str:
        return f"Tokens({list(self.tokens)})"

    def _repr_html_(self) -> str:
        # Borders as well as two shades: the cuts show without colour, too.
        pieces = "".join(
            f'<span title="{number}" style="border:1px solid #8889;border-radius:3px;padding:0 2px;margin:1px;'
            f'background:{("#3b6ea522", "#d98e0422")[i % 2]}">{escape(token).replace(" ", "␣")}</span>'
            for i, (token, number) in enumerate(zip(self.tokens, self.ids, strict=True))
        )
        return box(f"{self.model}: {len(self.tokens)} tokens", f'<div style="line-height:1.9">{pieces}</div>')


@dataclass(frozen=True)
class Decoding:
    """How the next token is chosen. Temperature 0 is greedy; ``top_k=0`` and ``top_p=1`` leave nothing out."""

    max_new_tokens: int = 60
    temperature: float = 0.7
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    num_beams: int = 1

    def __post_init__(self) -> None:
        number_in("max_new_tokens", self.max_new_tokens, 1, 100_000, int)
        number_in("temperature", self.temperature, 0, 100)
        number_in("top_p", self.top_p, 1e-6, 1)
        number_in("top_k", self.top_k, 0, 10_000_000, int)
        number_in("repetition_penalty", self.repetition_penalty, 0.01, 100)
        number_in("num_beams", self.num_beams, 1, 64, int)


@overload
def generate(  # type: ignore[overload-overlap]  # one prompt with a list of seeds gives a list
    prompt: str,
    *,
    seed: int = ...,
    model: ModelLike = ...,
    device: str = ...,
    progress: bool | None = ...,
    **options: float,
) -> Generation: ...
@overload
def generate(
    prompt: str | Texts,
    *,
    seed: int | Sequence[int] = ...,
    model: ModelLike = ...,
    device: str = ...,
    progress: bool | None = ...,
    **options: float,
) -> list[Generation]: ...
def generate(
    prompt: str | Texts,
    *,
    seed: int | Sequence[int] = 0,
    model: ModelLike = None,
    device: str = "auto",
    progress: bool | None = None,
    **options: float,
) -> Generation | list[Generation]:
    """Continue a text, or each text of a list.

    Args:
        prompt: one ``str`` or a list of them.
        seed: a whole number, or a list of them. A number holds for each text as if it were alone, so a text
            says the same in a list and by itself. With a list of seeds and one prompt there is one
            continuation per seed.
        model: a shelf name, Hub id, folder or loaded model; the default of ``lc.use()`` if ``None``.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        progress: a bar always, never, or (``None``) when a list is slow.
        options: ``max_new_tokens=60``, ``temperature=0.7`` (0 is greedy), ``top_p=1.0``, ``top_k=0``,
            ``repetition_penalty=1.0`` (Keskar and others 2019), ``num_beams=1`` (more: beam search, which
            takes no temperature).

    Returns:
        One :class:`Generation`, or a list in the order given. Generation ends after
        ``max_new_tokens`` or when the model ends the text.

    Raises:
        BadInput, BadOption: the text or an option is not allowed.
        InputTooLong: prompt and new tokens do not fit the model's window; both lengths are named.
    """
    texts, single = texts_of(prompt, "prompt")
    how = _decoding(options)
    seeds, single = _seeds(seed, texts, single)
    if isinstance(seed, (list, tuple)) and len(texts) == 1:
        texts = texts * len(seeds)
    lm = load(model, device, task="generate")
    items = [(text, encode(lm, text, how.max_new_tokens), one) for text, one in zip(texts, seeds, strict=True)]
    run = _beams if how.num_beams > 1 else sample

    def batch(some: list[tuple[str, list[int], int]]) -> list[Generation]:
        tokens = run(lm, [ids for _, ids, _ in some], [one for _, _, one in some], how)
        return [_result(lm, text, ids, *new) for (text, ids, _), new in zip(some, tokens, strict=True)]

    results = in_batches(
        items,
        lambda item: len(item[1]) + how.max_new_tokens,
        batch,
        tokens=32_768 if lm.device.type == "cuda" else 8192,
        most=128,
        progress=progress,
    )
    return results[0] if single else results


def stream(
    prompt: str, *, seed: int = 0, model: ModelLike = None, device: str = "auto", **options: float
) -> Iterator[str]:
    """Continue one text and hand over each piece of it as soon as it is there.

    Takes what :func:`generate` takes, for one prompt and without beams. The pieces joined are exactly the
    ``text`` that :func:`generate` gives. A character whose bytes come in several tokens is held back until
    it is whole. Errors are raised by the call, not at the first piece.
    """
    texts, single = texts_of(prompt, "prompt")
    if not single:
        raise BadInput("stream() continues one text: give a str, not a list. generate() takes lists.")
    how = _decoding(options)
    if how.num_beams > 1:
        raise BadOption("stream() cannot use beams: a beam may still change its first word. Use generate().")
    seeds = seeds_of(seed, 1)
    lm = load(model, device, task="generate")
    check_cache(lm)
    return _pieces(lm, encode(lm, texts[0], how.max_new_tokens), seeds, how)


def _pieces(lm: LanguageModel, ids: list[int], seeds: list[int], how: Decoding) -> Iterator[str]:
    new: list[int] = []
    told = 0
    for (token,), _ in _steps(lm, [ids], seeds, how):
        if token in lm.ends:
            break
        new.append(token)
        text = continuation(lm, ids, new)
        if len(text) > told and not text.endswith("\ufffd") and not _is_byte(lm, token):
            yield text[told:]
            told = len(text)
    rest = continuation(lm, ids, new)[told:]
    if rest:
        yield rest


def next_tokens(
    prompt: str, k: int = 10, temperature: float = 1.0, *, model: ModelLike = None, device: str = "auto"
) -> list[tuple[str, float]]:
    """The ``k`` most probable next tokens after a text, with their probabilities, the most probable first.

    ``temperature`` divides the scores before the softmax, as sampling does; it must be above 0 here.
    """
    (text,), _ = _one(prompt, "next_tokens")
    number_in("temperature", temperature, 0.01, 100)
    lm = load(model, device, task="generate")
    number_in("k", k, 1, lm.model.config.vocab_size, int)
    import torch

    with torch.inference_mode(), fits_in_memory("The prompt"):
        ids = torch.tensor([encode(lm, text, 1)], device=lm.device)
        scores = lm.model(input_ids=ids).logits[0, -1].float() / temperature
        shares, tokens = scores.softmax(-1).topk(k)
    return [(lm.tokenizer.decode([t]), p) for t, p in zip(tokens.tolist(), shares.tolist(), strict=True)]


def perplexity(text: str, *, model: ModelLike = None, device: str = "auto") -> Perplexity:
    """How well a raw model predicts a text: loss, perplexity, bits per byte, and each token's log-probability.

    The first token is predicted from the model's start token where it has one, and is left out of the
    count where it has none. A text longer than the window is read in windows that overlap by half, and each
    token is counted once, in the window where it has the most context.
    """
    (text,), _ = _one(text, "perplexity")
    lm = load(model, device, task="generate")
    ids = lm.tokenizer(text, add_special_tokens=False)["input_ids"]
    start = lm.start
    if len(ids) + len(start) < 2:
        raise BadInput("perplexity() needs at least two tokens: the first has nothing before it.")
    logprobs = token_logprobs(lm, start + ids)
    import math

    loss = -sum(logprobs) / len(logprobs)
    counted = ids[len(ids) - len(logprobs) :]
    size = len(lm.tokenizer.decode(counted).encode("utf-8"))
    bits = -sum(logprobs) / math.log(2) / max(1, size)
    return Perplexity(math.exp(min(loss, 700)), loss, bits, _names(lm, counted), tuple(logprobs), text, lm.name)


def token_logprobs(lm: LanguageModel, ids: list[int]) -> list[float]:
    """Natural log-probability of every token but the first, given all before it (up to the window)."""
    import torch

    window = lm.window or 2048

    def run(batch: list[tuple[int, int]]) -> list[list[float]]:
        part = torch.tensor([ids[start:end] for start, end in batch], device=lm.device)
        with torch.inference_mode():
            scores = lm.model(input_ids=part).logits[:, :-1].float().log_softmax(-1)
        return scores.gather(2, part[:, 1:, None])[:, :, 0].tolist()

    found: list[float] = []
    spans = windows(len(ids), window, window // 2)  # one, or all of the same size: nothing is padded
    # The scores of all tokens stand in memory at once, so these batches are small.
    tokens = 16_384 if lm.device.type == "cuda" else 2048
    for (start, _), own in zip(
        spans, in_batches(spans, lambda span: span[1] - span[0], run, tokens=tokens, what="windows"), strict=True
    ):
        found += own[len(found) - start :]
    return found


def _names(lm: LanguageModel, ids: Sequence[int]) -> tuple[str, ...]:
    """Each token as text; every kind is decoded once."""
    names = {i: lm.tokenizer.decode([i]) for i in set(ids)}
    return tuple(names[i] for i in ids)


def tokenize(text: str, *, model: ModelLike = None) -> Tokens:
    """Cut a text into the tokens of a model, without the special ones that the model adds itself.

    ``model`` is one of any kind; the one that generates, of the family that ``lc.use()`` chose, if ``None``.
    """
    (text,), _ = _one(text, "tokenize")
    lm = load(model, task="generate" if model is None else None)
    ids = lm.tokenizer(text, add_special_tokens=False)["input_ids"]
    return Tokens(text, _names(lm, ids), tuple(ids), lm.name)


def _one(text: object, who: str) -> tuple[list[str], bool]:
    texts, single = texts_of(text)
    if not single:
        raise BadInput(f"{who}() takes one text, not a list.")
    return texts, single


def _decoding(options: dict[str, float]) -> Decoding:
    allowed = Decoding.__dataclass_fields__
    for name in options:
        if name not in allowed:
            raise BadOption(f"generate() has no option {name!r}. It has: {', '.join(allowed)}, seed, model, device.")
    return Decoding(**options)  # type: ignore[arg-type]  # it checks which are whole numbers


def _seeds(seed: object, texts: list[str], single: bool) -> tuple[list[int], bool]:
    if isinstance(seed, (list, tuple)):
        if len(texts) not in (1, len(seed)) or not seed:
            raise BadOption(f"{len(seed)} seeds for {len(texts)} prompts: give one seed, or as many as prompts.")
        seeds, single = list(seed), False
    else:
        seeds = [seed] * len(texts)
    return [number_in("seed", s, 0, 2**63 - 1, int) for s in seeds], single


def seeds_of(seed: int, count: int) -> list[int]:
    """One seed for each of ``count`` texts: each is drawn as if it were alone."""
    return [number_in("seed", seed, 0, 2**63 - 1, int)] * count


def encode(lm: LanguageModel, text: str, new: int) -> list[int]:
    """The tokens of a prompt as the model reads it, with room for ``new`` more.

    Raises:
        BadInput: the tokenizer finds no token.
        InputTooLong: there is no such room.
    """
    ids = lm.start + lm.tokenizer(text, add_special_tokens=False)["input_ids"]
    if not ids:
        raise BadInput(f"{lm.name}'s tokenizer finds no token in the text. Give it another text.")
    if lm.window and len(ids) + new > lm.window:
        raise InputTooLong(
            f"The prompt has {len(ids)} tokens and {new} new ones were asked for: together {len(ids) + new}, and "
            f"{lm.name} reads at most {lm.window}. Shorten the prompt, or lower max_new_tokens."
        )
    return ids


def check_cache(lm: LanguageModel) -> None:
    """Refuse a model that keeps no keys and values: recurrent ones (Mamba, RWKV) keep a state of another kind.

    Raises:
        WrongTask: it is such a model.
    """
    if cache_argument(lm.model) is None:
        raise WrongTask(
            f"{lm.name} ({type(lm.model).__name__}) keeps no keys and values of the tokens it has read, which this "
            "loop needs. Take a Transformer decoder, for instance gpt2, or generate with lc.load(...).model.generate()."
        )


def _is_byte(lm: LanguageModel, token: int) -> bool:
    """Whether a token is one byte (``<0xE7>``): the bytes after it decide how it reads."""
    return str(lm.tokenizer.convert_ids_to_tokens(token)).startswith("<0x")


def continuation(lm: LanguageModel, ids: list[int], new: list[int]) -> str:
    """The new tokens as text. Decoded after the last prompt token, which decides about a leading space."""
    start = len(ids) - 1
    while start and _is_byte(lm, ids[start]):  # the prompt ends in a character made of bytes: take it whole
        start -= 1
    before = lm.tokenizer.decode(ids[start:], clean_up_tokenization_spaces=False)
    return lm.tokenizer.decode(ids[start:] + new, clean_up_tokenization_spaces=False)[len(before) :]


def _result(lm: LanguageModel, prompt: str, ids: list[int], new: list[int], logprobs: list[float]) -> Generation:
    ended = bool(new) and new[-1] in lm.ends
    kept = new[:-1] if ended else new
    return Generation(
        continuation(lm, ids, kept), prompt, _names(lm, kept), tuple(logprobs[: len(kept)]), lm.name, ended
    )


def sample(lm: LanguageModel, prompts: list[list[int]], seeds: list[int], how: Decoding) -> list[Drawn]:
    """Draw (or take greedily) tokens for a batch of prompts: new tokens and their log-probabilities."""
    new: list[list[int]] = [[] for _ in prompts]
    logprobs: list[list[float]] = [[] for _ in prompts]
    going = [True] * len(prompts)
    ends = lm.ends
    for tokens, chances in _steps(lm, prompts, seeds, how):
        for row, (token, chance) in enumerate(zip(tokens, chances, strict=True)):
            if going[row]:
                new[row].append(token)
                logprobs[row].append(chance)
                going[row] = token not in ends
        if not any(going):
            break
    return list(zip(new, logprobs, strict=True))


def _steps(
    lm: LanguageModel, prompts: Sequence[list[int]], seeds: Sequence[int], how: Decoding
) -> Iterator[tuple[list[int], list[float]]]:
    """Yield, step by step, the next token of each prompt and its log-probability under the model.

    The prompts are padded on the left, so that all ends are in the last column; the keys and values of all
    tokens seen are kept (the cache), so that each step runs the model on one new token per prompt only.
    """
    import torch

    check_cache(lm)
    ids, mask = padded(prompts, 0, lm.device, left=True)
    # Each row draws from its own generator, so that a text does not depend on its neighbours in the batch.
    random = [torch.Generator().manual_seed(seed) for seed in seeds]
    takes = inspect.signature(lm.model.forward).parameters
    kept: dict[str, object] = {}
    seen, read = ids, ids
    for _ in range(how.max_new_tokens):
        options: dict[str, object] = {}
        if "position_ids" in takes:
            options["position_ids"] = (mask.cumsum(1) - 1).clamp(min=0)[:, -read.shape[1] :]
        if "logits_to_keep" in takes:
            options["logits_to_keep"] = 1
        # Not around the yield: inference mode must not leak into the code that consumes the steps.
        with torch.inference_mode(), fits_in_memory(f"{len(prompts)} texts of {seen.shape[1]} tokens"):
            out = lm.model(input_ids=read, attention_mask=mask, use_cache=True, **kept, **options)
            scores = out.logits[:, -1].float()
            chosen = choose(scores, seen, mask, random, how)
            chances = scores.log_softmax(-1).gather(1, chosen[:, None])[:, 0]
        yield chosen.tolist(), chances.tolist()
        kept, read = cached(out), chosen[:, None]
        seen, mask = torch.cat([seen, read], 1), torch.cat([mask, torch.ones_like(read)], 1)


def choose(
    scores: torch.Tensor, seen: torch.Tensor, mask: torch.Tensor, random: list[torch.Generator], how: Decoding
) -> torch.Tensor:
    """Choose one token per row from the scores ``(rows, vocabulary)``; returns ``(rows,)``.

    In this order: repetition penalty, temperature, top-k, top-p (nucleus, Holtzman and others 2020: the
    smallest set of tokens whose probabilities reach ``top_p``), then one draw.
    """
    import torch

    if how.repetition_penalty != 1:
        # A token that stood already gets a lower score; padding (mask 0) did not stand.
        stood = torch.zeros_like(scores).scatter_reduce(1, seen, mask.to(scores.dtype), "amax") > 0
        lower = torch.where(scores > 0, scores / how.repetition_penalty, scores * how.repetition_penalty)
        scores = torch.where(stood, lower, scores)
    if how.temperature == 0:
        return scores.argmax(-1)
    # The largest score becomes 0 and the temperature at least 1e-30: the division cannot overflow to 0 / 0.
    shares = ((scores - scores.amax(-1, keepdim=True)) / max(how.temperature, 1e-30)).softmax(-1)
    tokens = None
    if how.top_k or how.top_p < 1:
        shares, tokens = shares.sort(dim=-1, descending=True, stable=True)
        if how.top_k:
            shares[:, how.top_k :] = 0
        # A token stays if those before it do not reach top_p yet; the first one always stays.
        shares[shares.cumsum(-1) - shares >= how.top_p * shares.sum(-1, keepdim=True)] = 0
    total = shares.cumsum(-1)
    drawn = torch.stack([torch.rand(1, generator=r) for r in random]).to(scores.device) * total[:, -1:]
    # The first place whose running total passes the draw; rounding must not point past the last one.
    place = (total <= drawn).sum(-1, keepdim=True).clamp(max=scores.shape[-1] - 1)
    place = torch.where(shares.gather(1, place) > 0, place, shares.argmax(-1, keepdim=True))
    return (place if tokens is None else tokens.gather(1, place))[:, 0]


def _beams(lm: LanguageModel, prompts: list[list[int]], seeds: list[int], how: Decoding) -> list[Drawn]:
    """Beam search by the library; log-probabilities are read off the finished texts."""
    import torch

    ends = lm.ends
    fill = lm.tokenizer.pad_token_id if lm.tokenizer.pad_token_id is not None else (ends or [0])[0]
    ids, mask = padded(prompts, fill, lm.device, left=True)
    with torch.inference_mode():
        found = lm.model.generate(
            input_ids=ids,
            attention_mask=mask,
            num_beams=how.num_beams,
            do_sample=False,
            pad_token_id=fill,
            eos_token_id=ends or None,
            max_new_tokens=how.max_new_tokens,
            repetition_penalty=how.repetition_penalty,
            min_new_tokens=None,
            temperature=None,
            top_k=None,
            top_p=None,
        )
    results = []
    for prompt, row in zip(prompts, found[:, ids.shape[1] :].tolist(), strict=True):
        stop = next((i + 1 for i, token in enumerate(row) if token in ends), len(row))
        new = row[:stop]
        results.append((new, token_logprobs(lm, prompt + new)[len(prompt) - 1 :]))
    return results
