"""The command line: text in by argument or standard input, results out as text or JSON, errors as one line."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import llm_course as lc
import tiny_models
from llm_course.cli import main
from llm_course.results import Result
from rounding import agree, same_data

MODELS = {"generate": "gpt2", "sentiment": "bert", "summarize": "bert-extract", "translate": "marian"}
each = pytest.mark.parametrize("command", MODELS)


def call(command: str, *arguments: str) -> int:
    return main([command, *arguments, "--model", str(tiny_models.folder(MODELS[command]))])


def standard_input(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def expected(command: str, texts: list[str]) -> list[Result]:
    return getattr(lc, command)(texts, model=tiny_models.folder(MODELS[command]))


@each
def test_text_from_the_arguments(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(command, "The", "cat", "sat.") == 0
    assert capsys.readouterr().out == f"{expected(command, ['The cat sat.'])[0]}\n"


@each
def test_text_from_standard_input(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    standard_input(monkeypatch, "\ufeffThe café.\nA dog.".encode())
    assert call(command) == 0
    assert capsys.readouterr().out == f"{expected(command, ['The café.' + chr(10) + 'A dog.'])[0]}\n"


@each
def test_lines_and_json(command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    standard_input(monkeypatch, "The cat sat.\r\n\n  \nA café\u2028here.\n".encode())
    assert call(command, "--lines", "--json") == 0
    found = [json.loads(line) for line in capsys.readouterr().out.split("\n")[:-1]]
    assert same_data(found, [one.to_dict() for one in expected(command, ["The cat sat.\r", "A café\u2028here."])])


def test_options_reach_the_use_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("generate", "The cat", "--temperature", "0", "--max-new-tokens", "5", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    own = lc.generate("The cat", temperature=0, max_new_tokens=5, model=tiny_models.folder("gpt2"))
    assert same_data(found, own.to_dict()) and len(found["tokens"]) == 5
    assert call("generate", "The cat", "--seed", "3", "--top-k", "5", "--top-p", "0.9", "--temperature", "1.5") == 0
    own = lc.generate("The cat", seed=3, top_k=5, top_p=0.9, temperature=1.5, model=tiny_models.folder("gpt2"))
    assert capsys.readouterr().out == f"{own}\n"
    article = "The cat sat. A dog runs. I love it. It is red."
    assert call("summarize", article, "--max-sentences", "3", "--method", "extractive") == 0
    assert len(capsys.readouterr().out.split(". ")) == 3


def test_gaps_and_vectors(capsys: pytest.CaptureFixture[str]) -> None:
    masked = tiny_models.folder("bert-masked")
    assert main(["fill-mask", "The [MASK] sat.", "--top", "2", "--json", "--model", str(masked)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert same_data(found, lc.fill_mask("The [MASK] sat.", top=2, model=masked).to_dict())
    assert main(["fill-mask", "The [MASK] sat.", "--model", str(masked)]) == 0
    assert capsys.readouterr().out == f"{found['text']}\n"
    assert main(["embed", "The cat", "--model", str(masked)]) == 0
    assert agree(json.loads(capsys.readouterr().out)["vector"], lc.embed("The cat", model=masked).vector)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["translate", "Hello", "--target", "xx", "--model", str(tiny_models.folder("t5"))], "'xx'"),
        (["generate", "Hello", "--temperature", "nan", "--model", str(tiny_models.folder("gpt2"))], "temperature=nan"),
        (["generate", "Hello", "--max-new-tokens", "-3", "--model", str(tiny_models.folder("gpt2"))], "max_new_tokens"),
        (["sentiment", "Hello", "--model", "roberta-sentimen"], "Did you mean 'roberta-sentiment'"),
        (["sentiment", "Hello", "--model", str(tiny_models.folder("gpt2"))], "does not do 'sentiment'"),
        (["sentiment", "Hello", "--model", str(tiny_models.folder("bert")), "--device", "tpu"], "'tpu' is no device"),
        (["summarize", "", "--model", str(tiny_models.folder("bert-extract"))], "empty"),
        (["summarize", "\udce9t\udce9", "--model", str(tiny_models.folder("bert-extract"))], "lone surrogate"),
    ],
)
def test_an_error_is_one_line_and_status_2(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("llm-course: ") and err.count("\n") == 1 and says in err


@pytest.mark.parametrize(("content", "says"), [(b"caf\xe9", "not UTF-8 (byte 3)"), (b"", "empty"), (b" \n", "blank")])
def test_standard_input_that_is_no_text(
    content: bytes, says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    standard_input(monkeypatch, content)
    assert call("sentiment") == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["dance"], ["generate", "a", "--top-k", "x"], ["summarize", "a", "--method", "x"]]
)
def test_a_wrong_call_shows_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2 and "usage: llm-course" in capsys.readouterr().err


def test_the_shelf_and_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    assert capsys.readouterr().out == f"{lc.models()!r}\n"
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0 and lc.__version__ in capsys.readouterr().out


def test_stopped_by_the_keyboard(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("llm_course.shelf.catalogue.models", stop)
    assert main(["models"]) == 130 and capsys.readouterr().err == "llm-course: stopped\n"


def test_pictures(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from PIL import Image

    import seeing_models

    model = ["--model", str(seeing_models.folder("mini"))]
    file = tmp_path / "scene.png"
    Image.fromarray(lc.scenes.draw([("star", "red", "big", 0.3, 0.4)])).save(file)
    assert main(["describe", str(file), *model]) == 0
    assert main(["ask", str(file), "what", "color", "is", "the", "star?", "--json", *model]) == 0
    told, found = capsys.readouterr().out.splitlines()
    assert told == str(lc.describe(file, model=model[1]))
    assert same_data(json.loads(found), lc.ask(file, "what color is the star?", model=model[1]).to_dict())
    (tmp_path / "text.png").write_text("no picture")
    for arguments, says in (
        (["describe", str(tmp_path / "none.png")], "There is no file"),
        (["describe", str(tmp_path / "text.png")], "no picture"),
        (["ask", str(file), "is there a giraffe?"], "does not know 'giraffe'"),
    ):
        assert main([*arguments, *model]) == 2
        err = capsys.readouterr().err
        assert err.startswith("llm-course: ") and err.count("\n") == 1 and says in err


# --- as a process -------------------------------------------------------------------------------------------


def test_a_process_of_its_own_with_a_terminal_that_knows_no_accents() -> None:
    command = [sys.executable, "-m", "llm_course.cli", "sentiment", "--json", "--lines", "--model"]
    done = subprocess.run(
        [*command, str(tiny_models.folder("bert"))],
        input="I love café.\nA dog.\n".encode(),
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert [json.loads(line)["text"] for line in done.stdout.splitlines()] == ["I love café.", "A dog."]


def test_a_reader_that_leaves_early_is_no_error() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "llm_course.cli", "models"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout and process.stderr
    process.stdout.close()
    assert process.wait(timeout=300) == 0 and process.stderr.read() == b""
    process.stderr.close()


def talk(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], str | None]]:
    """Stands in for the chat function: what each call brought, and replies that say how many turns there were."""
    from llm_course.errors import InputTooLong
    from llm_course.use_cases.chat import Reply

    seen: list[tuple[list[str], str | None]] = []

    def answer(messages: list[dict[str, str]], system: str | None = None, **options: object) -> Reply:
        said = [m["content"] for m in messages if m["role"] == "user"]
        if len(said) > 2:
            raise InputTooLong("The conversation has 300 tokens.")
        seen.append((said, system))
        return Reply(f"reply {len(said)}", (*messages, {"role": "assistant", "content": "x"}), 1, "tiny")

    monkeypatch.setattr(lc, "chat", answer)
    return seen


def test_chat_answers_one_message(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = talk(monkeypatch)
    assert main(["chat", "Hi", "there", "--system", "Be brief.", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["text"] == "reply 1" and found["messages"][-1]["role"] == "assistant"
    assert seen == [(["Hi there"], "Be brief.")]


def test_chat_holds_a_conversation_line_by_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = talk(monkeypatch)
    standard_input(monkeypatch, b"A latte.\n\nWith milk.\nAnd more.\n")
    assert main(["chat", "--system", "Be brief."]) == 0
    out = capsys.readouterr()
    assert out.out == "reply 1\nreply 2\nreply 1\n" and "begins anew" in out.err
    assert seen == [(["A latte."], "Be brief."), (["A latte.", "With milk."], None), (["And more."], "Be brief.")]


def test_chat_says_that_its_input_is_not_utf8(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    talk(monkeypatch)
    standard_input(monkeypatch, "A latte.\nUn caf\u00e9.\n".encode("latin-1"))
    assert main(["chat"]) == 2
    out = capsys.readouterr()
    assert out.out == "reply 1\n" and "not UTF-8" in out.err


@pytest.mark.parametrize(
    ("command", "function", "missing"),
    [("train", "training.train", "accelerate"), ("evaluate", "evaluate.evaluate_all", "sumy")],
)
def test_a_command_without_its_extra_names_it(
    command: str, function: str, missing: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacks(*_: object, **__: object) -> None:
        raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)

    monkeypatch.setattr(f"llm_course.minis.{function}", lacks)
    assert main([command, "gpt-mini"]) == 2
    said = capsys.readouterr().err
    assert missing in said and "pip install 'llm-course[train]'" in said
