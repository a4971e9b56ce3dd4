"""The catalogue: what it says must agree with itself and with the files in the package."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llm_course.errors import BadOption, UnknownModel
from llm_course.shelf import catalogue
from llm_course.shelf.architectures import AUTO_CLASSES, class_named
from llm_course.shelf.loading import load
from llm_course.shelf.stored import checksum

ENTRIES = catalogue.catalogue()


@pytest.mark.parametrize("family", catalogue.FAMILIES)
def test_every_task_has_one_default_that_does_it(family: str) -> None:
    for task in AUTO_CLASSES:
        own = [entry.name for entry in ENTRIES.values() if entry.family == family and task in entry.default_for]
        if family == "full" and task == "act":  # PaLM-E itself is not open: the mini acts in both families
            assert own == [] and catalogue.default(family, task) == "palm-e-mini"
        else:
            assert own == [catalogue.default(family, task)]
            assert task in ENTRIES[own[0]].tasks


def test_names_are_unique_and_tasks_known() -> None:
    assert len({entry.name for entry in catalogue.FULL}) == len(catalogue.FULL)
    for entry in ENTRIES.values():
        assert entry.tasks and set(entry.tasks) <= set(AUTO_CLASSES)
        assert ("translate" in entry.tasks) == (entry.languages is not None)
        assert entry.licence and entry.data and entry.kind


def test_every_architecture_is_a_class_of_the_library() -> None:
    for entry in ENTRIES.values():
        assert hasattr(class_named(entry.architecture), "from_pretrained"), entry.name


def test_every_mini_has_weights() -> None:
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


@pytest.mark.parametrize("entry", [e for e in ENTRIES.values() if e.folder], ids=lambda e: e.name)
def test_the_files_of_a_mini_have_their_checksums(entry: catalogue.Entry) -> None:
    assert entry.folder
    listed = json.loads((catalogue.WEIGHTS / "checksums.json").read_text(encoding="utf-8"))[entry.name]
    assert {"model.safetensors", "config.json", "tokenizer.json", "card.json"} <= set(listed)
    assert {name: checksum(entry.folder / name) for name in listed} == listed


def test_a_family_without_a_model_for_a_task_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(catalogue, "WEIGHTS", tmp_path)
    catalogue.catalogue.cache_clear()
    try:
        assert list(catalogue.models("mini")) == []
        with pytest.raises(UnknownModel, match="'generate'.*Install"):
            load(task="generate")
    finally:
        catalogue.catalogue.cache_clear()
