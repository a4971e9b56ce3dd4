"""The catalogue: what it says must agree with itself and with the files in the package."""

from __future__ import annotations

import pytest

from llm_course.errors import BadOption, UnknownModel
from llm_course.shelf import catalogue
from llm_course.shelf.architectures import AUTO_CLASSES, class_named
from llm_course.shelf.loading import load
from llm_course.shelf.stored import checksum


def test_every_default_is_an_entry_that_does_the_task() -> None:
    entries = {entry.name: entry for entry in catalogue._ENTRIES}
    for family, tasks in catalogue.DEFAULTS.items():
        assert set(tasks) == set(AUTO_CLASSES)
        for task, name in tasks.items():
            assert task in entries[name].tasks
            assert entries[name].family == family or name == "palm-e-mini"  # PaLM-E itself is not open


def test_names_are_unique_and_tasks_known() -> None:
    names = [entry.name for entry in catalogue._ENTRIES]
    assert len(names) == len(set(names))
    for entry in catalogue._ENTRIES:
        assert set(entry.tasks) <= set(AUTO_CLASSES)
        assert (entry.family == "full") == (entry.hub is not None)
        assert ("translate" in entry.tasks) == (entry.languages is not None)
        assert entry.licence and entry.data


def test_every_architecture_is_a_class_of_the_library() -> None:
    for entry in catalogue._ENTRIES:
        assert hasattr(class_named(entry.architecture), "from_pretrained"), entry.name


def test_minis_without_weights_are_left_out_and_the_others_are_whole() -> None:
    for entry in catalogue.catalogue().values():
        if entry.folder:
            assert (entry.folder / "model.safetensors").is_file()
            assert entry.parameters > 5e4 and 0.1 < entry.megabytes <= 21


def test_a_hub_id_is_known_by_its_entry() -> None:
    assert catalogue.known("openai-community/gpt2") is catalogue.known("gpt2")
    assert catalogue.known("no-such-model") is None


def test_the_table_shows_every_model_in_text_and_html() -> None:
    shelf = catalogue.models()
    assert [line.split()[0] for line in repr(shelf).splitlines()] == ["name", *(entry.name for entry in shelf)]
    html = shelf._repr_html_()
    assert html.count("<tr>") == len(shelf) + 1 and 'scope="col"' in html
    assert {entry.family for entry in catalogue.models("full")} == {"full"}
    for wrong in ("tiny", "", 3, []):
        with pytest.raises(BadOption, match="'mini' .* 'full'"):
            catalogue.models(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "meant"), [("gpt3", "gpt2"), ("distil-bart", "distilbart"), ("opus-mt-fr", "opus-mt-en-fr")]
)
def test_an_unknown_name_is_offered_the_nearest(wrong: str, meant: str) -> None:
    with pytest.raises(UnknownModel, match=f"Did you mean .*{meant}"):
        load(wrong)


def test_a_name_near_nothing_is_offered_the_shelf_of_the_task() -> None:
    with pytest.raises(UnknownModel) as caught:
        load("zzzzzz", task="translate")
    assert "opus-mt-en-fr" in str(caught.value) and "Did you mean" not in str(caught.value)
    assert "distilbart" not in str(caught.value)


@pytest.mark.parametrize("entry", [e for e in catalogue._ENTRIES if e.folder], ids=lambda e: e.name)
def test_the_files_of_a_mini_have_their_checksums(entry: catalogue.Entry) -> None:
    import json

    if entry.name not in catalogue.catalogue():
        pytest.skip(f"the weights of {entry.name} are not in this copy of the package")
    assert entry.folder
    listed = json.loads((catalogue.WEIGHTS / "checksums.json").read_text(encoding="utf-8"))[entry.name]
    assert {"model.safetensors", "config.json", "tokenizer.json", "card.json"} <= set(listed)
    assert {name: checksum(entry.folder / name) for name in listed} == listed
