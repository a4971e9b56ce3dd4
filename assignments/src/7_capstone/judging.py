"""Judging of assignment 7: triage of customer mail with all four use cases, and what is handed to a person.

Trusted: never released, never in the sandbox. Knows nothing about notebooks. What the models have to say is computed
when the judging is done; the mails were chosen so that no answer is a near thing (a test watches over it).
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np

from llm_course.checks.compare import exact, text
from llm_course.grading.tasks import Cases, Mistake, Task

Rng = np.random.Generator
Mail = dict[str, Any]

# The same data as in the notebook's first cell (a test compares them).
ENGLISH = set("the a and is are was my i you it not have has to of in with for this that please".split())
FRENCH = set("le la les un une des et est sont mon ma je vous il ne pas ai avez de du dans avec pour que".split())
TU = set("tu te toi ton ta tes t".split())
REPLIES = {
    "complaint": [["Sorry, us.", "We are sorry."], ["Can you send us a photo?", "Photo, send us?"]],
    "thanks": [["Many thanks, that.", "Thank you very much."], ["We are happy that you like it.", "Glad you like."]],
    "request": [
        ["Your letter, thank you.", "Thank you for your letter."],
        ["We will answer you soon.", "Answer comes soon."],
    ],
}
QUEUES = ["complaint", "person", "request", "thanks"]
SURE = 0.6


def words(mail: str) -> list[str]:
    """The words of a text in small letters; an apostrophe ends a word."""
    return re.findall(r"[^\W\d_]+", mail.lower())


# Task 1: which language


def language(mail: str) -> str:
    """The language: "en", "fr", or "unknown" when neither has more of its small words in the text."""
    counts = Counter(words(mail))
    english, french = (sum(counts[word] for word in known) for known in (ENGLISH, FRENCH))
    return "en" if english > french else "fr" if french > english else "unknown"


def _language_loop(mail: str) -> str:
    balance = 0
    for word in words(mail):
        balance += (word in ENGLISH) - (word in FRENCH)
    return {1: "en", -1: "fr", 0: "unknown"}[int(np.sign(balance))]


def _language_letters(mail: str) -> str:
    english, french = (sum(mail.lower().count(word) for word in known) for known in (ENGLISH, FRENCH))
    return "en" if english > french else "fr" if french > english else "unknown"


def _language_never_unknown(mail: str) -> str:
    found = language(mail)
    return "en" if found == "unknown" else found


def _language_any(mail: str) -> str:
    found = set(words(mail))
    return "en" if found & ENGLISH else "fr" if found & FRENCH else "unknown"


def _balance(english: int, french: int) -> str:
    return "en" if english > french else "fr" if french > english else "unknown"


def _language_distinct(mail: str) -> str:
    found = set(words(mail))
    return _balance(len(found & ENGLISH), len(found & FRENCH))


def _language_spaces(mail: str) -> str:
    found = mail.lower().split()
    return _balance(sum(word in ENGLISH for word in found), sum(word in FRENCH for word in found))


def _language_first_word(mail: str) -> str:
    first = next((word for word in words(mail) if word in ENGLISH | FRENCH), "")
    return "en" if first in ENGLISH else "fr" if first in FRENCH else "unknown"


def _language_tie_is_french(mail: str) -> str:
    found = language(mail)
    return "fr" if found == "unknown" and set(words(mail)) & FRENCH else found


def _language_case(mail: str) -> str:
    found = re.findall(r"[^\W\d_]+", mail)
    return _balance(sum(word in ENGLISH for word in found), sum(word in FRENCH for word in found))


# Task 2: which queue


def route(code: str, label: str, score: float) -> str:
    """The queue: what our models cannot read or are not sure about goes to a person."""
    if code != "en" or score < SURE:
        return "person"
    return {"negative": "complaint", "neutral": "request", "positive": "thanks"}[label]


def _route_nested(code: str, label: str, score: float) -> str:
    if code == "en":
        if score >= SURE:
            return "complaint" if label == "negative" else "thanks" if label == "positive" else "request"
    return "person"


def _route_any_language(code: str, label: str, score: float) -> str:
    return route("en", label, score)


def _route_always_sure(code: str, label: str, score: float) -> str:
    return route(code, label, 1.0)


def _route_french_only(code: str, label: str, score: float) -> str:
    return route("en" if code == "unknown" else code, label, score)


def _route_turned(code: str, label: str, score: float) -> str:
    return route(code, label, 1 - score)


def _route_neutral_thanks(code: str, label: str, score: float) -> str:
    found = route(code, label, score)
    return "thanks" if found == "request" else found


def _routes_hidden(rng: Rng) -> Cases:
    return [
        (code, label, float(rng.uniform(*span)))
        for code in ("en", "fr", "unknown")
        for label in ("positive", "neutral", "negative")
        for span in ((0.62, 0.99), (0.34, 0.58))
    ]


# Task 3: a reply that a stranger may read


def polite(french: str) -> bool:
    """Whether no word says tu."""
    return not set(words(french)) & TU


def _polite_loop(french: str) -> bool:
    return all(word not in TU for word in words(french))


def _polite_letters(french: str) -> bool:
    return not any(word in french.lower() for word in TU)


def _polite_case(french: str) -> bool:
    return not set(re.findall(r"[^\W\d_]+", french)) & TU


def _polite_spaces(french: str) -> bool:
    return not set(french.lower().split()) & TU


def _polite_turned(french: str) -> bool:
    return not polite(french)


def _polite_vous(french: str) -> bool:
    return "vous" in words(french)


POLITE = [
    "Nous avons reçu votre lettre.",
    "Merci.",
    "Voulez-vous une lampe neuve ?",
    "Tu peux nous appeler.",
    "Nous t'enverrons une lampe.",
    "Ton argent arrive.",
    "Appelez-nous, s'il vous plaît.",
    "Nous pouvons te répondre.",
    "C'est pour toi.",
    "Veux-tu une photo ?",
    "La table est petite et le tapis est vert.",
]


# Task 4: the better wording


def most_fluent(candidates: list[str], model: str) -> int:
    """Place of the text with the lowest loss a token."""
    import llm_course as lc

    return int(np.argmin([lc.perplexity(one, model=model).loss for one in candidates]))


def _fluent_logprobs(candidates: list[str], model: str) -> int:
    import llm_course as lc

    lm = lc.load(model)
    found = [lc.perplexity(one, model=lm) for one in candidates]
    return max(range(len(found)), key=lambda k: sum(found[k].logprobs) / len(found[k].logprobs))


def _fluent_sum(candidates: list[str], model: str) -> int:
    import llm_course as lc

    return int(np.argmax([sum(lc.perplexity(one, model=model).logprobs) for one in candidates]))


def _fluent_worst(candidates: list[str], model: str) -> int:
    import llm_course as lc

    return int(np.argmax([lc.perplexity(one, model=model).loss for one in candidates]))


def _fluent_from_one(candidates: list[str], model: str) -> int:
    return most_fluent(candidates, model) + 1


def _fluent_text(candidates: list[str], model: str) -> str:
    return candidates[most_fluent(candidates, model)]


FLUENT = [
    "We are very sorry that your lamp was broken when it came, and we want to help you.",
    "Thank you so much for the kind letter that you wrote to us. We are very happy.",
    "We looked everywhere for the box, and we found it at last in the big house near the river.",
]
CLUMSY = ["Sorry lamp.", "Of letter the.", "Box not is.", "Glad much we.", "Lamp yes was which by."]


def _fluent_hidden(rng: Rng) -> Cases:
    cases = []
    for good in FLUENT:
        mixed = good.split()
        rng.shuffle(mixed)
        some = [good, " ".join(mixed) + " " + " ".join(mixed[:4]), str(rng.choice(CLUMSY))]
        cases.append(([some[int(k)] for k in rng.permutation(3)], "gpt-mini"))
    return cases


# Task 5: the reply


def reply(name: str, queue: str, code: str) -> str:
    """The draft: a greeting with the name as it is, then the queue's sentences as chosen, in French if asked for."""
    import llm_course as lc

    body = " ".join(wordings(queue))
    return f"Bonjour {name},\n{lc.translate(body)}" if code == "fr" else f"Dear {name},\n{body}"


