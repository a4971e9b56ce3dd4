"""Conversations as tokens: the chat template of the tuned minis, and which tokens they learn to say.

Knows nothing about models or corpora. A conversation is a list of messages ``{"role", "content"}``. The template
is plain text, so it needs no token that gpt-mini's vocabulary lacks: each message begins with its speaker, and what
the assistant says ends with the end token. Training counts the assistant's words and end tokens only: the model
learns to answer, not to speak for the user.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from llm_course.minis.batches import pad

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

SPEAKERS = {"system": "System", "user": "User", "assistant": "Assistant"}
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'system' %}System: {{ message['content'] | trim }}\n"
    "{% elif message['role'] == 'user' %}User: {{ message['content'] | trim }}\n"
    "{% elif message['role'] == 'assistant' %}Assistant: {{ message['content'] | trim }}{{ eos_token }}\n"
    "{% else %}{{ raise_exception('The roles are system, user and assistant.') }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
Conversation = Sequence[dict[str, str]]
Example = tuple[list[int], list[bool]]
IGNORED = -100  # the label of a token that is not learned, as the loss of PyTorch names it


def encode(messages: Conversation, tokenizer: PreTrainedTokenizerFast) -> Example:
    """A conversation as token ids, and for each of them whether the assistant says it (its end token included).

    The ids are those that the template gives for the same messages.
    """
    return encode_all([messages], tokenizer)[0]


def encode_all(conversations: Sequence[Conversation], tokenizer: PreTrainedTokenizerFast) -> list[Example]:
    """Many conversations as :func:`encode` gives one; each piece of text is cut into tokens once."""
    pieces = dict.fromkeys(piece for messages in conversations for piece, _ in _pieces(messages))
    cut = tokenizer.backend_tokenizer.encode_batch(list(pieces), add_special_tokens=False)
    ids_of = {piece: encoding.ids for piece, encoding in zip(pieces, cut, strict=True)}
    found = []
    for messages in conversations:
        ids, said = [tokenizer.bos_token_id], [False]
        for piece, answer in _pieces(messages):
            own = ids_of[piece] + ([tokenizer.eos_token_id] if answer else [])
            ids += own
            said += [answer] * len(own)
        found.append((ids, said))
    return found


def _pieces(messages: Conversation) -> Iterator[tuple[str, bool]]:
    """The text of a conversation in pieces at whose borders no token lies across, and whether each is an answer."""
    for number, message in enumerate(messages):
        own, answer = message["content"].strip(), message["role"] == "assistant"
        before = "\n" if number and messages[number - 1]["role"] == "assistant" else ""
        yield f"{before}{SPEAKERS[message['role']]}:", False
        yield f" {own}" if answer else f" {own}\n", answer


def pack(examples: Sequence[Example], fill: int) -> tuple[np.ndarray, np.ndarray]:
    """Conversations as one batch: ids and labels, ``(conversations, longest)`` each.

    A label is the id itself where the assistant says it, else :data:`IGNORED`.
    """
    labels = [[token if own else IGNORED for token, own in zip(ids, said, strict=True)] for ids, said in examples]
    return pad([ids for ids, _ in examples], fill), pad(labels, IGNORED)


def answer_loss(model: Any, batch: np.ndarray, labels: np.ndarray, reduction: str = "mean") -> torch.Tensor:
    """Cross-entropy of the tokens that the assistant says, in nats; padding stands on the right and sees nothing.

    Only the places that are learned go through the output layer, which is the largest matrix of a small model.
    """
    device = next(model.parameters()).device
    ids, wanted = torch.from_numpy(batch).to(device), torch.from_numpy(labels).to(device)[:, 1:]
    hidden = model.transformer(input_ids=ids[:, :-1], use_cache=False)[0][wanted != IGNORED]
    return torch.nn.functional.cross_entropy(model.lm_head(hidden), wanted[wanted != IGNORED], reduction=reduction)
