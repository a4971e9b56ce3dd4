"""The explorer in Python: what a notebook gets, what a saved page contains, how the kernel answers.

Knows nothing about how it looks; ``tests/browser/test_explorer.py`` runs it.
"""

from __future__ import annotations

import base64
import gc
import json
import re
import struct
import subprocess
import sys
import tracemalloc
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from made_up_attention import MadeUp

from llm_course.attention import explorer
from llm_course.attention.explorer import WIDGET_VIEW, encoding, explore, page, save_html
from llm_course.errors import BadInput, BadOption

real = encoding.overview
HOSTILE = ["</script><script>alert(1)</script>", "<img src=x onerror='alert(1)'>", "\u202eevil", "\x00\x1b", "$x$", ""]


def blocks(html: str) -> dict[str, str]:
    """A page's blocks by name, as an HTML parser sees them."""

    class Parser(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.found: dict[str, str] = {}
            self.name: str | None = None

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            self.name = dict(attrs).get("data-block") or ("code" if tag == "script" else None)
            if self.name:
                self.found[self.name] = ""

        def handle_endtag(self, tag: str) -> None:
            self.name = None

        def handle_data(self, data: str) -> None:
            if self.name:
                self.found[self.name] += data

    parser = Parser()
    parser.feed(html)
    return parser.found


def inside(output: str) -> str:
    """The page within an output's frame."""
    found: list[str] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            if tag == "iframe":
                found.append(dict(attrs)["srcdoc"])

    Parser().feed(output)
    assert len(found) == 1
    return found[0]


class Widget:
    """A stand-in for the widget: it keeps what is set and sent."""

    def __init__(self, **given: Any) -> None:
        self.__dict__.update(given, sent=[], model_id="m", callback=None)

    def on_msg(self, callback: Any) -> None:
        self.callback = callback

    def send(self, message: dict[str, Any], buffers: Any = ()) -> None:
        self.sent.append((message, list(buffers)))

    def hold_sync(self) -> Any:
        from contextlib import nullcontext

        return nullcontext()


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VSCODE_PID", raising=False)
    monkeypatch.setattr(explorer, "_in_kernel", lambda: True)
    monkeypatch.setattr(explorer, "_widget_class", lambda: Widget)


def test_the_bundle_holds_page_picture_and_a_stable_text() -> None:
    bundle = explore(MadeUp(["a", "b", "c"]))._repr_mimebundle_()
    assert bundle["text/plain"] == "Explorer(made-up, encoder, 2 layers x 3 heads, 3 x 3 tokens)"
    assert base64.b64decode(bundle["image/png"])[:4] == b"\x89PNG"
    assert set(bundle) == {"text/plain", "text/html", "image/png"}, "no kernel here, so no widget"
    assert bundle == explore(MadeUp(["a", "b", "c"]))._repr_mimebundle_(), "the same on every run"


def test_in_a_kernel_the_widget_comes_first(live: None) -> None:
    shown = explore(MadeUp(4))
    bundle = shown._repr_mimebundle_()
    assert bundle[WIDGET_VIEW]["model_id"] == "m" and bundle[WIDGET_VIEW]["explorer"] == shown.widget().key
    assert shown.widget() is shown.widget()


def test_without_anywidget_page_and_picture_are_shown(live: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ImportError("No module named 'anywidget'")

    monkeypatch.setattr(explorer, "_widget_class", missing)
    assert set(explore(MadeUp(4))._repr_mimebundle_()) == {"text/plain", "text/html", "image/png"}


def test_in_vs_code_the_page_stands_alone(live: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert WIDGET_VIEW in explore(MadeUp(3))._repr_mimebundle_()
    assert WIDGET_VIEW not in explore(MadeUp(3), live=False)._repr_mimebundle_()
    monkeypatch.setenv("VSCODE_PID", "1")
    assert set(explore(MadeUp(3))._repr_mimebundle_()) == {"text/plain", "text/html", "image/png"}
    assert WIDGET_VIEW in explore(MadeUp(3), live=True)._repr_mimebundle_()


def test_the_output_is_a_frame_that_reaches_nothing_outside() -> None:
    html = explore(MadeUp(4))._repr_mimebundle_()["text/html"]
    assert 'sandbox="allow-scripts allow-downloads"' in html and "allow-same-origin" not in html
    assert re.search(r'<img hidden src="data:image/png;base64,\w', html), "what is left where frames are taken out"
    assert "default-src 'none'" in inside(html)
    assert "//" not in re.sub(r"http://www\.w3\.org/2000/svg", "", "".join(re.findall(r"https?://\S+", html)))


def test_hostile_tokens_stay_inside_the_payload(tmp_path: Path) -> None:
    shown = explore(MadeUp(HOSTILE, model="</title><script>alert(1)</script>"))
    for html in (
        shown.save_html(tmp_path / "a.html").read_text("utf-8"),
        inside(shown._repr_mimebundle_()["text/html"]),
    ):
        found = blocks(html)
        assert json.loads(found["spec"])["sides"][0]["kinds"][0]["rows"] == HOSTILE
        assert html.count("<script") == html.count("</script>") == len(found)
        assert "alert(1)</script>" not in html


def test_a_page_carries_all_kinds_and_heads(tmp_path: Path) -> None:
    attention = MadeUp.translation(["Hello", "you"], ["Bonjour", "toi", "</s>"])
    found = blocks(save_html(attention, tmp_path / "page.html").read_text("utf-8"))
    kinds = json.loads(found["spec"])["sides"][0]["kinds"]
    assert [kind["kind"] for kind in kinds] == ["cross", "encoder", "decoder"], "the one asked for comes first"
    assert kinds[0]["columns"] == ["Hello", "you"] and "columns" not in kinds[1]
    for kind in kinds:
        parts = ["thumbnails", "measures", "layer.0", "layer.1", *(["rollout"] if kind["kind"] != "cross" else [])]
        assert {f"{kind['id']}.{part}" for part in parts} <= set(found)
        assert kind["rollout"] == (kind["kind"] != "cross")


def test_the_script_and_style_are_the_widget_s_own(tmp_path: Path) -> None:
    html = save_html(MadeUp(3), tmp_path / "page.html").read_text("utf-8")
    assert page.script() in html and page.style() in html
    for text in (page.script(), page.style()):
        assert "</" + "script" not in text and "</" + "style" not in text
        assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\bfetch\(|XMLHttp|import\(", text)


def test_two_texts_of_one_model_are_called_by_their_beginnings() -> None:
    one, two = MadeUp(["the", " cat"], model="m"), MadeUp(list("abcdefgh"), model="m")
    assert explore(one, two).labels == ["m: the cat", "m: a b c d e f …"]
    assert explore(one, MadeUp(3, model="n")).labels == ["m", "n"]
    assert explore(one, two, labels=("x", "y")).labels == ["x", "y"]
    with pytest.raises(BadOption, match="2 labels for 1"):
        explore(one, labels=("x", "y"))


def test_the_view_opens_where_it_was_left(tmp_path: Path, live: None) -> None:
    shown = explore(MadeUp(6), view={"tab": "map", "layer": 1, "row": 3})
    assert shown.view == {"tab": "map", "layer": 1, "row": 3}
    shown.widget().view = {"tab": "lines", "head": 2}  # as the browser reports it
    assert shown.view == {"tab": "lines", "head": 2}
    html = shown.save_html(tmp_path / "page.html").read_text("utf-8")
    assert json.loads(blocks(html)["spec"])["view"] == {"tab": "lines", "head": 2}
    again = explore(
        MadeUp(3), view={**shown.view, "kind": None, "row": None, "special": True, "from": "all", "set": None}
    )
    assert again.view["row"] is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"colour": 1},
        {"tab": "globe"},
        {"source": "luck"},
        {"row": -1},
        {"layer": 1.5},
        {"head": "2"},
        {"side": True},
        {"set": "x"},
        {"set": [[0]]},
        {"set": [[0, -1]]},
        {"special": 1},
        {"zoom": 0.5},
        {"shade": 0},
        {"from": "A"},
        {"measure": 3},
        {"layer": None},
    ],
)
def test_a_view_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadOption, match=f"{next(iter(wrong))}|head"):
        explore(MadeUp(3), view=wrong)


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    view = {"layer": np.int64(1), "shade": np.float32(0.5), "set": np.array([[0, 1]]), "special": np.bool_(False)}
    shown = explore(MadeUp(3), view=view)
    assert shown.view == {"layer": 1, "shade": 0.5, "set": [[0, 1]], "special": False}
    assert json.loads(json.dumps(shown.view)) == shown.view


@pytest.mark.parametrize("tokens", [8, 300])
def test_long_texts_leave_most_heads_out_of_the_notebook(tokens: int) -> None:
    shown = explore(MadeUp(tokens, layers=4, heads=4, d=32), view={"layer": 2, "head": 1})
    html = shown._repr_mimebundle_()["text/html"]
    found = blocks(inside(html))
    assert len(html) < 450_000
    assert ("0.encoder.layer.2" in found) == (tokens == 8)
    assert ("kept 0.encoder head 2 1" in found) == (tokens == 300), "the head that is shown is there"
    facts = json.loads(found["spec"])["sides"][0]["kinds"][0]
    assert facts["rollout"] is (tokens == 8) and bool(facts["noRollout"]) is (tokens == 300)


def test_what_a_long_text_shows_first_is_in_the_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "OUTPUT_WHOLE", 0)

    def kept(*sides: MadeUp, **view: Any) -> list[str]:
        found = blocks(inside(explore(*sides, view=view)._repr_mimebundle_()["text/html"]))
        assert not [name for name in found if ".layer." in name]
        return [name.removeprefix("kept ") for name in found if name.startswith("kept ")]

    big, small = MadeUp(6, layers=5, heads=4), MadeUp(7, layers=2, heads=3, model="small")
    assert kept(big, small, layer=9, head=3) == ["0.encoder head 4 3", "1.encoder head 1 2"], "in range on each side"
    assert kept(big, small, tab="compare", layer=4, layer2=0, head2=1) == ["0.encoder head 4 0", "1.encoder head 0 1"]
    assert kept(big, small, tab="compare", side=1, layer=1, layer2=3) == ["0.encoder head 3 0", "1.encoder head 1 0"]
    assert kept(big, source="rollout")[1:] == ["0.encoder rollout"]
    assert kept(big, source="average", set=[[0, 1], [4, 3], [9, 0]])[1:] == ["0.encoder mean 0,1,4,3"]
    assert kept(big, source="average", layer=2)[1:] == ["0.encoder mean 2,0,2,1,2,2,2,3"]
    translation = MadeUp.translation(["Hello", "you"], ["Bonjour", "toi", "</s>"])
    assert kept(translation, head=1) == ["0.cross head 0 1", "0.encoder head 0 1", "0.decoder head 0 1"]


