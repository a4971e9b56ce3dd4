"""Nothing that a model is asked sits on an edge: another machine's last digits must not turn an answer."""

import importlib.util

import pytest
from assignment_cases import of

import llm_course as lc


def _module(name):
    path = of(name).judging
    spec = importlib.util.spec_from_file_location(f"margins_{path.parent.name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_greedy_steps_are_clear_of_a_tie():
    import torch

    decoding, lm = _module("5"), lc.load("gpt-mini", device="cpu")
    for prompt in decoding.PROMPTS:
        ids = [lm.tokenizer.bos_token_id, *lm.tokenizer(prompt, add_special_tokens=False)["input_ids"]]
        for _ in range(decoding.LENGTH):
            with torch.inference_mode():
                best = lm.model(torch.tensor([ids])).logits[0, -1].topk(2)
            assert best.values[0] - best.values[1] > 0.01, (prompt, lm.tokenizer.decode(ids))
            ids.append(int(best.indices[0]))
            if ids[-1] == lm.tokenizer.eos_token_id:
                break


def test_mails_have_a_clear_label_and_a_clear_gist():
    from llm_course.text import split_sentences
    from llm_course.use_cases.summarization import sentence_scores

    capstone, lm = _module("7"), lc.load("bert-mini-summary", device="cpu")
    for mail in (*capstone.MAILS, capstone.UNSURE):
        assert capstone.language(mail) == "en", mail
        found = lc.sentiment(mail)
        second = sorted(found.scores.values())[-2]
        assert abs(found.score - capstone.SURE) > 0.02 and found.score - second > 0.02, (mail, found)
        scores = sorted(sentence_scores(lm, [split_sentences(mail)])[0])
        assert scores[-1] - scores[-2] > 0.005, (mail, scores)


def test_the_mails_use_every_way_through_the_pipeline():
    capstone = _module("7")
    mails = (*capstone.MAILS, capstone.UNSURE)
    queues = {capstone.route("en", found.label, found.score) for found in map(lc.sentiment, mails)}
    assert queues == set(capstone.QUEUES)
    assert {capstone.language(mail) for mail in capstone.FRENCH_MAILS} == {"fr"}
    assert {capstone.language(mail) for mail in capstone.OTHER_MAILS} == {"unknown"}
    # Which of them says tu is the translator's affair; task 6 needs one that does and one that does not.
    assert {capstone.polite(capstone.reply("Noor", queue, "fr")) for queue in capstone.REPLIES} == {True, False}


def test_drafts_are_the_same_sentence_by_sentence_and_with_other_beams():
    capstone = _module("7")
    for sentences in map(capstone.wordings, capstone.REPLIES):
        together = str(lc.translate(" ".join(sentences)))
        assert together == " ".join(str(one) for one in lc.translate(sentences, progress=False))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_better_wording_wins_by_far(seed):
    capstone = _module("7")
    task = next(task for task in capstone.TASKS if task.name == "fluent")
    standard = [(wordings, "gpt-mini") for sentences in capstone.REPLIES.values() for wordings in sentences]
    for candidates, model in (*task.hidden_cases(seed), *standard):
        losses = sorted(lc.perplexity(one, model=model).loss for one in candidates)
        assert losses[1] - losses[0] > 0.3, (candidates, losses)
