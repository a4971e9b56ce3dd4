"""Chat: a conversation in, the assistant's next turn out.

Knows nothing about how models are found, nor about what they were tuned for. Three steps: the messages are put into
the one text that the model's chat template makes of them, the model continues that text, and what it says until the
token that ends its turn is the reply. The model keeps nothing between calls: the conversation so far is its memory,
and each call reads all of it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeGuard, Unpack, overload

from llm_course.arguments import texts_of
from llm_course.batching import in_batches
from llm_course.errors import BadInput, InputTooLong, WrongTask
from llm_course.results import Result, box, cut
from llm_course.shelf import catalogue
from llm_course.shelf.loading import LanguageModel, ModelLike, RunOptions, load
from llm_course.use_cases.generation import Decoding, continuation, sample, seeds_of

ROLES = ("system", "user", "assistant")
Messages = list[dict[str, str]]


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
        return f"Reply({cut(self.text)!r}, {self.model})"

    def _repr_html_(self) -> str:
        turns = "".join(
            f'<div style="margin:.25em 0;{"opacity:.75" if number + 1 < len(self.messages) else ""}">'
            f"<b>{escape(message['role'].capitalize())}:</b> {escape(message['content'])}</div>"
            for number, message in enumerate(self.messages)
        )
        return box(self.model if self.ended else f"{self.model}, broken off after {self.tokens} tokens", turns)


@overload
def chat(
    messages: str | Messages,
    *,
    system: str | None = ...,
    max_new_tokens: int = ...,
    temperature: float = ...,
    top_p: float = ...,
    seed: int = ...,
    **options: Unpack[RunOptions],
) -> Reply: ...
@overload
def chat(
    messages: list[str] | list[Messages],
    *,
    system: str | None = ...,
    max_new_tokens: int = ...,
    temperature: float = ...,
    top_p: float = ...,
    seed: int = ...,
    **options: Unpack[RunOptions],
) -> list[Reply]: ...
def chat(
    messages: str | Messages | list[str] | list[Messages],
    *,
    system: str | None = None,
    max_new_tokens: int = 60,
    temperature: float = 0,
    top_p: float = 1.0,
    seed: int = 0,
    model: ModelLike = None,
    device: str = "auto",
    progress: bool | None = None,
) -> Reply | list[Reply]:
    """Say the assistant's next turn in one conversation, or in each of a list.

    Args:
        messages: one conversation, which is a ``str`` (one message of the user) or a list of messages
            ``{"role": "user" | "assistant" | "system", "content": str}``; or a list of conversations. A system
            message stands first, then user and assistant take turns, and the user speaks last.
        system: a system message for every conversation that has none.
        max_new_tokens: the reply is broken off after so many tokens; ``reply.ended`` tells.
        temperature: 0 is greedy, the same reply each time; above 0 tokens are drawn.
        top_p: draw among the fewest tokens whose probabilities reach this.
        seed: decides the draws; the same for each conversation as if it were alone.
        model: a shelf name, Hub id, folder or loaded model whose tokenizer has a chat template; the default of
            ``lc.use()`` if ``None``.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        progress: a bar always, never, or (``None``) when a list is slow.

    Returns:
        One :class:`Reply` or a list in the order given. ``reply.messages`` is the conversation
        with the reply: append the user's next message to it and call again.

    Raises:
        BadInput: a message has no such role or no content, or they do not take turns.
        BadOption: an option is outside its range.
        InputTooLong: conversation and reply do not fit the model's window; both lengths are named.
        WrongTask: the model has no chat template, so it was not tuned for dialogue.
    """
    conversations, single = conversations_of(messages, system)
    how = Decoding(max_new_tokens=max_new_tokens, temperature=temperature, top_p=top_p)
    seeds = seeds_of(seed, len(conversations))
    lm = load(model, device, task="chat")
    items = [(one, encode(lm, one, max_new_tokens), s) for one, s in zip(conversations, seeds, strict=True)]

    def batch(some: list[tuple[Messages, list[int], int]]) -> list[Reply]:
        said = sample(lm, [ids for _, ids, _ in some], [s for _, _, s in some], how)
        return [_reply(lm, one, ids, new) for (one, ids, _), (new, _) in zip(some, said, strict=True)]

    results = in_batches(
        items,
        lambda item: len(item[1]) + max_new_tokens,
        batch,
        tokens=32_768 if lm.device.type == "cuda" else 8192,
        most=128,
        progress=progress,
    )
    return results[0] if single else results


def _reply(lm: LanguageModel, messages: Messages, ids: list[int], new: list[int]) -> Reply:
    ended = bool(new) and new[-1] in lm.ends
    text = continuation(lm, ids, new[:-1] if ended else new).strip()
    return Reply(text, (*messages, {"role": "assistant", "content": text}), len(new), lm.name, ended)


def render(lm: LanguageModel, messages: Messages) -> str:
    """The conversation as the one text that the model reads, up to where its turn begins.

    Raises:
        WrongTask: the tokenizer has no chat template, or one that refuses these messages.
    """
    if not lm.tokenizer.chat_template:
        can = ", ".join(e.name for e in catalogue.catalogue().values() if "chat" in e.tasks)
        raise WrongTask(
            f"{lm.name} has no chat template: nothing says how it would read turns. It can continue a text: "
            f"lc.generate(). Models with a template: {can}."
        )
    try:
        return str(lm.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
    except Exception as error:  # templates are programs, and each refuses in its own way
        raise WrongTask(
            f"The chat template of {lm.name} does not take these messages: {error}. Some templates know no system "
            "message: then say it in the first message of the user."
        ) from error


def encode(lm: LanguageModel, messages: Messages, new: int) -> list[int]:
    """The tokens of a conversation up to where the model's turn begins, with room for ``new`` more.

    Raises:
        InputTooLong: there is no such room.
        WrongTask: as :func:`render`.
    """
    ids = list(lm.tokenizer(render(lm, messages), add_special_tokens=False)["input_ids"])
    if lm.window and len(ids) + new > lm.window:
        raise InputTooLong(
            f"The conversation has {len(ids)} tokens and {new} new ones were asked for: together {len(ids) + new}, "
            f"and {lm.name} reads at most {lm.window}. Leave out the oldest turns, or lower max_new_tokens."
        )
    return ids


# --- checks -------------------------------------------------------------------------------------------------


def conversations_of(value: object, system: str | None = None) -> tuple[list[Messages], bool]:
    """Check one conversation or a list of them; return the list and whether it was one.

    Raises:
        BadInput: as :func:`chat` says.
    """
    if system is not None:
        texts_of(system, "system message")
        if not isinstance(system, str):
            raise BadInput("system= takes one str: the system message of all conversations.")
    if isinstance(value, str) or _are_messages(value):
        return [_conversation(value, system, "")], True
    if not _is_list(value):
        raise BadInput(
            f"chat() takes a str, a list of messages, or a list of conversations, not {type(value).__name__}. "
            'A message is {"role": "user", "content": "Hello."}.'
        )
    if not value:
        raise BadInput("The conversation is empty. Give at least one message of the user.")
    if any(isinstance(m, Mapping) for m in value):
        raise BadInput(
            "The list holds messages and other things. Give one conversation (a list of messages), or a list of "
            "conversations, each a str or a list of messages."
        )
    return [_conversation(one, system, f" of conversation {i}") for i, one in enumerate(value)], False


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _are_messages(value: object) -> TypeGuard[Sequence[Mapping[str, object]]]:
    return _is_list(value) and len(value) > 0 and all(isinstance(message, Mapping) for message in value)


def _conversation(value: object, system: str | None, where: str) -> Messages:
    given = [{"role": "user", "content": value}] if isinstance(value, str) else value
    if not _are_messages(given):
        raise BadInput(f"What should be the messages{where} is no list of them. Give a str or a list of messages.")
    messages = [_message(message, number, where) for number, message in enumerate(given)]
    if messages[0]["role"] != "system":
        messages = ([{"role": "system", "content": system}] if system else []) + messages
    elif system:
        raise BadInput(f"The messages{where} begin with a system message, and system= gives another. Give one of them.")
    turns = [m["role"] for m in messages if m["role"] != "system"]
    if "system" in [m["role"] for m in messages[1:]]:
        raise BadInput(f"A system message stands first, and only there. Move that{where} to the start.")
    if turns != ["user", "assistant"] * (len(turns) // 2) + ["user"]:
        raise BadInput(
            f"User and assistant must take turns, the user first and last; the turns{where} are: "
            f"{', '.join(turns) or 'none'}. Join messages of the same speaker, and end with the user's."
        )
    return messages


def _message(message: Mapping[str, object], number: int, where: str) -> dict[str, str]:
    unknown = set(message) - {"role", "content"}
    if unknown or set(message) != {"role", "content"}:
        raise BadInput(
            f"Message {number}{where} has the keys {', '.join(map(repr, message)) or 'none'}. "
            "A message has 'role' and 'content'."
        )
    role, content = message["role"], message["content"]
    if role not in ROLES:
        raise BadInput(f"Message {number}{where} has role {role!r}. The roles are: {', '.join(ROLES)}.")
    if not isinstance(content, str):
        raise BadInput(f"The content of message {number}{where} must be a str, not {type(content).__name__}.")
    if role == "assistant" and not content.strip():
        return {"role": role, "content": content}  # a model may have said nothing
    texts_of(content, f"content of message {number}{where}")
    return {"role": role, "content": content}
