"""The command ``llm-course``: the use cases, the shelf, the check of the environment, the recipes, the grading.

Knows nothing about models: every command calls the function of the same name.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from llm_course import __version__
from llm_course.errors import BadInput, LLMCourseError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="llm-course", description="Large language models, taught by running them.",
        epilog="Text can come from standard input: llm-course summarize < article.txt",
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"llm-course {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def use_case(name: str, help: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help)
        command.add_argument("text", nargs="*", help="the text; without it, standard input is read")
        command.add_argument("--lines", action="store_true", help="every line of standard input is a text of its own")
        command.add_argument("--model", help="shelf name, Hub id or folder")
        command.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
        command.add_argument("--json", action="store_true", help="print the whole result as JSON, one object a line")
        return command

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

    chat = commands.add_parser("chat", help="talk with a model: one message, or line by line")
    chat.add_argument("text", nargs="*", help="one message; without it, every line of standard input is a turn")
    chat.add_argument("--system", help="a system message, which says how to answer")
    chat.add_argument("--model", help="shelf name, Hub id or folder")
    chat.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    chat.add_argument("--max-new-tokens", type=int, default=60)
    chat.add_argument("--temperature", type=float, default=0, help="0 is greedy")
    chat.add_argument("--seed", type=int, default=0)
    chat.add_argument("--json", action="store_true", help="print each reply as JSON, one object a line")

    fill_mask = use_case("fill-mask", "which words fit where [MASK] stands")
    fill_mask.add_argument("--top", type=int, default=5, help="candidates for each gap")
    use_case("embed", "a text as a vector; always JSON").set_defaults(json=True)
    for name, help in (("describe", "what is on a picture"), ("ask", "answer a question about a picture")):
        seeing = commands.add_parser(name, help=help)
        seeing.add_argument("picture", type=Path, metavar="FILE", help="a PNG, JPEG, ... file")
        if name == "ask":
            seeing.add_argument("question", nargs="+", help="for instance: what color is the star?")
        seeing.add_argument("--model", help="shelf name, Hub id or folder")
        seeing.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
        seeing.add_argument("--json", action="store_true", help="print the whole result as JSON")

    commands.add_parser("models", help="the shelf of models")
    doctor = commands.add_parser("doctor", help="check the environment: OK, or what to do")
    doctor.add_argument("--online", action="store_true", help="also ask the Hub whether it answers")
    demo = commands.add_parser("demo", help="all four use cases and one attention figure")
    demo.add_argument("--figure", type=Path, default=Path("attention.png"), help="where the figure goes")

    train = commands.add_parser("train", help="train a mini again from nothing")
    train.add_argument(
        "name", help="which: gpt-mini, vision-mini or another name that `llm-course models` lists as mini"
    )
    evaluate = commands.add_parser("evaluate", help="measure the minis beside their baselines, write the cards")
    evaluate.add_argument("name", nargs="*", help="which minis; all if none is named")
    evaluate.add_argument("--limit", type=int, help="use at most so many test rows (a quick look; writes no card)")
    for command in (train, evaluate):
        command.add_argument(
            "--data", type=Path, help="folder with the corpora; without it their public homes are listed"
        )
    train.add_argument("--runs", type=Path, default=Path("runs"), help="folder of checkpoints and logs")
    train.add_argument("--steps", type=int, help="train for so many steps instead of the recipe's")
    train.add_argument("--install", action="store_true", help="put the trained model into the package")

    assign = commands.add_parser("assign", help="for instructors: make the version of an assignment that students get")
    grade = commands.add_parser("grade", help="for instructors: judge what was handed in, in a sandbox")
    feedback = commands.add_parser("feedback", help="for instructors: write each student's page of feedback")
    grades = commands.add_parser("grades", help="for instructors: the grades of an assignment as CSV")
    for command in (assign, grade, feedback, grades):
        command.add_argument("name", help="the assignment, 1_tokens for example")
        command.add_argument("--course", type=Path, default=Path(), help="the course's folder; by default this one")
    for command in (grade, feedback):
        command.add_argument("--student", help="this student only")
    grade.add_argument("--seed", type=int, help="of the hidden cases; by default drawn once and kept")
    grade.add_argument("--regrade", action="store_true", help="grade again what has been graded and is unchanged")
    grade.add_argument("--unsafe", action="store_true", help="run student code without a sandbox, with your rights")
    grades.add_argument(
        "--format", choices=("nbgrader", "canvas"), default="nbgrader",
        help="nbgrader's columns, which Moodle can import, or those of Canvas's gradebook",
    )  # fmt: skip
    grades.add_argument("--csv", type=Path, help="write to this file instead of the terminal")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, or 2 after an error that the message explains."""
    options = vars(_parser().parse_args(arguments))
    command = options.pop("command")
    try:
        if command in ("generate", "sentiment", "summarize", "translate", "fill-mask", "embed"):
            _use_case(command.replace("-", "_"), options)
        elif command in ("assign", "grade", "feedback", "grades"):
            from llm_course.grading import commands

            getattr(commands, command)(**options)
        elif command in ("describe", "ask"):
            _picture(command, options)
        else:
            globals()[f"_{command}"](**options)
        sys.stdout.flush()  # here, where a closed pipe is caught, and not when Python ends
    except LLMCourseError as error:
        print(f"llm-course: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        extra = {"train": "train", "evaluate": "train", "assign": "grade", "grade": "grade", "feedback": "grade",
                 "grades": "grade"}.get(command)  # fmt: skip
        if extra is None or (error.name or "").startswith("llm_course"):
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
    except KeyboardInterrupt:
        print("llm-course: stopped", file=sys.stderr)
        return 130
    return 0


