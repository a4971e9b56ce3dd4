"""The command ``llm-course``: the use cases, the shelf, the check of the environment, the recipes, the grading.

Knows nothing about models: every command calls the function of the same name.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import llm_course
from llm_course import __version__
from llm_course.errors import BadInput, InputTooLong, LLMCourseError
from llm_course.results import Result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="llm-course",
        description="Large language models, taught by running them.",
        epilog="Text can come from standard input: llm-course summarize < article.txt",
    )
    parser.add_argument("--version", action="version", version=f"llm-course {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[..., int | None], help: str, extra: str = "") -> argparse.ArgumentParser:
        """A command, what it runs, and the extra of the package that it needs."""
        added = commands.add_parser(name, help=help)
        added.set_defaults(run=run, command=name, extra=extra)
        return added

    def model_options(added: argparse.ArgumentParser) -> None:
        added.add_argument("--model", help="shelf name, Hub id or folder")
        added.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
        added.add_argument("--json", action="store_true", help="print the whole result as JSON, one object a line")

    def use_case(name: str, help: str) -> argparse.ArgumentParser:
        """The command of a use case that takes texts: it calls the function of that name at the face."""
        added = command(name, partial(_use_case, name.replace("-", "_")), help)
        added.add_argument("text", nargs="*", help="the text; without it, standard input is read")
        added.add_argument("--lines", action="store_true", help="every line of standard input is a text of its own")
        model_options(added)
        return added

    generate = use_case("generate", "continue a text")
    generate.add_argument("--max-new-tokens", type=int, default=60)
    generate.add_argument("--temperature", type=float, default=0.7, help="0 is greedy")
    generate.add_argument("--top-p", type=float, default=1.0)
    generate.add_argument("--top-k", type=int, default=0)
    generate.add_argument("--seed", type=int, default=0)
    use_case("sentiment", "positive, neutral or negative")
    summarize = use_case("summarize", "the gist in a few sentences")
    summarize.add_argument("--max-sentences", type=int, default=2)
    summarize.add_argument("--method", choices=("extractive", "abstractive"))
    translate = use_case("translate", "English to French")
    translate.add_argument("--source", default="en")
    translate.add_argument("--target", default="fr")
    translate.add_argument("--num-beams", type=int, default=4)
    fill_mask = use_case("fill-mask", "which words fit where [MASK] stands")
    fill_mask.add_argument("--top", type=int, default=5, help="candidates for each gap")
    use_case("embed", "a text as a vector; always JSON").set_defaults(json=True)

    chat = command("chat", _chat, "talk with a model: one message, or line by line")
    chat.add_argument("text", nargs="*", help="one message; without it, every line of standard input is a turn")
    chat.add_argument("--system", help="a system message, which says how to answer")
    chat.add_argument("--max-new-tokens", type=int, default=60)
    chat.add_argument("--temperature", type=float, default=0, help="0 is greedy")
    chat.add_argument("--seed", type=int, default=0)
    model_options(chat)
    for name, help in (("describe", "what is on a picture"), ("ask", "answer a question about a picture")):
        seeing = command(name, partial(_picture, name), help)
        seeing.add_argument("picture", type=Path, metavar="FILE", help="a PNG, JPEG, ... file")
        if name == "ask":
            seeing.add_argument("question", nargs="+", help="for instance: what color is the star?")
        model_options(seeing)

    command("models", _models, "the shelf of models")
    lab = command("lab", _lab, "open your own copies of the lessons in JupyterLab", extra="lab")
    lab.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=Path("llm-course-lessons"),
        help="where your copies are or shall be; by default llm-course-lessons, in this folder",
    )
    lab.add_argument("arguments", nargs="*", help="after --: what JupyterLab is told, for instance -- --port 9000")
    doctor = command("doctor", _doctor, "check the environment: OK, or what to do")
    doctor.add_argument("--online", action="store_true", help="also ask the Hub whether it answers")
    demo = command("demo", _demo, "all four use cases and one attention figure")
    demo.add_argument("--figure", type=Path, default=Path("attention.png"), help="where the figure goes")

    train = command("train", _train, "train a mini again from nothing", extra="train")
    train.add_argument(
        "name", help="which: gpt-mini, vision-mini or another name that `llm-course models` lists as mini"
    )
    evaluate = command(
        "evaluate", _evaluate, "measure the minis beside their baselines, write the cards", extra="train"
    )
    evaluate.add_argument("name", nargs="*", help="which minis; all if none is named")
    evaluate.add_argument("--limit", type=int, help="use at most so many test rows (a quick look; writes no card)")
    for added in (train, evaluate):
        added.add_argument(
            "--data", type=Path, help="folder with the corpora; without it their public homes are listed"
        )
    train.add_argument("--runs", type=Path, default=Path("runs"), help="folder of checkpoints and logs")
    train.add_argument("--steps", type=int, help="train for so many steps instead of the recipe's")
    train.add_argument("--install", action="store_true", help="put the trained model into the package")

    def instructors(name: str, help: str) -> argparse.ArgumentParser:
        """A command for instructors: it calls the grading's function of that name."""
        added = command(name, partial(_grading, name), f"for instructors: {help}", extra="grade")
        added.add_argument("name", help="the assignment, 1_tokens for example")
        added.add_argument("--course", type=Path, default=Path(), help="the course's folder; by default this one")
        return added

    instructors("assign", "make the version of an assignment that students get")
    grade = instructors("grade", "judge what was handed in, in a sandbox")
    feedback = instructors("feedback", "write each student's page of feedback")
    grades = instructors("grades", "the grades of an assignment as CSV")
    for added in (grade, feedback):
        added.add_argument("--student", help="this student only")
    grade.add_argument("--seed", type=int, help="of the hidden cases; by default drawn once and kept")
    grade.add_argument("--regrade", action="store_true", help="grade again what has been graded and is unchanged")
    grade.add_argument("--unsafe", action="store_true", help="run student code without a sandbox, with your rights")
    grades.add_argument(
        "--format",
        choices=("nbgrader", "canvas"),
        default="nbgrader",
        help="nbgrader's columns, which Moodle can import, or those of Canvas's gradebook",
    )
    grades.add_argument("--csv", type=Path, help="write to this file instead of the terminal")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, or 2 after an error that the message explains."""
    options = vars(_parser().parse_args(arguments))
    run, command, extra = (options.pop(name) for name in ("run", "command", "extra"))
    try:
        status = run(**options) or 0
        sys.stdout.flush()  # here, where a closed pipe is caught, and not when Python ends
    except LLMCourseError as error:
        print(f"llm-course: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if not extra or (error.name or "").startswith("llm_course"):
            raise
        print(
            f"llm-course: {command} needs the package {error.name}, which is not installed here. Install what belongs "
            f"to it: pip install 'llm-course[{extra}]'",
            file=sys.stderr,
        )
        return 2
    except BrokenPipeError:
        # The reader of our output has gone (head, less): nothing is wrong, and the rest goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("llm-course: stopped", file=sys.stderr)
        return 130
    return status


def _use_case(name: str, text: list[str], lines: bool, json: bool, **options: object) -> None:
    if text:
        texts = [" ".join(text)]
    else:
        if sys.stdin.isatty():
            print("Type the text, then Ctrl-D on a line of its own.", file=sys.stderr)
        read = _decoded(sys.stdin.buffer.read())
        texts = [line for line in read.split("\n") if line.strip()] if lines else [read]
    for result in getattr(llm_course, name)(texts, **options):
        _print(result, json)


def _decoded(raw: bytes) -> str:
    """Bytes of standard input as text; a mark at their start that says they are UTF-8 is left out."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"Standard input is not UTF-8 (byte {error.start}). Convert it first: iconv -t UTF-8."
        ) from error