def test_the_first_message_is_small(live: None) -> None:
    shown = explore(MadeUp(128, layers=12, heads=12, d=8))
    widget = shown.widget()
    size = sum(map(len, widget.blocks.values())) + len(json.dumps(widget.spec))
    size += len(page.script().encode()) + len(page.style().encode())
    assert size <= 450_000 and widget.spec["sides"][0]["kinds"][0]["thumb"] == [64, 64]


def test_the_kernel_answers_with_bytes(live: None) -> None:
    attention = MadeUp(20, bias="causal")
    widget = explore(attention).widget()

    def ask(**message: Any) -> bytes:
        widget.sent.clear()
        widget.callback(widget, {"id": "7", "data": "0.decoder", **message}, [])
        ((answer, buffers),) = widget.sent
        assert answer == {"id": "7"}
        return buffers[0]

    def weights(data: bytes) -> np.ndarray:
        return (np.frombuffer(data, np.uint8, 400, 16).reshape(20, 20) / 255.0) ** 2

    assert ask(type="head", layer=1, head=2) == encoding.encode_head(attention, 1, 2)
    mean = weights(ask(type="mean", heads=[[0, 1], [1, 2]]))
    assert np.abs(mean - (attention.head(0, 1) + attention.head(1, 2)) / 2).max() <= 0.004
    rolled = np.eye(20)
    for layer in range(2):
        rolled = 0.5 * (attention.mean(layer) + np.eye(20)) @ rolled
    assert np.abs(weights(ask(type="rollout")) - rolled).max() <= 0.004


