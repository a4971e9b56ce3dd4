"""Exercises: a conversation as one text, by two templates, and the loss of what the assistant says.

Knows nothing about notebooks or models. The first two checks call the reader's function on conversations whose text
is known; the third on a handful of losses whose mean can be computed by hand. Each names the mistake that a wrong
answer points to.
"""

from __future__ import annotations

from collections.abc import Callable

from llm_course.checks.exercises import Wrong, exercise
from llm_course.lessons.answers import number

END = "<|endoftext|>"
MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "A latte, please."},
    {"role": "assistant", "content": "One latte. Right?"},
    {"role": "user", "content": "Yes."},
]
TEXT = f"System: Be brief.\nUser: A latte, please.\nAssistant: One latte. Right?{END}\nUser: Yes.\nAssistant:"
CHATML = (
    "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nA latte, please.<|im_end|>\n"
    "<|im_start|>assistant\nOne latte. Right?<|im_end|>\n<|im_start|>user\nYes.<|im_end|>\n<|im_start|>assistant\n"
)
# Six tokens: who says each, and the loss of each in nats. No mean of any other part is 1.0.
SPEAKERS = ["system", "user", "user", "assistant", "assistant", "assistant"]
LOSSES = [7.0, 5.0, 6.0, 0.5, 2.0, 0.5]


@exercise(
    "as_text",
    hint="Gap 1: only what the assistant says ends with END. `END if message['role'] == 'assistant' else ''`. "
    "Gap 2: the text stops where the model's turn begins, after the word Assistant and the colon.",
    solution="""def as_text(messages):
    text = ""
    for message in messages:
        text += message["role"].capitalize() + ": " + message["content"]
        text += END if message["role"] == "assistant" else ""
        text += "\\n"
    return text + "Assistant:\"""",
)
def check_as_text(answer: Callable[..., object]) -> str | None:
    """``answer(messages)``: the text that the chat template makes of them, up to the assistant's turn."""
    found = answer([dict(message) for message in MESSAGES])
    if not isinstance(found, str):
        raise Wrong(f"your function gives back {type(found).__name__}, where a str is expected.")
    if found == TEXT.removesuffix("Assistant:"):
        raise Wrong(
            "the text ends after the user's turn. Then the model goes on as the user: nothing says whose turn it is."
        )
    if found == TEXT + " " or found == TEXT + "\n":
        raise Wrong(
            "there is a blank after the last colon. The model's first word brings its own space: end with the colon."
        )
    if found == TEXT.replace(END, ""):
        raise Wrong("the assistant's turns have no end token. From such texts a model never learns to stop.")
    if found.count(END) > TEXT.count(END):
        raise Wrong("users and the system end with the end token, too. Only what the assistant says ends with it.")
    if found == TEXT + END or found.endswith(END):
        raise Wrong("the end token stands at the very end. The turn that begins there has not been said yet.")
    if "\n" not in found:
        raise Wrong("all turns stand in one line. Each message gets a line of its own: add '\\n' after it.")
    if found != TEXT and found.lower() == TEXT.lower():
        raise Wrong("the speakers' names are not written as in the template: System, User, Assistant.")
    if found != TEXT:
        raise Wrong(f"expected {TEXT!r}, got {found!r}.")
    other = [{"role": "user", "content": "Hi."}]
    if answer(other) != "User: Hi.\nAssistant:":
        raise Wrong(
            "the first conversation comes out right, a shorter one does not. Did you write its content into the code?"
        )
    return "every turn on its line, the assistant's with an end, and the last line waits for the model."


