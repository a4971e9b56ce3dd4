"""Exercises: call a use case for many texts, and read the results.

Knows nothing about notebooks or about how the models work. Each check calls the reader's function on a few texts,
compares with what the models say about them, and names the mistake that a wrong answer points to.
"""

from __future__ import annotations

from collections.abc import Callable

from llm_course.checks.exercises import Wrong, exercise
from llm_course.results import Result
from llm_course.use_cases.sentiment import sentiment
from llm_course.use_cases.translation import translate

SENTENCES = ["I have a black cat.", "The house is very small.", "Thank you!"]
MIXED = ["The soup was cold.", "The soup was good.", "I love this soup, it is wonderful!", "I hate this soup."]
GLOOMY = ["This is terrible, I hate it.", "The meeting starts at noon.", "What an awful, horrible film."]


@exercise(
    "in_french",
    hint="Gap 1: lc.translate takes a list as well as a single text, and gives back a list of results. "
    "Gap 2: each result is a Translation; str(result) is its text.",
    solution="""def in_french(sentences):
    results = lc.translate(sentences)            # one call for the whole list
    return [str(result) for result in results]""",
)
def check_in_french(answer: Callable[..., object]) -> str | None:
    """``answer(sentences)``: the translations as a list of ``str``, in the same order."""
    found = answer(list(SENTENCES))
    expected = [str(result) for result in translate(SENTENCES)]
    if isinstance(found, str):
        raise Wrong("Your function gives back one text. Three sentences went in, so a list of three texts comes out.")
    if not isinstance(found, (list, tuple)):
        raise Wrong(f"Your function gives back {type(found).__name__}, and a list of texts is asked for.")
    if any(isinstance(one, Result) for one in found):
        raise Wrong("These are results, not texts: they hold the text and more. Gap 2: str(result) is the text alone.")
    if any(isinstance(one, dict) for one in found):
        raise Wrong("These are dicts with all fields of a result. Only the text is asked for: str(result).")
    found = list(found)
    if found == SENTENCES:
        raise Wrong("This is the English. A result keeps the original, too; you want its text: str(result).")
    if any(str(one).startswith("Translation(") for one in found):
        raise Wrong("repr(result) is the short form for programmers. str(result) is the text alone.")
    if len(found) != len(SENTENCES):
        raise Wrong(
            f"{len(SENTENCES)} sentences went in and {len(found)} came out. If that is the number of letters, "
            "the loop runs over one text instead of the list of results."
        )
    if found != expected and sorted(map(str, found)) == sorted(expected):
        raise Wrong("The right texts in another order. The first translation belongs to the first sentence.")
    if found != expected:
        raise Wrong(f"For {SENTENCES[0]!r} expected {expected[0]!r}, got {found[0]!r}.")
    return f"{SENTENCES[0]!r} became {found[0]!r}."


@exercise(
    "most_positive",
    hint="lc.sentiment(texts) gives one result per text, in the same order. result.scores['positive'] is a number "
    "for every text, also for sad ones. max(texts, key=...) needs such a number for each text.",
    solution="""def most_positive(texts):
    results = lc.sentiment(texts)
    best = max(results, key=lambda result: result.scores["positive"])
    return best.text""",
)
def check_most_positive(answer: Callable[..., object]) -> str | None:
    """``answer(texts)``: the text with the highest probability of being positive."""
    for texts in (MIXED, GLOOMY):
        found = answer(list(texts))
        results = sentiment(texts)
        positive = [result.scores["positive"] for result in results]
        best = positive.index(max(positive))
        if isinstance(found, Result):
            raise Wrong("That is the whole result. The task asks for the text, and the result has it: result.text.")
        if isinstance(found, str) and found in results[0].scores:
            raise Wrong(f"That is a label, {found!r}. The task asks for the text that got it.")
        if isinstance(found, (list, tuple)):
            raise Wrong(f"Your function gives back {len(found)} texts. The task asks for one, the most positive.")
        if isinstance(found, (int, float)) and not isinstance(found, bool):
            raise Wrong("Your function gives back a number. Which of the texts does it belong to? Return that text.")
        if found == texts[best]:
            continue
        if found not in texts:
            raise Wrong(f"{str(found)[:60]!r} is none of the texts that went in. Return it as it was, unchanged.")
        scores = [result.score for result in results]
        if found == texts[scores.index(max(scores))]:
            raise Wrong(
                f"You picked {found!r}. result.score is the probability of whichever label won, so a text that is "
                "surely negative scores high, too. Compare result.scores['positive']."
            )
        if found == texts[positive.index(min(positive))]:
            raise Wrong(f"You picked {found!r}, the least positive of all. Is it min where max should be?")
        if found == next((r.text for r in results if r.label == "positive"), None):
            raise Wrong(
                f"You picked {found!r}, the first text with the label positive. Another is more positive. Compare "
                "result.scores['positive'] over all texts."
            )
        raise Wrong(f"Of {texts} the most positive is {texts[best]!r}; you picked {found!r}.")
    return "it also works where no text is positive at all."