@pytest.mark.parametrize(
    "message", [{"type": "head", "layer": 99, "head": 0}, {"type": "mean", "heads": []}, {}, {"type": "x"}]
)
def test_a_question_that_makes_no_sense_gets_a_problem_back(live: None, message: dict[str, Any]) -> None:
    widget = explore(MadeUp(4)).widget()
    widget.callback(widget, {"id": "1", "data": "0.encoder", **message}, [])
    widget.callback(widget, "no message", [])
    ((answer, buffers),) = widget.sent
    assert answer["id"] == "1" and answer["problem"] and not buffers


def test_an_edited_text_replaces_the_old_one(live: None) -> None:
    asked = []

    def rerun(text: str, pair: str | None) -> MadeUp:
        asked.append((text, pair))
        if not text:
            raise BadInput("The text is empty. Write one.")
        if text == "boom":
            raise RuntimeError("boom")
        return MadeUp(text.split())

    shown = explore(MadeUp(["a", "b"]), rerun=rerun, text="a b")
    widget = shown.widget()
    assert widget.spec["rerun"] and widget.spec["text"] == "a b" and widget.spec["pair"] is None
    widget.callback(widget, {"type": "rerun", "text": "one two three", "pair": None}, [])
    assert asked == [("one two three", None)] and shown.attention.rows == ("one", "two", "three")
    assert widget.spec["sides"][0]["kinds"][0]["rows"] == ["one", "two", "three"] and widget.spec["turn"] == 1
    for text, says in (("", "The text is empty. Write one."), ("boom", "RuntimeError: boom")):
        widget.callback(widget, {"type": "rerun", "text": text, "pair": None}, [])
        assert widget.spec["problem"] == says and shown.attention.rows == ("one", "two", "three")
    assert widget.spec["turn"] == 3
    assert not explore(MadeUp(3)).widget().spec["rerun"]


