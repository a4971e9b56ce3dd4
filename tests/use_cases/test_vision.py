"""Pictures: batches say what single pictures say, probabilities are the model's own, and errors say what to do."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import llm_course as lc
import seeing_models
import tiny_models
from llm_course.errors import BadInput, BadOption, InputTooLong, WrongTask
from llm_course.shelf.loading import LanguageModel, load
from llm_course.use_cases import vision
from llm_course.worlds import scenes

SCENES = [
    scenes.scene(("star", "red", "big", 0.3, 0.4), ("circle", "blue", "small", 0.7, 0.7)),
    scenes.scene(("heart", "pink", "small", 0.5, 0.2)),
    scenes.scene(("cross", "black", "big", 0.6, 0.6), ("square", "green", "big", 0.25, 0.3)),
]
QUESTIONS = ["what color is the star?", "how many objects are there?", "is there a big heart"]


def model(name: str) -> LanguageModel:
    return load(seeing_models.folder(name), task="describe")


@pytest.fixture(scope="module")
def mini() -> LanguageModel:
    return model("mini")


def test_a_mini_says_in_a_batch_what_it_says_alone(mini: LanguageModel) -> None:
    together = lc.ask(SCENES, QUESTIONS, model=mini)
    for scene, question, found in zip(SCENES, QUESTIONS, together, strict=True):
        alone = lc.ask(scene, question, model=mini)
        assert (found.text, found.question) == (alone.text, question)
        assert found.probability == pytest.approx(alone.probability, rel=1e-3)
    told = lc.describe(SCENES, model=mini)
    assert [t.text for t in told] == [lc.describe(s, model=mini).text for s in SCENES]


def test_the_probability_is_that_of_plain_passes(mini: LanguageModel) -> None:
    found = lc.ask(SCENES[0], QUESTIONS[0], model=mini, max_new_tokens=3)
    ids = vision.mini_ids(mini, QUESTIONS[0])
    assert ids[:37] == [mini.model.config.image_token_id] * 37
    picture = torch.tensor(scenes.draw(SCENES[0])).permute(2, 0, 1)[None] / 127.5 - 1
    logprob = 0.0
    for step in range(3):
        logits = mini.model(input_ids=torch.tensor([ids]), pixel_values=picture).logits[0, -1]
        if step == 0:
            best = logits.softmax(-1).topk(5)
            assert list(found.first.values()) == pytest.approx(best.values.tolist(), rel=1e-3)
        best_id = int(logits.argmax())
        logprob += logits.log_softmax(-1)[best_id].item()
        ids.append(best_id)
        if best_id in mini.ends:
            break
    assert math.log(found.probability) == pytest.approx(logprob, rel=1e-3)


def test_one_picture_or_one_question_goes_with_a_list(mini: LanguageModel) -> None:
    by_question = lc.ask(SCENES[0], QUESTIONS, model=mini)
    assert [a.question for a in by_question] == QUESTIONS
    by_picture = lc.ask(SCENES, QUESTIONS[0], model=mini)
    assert len(by_picture) == 3 and by_picture[0] == by_question[0]
    assert isinstance(lc.ask(SCENES[:1], QUESTIONS[0], model=mini), list)
    with pytest.raises(BadInput, match="3 pictures and 2 questions"):
        lc.ask(SCENES, QUESTIONS[:2], model=mini)


def test_a_result_is_plain_data_and_shows_the_picture(mini: LanguageModel) -> None:
    found = lc.ask(SCENES[0], QUESTIONS[0], model=mini)
    assert set(json.loads(json.dumps(found.to_dict()))) == {"text", "question", "probability", "first", "model"}
    assert "data:image/png;base64," in found._repr_html_() and str(found) == found.text
    assert set(lc.describe(SCENES[0], model=mini).to_dict()) == {"text", "probability", "model"}


def test_words_that_the_mini_does_not_know_are_named(mini: LanguageModel) -> None:
    with pytest.raises(BadInput, match=r"knows \d+ words; it does not know 'giraffe', '<image>'\.") as error:
        lc.ask(SCENES[0], "Is there a giraffe in the <image>?", model=mini)
    assert "star" in str(error.value)
    assert (
        lc.ask(SCENES[0], "  WHAT color is\nthe Star ", model=mini).text
        == lc.ask(SCENES[0], QUESTIONS[0], model=mini).text
    )  # case, blanks and the question mark do not matter
    with pytest.raises(InputTooLong, match="at most 96 tokens"):
        lc.ask(SCENES[0], "is there a star and a star and a star " * 5, model=mini)
    with pytest.raises(BadInput, match="blank"):
        lc.ask(SCENES[0], "  ", model=mini)
    with pytest.raises(BadOption, match="max_new_tokens=0"):
        lc.ask(SCENES[0], QUESTIONS[0], model=mini, max_new_tokens=0)


def test_every_kind_of_picture_is_the_same_picture(mini: LanguageModel, tmp_path: Path) -> None:
    array = scenes.draw(SCENES[0])
    image = Image.fromarray(array)
    image.save(tmp_path / "scene.png")
    alpha = np.dstack([array, np.full(array.shape[:2], 255, np.uint8)])
    same = [
        SCENES[0],
        array,
        array / 255.0,
        image,
        tmp_path / "scene.png",
        str(tmp_path / "scene.png"),
        alpha,
        Image.fromarray(alpha),
        array.astype(np.int64),
    ]
    found = lc.ask(same, QUESTIONS[0], model=mini)
    assert len({a._repr_html_() for a in found}) == 1 and len({a.text for a in found}) == 1
    large = lc.describe(scenes.draw(SCENES[0], 600), model=mini)
    assert large.text == found[0].text or large.probability > 0  # scaled down, whatever its size
    lc.describe([np.zeros((8, 500), np.uint8), np.ones((40, 30), bool)], model=mini)


BAD: list[tuple[Any, str]] = [
    (np.zeros((1, 1, 3), np.uint8), "1 x 1 pixels"),
    (np.zeros((60, 60, 2), np.uint8), "shape"),
    (np.zeros((3, 60, 60), np.uint8), "transpose"),
    (np.full((60, 60), np.nan), "fractions"),
    (np.full((60, 60), 255.0), "Divide by 255"),
    (np.full((60, 60), 300), "0 to 255, not 300"),
    (np.full((60, 60), "a"), "uint8"),
    (np.broadcast_to(np.uint8(0), (20_000, 20_000)), "too large"),
    ("no/such/file.png", "There is no file"),
    ("https://example.org/a.png", "save the picture to a file"),
    ("", "There is no file"),
    (None, "NoneType is no picture"),
    (7, "int is no picture"),
    ([], "list of pictures is empty"),
    ([SCENES[0], 3.5], "number 1 of the list"),
]


@pytest.mark.parametrize(("picture", "message"), BAD, ids=[m for _, m in BAD])
def test_what_is_no_picture_is_refused(picture: Any, message: str, mini: LanguageModel) -> None:
    with pytest.raises(BadInput, match=message):
        lc.describe(picture, model=mini)


def test_damaged_and_odd_files(mini: LanguageModel, tmp_path: Path) -> None:
    good = tmp_path / "good.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)).save(good)
    (tmp_path / "cut.png").write_bytes(good.read_bytes()[:5000])
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    for name, message in (("cut.png", "damaged"), ("text.png", "no picture"), ("empty.png", "no picture")):
        with pytest.raises(BadInput, match=message):
            lc.describe(tmp_path / name, model=mini)
    with pytest.raises(BadInput, match="There is no file"):
        lc.describe(tmp_path, model=mini)
    with pytest.raises(BadInput, match="^A picture of fractions"):  # and not that it is damaged
        lc.describe(Image.fromarray(np.linspace(-1, 1, 100, dtype=np.float32).reshape(10, 10)), model=mini)
    for mode in ("L", "1", "P", "CMYK", "I;16", "LA", "RGBA", "F"):
        made = Image.fromarray(np.arange(100, dtype=np.uint8).reshape(10, 10))
        made = (
            Image.fromarray(np.arange(100, dtype=np.uint16).reshape(10, 10)) if mode == "I;16" else made.convert(mode)
        )
        assert lc.describe(made, model=mini).model


@pytest.mark.parametrize("name", seeing_models.FULL)
def test_a_full_size_family_answers_and_a_batch_is_its_parts(name: str) -> None:
    lm = model(name)
    assert lm.processor is not None
    questions = ["What color is the star?", "How many?", "Hello, how are you?"]
    together = lc.ask(SCENES, questions, model=lm, max_new_tokens=6)
    for scene, question, found in zip(SCENES, questions, together, strict=True):
        alone = lc.ask(scene, question, model=lm, max_new_tokens=6)
        assert found.text == alone.text and found.probability == pytest.approx(alone.probability, rel=1e-2)
    assert len({lc.ask(s, questions[0], model=lm, max_new_tokens=6).probability for s in SCENES}) == 3
    assert lc.describe(SCENES[1], model=lm, max_new_tokens=4).model
    with pytest.raises(BadInput, match="stands for a picture"):
        lc.ask(SCENES[:2], ["What is it?", f"What is on {lm.processor.image_token}?"], model=lm)
    with pytest.raises(InputTooLong, match="512 tokens"):
        lc.ask(SCENES[0], "the cat sat on the mat " * 200, model=lm)


def test_what_takes_no_pictures_says_so(tmp_path: Path) -> None:
    with pytest.raises(WrongTask, match="does not do 'describe'"):
        lc.ask(SCENES[0], QUESTIONS[0], model=tiny_models.folder("gpt2"))
    for file in seeing_models.folder("idefics3").iterdir():
        if "processor" not in file.name:
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(WrongTask, match="processor.save_pretrained"):
        lc.ask(SCENES[0], QUESTIONS[0], model=tmp_path)