def _use_case(command: str, options: dict[str, Any]) -> None:
    import llm_course

    as_json, lines = options.pop("json"), options.pop("lines")
    words = options.pop("text")
    if words:
        texts = [" ".join(words)]
    else:
        if sys.stdin.isatty():
            print("Type the text, then Ctrl-D on a line of its own.", file=sys.stderr)
        read = _decoded(sys.stdin.buffer.read())
        texts = [line for line in read.split("\n") if line.strip()] if lines else [read]
    _print(getattr(llm_course, command)(texts, **options), as_json)


def _decoded(raw: bytes) -> str:
    """Bytes of standard input as text; a mark at their start that says they are UTF-8 is left out."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"Standard input is not UTF-8 (byte {error.start}). Convert it first: iconv -t UTF-8."
        ) from error


def _picture(command: str, options: dict[str, Any]) -> None:
    import llm_course

    as_json, question = options.pop("json"), options.pop("question", None)
    given = [options.pop("picture")] + ([" ".join(question)] if question else [])
    _print([getattr(llm_course, command)(*given, **options)], as_json)


def _print(results: list[Any], as_json: bool) -> None:
    """One result a line: its text, or all of it as JSON."""
    unicode = "utf" in (sys.stdout.encoding or "utf").lower()
    if not unicode and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal without accents still gets an answer
    for result in results:
        print(json.dumps(result.to_dict(), ensure_ascii=not unicode) if as_json else result)


def _chat(text: list[str], system: str | None, json: bool, **options: Any) -> None:
    """Answer one message, or hold a conversation: each line is the user's turn, and all turns so far are read again.

    A conversation that no longer fits the model's window is begun anew with the line that was too much.
    """
    from llm_course.errors import InputTooLong
    from llm_course.use_cases.chat import chat

    messages: list[dict[str, str]] = []
    lines = [" ".join(text)] if text else iter(_line, None)
    for line in lines:
        if not line.strip():
            continue
        turn = {"role": "user", "content": line}
        try:
            reply = chat([*messages, turn], system=None if messages else system, **options)
        except InputTooLong as error:
            if not messages:
                raise
            print(f"llm-course: {error} The conversation begins anew.", file=sys.stderr)
            reply = chat([turn], system=system, **options)
        messages = list(reply.messages)
        print(_as_json(reply) if json else reply, flush=True)


def _line() -> str | None:
    """The next line of standard input; ``None`` at its end. A person at a terminal sees where to type."""
    if sys.stdin.isatty():
        print("> ", end="", file=sys.stderr, flush=True)
    line = sys.stdin.buffer.readline()
    return _decoded(line).rstrip("\r\n") if line else None


def _as_json(result: Any) -> str:
    """A result as one line of JSON; without accents where the terminal cannot show them."""
    return json.dumps(result.to_dict(), ensure_ascii="utf" not in (sys.stdout.encoding or "utf").lower())


def _models() -> None:
    from llm_course.shelf.catalogue import models

    print(repr(models()))


def _doctor(online: bool) -> None:
    from llm_course.teaching.environment import doctor

    print(doctor(online=online))


def _demo(figure: Path) -> None:
    import llm_course as lc

    print("Text generation  ", lc.generate("Once upon a time, in a land far away", max_new_tokens=50))
    print(
        "\nSentiment        ", *map(repr, lc.sentiment(["I love this product!", "The food was not good."])), sep="\n  "
    )
    article = (
        "The town library opened a new reading room on Monday. It has forty seats, two quiet corners and a "
        "large window to the park. For years, students had asked for a place to work after school. The room was "
        "paid for by a gift from a former teacher. It is open until nine in the evening, and entrance is free."
    )
    print("\nSummarization    ", repr(lc.summarize(article, max_sentences=1)), sep="\n  ")
    sentence = "My sister bought a new car."
    print("\nTranslation      ", f"{sentence}  ->  {lc.translate(sentence)}", sep="\n  ")
    from llm_course.attention import alignment

    drawn = alignment(lc.attend(sentence, model="marian-mini"))
    drawn.savefig(figure, dpi=150)
    print(f"\nAttention: which English words each French word looked at: {figure}")


def _train(name: str, data: Path | None, runs: Path, steps: int | None, install: bool) -> None:
    from llm_course.minis.training import train

    train(name, data, runs, steps=steps, install=install)


def _evaluate(name: list[str], data: Path | None, limit: int | None) -> None:
    from llm_course.minis.evaluate import evaluate_all

    print(evaluate_all(data, name or None, limit=limit))


if __name__ == "__main__":
    raise SystemExit(main())