def wordings(queue: str) -> list[str]:
    """The sentences of a queue, each in the wording that gpt-mini finds least surprising."""
    return [candidates[most_fluent(candidates, "gpt-mini")] for candidates in REPLIES[queue]]


def _reply_sentences(name: str, queue: str, code: str) -> str:
    import llm_course as lc

    lines = [min(one, key=lambda text: lc.perplexity(text, model="gpt-mini").loss) for one in REPLIES[queue]]
    if code == "fr":
        lines = [str(one) for one in lc.translate(lines, source="en", target="fr", progress=False)]
    return ("Bonjour" if code == "fr" else "Dear") + " " + name + ", " + " ".join(lines)


def _reply_english(name: str, queue: str, code: str) -> str:
    return reply(name, queue, "en")


def _reply_first_wording(name: str, queue: str, code: str) -> str:
    import llm_course as lc

    body = " ".join(candidates[0] for candidates in REPLIES[queue])
    return f"Bonjour {name},\n{lc.translate(body)}" if code == "fr" else f"Dear {name},\n{body}"


def _reply_most_surprising(name: str, queue: str, code: str) -> str:
    import llm_course as lc

    body = " ".join(candidates[_fluent_worst(candidates, "gpt-mini")] for candidates in REPLIES[queue])
    return f"Bonjour {name},\n{lc.translate(body)}" if code == "fr" else f"Dear {name},\n{body}"


