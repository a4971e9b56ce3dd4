"""The minis that ship: present, small enough, undamaged, and good enough to teach with.

The full figures need the corpora (`llm-course evaluate`); these are small checks that a wrong weights file,
a broken tokenizer or a broken use case would fail.
"""

import json
import math
from pathlib import Path

import pytest
import torch

import llm_course as lc
from llm_course.minis import cards, vision_mini
from llm_course.minis.mini import mini, names
from llm_course.shelf.catalogue import WEIGHTS, catalogue
from llm_course.shelf.stored import verify

MINIS = [name for name in names() if mini(name).install is None]
PLAIN = Path(lc.__file__).parent / "minis" / "plain_sentences.json"


def test_every_mini_with_a_file_has_weights_and_the_other_way_round():
    assert [e.name for e in lc.models("mini")] == MINIS
    assert {"gpt-mini", "bert-mini", "marian-mini", "vision-mini"} <= set(MINIS)
    assert all(mini(name).name == name for name in names())


@pytest.mark.parametrize("name", MINIS)
def test_each_is_what_its_checksums_say_and_its_card_is_whole(name):
    verify(WEIGHTS / name)
    card = catalogue()[name].card
    lm = lc.load(name, device="cpu")
    assert lm.parameters == card["parameters"]
    assert card["training"]["seconds"] > 0 and "corpora" in card["training"]
    assert card["measured"]
    page = (WEIGHTS / name / "README.md").read_text(encoding="utf-8")
    assert cards.card_of(name) == card and cards.page(card) == page, "run: python tools/seal.py"


def test_sizes():
    files = list(WEIGHTS.rglob("*.safetensors"))
    assert max(f.stat().st_size for f in files) <= 20 * 2**20
    assert sum(f.stat().st_size for f in files) <= 44 * 2**20
    million = {name: catalogue()[name].parameters / 1e6 for name in MINIS}
    assert 5 <= million["gpt-mini"] <= 8
    assert 3 <= million["bert-mini"] <= 5
    assert 6 <= million["marian-mini"] <= 9


EVERYDAY = {
    "Hello, how are you?": {"bonjour, comment allez-vous"},
    "Hello.": {"bonjour", "salut"},
    "Thank you very much.": {"merci beaucoup"},
    "I don't know.": {"je ne sais pas", "je l'ignore", "je n'en sais rien", "je sais pas"},
    "My sister bought a new car.": {"ma sœur a acheté une nouvelle voiture", "ma sœur acheta une nouvelle voiture"},
    "The cat is sleeping.": {"le chat dort", "le chat est en train de dormir"},
    "I love you.": {"je t'aime", "je vous aime"},
    "Where is the station?": {"où est la gare", "où se trouve la gare"},
    "It is raining.": {"il pleut"},
    "He is my brother.": {"c'est mon frère", "il est mon frère"},
    "I am hungry.": {"j'ai faim"},
    "She reads a book.": {"elle lit un livre"},
    "We have two dogs.": {"nous avons deux chiens", "on a deux chiens"},
}


def test_marian_translates_everyday_sentences():
    results = lc.translate(list(EVERYDAY), device="cpu")
    said = [r.text.lower().replace("’", "'").rstrip(" .!?") for r in results]
    wrong = [(r.original, r.text) for r, s in zip(results, said, strict=True) if s not in EVERYDAY[r.original]]
    assert len(wrong) <= 3, wrong


def test_sentiment_gets_plain_sentences_right():
    plain = json.loads(PLAIN.read_text(encoding="utf-8"))
    texts = [(row["text"], row["label"]) for row in plain]
    assert len(texts) == 60
    results = lc.sentiment([text for text, _ in texts], device="cpu")
    wrong = [(text, r.label) for (text, label), r in zip(texts, results, strict=True) if r.label != label]
    assert len(wrong) <= 9, wrong


def test_gpt_prefers_sense_to_nonsense():
    story = "Once upon a time, there was a little girl named Lily. She had a small dog. They loved to play in the park."
    words = story.split()
    shuffled = " ".join(sorted(words, key=lambda w: hash_of(w)))
    sense, nonsense = lc.perplexity(story, device="cpu"), lc.perplexity(shuffled, device="cpu")
    assert sense.bits_per_byte < 0.9 < 1.5 < nonsense.bits_per_byte
    assert sense.perplexity == pytest.approx(math.exp(sense.loss))