@exercise(
    "as_chatml",
    hint="Go through the messages as in as_text. Each turn is '<|im_start|>', the role, '\\n', the content, "
    "'<|im_end|>' and '\\n'. After the loop one more turn begins, and nothing ends it.",
    solution="""def as_chatml(messages):
    text = ""
    for message in messages:
        text += "<|im_start|>" + message["role"] + "\\n" + message["content"] + "<|im_end|>\\n"
    return text + "<|im_start|>assistant\\n\"""",
)
def check_as_chatml(answer: Callable[..., object]) -> str | None:
    """``answer(messages)``: the text that the ChatML template makes of them, up to the assistant's turn."""
    found = answer([dict(message) for message in MESSAGES])
    if not isinstance(found, str):
        raise Wrong(f"your function gives back {type(found).__name__}, where a str is expected.")
    if found == TEXT:
        raise Wrong("this is gpt-mini-chat's template. A model that was tuned with ChatML has never met it.")
    if found == CHATML.removesuffix("<|im_start|>assistant\n"):
        raise Wrong("the text ends after the user's turn. Nothing tells the model that it is its turn: open it.")
    if found == CHATML.rstrip("\n"):
        raise Wrong("the last line break is missing. The reply begins on the line after the word assistant.")
    if found in (CHATML + "<|im_end|>", CHATML + "<|im_end|>\n"):
        raise Wrong("the last turn is closed. It has not been said yet: only open it.")
    if found != CHATML and found.lower() == CHATML.lower():
        raise Wrong("the speakers are capitalized. ChatML takes the role as it is: system, user, assistant.")
    if found.count("<|im_end|>") < CHATML.count("<|im_end|>"):
        raise Wrong("some turns are not closed. In ChatML every turn ends with <|im_end|>, whoever has spoken.")
    if found == CHATML.replace("<|im_end|>\n", "<|im_end|>"):
        raise Wrong("the turns run into each other. A line break stands after each <|im_end|>.")
    if any(f"<|im_start|>{one['role']}\n" not in found for one in MESSAGES):
        raise Wrong("between the role and the content stands a line break, and nothing else: no colon, no blank.")
    if found != CHATML:
        raise Wrong(f"expected {CHATML!r}, got {found!r}.")
    if answer([{"role": "user", "content": "Hi."}]) != "<|im_start|>user\nHi.<|im_end|>\n<|im_start|>assistant\n":
        raise Wrong(
            "the first conversation comes out right, a shorter one does not. Did you write its content into the code?"
        )
    return "every turn is opened and closed, and the last one is only opened."


@exercise(
    "answer_loss",
    hint="Keep the losses whose speaker is the assistant, and take their mean. If nobody of that name speaks, give 0.",
    solution="""def answer_loss(losses, speakers):
    own = [loss for loss, speaker in zip(losses, speakers) if speaker == "assistant"]
    return sum(own) / len(own) if own else 0.0""",
)
def check_answer_loss(answer: Callable[..., object]) -> str | None:
    """``answer(losses, speakers)``: the mean loss of the assistant's tokens; 0 where there is none."""
    found = number(answer(list(LOSSES), list(SPEAKERS)))

    def near(value: float) -> bool:
        return abs(found - value) < 1e-6

    if near(sum(LOSSES) / 6):
        raise Wrong("this is the mean of all tokens. The model would learn to speak for the user as well.")
    if near(3.0):
        raise Wrong("this is the sum. A long answer would weigh more than a short one: take the mean.")
    if near(0.5):
        raise Wrong(
            "you divided the assistant's losses by the number of all tokens. Divide by the number of the assistant's."
        )
    if near(6.0) or near(5.5):
        raise Wrong("these are the losses of the others. Keep those whose speaker is 'assistant'.")
    if not near(1.0):
        raise Wrong(f"for losses {LOSSES} said by {SPEAKERS} expected 1.0, got {found:.3f}.")
    try:
        silent = number(answer([2.0, 4.0], ["user", "user"]))
    except ZeroDivisionError:
        raise Wrong("where the assistant says nothing, your function divides by 0. Give 0 there.") from None
    if silent != 0.0:
        raise Wrong(f"where the assistant says nothing the answer is 0, yours is {silent}.")
    return "three tokens count, three only stand before them: mean 1.0."