def _reply_always_french(name: str, queue: str, code: str) -> str:
    return reply(name, queue, "fr")


def _reply_name_translated(name: str, queue: str, code: str) -> str:
    import llm_course as lc

    english = reply(name, queue, "en")
    return str(lc.translate(english)) if code == "fr" else english


def _reply_english_greeting(name: str, queue: str, code: str) -> str:
    return reply(name, queue, code).replace("Bonjour", "Dear")


def _reply_first_sentence(name: str, queue: str, code: str) -> str:
    return ". ".join(reply(name, queue, code).split(". ")[:-1]) + "."


NAMES = ["Zyx Okonkwo", "Noor Haddad", "Chloé Brun", "Ida Grün", "Sam Baker", "Quentin Roy"]


# Task 6: the whole pipeline


def triage(mails: list[Mail]) -> list[Mail]:
    """One record a mail, sorted by queue and then by days waited (see the notebook)."""
    return _triage(mails)


def _triage(
    mails: list[Mail],
    read_all: bool = False,
    polite_only: bool = True,
    ordered: bool = True,
    replies_for_all: bool = False,
    oldest_first: bool = True,
    gist_for_all: bool = False,
    lead: bool = False,
    always_sure: bool = False,
    gist_for_person: bool = True,
) -> list[Mail]:
    import llm_course as lc
    from llm_course.text import split_sentences

    records = []
    for mail in mails:
        code = language(mail["text"])
        readable = code == "en" or read_all
        queue, gist = "person", ""
        if readable:
            found = lc.sentiment(mail["text"])
            queue = route("en", found.label, 1.0 if always_sure else found.score)
        if (readable and (queue != "person" or gist_for_person)) or gist_for_all:
            gist = str(lc.summarize(mail["text"], max_sentences=1, method="extractive"))
            if lead:
                gist = split_sentences(mail["text"])[0]
        draft = ""
        if queue != "person" or replies_for_all:
            draft = reply(mail["name"], queue if queue != "person" else "request", mail["answer_in"])
            if mail["answer_in"] == "fr" and polite_only and not polite(draft):
                queue, draft = "person", draft if replies_for_all else ""
        records.append({"name": mail["name"], "queue": queue, "gist": gist, "reply": draft, "days": mail["days"]})
    if ordered:
        sign = -1 if oldest_first else 1
        records.sort(key=lambda one: (QUEUES.index(one["queue"]), sign * one["days"]))
    return [{key: value for key, value in one.items() if key != "days"} for one in records]


def _triage_numpy(mails: list[Mail]) -> list[Mail]:
    by_age = sorted(mails, key=lambda mail: mail["days"], reverse=True)
    done = [_triage([mail])[0] for mail in by_age]
    return [one for queue in QUEUES for one in done if one["queue"] == queue]


def _triage_reads_french(mails: list[Mail]) -> list[Mail]:
    return _triage(mails, read_all=True)


def _triage_impolite(mails: list[Mail]) -> list[Mail]:
    return _triage(mails, polite_only=False)


def _triage_unsorted(mails: list[Mail]) -> list[Mail]:
    return _triage(mails, ordered=False)


def _triage_newest(mails: list[Mail]) -> list[Mail]:
    return _triage(mails, oldest_first=False)