def hash_of(word):
    """An order that is the same in every run, unlike Python's own hash."""
    import hashlib

    return hashlib.md5(word.encode()).hexdigest()


def test_gpt_continues_in_words():
    text = lc.generate("One day, a boy named Tom", max_new_tokens=60, temperature=0.5, seed=[1, 2, 3], device="cpu")
    for result in text:
        words = [w.strip(".,!?\"'").lower() for w in result.text.split()]
        assert sum(w in {"the", "a", "he", "and", "to", "was", "it", "she", "they", "his"} for w in words) >= 8
        assert max(words.count(w) for w in set(words)) < 12


def test_bert_fills_a_gap_from_both_sides():
    lm = lc.load("bert-mini", device="cpu")
    hits = 0
    gaps = {
        "she [MASK] a book in the library .": {"read", "reads", "found", "wrote", "has", "bought", "had"},
        "the food was very [MASK] and i loved it .": {"good", "nice", "tasty", "great", "fresh", "delicious", "happy"},
        "thank you [MASK] much .": {"so", "very"},
        "i do [MASK] know .": {"not", "n"},
        "once upon a [MASK] , there was a little girl .": {"time"},
    }
    for text, right in gaps.items():
        ids = lm.tokenizer(text, return_tensors="pt")["input_ids"]
        place = (ids[0] == lm.tokenizer.mask_token_id).nonzero().item()
        with torch.inference_mode():
            best = lm.model(input_ids=ids).logits[0, place].topk(10).indices.tolist()
        hits += bool(right & set(lm.tokenizer.convert_ids_to_tokens(best)))
    assert hits >= 4


def test_the_summary_is_a_sentence_of_the_text_and_not_always_the_first():
    path = Path(lc.__file__).parent / "lessons" / "summarization" / "articles.jsonl"
    articles = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    results = lc.summarize([a["text"] for a in articles], max_sentences=1, device="cpu")
    for article, result in zip(articles, results, strict=True):
        assert result.method == "extractive" and result.text in article["text"]
    assert len({r.positions for r in results}) > 1


def test_bart_reads_what_it_writes_about():
    """A sentence cut out of a story is more probable after that story than after another one."""
    from llm_course.minis.bart_mini import gap_pair

    text = (Path(lc.__file__).parent / "lessons" / "what_makes_it_large" / "stories.txt").read_text(encoding="utf-8")
    pairs = [pair for story in text.split("\n\n") if not story.startswith("#") and (pair := gap_pair(story))]
    lm = lc.load("bart-mini", device="cpu")

    def loss(source, target):
        ids = lm.tokenizer(source, return_tensors="pt")["input_ids"][:, :400]
        with torch.inference_mode():
            return lm.model(input_ids=ids, labels=lm.tokenizer(target, return_tensors="pt")["input_ids"]).loss.item()

    own = [loss(source, target) for source, target in pairs]
    other = [loss(pairs[i - 1][0], target) for i, (_, target) in enumerate(pairs)]
    assert len(pairs) > 30
    assert sum(a < b for a, b in zip(own, other, strict=True)) >= 0.7 * len(pairs)
    assert sum(other) - sum(own) > 0.2 * len(pairs)


def test_vision_answers_about_scenes_it_has_not_seen_and_needs_the_picture():
    _, _, asked = vision_mini.test_set(vision_mini.UNSEEN, 15)
    texts, right = [q.text for _, _, q in asked], [q.answer for _, _, q in asked]
    seen = lc.ask([picture for _, picture, _ in asked], texts, device="cpu")
    blind = lc.ask(lc.scenes.scene(), texts, device="cpu")
    assert len(asked) > 70
    assert sum(a.text == answer for a, answer in zip(seen, right, strict=True)) >= 0.88 * len(asked)
    assert sum(a.text == answer for a, answer in zip(blind, right, strict=True)) <= 0.65 * len(asked)
    drawn = lc.scenes.scene(("star", "orange", "big", 0.3, 0.3), ("circle", "blue", "small", 0.7, 0.7))
    assert lc.describe(drawn, device="cpu").text == "a big orange star and a small blue circle."
    assert lc.ask(drawn, "which is bigger, the circle or the star?", device="cpu").text == "the star"


