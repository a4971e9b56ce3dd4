"""Learning from examples in the prompt: prompts, codes with known answers, and models whose answers are known."""

import pytest
import torch
import transformers

import tiny_models
from llm_course.errors import BadInput, BadOption, InputTooLong
from llm_course.minis.incontext_mini import make_tokenizer
from llm_course.shelf.loading import LanguageModel, load
from llm_course.use_cases.in_context import accuracy_curve, answers, make_prompt

LABELS = ("the", "and", "in", "you")  # each a token of its own for the tiny GPT-2
PAIRS = [("cat", "bap"), ("shirt", "dof")]


class Oracle(torch.nn.Module):
    """Looks up what followed the last word earlier in the row; where nothing did, it says the first code word."""

    def __init__(self, tokenizer):
        super().__init__()
        self.tokenizer = tokenizer
        self.config = transformers.LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=200)
        self.generation_config = transformers.GenerationConfig()

    def forward(self, input_ids, **options):
        logits = torch.zeros(*input_ids.shape, len(self.tokenizer))
        for row, ids in enumerate(input_ids.tolist()):
            for place, token in enumerate(ids):
                before = [i for i in range(place) if ids[i] == token]
                logits[row, place, ids[before[-1] + 1] if before else 3] = 1
        return transformers.modeling_outputs.CausalLMOutput(logits=logits)


Oracle.__name__ = "LlamaForCausalLM"  # the class by which the shelf tells that it generates


@pytest.fixture(scope="module")
def oracle():
    tokenizer = make_tokenizer()
    return LanguageModel("oracle", Oracle(tokenizer), tokenizer, {"starts_with_bos": True}, torch.device("cpu"))


@pytest.fixture(scope="module")
def gpt2():
    return load(tiny_models.folder("gpt2"), device="cpu", task="generate")


def test_prompts():
    assert make_prompt(PAIRS, "cat") == "cat bap, shirt dof, cat"
    assert make_prompt(PAIRS, "cat", "arrow") == "cat -> bap\nshirt -> dof\ncat ->"
    assert make_prompt([], "cat") == "cat"
    with pytest.raises(BadOption, match="'comma', 'arrow'"):
        make_prompt(PAIRS, "cat", "table")
    with pytest.raises(BadInput, match="pair"):
        make_prompt(["cat bap"], "cat")
    with pytest.raises(BadInput, match="empty"):
        make_prompt(PAIRS, "")


def test_the_answer_is_read_off_the_examples(oracle):
    assert answers(["cat bap, shirt dof, shirt", "cat zat, cat"], model=oracle) == ["dof", "zat"]
    assert answers(["cat bap, shirt dof, shirt"], ["zat", "dof"], model=oracle) == ["dof"]


def test_a_look_up_reaches_the_ceiling(oracle):
    curve = accuracy_curve((0, 2, 16), model=oracle, form="comma", problems=300)
    assert curve.chance == 1 / 16
    assert curve.accuracy[0] == pytest.approx(1 / 16, abs=0.05)  # it always says the same code word
    # Two examples show one of four words with chance 7/16; sixteen with 0.99.
    assert curve.ceiling[1] == pytest.approx(7 / 16 + 9 / 16 / 14.5, abs=0.08)
    assert curve.accuracy[1] == pytest.approx(7 / 16 + 9 / 16 / 16, abs=0.09)
    assert curve.accuracy[2] > 0.96
    assert str(curve).splitlines()[1].split() == ["0", f"{curve.accuracy[0]:.2f}", "0.06"]
    assert curve.to_dict()["shots"] == [0, 2, 16]
    # By kind, the word itself is never shown: a look-up of words is no better than a guess.
    by_kind = accuracy_curve((16,), model=oracle, form="comma", rule="by kind", problems=300)
    assert by_kind.accuracy[0] < 0.15 and by_kind.ceiling[0] > 0.95


def test_any_causal_model_has_a_curve(gpt2):
    curve = accuracy_curve((0, 2), model=gpt2, problems=60, code=LABELS)
    assert all(value < 0.6 for value in curve.accuracy) and curve.chance == 0.25  # random weights
    assert curve == accuracy_curve((0, 2), model=gpt2, problems=60, code=LABELS)
    assert curve != accuracy_curve((0, 2), model=gpt2, problems=60, code=LABELS, seed=1)


def test_one_prompt_says_the_same_in_a_batch_of_other_lengths(gpt2):
    prompts = [make_prompt(PAIRS[:n], "cat", "arrow") for n in (0, 1, 2)]
    assert answers(prompts, LABELS, model=gpt2) == [answers([one], LABELS, model=gpt2)[0] for one in prompts]


def test_labels_that_begin_alike_words_unknown_and_too_many_examples(oracle, gpt2):
    with pytest.raises(BadOption, match="same token"):
        answers(["cat ->"], ["the cat", "the dog"], model=gpt2)
    with pytest.raises(BadOption, match="two or more"):
        answers(["cat ->"], ["bap"], model=gpt2)
    with pytest.raises(BadInput, match="'unicorn'.*cat, dog"):
        answers(["unicorn bap, cat"], model=oracle)
    with pytest.raises(InputTooLong, match="fewer examples"):
        answers([make_prompt(PAIRS * 50, "cat")], model=oracle)


def test_what_is_no_prompt_no_label_and_no_number_is_told(oracle):
    for examples, query in (([1], "cat"), (5, "cat"), ([("a",)], "cat"), ([(1, 2)], "cat"), ([], ["cat"]), ([], None)):
        with pytest.raises(BadInput):
            make_prompt(examples, query)
    with pytest.raises(BadOption, match="form="):
        make_prompt([], "cat", ["comma"])
    for labels in (["", "bap"], ["bap", 3]):
        with pytest.raises(BadInput, match="label"):
            answers(["cat"], labels, model=oracle)
    for labels in ("bap", 5, None, ["bap"]):
        with pytest.raises(BadOption, match="labels="):
            answers(["cat"], labels, model=oracle)
    for shots in ([-1], 4, (), ["1"], None, [1.5]):
        with pytest.raises(BadOption, match="shots="):
            accuracy_curve(shots, model=oracle)
    for seed in (-1, "1", None):
        with pytest.raises(BadOption, match="seed="):
            accuracy_curve([1], model=oracle, seed=seed)
