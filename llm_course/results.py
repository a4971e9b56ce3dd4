"""What the use cases give back: frozen records that show well in a notebook.

Knows nothing about models. ``str(result)`` is the text itself, ``result.to_dict()`` plain data for JSON,
``repr`` one short line, and a notebook shows the HTML form. Text goes into the HTML escaped.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from html import escape
from typing import Any

_BOX = "border-left:4px solid #3b6ea5;padding:.4em .8em;margin:.3em 0;max-width:60em;white-space:pre-wrap"


def _html(head: str, *parts: str) -> str:
    """A box with a small head line; the parts are HTML already."""
    return f'<div style="{_BOX}"><div style="opacity:.75;font-size:85%">{escape(head)}</div>{"".join(parts)}</div>'


def _cut(text: str, width: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


class Result:
    """Base of the results: plain data out, and one short line as repr."""

    text: str

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data: strings, numbers, lists and dicts."""
        found = asdict(self)  # type: ignore[call-overload]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}

    def __str__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return _html(repr(self), f"<div>{escape(str(self))}</div>")


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
        return f"Generation({_cut(self.full)!r}, {len(self.tokens)} new tokens, {self.model})"

    def _repr_html_(self) -> str:
        body = f'<span style="opacity:.7">{escape(self.prompt)}</span><b>{escape(self.text)}</b>'
        return _html(f"{self.model}: {len(self.tokens)} new tokens in bold", f"<div>{body}</div>")


@dataclass(frozen=True, repr=False)
class Sentiment(Result):
    """The feeling of a text: the most probable label, its probability, and all probabilities."""

    label: str
    score: float
    scores: dict[str, float]
    text: str
    model: str

    def __str__(self) -> str:
        return self.label

    def __repr__(self) -> str:
        return f"Sentiment({self.label}, {self.score:.2f}, {_cut(self.text, 40)!r})"

    def _repr_html_(self) -> str:
        bars = "".join(
            f'<div style="display:flex;align-items:center"><span style="width:6em">{escape(label)}</span>'
            f'<span style="background:#3b6ea5;height:.7em;width:{round(share * 200)}px"></span>'
            f'<span style="margin-left:.5em">{share:.2f}</span></div>'
            for label, share in self.scores.items()
        )
        return _html(f"{self.model}: {self.label}", f"<div>{escape(_cut(self.text, 200))}</div>", bars)


@dataclass(frozen=True, repr=False)
class Summary(Result):
    """A summary. ``method`` says how it came about: ``"extractive"`` (sentences of the text, unchanged) or
    ``"abstractive"`` (new sentences, which may say what the text does not).

    ``sentences`` holds the sentences; for an extractive summary ``positions`` says which ones of the text.
    """

    text: str
    method: str
    sentences: tuple[str, ...]
    original: str
    model: str
    positions: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return f"Summary({_cut(self.text)!r}, {self.method})"

    def _repr_html_(self) -> str:
        words, all_words = len(self.text.split()), len(self.original.split())
        head = f"{self.model}, {self.method}: {words} of {all_words} words"
        return _html(head, f"<div>{escape(self.text)}</div>")


@dataclass(frozen=True, repr=False)
class Translation(Result):
    """A translation with its source and target language (ISO 639-1) and the original text."""

    text: str
    source: str
    target: str
    original: str
    model: str

    def __repr__(self) -> str:
        return f"Translation({_cut(self.text)!r}, {self.source} to {self.target})"

    def _repr_html_(self) -> str:
        head = f"{self.model}: {self.source} to {self.target}"
        return _html(
            head,
            f'<div style="opacity:.75" lang="{escape(self.source)}">{escape(self.original)}</div>',
            f'<div lang="{escape(self.target)}"><b>{escape(self.text)}</b></div>',
        )


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
        return _html(f"{self.model}: {len(self.tokens)} tokens", f'<div style="line-height:1.9">{pieces}</div>')


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
        return f"Perplexity({self.perplexity:.1f}, {self.bits_per_byte:.2f} bits per byte, {_cut(self.text, 40)!r})"


@dataclass(frozen=True, repr=False)
class RobotPlan(Result):
    """What a robot's model wrote: the text, and its steps. An answer in words ("already done") has no steps."""

    text: str
    steps: tuple[str, ...]
    instruction: str
    model: str

    def __repr__(self) -> str:
        return f"RobotPlan({_cut(self.text)!r}, {len(self.steps)} steps)"

    def _repr_html_(self) -> str:
        lines = "".join(f"<li>{escape(step)}</li>" for step in self.steps)
        body = f"<ol>{lines}</ol>" if lines else f"<div><b>{escape(self.text)}</b></div>"
        return _html(f"{self.model}: {_cut(self.instruction, 100)}", body)