def test_palm_e_carries_wishes_out():
    from llm_course.minis.palm_e_mini import unseen
    from llm_course.use_cases.embodied import carry_out_all
    from llm_course.worlds.tabletop_goals import answers, plan

    tests = [(layout, said) for layout, wish, said in unseen(120, seed=7) if not answers(plan(layout, wish))]
    tables = [lc.tabletop.Table.of(layout, slip=0.1, seed=n) for n, (layout, _) in enumerate(tests)]
    episodes = carry_out_all([said for _, said in tests], tables, device="cpu")
    assert len(episodes) > 60 and sum(bool(e.success) for e in episodes) >= 0.85 * len(episodes)


def test_incontext_reads_new_codes_off_the_prompt_and_needs_its_induction_heads():
    from llm_course.minis.incontext_mini import induction
    from llm_course.use_cases.in_context import accuracy_curve, make_prompt

    prompt = make_prompt([("cat", "zat"), ("shirt", "bap"), ("rain", "mif")], "shirt")
    assert lc.generate(prompt, model="incontext-mini", max_new_tokens=1, temperature=0).text.strip() == "bap"
    curve = accuracy_curve((0, 4, 16), model="incontext-mini", unmet=True, problems=200)
    assert curve.accuracy[0] < 0.2 < curve.accuracy[1] < curve.accuracy[2] and curve.accuracy[2] >= 0.9
    assert accuracy_curve((16,), model="incontext-mini", rule="by kind", problems=200).accuracy[0] >= 0.8
    scores = induction("incontext-mini")
    best = sorted(((i, j) for i in range(2) for j in range(4)), key=lambda head: -scores[head])[:3]
    with lc.attention.ablate("incontext-mini", best) as lm:
        assert accuracy_curve((16,), model=lm, form="comma").accuracy[0] < 0.5


def test_bloom_knows_its_languages_and_bears_texts_longer_than_it_was_trained_on():
    sentences = {
        "en": "He said that he had to go home.",
        "fr": "Il a dit qu'il devait rentrer.",
        "de": "Er hat gesagt, dass er nach Hause muss.",
        "es": "Dijo que tenía que ir a casa.",
        "nl": "Hij zei dat hij naar huis moest gaan.",
        "pt": "O menino foi para casa.",
    }
    bits = {code: lc.perplexity(text, model="bloom-mini").bits_per_byte for code, text in sentences.items()}
    assert all(value < 3.5 for value in bits.values()), bits
    assert lc.perplexity("zqx wvk pfj qzzt xxkk vrrt", model="bloom-mini").bits_per_byte > 4
    longer = catalogue()["bloom-mini"].card["measured"]["longer"]["ALiBi"]
    assert longer[-1] < longer[1] + 0.3  # four times the trained length


def test_chat_reads_orders_back_carries_them_and_stops():
    from llm_course.minis.gpt_mini_chat import carried, order_turns, scripted

    lm = lc.load("gpt-mini-chat", device="cpu")
    assert carried(lm, order_turns(scripted(8)))["right"] >= 0.8
    reply = lc.chat("Hi, can I get a latte with oat milk, please?", model=lm)
    assert reply.ended and "latte" in reply.text and "oat" in reply.text


def test_chat_is_steered_by_names_it_never_saw():
    ask = "Can I get a latte with almond milk, please?"
    systems = (None, "Answer in capital letters.", "The customer's name is Zoe.", "The shop is called Golden Moon.")
    replies = {s: lc.chat(ask, system=s, model="gpt-mini-chat", device="cpu").text for s in systems}
    assert replies["Answer in capital letters."].isupper() and not replies[None].isupper()
    assert "Zoe" in replies["The customer's name is Zoe."] and "Zoe" not in replies[None]
    assert "Golden Moon" in replies["The shop is called Golden Moon."]


def test_instruct_answers_and_stops_where_the_raw_model_goes_on():
    ask = "Write the plural form of the word: dog"
    reply = lc.chat(ask, model="gpt-mini-instruct", device="cpu")
    assert reply.text == "dogs" and reply.ended
    assert "dogs" not in lc.generate(ask, temperature=0, max_new_tokens=10, model="gpt-mini", device="cpu").text