def _picture(name: str, picture: Path, json: bool, question: Sequence[str] = (), **options: object) -> None:
    asked = [" ".join(question)] if question else []
    _print(getattr(llm_course, name)(picture, *asked, **options), json)


def _print(result: Result, as_json: bool) -> None:
    """One result on a line: its text, or all of it as JSON; without accents where the terminal cannot show them."""
    unicode = "utf" in (sys.stdout.encoding or "utf").lower()
    if not unicode and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    print(json.dumps(result.to_dict(), ensure_ascii=not unicode) if as_json else result, flush=True)


def _chat(text: list[str], system: str | None, json: bool, **options: Any) -> None:
    """Answer one message, or hold a conversation: each line is the user's turn, and all turns so far are read again.

    A conversation that no longer fits the model's window is begun anew with the line that was too much.
    """
    messages: list[dict[str, str]] = []
    lines = [" ".join(text)] if text else iter(_line, None)
    for line in lines:
        if not line.strip():
            continue
        turn = {"role": "user", "content": line}
        try:
            reply = llm_course.chat([*messages, turn], system=None if messages else system, **options)
        except InputTooLong as error:
            if not messages:
                raise
            print(f"llm-course: {error} The conversation begins anew.", file=sys.stderr)
            reply = llm_course.chat([turn], system=system, **options)
        messages = list(reply.messages)
        _print(reply, json)


def _line() -> str | None:
    """The next line of standard input; ``None`` at its end. A person at a terminal sees where to type."""
    if sys.stdin.isatty():
        print("> ", end="", file=sys.stderr, flush=True)
    line = sys.stdin.buffer.readline()
    return _decoded(line).rstrip("\r\n") if line else None


def _models() -> None:
    from llm_course.shelf.catalogue import models

    print(repr(models()))


def _lab(folder: Path, arguments: list[str]) -> int:
    from llm_course.teaching.jupyterlab import open_lab

    return open_lab(folder, arguments)


def _doctor(online: bool) -> int:
    from llm_course.teaching.environment import doctor

    report = doctor(online=online)
    print(report)
    return 0 if report.ok else 1


def _demo(figure: Path) -> None:
    print("Text generation  ", llm_course.generate("Once upon a time, in a land far away", max_new_tokens=50))
    print(
        "\nSentiment        ",
        *map(repr, llm_course.sentiment(["I love this product!", "The food was not good."])),
        sep="\n  ",
    )
    article = (
        "The town library opened a new reading room on Monday. It has forty seats, two quiet corners and a "
        "large window to the park. For years, students had asked for a place to work after school. The room was "
        "paid for by a gift from a former teacher. It is open until nine in the evening, and entrance is free."
    )
    print("\nSummarization    ", repr(llm_course.summarize(article, max_sentences=1)), sep="\n  ")
    sentence = "My sister bought a new car."
    print("\nTranslation      ", f"{sentence}  ->  {llm_course.translate(sentence)}", sep="\n  ")
    from llm_course.attention import alignment

    drawn = alignment(llm_course.attend(sentence, model="marian-mini"))
    drawn.savefig(figure, dpi=150)
    print(f"\nAttention: which English words each French word looked at: {figure}")


def _grading(command: str, /, **options: object) -> None:
    from llm_course.grading import commands

    getattr(commands, command)(**options)


def _train(name: str, data: Path | None, runs: Path, steps: int | None, install: bool) -> None:
    from llm_course.minis.training import train

    train(name, data, runs, steps=steps, install=install)


def _evaluate(name: list[str], data: Path | None, limit: int | None) -> None:
    from llm_course.minis.evaluate import evaluate_all

    print(evaluate_all(data, name or None, limit=limit))


if __name__ == "__main__":
    raise SystemExit(main())
