"""What the use cases give back: frozen records that show well in a notebook.

Knows nothing about models. ``str(result)`` is the text itself, ``result.to_dict()`` plain data for JSON,
``repr`` one short line, and a notebook shows the HTML form. Text goes into the HTML escaped.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_BOX = "border-left:4px solid #3b6ea5;padding:.4em .8em;margin:.3em 0;max-width:60em;white-space:pre-wrap"


def _html(head: str, *parts: str) -> str:
    """A box with a small head line; the parts are HTML already."""
    return f'<div style="{_BOX}"><div style="opacity:.75;font-size:85%">{escape(head)}</div>{"".join(parts)}</div>'


def _cut(text: str, width: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def _broken(ended: bool) -> str:
    return "" if ended else ", broken off"


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
class Reply(Result):
    """What the assistant says next. ``messages`` is the whole conversation, this reply included.

    ``tokens`` is how many the reply has, its end token included; ``ended`` whether the model ended its turn.
    """

    text: str
    messages: tuple[dict[str, str], ...]
    tokens: int
    model: str
    ended: bool = True

    def __repr__(self) -> str:
        return f"Reply({_cut(self.text)!r}, {self.model})"

    def _repr_html_(self) -> str:
        turns = "".join(
            f'<div style="margin:.25em 0;{"opacity:.75" if number + 1 < len(self.messages) else ""}">'
            f"<b>{escape(message['role'].capitalize())}:</b> {escape(message['content'])}</div>"
            for number, message in enumerate(self.messages)
        )
        return _html(self.model if self.ended else f"{self.model}, broken off after {self.tokens} tokens", turns)


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
    ``ended`` says whether the model ended what it wrote; if not, it was broken off at its longest.
    """

    text: str
    method: str
    sentences: tuple[str, ...]
    original: str
    model: str
    positions: tuple[int, ...] = ()
    ended: bool = True

    def __repr__(self) -> str:
        return f"Summary({_cut(self.text)!r}, {self.method}{_broken(self.ended)})"

    def _repr_html_(self) -> str:
        words, all_words = len(self.text.split()), len(self.original.split())
        head = f"{self.model}, {self.method}: {words} of {all_words} words{_broken(self.ended)}"
        return _html(head, f"<div>{escape(self.text)}</div>")


@dataclass(frozen=True, repr=False)
class Translation(Result):
    """A translation with its source and target language (ISO 639-1) and the original text.

    ``ended`` says whether the model ended each sentence; if not, one was broken off at its longest.
    """

    text: str
    source: str
    target: str
    original: str
    model: str
    ended: bool = True

    def __repr__(self) -> str:
        return f"Translation({_cut(self.text)!r}, {self.source} to {self.target}{_broken(self.ended)})"

    def _repr_html_(self) -> str:
        head = f"{self.model}: {self.source} to {self.target}{_broken(self.ended)}"
        return _html(
            head,
            f'<div style="opacity:.75" lang="{escape(self.source)}">{escape(self.original)}</div>',
            f'<div lang="{escape(self.target)}"><b>{escape(self.text)}</b></div>',
        )