def test_an_edit_leaves_the_other_side_as_it_is(live: None, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    monkeypatch.setattr(encoding, "overview", lambda one, more: read.append(one.model) or real(one, more))
    shown = explore(MadeUp(4), MadeUp(4, model="other"), rerun=lambda text, pair: MadeUp(text.split(), model="new"))
    widget = shown.widget()
    widget.callback(widget, {"type": "rerun", "text": "one two", "pair": None}, [])
    assert read == ["made-up", "other", "new"], "the other text is not read again"
    assert [side["kinds"][0]["id"] for side in widget.spec["sides"]] == ["0.encoder", "1.encoder"]
    widget.callback(widget, {"id": "1", "type": "head", "data": "1.encoder", "layer": 1, "head": 2}, [])
    assert widget.sent[-1][1] == [encoding.encode_head(MadeUp(4), 1, 2)]


def test_a_thousand_edits_leak_nothing(live: None) -> None:
    shown = explore(MadeUp(6), rerun=lambda text, pair: MadeUp(6, seed=len(text)))
    widget = shown.widget()

    def edit(times: int) -> int:
        for n in range(times):
            widget.callback(widget, {"type": "rerun", "text": "x" * (n % 7), "pair": None}, [])
            widget.callback(widget, {"type": "head", "id": str(n), "data": "0.encoder", "layer": 0, "head": 0}, [])
            widget.sent.clear()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = edit(100)
        assert edit(1000) - before < 100_000
    finally:
        tracemalloc.stop()


def test_the_picture_is_small_and_described() -> None:
    for attention, says in ((MadeUp(HOSTILE), "mean over 6 heads"), (MadeUp(200, layers=12, heads=12), "all heads")):
        png, alt = explore(attention).picture()
        width, height = struct.unpack(">II", png[16:24])
        assert says in alt and 400 < width < 900 and 400 < height < 900 and len(png) < 160_000


def test_nbconvert_shows_the_page(tmp_path: Path) -> None:
    nbformat, nbconvert = pytest.importorskip("nbformat"), pytest.importorskip("nbconvert")
    bundle = {**explore(MadeUp(3))._repr_mimebundle_(), WIDGET_VIEW: {"model_id": "gone", "version_major": 2}}
    cell = nbformat.v4.new_code_cell("", outputs=[nbformat.v4.new_output("display_data", bundle)])
    html, _ = nbconvert.HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    assert inside(html).startswith("<!doctype html>")


def test_importing_the_explorer_loads_nothing_heavy() -> None:
    code = (
        "import sys, llm_course.attention.explorer as e; "
        "bad = {'torch', 'transformers', 'matplotlib', 'IPython', 'anywidget'} & set(sys.modules); assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_picture_s_words_are_about_what_it_shows() -> None:
    attention = MadeUp(["a", "b", "$c$"], layers=1, heads=1)
    _, alt = explore(attention, MadeUp(3, model="other")).picture()
    weights = attention.head(0, 0)
    assert alt.startswith("made-up: encoder attention, mean over 1 heads. Each row's largest weight: a to ")
    assert f"{weights[2].max():.2f}" in alt and "other" not in alt, "only the first side is drawn"
    long = MadeUp(60, layers=2, heads=2)
    largest = max((long.head(a, b).max(), a, b) for a in range(2) for b in range(2))
    _, alt = explore(long).picture()
    assert alt.endswith(f"The largest weight, {largest[0]:.2f}, is in layer {largest[1]}, head {largest[2]}.")


def test_a_kernel_is_recognized(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object())))
    assert explorer._in_kernel()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert not explorer._in_kernel()
