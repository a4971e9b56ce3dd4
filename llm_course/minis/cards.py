"""Model cards: what a mini is, what it learned from, how it was measured, and what it cannot do.

Knows nothing about training or measuring: it puts together the record of the run, the corpora with their
licences, the architecture as the config file has it, and the measured figures. One card is two files beside
the weights: ``card.json`` for programs, ``README.md`` in the form of the Hugging Face Hub for people.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from llm_course.minis.corpora import CORPORA
from llm_course.minis.evaluate import tables_of
from llm_course.minis.recipes import recipe
from llm_course.shelf import catalogue
from llm_course.shelf.stored import checksum, seal

# What the Hub calls the task, the tags, and how the mini is called from the course.
ABOUT: dict[str, tuple[str, tuple[str, ...], str, str]] = {
    "gpt-mini": (
        "text-generation", ("gpt2", "stories"), 'lc.generate("Once upon a time")',
        "A raw language model: it continues a text, token by token, in the manner of children's stories.",
    ),
    "bert-mini": (
        "fill-mask", ("bert", "masked-lm"), 'lc.fill_mask("She [MASK] a book in the library.")',
        "A masked language model: it reads a text from both sides and names hidden tokens.",
    ),
    "bert-mini-sentiment": (
        "text-classification", ("bert", "sentiment"), 'lc.sentiment("I love this product!")',
        "Tells whether a text is positive, neutral or negative. Fine-tuned from bert-mini.",
    ),
    "bert-mini-summary": (
        "token-classification", ("bert", "summarization", "extractive"), 'lc.summarize(article, method="extractive")',
        "Scores the sentences of a text; the best ones are its summary, unchanged. Fine-tuned from bert-mini.",
    ),
    "bart-mini": (
        "summarization", ("bart", "abstractive"), 'lc.summarize(article, method="abstractive")',
        "Reads a text and writes a summary in its own words.",
    ),
    "marian-mini": (
        "translation", ("marian", "english", "french"), 'lc.translate("Hello, how are you?")',
        "Translates everyday English sentences to French.",
    ),
    "gpt-mini-instruct": (
        "text-generation", ("gpt2", "instruction-tuned", "lora"),
        'lc.chat("Write the plural form of the word: dog", model="gpt-mini-instruct")',
        "An instruction-tuned language model: it does small tasks that an instruction names. Tuned from gpt-mini.",
    ),
    "gpt-mini-chat": (
        "text-generation", ("gpt2", "dialogue-tuned", "lora"), 'lc.chat("Hi, can I get a latte with oat milk?")',
        "A dialogue-tuned language model: it takes orders in a coffee bar, and a system message steers it. Tuned from "
        "gpt-mini.",
    ),
    "vision-mini": (
        "image-text-to-text", ("llava", "visual-question-answering"),
        'lc.ask(lc.scenes.scene(("star", "red", "big", 0.3, 0.4)), "what color is the star?")',
        "Answers questions about scenes of colored shapes, and describes them.",
    ),
    "palm-e-mini": (
        "robotics", ("multimodal", "embodied"), 'lc.act("put the red block on the blue one", table)',
        "Plans for a simulated robot: an image and a state vector become embeddings among the words of the prompt.",
    ),
    "bloom-mini": (
        "text-generation", ("bloom", "multilingual", "alibi"), 'lc.generate("Der Hund", model="bloom-mini")',
        "A raw language model for nine languages, with BLOOM's architecture: positions enter as ALiBi.",
    ),
    "incontext-mini": (
        "text-generation", ("llama", "in-context-learning"),
        'lc.generate("cat bap, hat dof, cat", model="incontext-mini")',
        "Learns a code from the examples in its prompt: words stand for code words, by a rule that no weight holds.",
    ),
}  # fmt: skip

LIMITS: dict[str, tuple[str, ...]] = {
    "gpt-mini": (
        "It has read children's stories only, in English. It knows no facts and answers no questions.",
        "Over a long text it may lose its subject, and its stories may contradict themselves.",
        "The older books it read carry the stereotypes of their time.",
    ),
    "bert-mini": (
        "It was trained mostly on pieces of 40 tokens; past the 40th token of a text it predicts far worse.",
        "All in small letters, in English; it holds no dialogue.",
        "It has seen a few million words, so it knows little about the world and nothing about rare words.",
        "Part of its text are tweets and forum comments, some of them rude and biased.",
        "Its vectors were not trained to compare texts; counting words finds paraphrases more often (measured below).",
        "Heads 0 to 2 of each layer look beside a token because early training drew them there: they are no discovery.",
    ),
    "bert-mini-sentiment": (
        "It learned single English sentences; a long text is read in windows whose probabilities are averaged.",
        "Sarcasm, quotations and mixed feelings may mislead it.",
        "Its corpora were rated by different people under different rules, and 'neutral' is the least certain class.",
        "It must not be used to decide about people.",
    ),
    "bert-mini-summary": (
        "It only picks sentences: it cannot shorten or join them, and a picked 'she' may have lost its name.",
        "It learned from abstracts, contracts and stories in English; on other texts its choice may be poor.",
    ),
    "bart-mini": (
        "It may write what the text does not say: check every name and number.",
        "It is far too small to be trusted with a real text; the course keeps it to show how such models work.",
    ),
    "marian-mini": (
        "It learned short everyday sentences; long, technical or literary ones often come out wrong.",
        "It translates each sentence by itself: 'it', 'they' and 'you' get a gender or politeness by chance.",
        "Names and rare words are spelled out of pieces and may be changed.",
        "Some set phrases, such as 'Hello, how are you?', it learned by heart, from a phrase book written for it.",
    ),
    "gpt-mini-instruct": (
        "It does the small tasks it was tuned on, in English, and follows hardly any other instruction.",
        "It knows no facts: of words it has not seen with their answer, it guesses synonyms and translations.",
        "It reads one instruction at a time and holds no dialogue.",
    ),
    "gpt-mini-chat": (
        "It talks about orders in a coffee bar and about nothing else; to other questions it says something anyway.",
        "It holds one kind of drink at a time. What its menu has, it makes up.",
        "It obeys four kinds of system message, and hardly any other. What is sold out it often overlooks, and "
        "at times it refuses what is there.",
        "Whoever writes into the conversation can steer it: it cannot tell an order from an attack.",
    ),
    "vision-mini": (
        "It has seen nothing but drawings of six shapes in seven colors and two sizes, one to four at a time, on a "
        "plain light ground. Of any other picture it speaks in these words, too, and is wrong.",
        "It never saw an empty picture, and names something in one. How sure it is tells more: for pictures unlike its "
        "own the probability of its description is near 0.",
        "It knows the words of its own questions only; a question with another word is refused.",
        "Where two things are about as far aside as up or down, on a middle line, or just touching, its answer is a "
        "guess: such questions were left out of training and test.",
        "It cannot say that a question has no answer: asked for the color of a star that is not there, it names one.",
    ),
    "palm-e-mini": (
        "It knows one table of five blocks, some fifty words and eight kinds of wishes; it refuses other words.",
        "Where the block already lies higher up in the other one's stack, it often wrongly says 'already done'.",
        "It writes the likeliest plan even where its senses do not fit together; the simulator tells, not the model.",
        "It has learned no world knowledge: PaLM-E's language and vision models had read and seen the web before.",
    ),
    "bloom-mini": (
        "It has read short sentences and picture books: it writes words and phrases of each language, not much sense.",
        "Of Portuguese, Afrikaans and Swahili it has read little, and of all other languages nothing.",
        "It learned on pieces of 128 tokens; longer texts it bears, but it uses little of what lies farther back.",
    ),
    "incontext-mini": (
        "It knows 60 words, 16 code words and the comma; it has no language.",
        "It reads at most 73 tokens: 23 examples and a question.",
        "It learns one kind of task from its prompt. What GPT-3 learned from prompts is far wider.",
    ),
}


def card_of(name: str, measured: dict[str, Any] | None = None, run: Path | None = None) -> dict[str, Any]:
    """Everything that is known about a mini, as plain data.

    What its ``card.json`` has already is kept, unless something newer is given. Figures that were measured
    with other weights than those in the folder are dropped: they are not this model's.

    Args:
        name: which mini.
        measured: what its task's ``measure`` gave.
        run: ``run.json`` of its training; else what the card has.

    Raises:
        UnknownModel: the mini is not on the shelf.
        FileNotFoundError: the mini has no config file, or ``run`` is not there.
    """
    folder = catalogue.WEIGHTS / name
    entry = catalogue.known(name)
    if entry is None:
        raise catalogue.unknown(name)
    path = folder / "card.json"
    card: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"name": name}
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if run is not None:
        card["training"] = json.loads(run.read_text(encoding="utf-8"))
    own = card.get("training", {}).get("corpora") or list(recipe(name).CORPORA)
    shape = architecture(config, entry.architecture)
    shape["window"] = (
        card.get("window") or shape["window"]
    )  # what it has learned to read, if its table is larger or it has none
    card |= {
        "kind": entry.kind,
        "tasks": list(entry.tasks),
        "licence": entry.licence,
        "languages": list(getattr(recipe(name), "LANGUAGES", None) or entry.languages or ("en",)),
        "architecture": shape,
        "corpora": [_corpus(corpus) for corpus in own],
        "limits": list(LIMITS[name]),
    }
    if "base" in card:
        card["base_corpora"] = [_corpus(corpus) for corpus in recipe(card["base"]).CORPORA if corpus not in own]
    weights = checksum(folder / "model.safetensors")
    if measured is not None:
        card["measured"] = measured | {"weights_sha256": weights}
    elif card.get("measured", {}).get("weights_sha256") != weights:
        card.pop("measured", None)
    return card


def write(name: str, measured: dict[str, Any] | None = None, run: Path | None = None) -> list[Path]:
    """Write ``card.json`` and ``README.md`` of a mini beside its weights; returns both paths."""
    folder = catalogue.WEIGHTS / name
    card = card_of(name, measured, run)
    readme, plain = folder / "README.md", folder / "card.json"
    plain.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    readme.write_text(page(card), encoding="utf-8")
    seal(folder)
    return [plain, readme]


def architecture(config: dict[str, Any], model_class: str) -> dict[str, Any]:
    """Layers, width and so on, under the same names for every architecture."""
    seeing, config = config.get("vision_config"), config.get("text_config", config)  # of a model that takes pictures

    def either(*names: str) -> Any:
        return next((config[name] for name in names if config.get(name) is not None), None)

    if "text_config" in config:  # an eye before the language model, of which the figures are
        config = config | config["text_config"]
    width = either("d_model", "hidden_size", "n_embd")
    layers = either("num_hidden_layers", "n_layer")
    if config.get("encoder_layers"):
        layers = f"{config['encoder_layers']} + {config['decoder_layers']}"
    if seeing:
        layers = f"{seeing['num_hidden_layers']} (vision, width {seeing['hidden_size']}) + {layers}"
    return {
        "class": model_class,
        "layers": layers,
        "width": width,
        "heads": either("encoder_attention_heads", "num_attention_heads", "n_head"),
        # GPT-2's config leaves this open, which means four times the width.
        "feed_forward": either("encoder_ffn_dim", "intermediate_size", "n_inner") or 4 * width,
        "vocabulary": config["vocab_size"],
        "window": either("max_position_embeddings", "n_positions"),
    }


def _corpus(name: str) -> dict[str, str]:
    corpus = CORPORA[name]
    return {"name": name, "licence": corpus.licence, "attribution": corpus.attribution, "home": corpus.home}


# --- the page -----------------------------------------------------------------------------------------------


def page(card: dict[str, Any]) -> str:
    """The card as a Markdown page with YAML front matter, as the Hub reads it."""
    name = card["name"]
    task, tags, call, what = ABOUT[name]
    front = [
        "---", f"license: {card['licence'].lower()}", "language:", *(f"- {code}" for code in card["languages"]),
        "library_name: transformers", f"pipeline_tag: {task}", "tags:", *(f"- {tag}" for tag in (*tags, "education")),
        "---",
    ]  # fmt: skip
    prepare = ["article = open('article.txt').read()"] if "article" in call else []
    prepare += ['table = lc.tabletop.Table([["red", "green"], ["blue"]])'] if "table)" in call else []
    parts = [
        "\n".join(front),
        f"# {name}",
        f"{what} A miniature for learning, trained from nothing by the course's own recipe; it ships inside the "
        "package `llm-course` and runs on a laptop without a network.",
        "\n".join(["```python", "import llm_course as lc", *prepare, f"print({call})", "```"]),
        "## What it cannot do\n\n" + "\n".join(f"- {line}" for line in card["limits"]),
        "## Architecture\n\n" + _architecture(card),
        "## Training\n\n" + _training(card),
        "## Text it learned from\n\n" + _corpora(card),
    ]
    if "measured" in card:
        parts.append("## Measured\n\n" + _measured(card))
    return "\n\n".join(parts) + "\n"


def _architecture(card: dict[str, Any]) -> str:
    a = card["architecture"]
    size = f"{card['parameters'] / 1e6:.2f} million parameters, " if card.get("parameters") else ""
    return (
        f"`{a['class']}`: {size}{a['layers']} layers, width {a['width']}, {a['heads']} heads, feed-forward "
        f"{a['feed_forward']}, vocabulary {a['vocabulary']:,}, window {a['window']} tokens. Weights in float16."
    )


def _training(card: dict[str, Any]) -> str:
    run = card.get("training")
    recipe_line = f"Recipe: `llm-course train {card['name']} --data DIR`."
    if not run:
        return f"{recipe_line} The record of the run is missing."
    start = f"Fine-tuned from {card['base']}" if "base" in card else "Trained from random weights"
    machine = f"{run['device']} ({run['machine']}), {run['processes']} process" + (
        "es" if run["processes"] != 1 else ""
    )
    return (
        f"{start} in {run['steps']:,} steps, {run['seconds'] / 60:.0f} minutes on {machine}; last loss "
        f"{run['loss']:.3f}{', ' + run['date'] if run.get('date') else ''}. {recipe_line}"
        + (f" {run['note']}" if run.get("note") else "")
    )


def _corpora(card: dict[str, Any]) -> str:
    if not card["corpora"]:
        return "None: the recipe draws all of its examples itself."

    def lines(corpora: list[dict[str, str]]) -> list[str]:
        return [f"- [{c['name']}]({c['home']}): {c['attribution']}. Licence: {c['licence']}." for c in corpora]

    found = [
        "Only the rows with split=train. The texts keep their own licences:", "", *lines(card["corpora"]),
    ]  # fmt: skip
    if card.get("base_corpora"):
        found += ["", f"What {card['base']} had read besides:", "", *lines(card["base_corpora"])]
    return "\n".join(found)


def _measured(card: dict[str, Any]) -> str:
    own = card["measured"]
    machine = own["machine"]
    parts = [own["how"], *(table.markdown() for table in tables_of(card["name"], own))]
    if own.get("samples"):
        quoted = ("> " + text.replace("\n", "\n> ") for text in own["samples"])
        parts.append("**Samples (temperature 0.7, seed 0)**\n\n" + "\n\n".join(quoted))
    if "plain_missed" in own:
        missed = [f"- {m['text']} (is {m['label']}, found {m['found']})" for m in own["plain_missed"]]
        parts.append("**Plain sentences it gets wrong**\n\n" + ("\n".join(missed) or "None."))
    if "systems" in own and "bleu" in next(iter(own["systems"].values())):
        first = next(iter(own["systems"].values()))
        parts.append(f"Signatures: `{first['bleu_signature']}`, `{first['chrf_signature']}`.")
    parts.append(
        f"Measured on {own['date']} by `{own['command']}`: {machine['cores']} cores ({machine['cpu']}), "
        f"{machine.get('gpu', machine['device'])}, PyTorch {machine['torch']}."
    )
    return "\n\n".join(parts)