class _Seen(Result):
    """A result about a picture: a small copy of it (PNG in base64) is shown, but is not part of the data."""

    thumbnail: str

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data, without the picture."""
        return {name: value for name, value in super().to_dict().items() if name != "thumbnail"}

    def _shown(self, head: str, words: str) -> str:
        image = f'<img alt="the picture" width="96" height="96" src="data:image/png;base64,{self.thumbnail}">'
        return _html(head, f'<div style="display:flex;gap:.8em;align-items:center">{image}<div>{words}</div></div>')


@dataclass(frozen=True, repr=False)
class Description(_Seen):
    """What is on a picture, in words, and the probability that the model gave these words as a whole."""

    text: str
    probability: float
    model: str
    thumbnail: str = ""

    def __repr__(self) -> str:
        return f"Description({_cut(self.text)!r}, {self.probability:.2f}, {self.model})"

    def _repr_html_(self) -> str:
        return self._shown(f"{self.model}: what is on the picture", f"<b>{escape(self.text)}</b>")


@dataclass(frozen=True, repr=False)
class Answer(_Seen):
    """The answer to a question about a picture, and its probability.

    ``first`` holds the most probable first tokens, up to five, with their probabilities: what else might have been
    said. Tokens that read the same, but for a space, count together.
    """

    text: str
    question: str
    probability: float
    first: dict[str, float]
    model: str
    thumbnail: str = ""

    def __repr__(self) -> str:
        return f"Answer({_cut(self.text)!r}, {self.probability:.2f}, {_cut(self.question, 40)!r})"

    def _repr_html_(self) -> str:
        words = f'<div style="opacity:.75">{escape(self.question)}</div><b>{escape(self.text)}</b>'
        return self._shown(f"{self.model}: probability {self.probability:.2f}", words)


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


@dataclass(frozen=True)
class Candidate:
    """A token that may fill a gap, with its probability; ``##`` in front marks one that goes on a word."""

    token: str
    probability: float


@dataclass(frozen=True, repr=False)
class FilledMask(Result):
    """A text whose gaps are filled, each with the most probable token.

    ``candidates`` holds for each gap its best tokens, the most probable first.
    """

    text: str
    candidates: tuple[tuple[Candidate, ...], ...]
    original: str
    model: str

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data."""
        gaps = [[{"token": c.token, "probability": c.probability} for c in own] for own in self.candidates]
        return {"text": self.text, "candidates": gaps, "original": self.original, "model": self.model}

    def __repr__(self) -> str:
        best = ", ".join(f"{own[0].token} {own[0].probability:.2f}" for own in self.candidates)
        return f"FilledMask({_cut(self.text)!r}, {_cut(best)})"

    def _repr_html_(self) -> str:
        rows = [
            f"<div>gap {number}: "
            + ", ".join(f"<b>{escape(c.token)}</b>&nbsp;{c.probability:.2f}" for c in own)
            + "</div>"
            for number, own in enumerate(self.candidates, 1)
        ]
        return _html(f"{self.model}: gaps filled", f"<div>{escape(self.text)}</div>", *rows)


@dataclass(frozen=True, repr=False, eq=False)
class Embedding(Result):
    """A text as a vector: float32, shape ``(width,)``, length 1."""

    vector: np.ndarray
    text: str
    model: str

    def similarity(self, other: Embedding) -> float:
        """The cosine of the angle between the two vectors, from -1 to 1; 1 is the same direction.

        Raises:
            BadOption: the other is no embedding, or one by another model.
        """
        from llm_course.errors import BadOption

        if not isinstance(other, Embedding):
            raise BadOption(f"similarity() takes another Embedding, not {type(other).__name__}. Embed the text first.")
        if (self.model, self.vector.shape) != (other.model, other.vector.shape):
            raise BadOption(
                f"Vectors of two models cannot be compared: {self.model} {self.vector.shape}, {other.model} "
                f"{other.vector.shape}. Embed both texts with one model."
            )
        return float(self.vector @ other.vector)

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data; the vector is a list of numbers."""
        return {"vector": self.vector.tolist(), "text": self.text, "model": self.model}

    def __repr__(self) -> str:
        return f"Embedding({self.vector.size} numbers, {_cut(self.text, 40)!r}, {self.model})"

    def _repr_html_(self) -> str:
        first = ", ".join(f"{x:.2f}" for x in self.vector[:8])
        return _html(f"{self.model}: {self.vector.size} numbers", f"<div>{escape(_cut(self.text, 200))}</div>",
                     f"<div>{first}, …</div>")  # fmt: skip


@dataclass(frozen=True)
class Neighbor:
    """A text that was found: its similarity to the query, from -1 to 1, and its place among the texts."""

    text: str
    similarity: float
    position: int


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
