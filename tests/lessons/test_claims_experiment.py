"""The table of claims: each has a verdict, evidence that exists in a lesson, and a source."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from llm_course.errors import BadOption
from llm_course.lessons import contents, find
from llm_course.lessons.claims import experiment as claims
from nb_lint import _unfenced

DATA = json.loads(claims.FILE.read_text(encoding="utf-8"))


def headings() -> dict[str, set[str]]:
    """The headings of every lesson's source, by its slug."""
    found = {}
    for lesson in contents():
        text = _unfenced(lesson.source.read_text(encoding="utf-8"))
        found[lesson.slug] = set(re.findall(r"^#{2,6} +(.*?)\s*$", text, flags=re.MULTILINE))
    return found


def test_every_claim_has_verdict_evidence_and_source() -> None:
    """Also: every lesson and heading that a claim points to exists."""
    assert len(DATA) == 28
    assert claims.problems(DATA, headings()) == []


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda d: d[0].pop("verdict"), "has no verdict"),
        (lambda d: d[0].update(verdict="true"), "has no verdict"),
        (lambda d: d[0].update(evidence=[]), "has no evidence"),
        (lambda d: d[0].pop("sources"), "has no source"),
        (lambda d: d[0].update(truth=""), "lacks 'truth'"),
        (lambda d: d[0].update(id=d[1]["id"]), "is there twice"),
        (lambda d: d[0]["evidence"][0].update(lesson="none"), "'none', which is not there"),
        (lambda d: d[0]["evidence"][0].update(heading="Nowhere"), "no heading of what_makes_it_large"),
        (lambda d: d[0]["sources"][0].update(fact="gpt-3.color"), "not in facts.json"),
        (lambda d: d[0].update(sources=[{"text": "hearsay", "url": "a blog"}]), "without text or link"),
    ],
)
def test_each_mistake_is_named(spoil: Callable[[Any], Any], said: str) -> None:
    data = copy.deepcopy(DATA[:2])
    spoil(data)
    problems = claims.problems(data, headings())
    assert any(said in problem for problem in problems), problems


def test_a_claim_shows_its_links_and_escapes_text() -> None:
    shown = claims.Evidence(find("five_models"), "BERT: both sides at once")
    one = claims.Claim("x", "a < b", "wrong", "no", (shown,), (("Paper", "https://arxiv.org/abs/1810.04805"),))
    html = claims.Claims((one,))._repr_html_()
    assert "a &lt; b" in html and "a < b" not in html
    assert f'href="{find("five_models").name}.ipynb#BERT%3A-both-sides-at-once"' in html
    assert 'href="https://arxiv.org/abs/1810.04805"' in html
    assert repr(claims.Claims((one,))) == "1 claims: 1 wrong"


def test_facts_become_sources_with_their_place() -> None:
    petabytes = next(one for one in claims.all_claims() if one.id == "petabytes")
    assert petabytes.sources[0] == ("GPT-3: Brown and others 2020, table 2.1", "https://arxiv.org/abs/2005.14165")
    assert petabytes.verdict == "wrong"


def test_the_table_can_be_narrowed() -> None:
    whole = claims.table()
    assert len(whole.claims) == len(DATA)
    parts = [claims.table(verdict) for verdict in claims.VERDICTS]
    assert sum(len(part.claims) for part in parts) == len(DATA)
    assert {one.id for one in claims.table(about="bloom").claims} >= {"bloom", "petabytes"}
    assert all(
        any(e.lesson.slug == "five_models" for e in one.evidence) for one in claims.table(lesson="five_models").claims
    )
    with pytest.raises(BadOption, match="'holds with limits'"):
        claims.table("true")
    with pytest.raises(BadOption, match="No lesson is called"):
        claims.table(lesson="five_modes")
    with pytest.raises(BadOption, match="No claim fits"):
        claims.table(about="astrology")