def _triage_answers_all(mails: list[Mail]) -> list[Mail]:
    return _triage(mails, replies_for_all=True)


def _triage_gist_all(mails: list[Mail]) -> list[Mail]:
    return _triage(mails, gist_for_all=True)


def _triage_always_sure(mails: list[Mail]) -> list[Mail]:
    return _triage(mails, always_sure=True)


def _triage_no_gist_for_person(mails: list[Mail]) -> list[Mail]:
    return _triage(mails, gist_for_person=False)


def _triage_lead(mails: list[Mail]) -> list[Mail]:
    return _triage(mails, lead=True)


MAILS = [
    "I bought a lamp from you in May. It came in a large box. The glass was broken in two places. Your driver was "
    "very rude to me.",
    "The new chair is wonderful. I love the color and it is very comfortable. Thank you for the fast delivery.",
    "The shop opens at nine on Monday. I will come with my brother to get the boxes.",
    "This is the worst shop that I know. I have called you three times and nobody answers. I am very angry.",
    "Thank you for the beautiful table. My family and I are so happy with it.",
    "The new bed is beautiful. I love it, and it is so comfortable.",
    "I hate this kettle. It is cheap and ugly, and it broke on the first day.",
    "The delivery was fast and the driver was kind. The bed is great and the children love it.",
]
UNSURE = "You have sent me the wrong lamp. I would like to change it."  # below SURE: to a person, with a gist
FRENCH_MAILS = [
    "Bonjour, je suis très contente de la lampe. Elle est belle et la lumière est douce. Merci pour tout.",
    "La table est cassée et je ne suis pas content. Vous avez mon adresse. Je veux une table neuve.",
    "Je cherche le numéro de mon colis. Il est dans le nord de la France.",
]
OTHER_MAILS = ["Hola, quiero mi dinero.", "4711 ???"]


def _triage_hidden(rng: Rng) -> Cases:
    cases = []
    for _ in range(2):
        english = [MAILS[int(k)] for k in (3, rng.choice([0, 6]), 1, rng.choice([4, 7]), 2)]
        texts = [*english, UNSURE, FRENCH_MAILS[0], str(rng.choice(FRENCH_MAILS[1:])), str(rng.choice(OTHER_MAILS))]
        days = [int(k) for k in rng.permutation(20)[: len(texts)]]
        names = [NAMES[int(k) % len(NAMES)] for k in rng.integers(len(NAMES), size=len(texts))]
        # Of each queue one draft is French: which of them says tu is the translator's affair.
        codes = ["fr" if text in (MAILS[2], MAILS[3]) or rng.uniform() < 0.4 else "en" for text in texts]
        texts, names, codes, days = [*texts, MAILS[4]], [*names, "Ida Grün"], [*codes, "fr"], [*days, 21]
        mails = [
            {"name": name, "text": one, "answer_in": code, "days": waited}
            for name, one, code, waited in zip(names, texts, codes, days, strict=True)
        ]
        cases.append(([mails[int(k)] for k in rng.permutation(len(mails))],))
    return cases


_box = [
    {"name": "Sam Baker", "text": MAILS[1], "answer_in": "fr", "days": 1},
    {"name": "Chloé Brun", "text": FRENCH_MAILS[1], "answer_in": "en", "days": 4},
    {"name": "Noor Haddad", "text": MAILS[0], "answer_in": "fr", "days": 2},
    {"name": "Quentin Roy", "text": MAILS[2], "answer_in": "fr", "days": 6},
    {"name": "Ida Grün", "text": MAILS[3], "answer_in": "en", "days": 5},
    {"name": "Zyx Okonkwo", "text": UNSURE, "answer_in": "en", "days": 3},
]

# Mails that tell rules apart which agree on plain ones.
DECIDERS = (
    "My table, my bed, my chair: 7 Place de la Gare.",  # my counts three times
    "La porte, la table et la lampe: is it for you?",
    "L'armoire n'est pas là. J'ai écrit: this is it, please.",  # n'est and j'ai have to be cut
    "Please, this! That? L'eau du lac.",
    "Où est-il ? With The Who.",
    "Les Misérables is the book that I have.",
    "The Old Man et la mer est dans le magasin.",  # the first word misleads
    "The chair, la chaise.",
    "La chaise, the chair.",  # ties, 1 to 1 and 2 to 2
    "Is it Le Monde, un journal?",
    "Un lit, une lampe: my bed, my lamp.",
)

