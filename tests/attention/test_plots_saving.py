"""Saving: PNG and SVG with title and description, text kept as text, the same bytes twice, and clear errors."""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llm_course.attention import heat_map, line_view, save
from llm_course.errors import BadInput, BadOption
from made_up_heads import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"
DC = "{http://purl.org/dc/elements/1.1/}"


def test_an_svg_keeps_text_as_text_and_says_what_it_shows(tmp_path: Path) -> None:
    figure = heat_map(np.eye(2), ["le", "chat"], ["the", "cat"], title="A & B <i>")
    path = save(figure, str(tmp_path / "figure.svg"))
    assert path == tmp_path / "figure.svg"
    root = ElementTree.parse(path).getroot()
    texts = {"".join(one.itertext()).strip() for one in root.iter(f"{SVG}text")}
    assert {"le", "chat", "the", "cat", "looking (query)"} <= texts
    assert root.findtext(f"{SVG}title") == "A & B <i>" and root.find(f".//{SVG}i") is None
    assert next(root.iter(f"{DC}description")).text == figure.alt and not list(root.iter(f"{DC}date"))
    before = path.read_bytes()
    save(figure, path)
    assert path.read_bytes() == before


def test_a_png_has_the_dots_of_a_paper_and_its_words(tmp_path: Path) -> None:
    from PIL import Image

    figure = heat_map(np.eye(2), ["é", "中"], title="A test")
    save(figure, tmp_path / "figure.PNG")
    with Image.open(tmp_path / "figure.PNG") as image:
        image.load()
        assert image.info["Title"] == "A test" and image.info["Description"] == figure.alt and "中" in figure.alt
        assert round(image.info["dpi"][0]) == 300 and "Software" not in image.info
    save(figure, tmp_path / "small.png", dpi=100)
    width, height = ((tmp_path / one).read_bytes()[16:24] for one in ("figure.PNG", "small.png"))
    assert struct.unpack(">2I", width)[0] == pytest.approx(3 * struct.unpack(">2I", height)[0], rel=0.02)


@pytest.mark.parametrize("picture", [heat_map, line_view])
def test_an_svg_of_hostile_tokens_is_well_formed_and_holds_no_markup_of_theirs(picture: Any, tmp_path: Path) -> None:
    path = save(picture(np.eye(len(HOSTILE)), HOSTILE, HOSTILE, title="<script>$x$\x00"), tmp_path / "figure.svg")
    root = ElementTree.parse(path).getroot()
    found = {one.tag for one in root.iter()}
    assert not {f"{SVG}script", f"{SVG}img", f"{SVG}b", "script", "img"} & found
    texts = {"".join(one.itertext()).strip() for one in root.iter(f"{SVG}text")}
    assert {"$x_1$", "</script>", "\\u202eabc", "שלום"} <= texts


@pytest.mark.parametrize("name", ["figure.jpg", "figure.pdf", "figure", "figure.png.txt", ".png"])
def test_other_endings_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match=r"\.png or \.svg"):
        save(heat_map(np.eye(2)), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_other_mistakes(tmp_path: Path) -> None:
    figure = heat_map(np.eye(2))
    with pytest.raises(BadOption, match="no folder"):
        save(figure, tmp_path / "not there" / "figure.png")
    for dpi in (0, 29, 5000, 150.5, "300", None):
        with pytest.raises(BadOption, match="dpi"):
            save(figure, tmp_path / "figure.png", dpi=dpi)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="matplotlib figure"):
        save(figure.axes[0], tmp_path / "figure.png")  # type: ignore[arg-type]
    with pytest.raises(BadOption, match="folder"):
        (tmp_path / "folder.png").mkdir()
        save(figure, tmp_path / "folder.png")
