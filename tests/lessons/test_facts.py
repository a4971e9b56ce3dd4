"""The facts about famous models: every one has a source, and lessons say what the file says."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from llm_course.errors import BadOption
from llm_course.lessons import Lesson, contents, facts, find
from nb_lint import _unfenced, parse_code
from nb_source import source_of

DATA = json.loads(facts.FILE.read_text(encoding="utf-8"))
UNITS = {"trillion": 1e12, "billion": 1e9, "million": 1e6, "TB": 1e12, "GB": 1e9, "B": 1e9}


def test_every_fact_has_a_source_a_place_and_a_level() -> None:
    assert len(DATA["facts"]) > 60
    assert facts.problems(DATA) == []


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda d: d["facts"]["gpt-3.tokens"].pop("source"), "'gpt-3.tokens' has no source"),
        (lambda d: d["facts"]["gpt-3.tokens"].update(source="hearsay"), "'gpt-3.tokens' has no source"),
        (lambda d: d["facts"]["gpt-3.tokens"].update(confirmed="memory"), "how it was confirmed"),
        (lambda d: d["facts"]["gpt-3.tokens"].pop("where"), "names no section or table"),
        (lambda d: d["facts"]["gpt-3.tokens"].update(unit=""), "a number needs a unit"),
        (lambda d: d["facts"]["gpt-3.tokens"].pop("value"), "lacks what, value or unit"),
        (lambda d: d["facts"].update({"gpt-9.tokens": d["facts"]["gpt-3.tokens"]}), "not named after a model"),
        (lambda d: d["sources"]["brown-2020"].update(id="a blog"), "neither an arXiv number nor a url"),
        (lambda d: d["sources"]["brown-2020"].pop("year"), "'brown-2020' lacks year"),
        (lambda d: d["sources"].update(spare=d["sources"]["brown-2020"]), "'spare' is not used"),
        (lambda d: d["models"]["gpt-3"].update(published="2020"), "lacks a month"),
    ],
)
def test_each_mistake_in_the_file_is_named(spoil: Callable[[Any], Any], said: str) -> None:
    data = copy.deepcopy(DATA)
    spoil(data)
    problems = facts.problems(data)
    assert any(said in problem for problem in problems), problems


def test_known_figures() -> None:
    """Figures that the papers' titles and abstracts carry, so that a slip of the keyboard shows."""
    assert facts.value("bloom.parameters") == 176e9
    assert facts.value("palm-e.parameters") == 562e9
    assert facts.value("palm-e.parameters_language") + facts.value("palm-e.parameters_vision") == 562e9
    assert facts.value("bert.words_books") + facts.value("bert.words_wikipedia") == facts.value("bert.words")
    assert facts.value("gpt-3.heads") * facts.value("gpt-3.head_width") == facts.value("gpt-3.width")
    assert facts.value("gpt-4.parameters") == "not disclosed"


def test_the_rule_of_six_fits_the_published_operations() -> None:
    operations = 6 * facts.value("gpt-3.parameters") * facts.value("gpt-3.tokens")
    assert operations == pytest.approx(facts.value("gpt-3.operations"), rel=0.01)


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (340_000_000, "parameters", "340 million"),
        (1_542_000_000, "parameters", "1.542 billion"),
        (15e12, "tokens", "15 trillion"),
        (570e9, "bytes", "570 GB"),
        (1.61e12, "bytes", "1.61 TB"),
        (12288, "numbers", "12,288"),
        (0.15, "share", "15%"),
        (3.14e23, "operations", "3.14 × 10²³"),
        ("not disclosed", "", "not disclosed"),
    ],
)
def test_numbers_are_said_as_people_say_them(value: Any, unit: str, said: str) -> None:
    assert facts.spoken(value, unit) == said


def test_a_fact_says_its_unit_and_its_place() -> None:
    one = facts.fact("gpt-3.tokens")
    assert one.spoken == "300 billion tokens"
    assert str(one) == "GPT-3, read in training: 300 billion tokens (Brown and others 2020, table 2.1)"
    assert facts.fact("gpt-3.parameters").spoken == "175 billion"  # "parameters" is said by what
    assert facts.published("gpt-3") == pytest.approx(2020 + 4 / 12)


def test_a_card_carries_a_linked_source_in_every_row() -> None:
    card = facts.card("bert", "parameters", "words")
    assert str(card).splitlines() == [
        "BERT, first published in October 2018",
        "parameters of the large model: 340 million (Devlin and others 2018, section 3)",
        "text: 3.3 billion words (Devlin and others 2018, section 3.1 and appendix A.2)",
    ]
    html = card._repr_html_()
    assert html.count("https://arxiv.org/abs/1810.04805") == 2
    assert html.count('scope="row"') == 2
    whole = facts.card("gpt-4")
    assert len(whole.facts) == len(facts.keys("gpt-4")) > 5
    assert "openai.com" in whole._repr_html_()


def test_unknown_names_bring_offers() -> None:
    with pytest.raises(BadOption, match="Did you mean 'gpt-3.tokens'"):
        facts.fact("gpt-3.token")
    with pytest.raises(BadOption, match="Did you mean 'palm"):
        facts.card("palme")
    with pytest.raises(BadOption, match="There are: transformer, bert"):
        facts.published("eliza")


def _figures(text: str) -> set[float]:
    """Every figure of a millions' scale or more in a text: ``"175 billion"``, ``"1.61 TB"``, ``"540B"``."""
    found = re.findall(r"(?<![\w.])(\d[\d,]*(?:\.\d+)?)\s?(trillion|billion|million|TB|GB|B)\b", text)
    return {float(number.replace(",", "")) * UNITS[unit] for number, unit in found}


def test_figures_are_found_in_prose() -> None:
    assert _figures("GPT-3 has 175 billion, ROOTS 1.61 TB, PaLM 540B; 1,542 million. 12 cats, A100 80GB.") == {
        175e9,
        1.61e12,
        540e9,
        1542e6,
        80e9,
    }


@pytest.mark.parametrize("slug", ["what_makes_it_large", "five_models"])
def test_prose_about_famous_models_says_what_the_file_says(slug: str) -> None:
    notebook = source_of(find(slug))
    names = "|".join(re.escape(model["name"]) for model in DATA["models"].values())
    known = {float(one["value"]) for one in DATA["facts"].values() if not isinstance(one["value"], str)}
    wrong, seen = [], 0
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        for line in _unfenced(cell.source).splitlines():
            if re.search(rf"\b({names})\b", line):
                figures = _figures(line)
                seen += len(figures)
                wrong += [(figure, line[:90]) for figure in figures - known]
    assert not wrong
    assert seen > 3, "no figure was found: is the pattern still right?"


@pytest.mark.parametrize("lesson", contents(), ids=lambda lesson: lesson.slug)
def test_no_cell_writes_a_published_figure_itself(lesson: Lesson) -> None:
    """Numbers from a hundred million on come from the file, or are computed; 10 to a power is a scale, not a fact."""
    import ast

    for cell in source_of(lesson).cells:
        tree = parse_code(cell.source) if cell.cell_type == "code" else None
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and node.value >= 1e8:
                power = f"{node.value:e}".split("e")[0].rstrip("0").rstrip(".")
                assert power == "1", f"{lesson.slug}: {node.value:g} in a cell; take it from facts.json"