TASKS = (
    Task(
        "language",
        "language",
        language,
        visible=tuple(
            (one,)
            for one in (
                "The lamp is broken.",
                "La lampe est cassée.",
                "Merci !",
                "LE TAPIS EST DANS LA RUE",
                "Vous avez le film The Kid ?",
                "The Kid est un film pour les enfants.",
                "J'ai vu la lampe, The Sun.",
                "My name, my street, my town: Rue de la Paix.",
                "The lamp or la lampe?",
            )
        ),
        hidden=lambda rng: [
            (one,)
            for one in (
                *MAILS[:3],
                *FRENCH_MAILS,
                *OTHER_MAILS,
                "THE TABLE IS TOO SMALL FOR US",
                "My neighbor read Le Petit Prince to the children.",
                "Je cherche le livre The Old Man dans ma ville.",
                "Hola",
                *DECIDERS,
            )
        ],
        points=(1, 2),
        compare=exact(),
        mistakes=(
            Mistake("never unknown", _language_never_unknown, "A tie means that we do not know. Say so: 'unknown'."),
            Mistake(
                "letters instead of words",
                _language_letters,
                "You look for letters inside words: 'the' stands in 'mother', 'a' nearly everywhere. Compare whole "
                "words: words(mail) gives them.",
            ),
            Mistake(
                "the first word decides",
                _language_first_word,
                "The first small word decides in your rule. Go through all words, count those of both languages, "
                "and compare at the end.",
            ),
            Mistake(
                "distinct words",
                _language_distinct,
                "A word that stands three times counts three times. Did you use a set?",
            ),
            Mistake(
                "a tie is French",
                _language_tie_is_french,
                "As many English words as French ones: that is a tie, and a tie is 'unknown'.",
            ),
            Mistake(
                "cut at spaces",
                _language_spaces,
                "You cut at spaces, so j'ai, or a word before a comma, is not recognized. Use words(mail).",
            ),
            Mistake(
                "one English word is enough",
                _language_any,
                "One word decides in your rule. Count the words of both languages, and compare.",
            ),
            Mistake(
                "capital letters",
                _language_case,
                "A mail in capital letters is not recognized. words() makes small letters of them.",
            ),
        ),
        right=(_language_loop,),
    ),
    Task(
        "route",
        "route",
        route,
        visible=(
            ("en", "negative", 0.9),
            ("en", "neutral", 0.8),
            ("en", "positive", 0.5),
            ("fr", "negative", 0.9),
            ("unknown", "positive", 0.95),
        ),
        hidden=_routes_hidden,
        points=(1, 2),
        compare=exact(),
        mistakes=(
            Mistake("unknown taken for English", _route_french_only, "'unknown' is not English. To a person."),
            Mistake(
                "language ignored",
                _route_any_language,
                "A French mail was routed by a classifier that reads English. It goes to a person, whatever the "
                "score says: a model can be sure about nonsense.",
            ),
            Mistake("confidence ignored", _route_always_sure, "Below 0.6 the model is not sure: to a person."),
            Mistake("comparison turned", _route_turned, "Your comparison is turned: UNSURE mails go to a person."),
            Mistake("neutral taken for thanks", _route_neutral_thanks, "Neutral mails are requests."),
        ),
        right=(_route_nested,),
    ),
    Task(
        "polite",
        "polite",
        polite,
        visible=tuple(
            (one,)
            for one in (
                "Nous te répondrons bientôt.",
                "Merci.",
                "Nous avons trouvé votre lettre.",
                "Ton argent arrive.",
                "Nous t'écrirons demain.",
            )
        ),
        hidden=lambda rng: [(POLITE[int(k)],) for k in rng.permutation(len(POLITE))],
        points=(1, 2),
        compare=exact(),
        mistakes=(
            Mistake(
                "letters instead of words",
                _polite_letters,
                "You found 'te' inside 'lettre'. Compare whole words: words(french) gives them.",
            ),
            Mistake("vous required", _polite_vous, "'Merci.' names nobody, and is polite. Look for tu, not for vous."),
            Mistake(
                "capital letters", _polite_case, "'Ton' at the start of a sentence counts, too: small letters first."
            ),
            Mistake(
                "cut at spaces",
                _polite_spaces,
                "t'écrirons begins with t', which is te. Cutting at spaces does not find it; words() does.",
            ),
            Mistake("turned", _polite_turned, "True and False are exchanged: True means that nobody is called tu."),
        ),
        right=(_polite_loop,),
    ),
    Task(
        "fluent",
        "most_fluent",
        most_fluent,
        visible=(
            (
                [
                    "Of letter the.",
                    "We are very sorry that your lamp was broken, and we want to help you.",
                    "Lamp your sorry very are that we was broken and help you want to we, lamp your sorry very.",
                    "Sorry lamp.",
                ],
                "gpt-mini",
            ),
        ),
        hidden=_fluent_hidden,
        points=(1, 3),
        compare=exact(),
        seconds=120,
        mistakes=(
            Mistake(
                "the sum decides",
                _fluent_sum,
                "You compare whole texts, so the shortest one wins. Compare the loss a TOKEN.",
            ),
            Mistake("the worst", _fluent_worst, "You take the highest loss. The model likes what has a LOW one."),
            Mistake("places from 1", _fluent_from_one, "Off by one: places count from 0."),
            Mistake("the text", _fluent_text, "You return the text itself. Its place in the list is wanted."),
        ),
        right=(_fluent_logprobs,),
    ),
    Task(
        "reply",
        "reply",
        reply,
        visible=(("Sam Baker", "complaint", "en"), ("Zyx Okonkwo", "complaint", "fr")),
        hidden=lambda rng: (
            [(str(rng.choice(NAMES)), queue, code) for queue in REPLIES for code in ("en", "fr")]
            + [("Zyx Okonkwo", "thanks", "fr")]
        ),
        points=(1, 3),
        compare=text(case=True),
        seconds=120,
        mistakes=(
            Mistake("never French", _reply_english, "The answer should be in French here."),
            Mistake("always French", _reply_always_french, "The answer should be in English here."),
            Mistake(
                "the name goes through the model",
                _reply_name_translated,
                "The greeting went through the model. A translator that has never met a name can change it; add "
                "the name after the translation.",
            ),
            Mistake(
                "always the first wording",
                _reply_first_wording,
                "You take the first wording of each sentence. Let most_fluent(candidates, 'gpt-mini') choose.",
            ),
            Mistake(
                "the most surprising wording",
                _reply_most_surprising,
                "You take the wording that surprises the model MOST. most_fluent gives the place of the other.",
            ),
            Mistake("an English greeting", _reply_english_greeting, "'Dear' before a French letter: 'Bonjour'."),
            Mistake("the last sentence is lost", _reply_first_sentence, "The last sentence of the reply is missing."),
        ),
        right=(_reply_sentences,),
    ),
    Task(
        "triage",
        "triage",
        triage,
        visible=((_box,),),
        hidden=_triage_hidden,
        points=(2, 6),
        compare=text(case=True),
        seconds=180,
        mistakes=(
            Mistake(
                "confidence ignored",
                _triage_always_sure,
                "A mail was answered although the classifier was not sure of it. Give route() the confidence, "
                ".score, too.",
            ),
            Mistake(
                "no gist for a person",
                _triage_no_gist_for_person,
                "An English mail that goes to a person has no gist. It gets one: it helps the person, too.",
            ),
            Mistake(
                "French mail is read",
                _triage_reads_french,
                "A French mail went through models that read English. Their answer means nothing: to a person, "
                "without a gist.",
            ),
            Mistake(
                "impolite drafts go out",
                _triage_impolite,
                "A French draft says tu to a customer. If polite() says no, the mail goes to a person, unanswered.",
            ),
            Mistake("not sorted", _triage_unsorted, "The records are not sorted: first by queue, then by days."),
            Mistake("the newest first", _triage_newest, "Within a queue the one that has waited longest comes first."),
            Mistake(
                "a draft for every mail",
                _triage_answers_all,
                "A mail that goes to a person gets no draft: reply is ''.",
            ),
            Mistake(
                "a gist of French mail",
                _triage_gist_all,
                "You summarized a mail that our summarizer cannot read. The gist is '' there.",
            ),
            Mistake(
                "the first sentence as gist",
                _triage_lead,
                "Your gist is the first sentence. Ask lc.summarize, with max_sentences=1.",
            ),
        ),
        right=(_triage_numpy,),
    ),
)
