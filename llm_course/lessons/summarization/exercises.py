"""Exercises: ROUGE for any n, the best of several references, words not in the text.

Knows nothing about models or notebooks: the texts are toys whose answers can be counted on paper.
"""

from __future__ import annotations

from collections.abc import Callable

from llm_course.checks.exercises import Wrong, exercise
from llm_course.lessons.answers import called, number

REFERENCE = "The cat sat on the mat"
SUMMARY = "The cat lay on the mat today"


def _number(function: Callable[..., object], *args: object) -> float:
    """Call the learner's function and give its result as a number."""
    got = called(function, *args)
    if got is None or got is ...:
        raise Wrong("Not written yet: it gives nothing back. Replace every `...`, and end with a `return`.")
    if isinstance(got, tuple):
        raise Wrong("It gives back several numbers. One is asked for.")
    return number(got)


def _is(number: float, wanted: float) -> bool:
    return abs(number - wanted) < 0.006  # an answer rounded to two places is right, too


@exercise(
    "rouge_n",
    hint="Recall: shared n-grams out of those of the reference, `ref.total()`. Precision: out of those of the summary, "
    "`got.total()`. The F-measure is 2 * precision * recall / (precision + recall).",
    solution="""\
def rouge_n(reference, summary, n):
    ref, got = ngrams(reference, n), ngrams(summary, n)
    shared = (ref & got).total()
    if shared == 0:
        return 0.0
    recall = shared / ref.total()
    precision = shared / got.total()
    return 2 * precision * recall / (precision + recall)
""",
)
def check_rouge_n(answer: Callable[..., object]) -> str | None:
    """``rouge_n(reference, summary, n)`` must be the F-measure over clipped n-gram counts."""
    one = _number(answer, REFERENCE, SUMMARY, 1)
    named = [
        (5 / 6, "That is the recall alone. The F-measure also needs the precision: shared out of the summary's."),
        (5 / 7, "That is the precision alone. The F-measure also needs the recall: shared out of the reference's."),
        (5 / 13, "Half of what it should be: the formula begins with 2 *."),
        ((5 / 6 + 5 / 7) / 2, "That is the plain average. The F-measure is 2 * precision * recall / their sum."),
        (5 / 6 * 5 / 7, "That is precision times recall. Divide twice that by their sum."),
        (8 / 11, "It looks as if every word counted once. Counters count each occurrence: 'the' stands there twice."),
        (5.0, "That is the number of shared words. Divide it by the totals first."),
    ]
    for value, diagnosis in named:
        if abs(one - value) < 1e-3 and not abs(one - 10 / 13) < 1e-3:
            raise Wrong(diagnosis)
    if not _is(one, 10 / 13):
        raise Wrong(
            f"For the toy with n = 1 it gives {one:.2f}; on paper it is 10/13, or 0.77. Recall is 5/6, precision 5/7. "
            "Which total did you divide by?"
        )
    two = _number(answer, REFERENCE, SUMMARY, 2)
    if _is(two, 10 / 13):
        raise Wrong("With n = 2 it gives the same as with n = 1. Do you pass n on to ngrams?")
    if not _is(two, 6 / 11):
        raise Wrong(f"Right for n = 1, but for n = 2 it gives {two:.2f} and not 6/11, or 0.55.")
    repeated = _number(answer, "The cat", "the the the", 1)
    if not _is(repeated, 2 * 1 / (2 + 3)):
        raise Wrong(
            f"Reference 'The cat', summary 'the the the': it gives {repeated:.2f}, and not 0.40. A word counts at most "
            "as often as the reference has it: `ref & got` takes the smaller count."
        )
    nothing = _number(answer, "The cat sat", "A dog ran", 1)
    if nothing != 0:
        raise Wrong(f"Texts without a common word must score 0.0, and yours gives {nothing:.2f}.")
    return "10/13 and 6/11, as on paper, and a word that is repeated is not paid twice."


SECOND = "Today the cat lay on the mat again"  # shares all 7 words of the summary, 7 of its own 8


@exercise(
    "rouge_best",
    hint="Go through the references. For each one take the F-measure, as in `rouge_n`: recall from `ref.total()`, "
    "precision from `got.total()`, and 0.0 if nothing is shared. Keep all of them in a list, and return its maximum.",
    solution="""\
def rouge_best(references, summary, n):
    got, found = ngrams(summary, n), []
    for reference in references:
        ref = ngrams(reference, n)
        shared = (ref & got).total()
        recall, precision = shared / ref.total(), shared / got.total()
        found.append(2 * precision * recall / (precision + recall) if shared else 0.0)
    return max(found)
""",
)
def check_rouge_best(answer: Callable[..., object]) -> str | None:
    """``rouge_best(references, summary, n)`` must be the best F-measure that any single reference gives."""
    found = _number(answer, [REFERENCE, SECOND], SUMMARY, 1)
    named = [
        (10 / 13, "That is the first reference alone, or the worst one. Go through all, and take the maximum."),
        ((10 / 13 + 14 / 15) / 2, "That is the mean over the references. The best one counts: take the maximum."),
        (2 / 3, "You joined the references into one text. Compare the summary with each by itself."),
        (7 / 8, "That is the best recall. The F-measure also needs the precision."),
        (1.0, "That is the best precision. The F-measure also needs the recall."),
        (7 / 15, "Half of what it should be: the formula begins with 2 *."),
    ]
    for value, diagnosis in named:
        if abs(found - value) < 1e-3:
            raise Wrong(diagnosis)
    if not _is(found, 14 / 15):
        raise Wrong(f"With two references and n = 1 it gives {found:.2f}; on paper it is 14/15, or 0.93.")
    if not _is(_number(answer, [SECOND, REFERENCE], SUMMARY, 1), 14 / 15):
        raise Wrong("With the references in the other order the answer changes. Take the maximum, not the last one.")
    two = _number(answer, [REFERENCE, SECOND], SUMMARY, 2)
    if _is(two, 14 / 15):
        raise Wrong("With n = 2 it gives the same as with n = 1. Do you pass n on to ngrams?")
    if not _is(two, 10 / 13):
        raise Wrong(f"Right for n = 1, but for n = 2 it gives {two:.2f} and not 10/13, or 0.77.")
    short = _number(answer, ["The cat", REFERENCE], SUMMARY, 1)
    if _is(short, 5 / 6):
        raise Wrong("You took the best recall and the best precision from different references. Join them first.")
    if not _is(short, 10 / 13):
        raise Wrong(f"With 'The cat' as one of two references it gives {short:.2f}, and not 0.77.")
    if _number(answer, ["A dog ran", "Rain fell"], "The cat sat", 1) != 0:
        raise Wrong("Where no reference has a common word with the summary, the answer must be 0.0.")
    return "each reference by itself, and the best one counts: 14/15, as on paper."


TEXT = "The dog barks at the dog next door. A man sleeps."


@exercise(
    "new_words",
    hint="`said = ngrams(summary, 1)` counts the summary's words. Add up the counts of those that are not a key of "
    "`ngrams(text, 1)`, and divide by `said.total()`.",
    solution="""\
def new_words(text, summary):
    known, said = ngrams(text, 1), ngrams(summary, 1)
    new = sum(count for word, count in said.items() if word not in known)
    return new / said.total()
""",
)
def check_new_words(answer: Callable[..., object]) -> str | None:
    """``new_words(text, summary)`` must be the share of the summary's words that do not occur in the text."""
    # 5 words, 1 of them new; the text has 11 words (9 different ones), 5 of which the summary leaves out.
    share = _number(answer, TEXT, "The angry dog barks, sleeps.")
    named = [
        (4 / 5, "That is the share of words that do stand in the text. Asked for is the rest: the new ones."),
        (1.0, "That is a count, or every word counts as new. Divide the number of new words by all of the summary's."),
        (1 / 11, "You divided by the length of the text. The share is of the summary's words."),
        (5 / 11, "That is the share of the text that the summary leaves out. Asked for is the other direction."),
        (5 / 9, "That is the share of the text's words that the summary leaves out. Asked for is the other direction."),
        (3 / 5, "'The' and 'the', or 'barks,' and 'barks', do not match in yours. `ngrams` drops capitals and commas."),
        (2 / 5, "'The' and 'the', or 'barks,' and 'barks', do not match in yours. `ngrams` drops capitals and commas."),
        (20.0, "That is a percentage. A share lies between 0 and 1."),
    ]
    for value, diagnosis in named:
        if abs(share - value) < 1e-3:
            raise Wrong(diagnosis)
    if not _is(share, 1 / 5):
        raise Wrong(
            f"Of the five words in 'The angry dog barks, sleeps.' one is new: 0.2, and yours gives {share:.2f}."
        )
    often = _number(answer, TEXT, "Man man man sleeps.")
    if _is(often, 1 / 2):
        raise Wrong("A word that the summary uses more often than the text is not new. Is it in the text at all?")
    if not _is(often, 0):
        raise Wrong(f"'Man man man sleeps.' has no word that is not in the text: 0.0, and yours gives {often:.2f}.")
    repeated = _number(answer, TEXT, "A cat and a cat.")
    if not _is(repeated, 3 / 5):
        raise Wrong(
            f"'A cat and a cat.' has five words, three of them new ('cat' twice): 0.6, and yours gives {repeated:.2f}. "
            "Each occurrence in the summary counts."
        )
    whole = _number(answer, "He is here.", "Is he here?")
    if whole != 0:
        raise Wrong(f"All words of 'Is he here?' stand in 'He is here.', and yours gives {whole:.2f}.")
    part = _number(answer, "The cathedral", "The cat")
    if not _is(part, 1 / 2):
        raise Wrong("'cat' counts as known because 'cathedral' is in the text. Compare whole words.")
    return "every occurrence in the summary counts, and only whole words match."
