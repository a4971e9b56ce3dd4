"""Judge one student: ask the sandbox for values, compare them here, and say which parts are right.

Knows nothing about nbgrader, files of a course or other students. All that the sandbox sends is a claim about this
student's own values. Each request has an id that cannot be guessed before it is made; an answer with another id, one
that is too large, too late or no plain data makes the part wrong that was asked for, and ends that sandbox, as a second
answer does. The next part gets a fresh one, so that one crash costs one part.
"""

from __future__ import annotations

import json
import os
import secrets
import select
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llm_course.checks import verdict as verdicts
from llm_course.checks.cases import Case, called, try_cases
from llm_course.checks.learner_code import NotWritten, Stopped
from llm_course.checks.verdict import Verdict
from llm_course.errors import BadCourse, NoSandbox, NotPlain
from llm_course.grading import wire
from llm_course.grading.judged import SECTIONS, Judged, Part, Run, Section
from llm_course.grading.sandbox import Limits, Sandbox
from llm_course.grading.tasks import Task

RESTARTS = 8  # fresh sandboxes for one student, at most
START_SECONDS = 120  # for Python to start, on a busy machine
QUIET_SECONDS = 10  # to say that it waits
GRACE = 3  # seconds between the sandbox's own alarm and its end


class Lost(Exception):
    """The sandbox no longer answers, or answers what nobody asked; its text says why, for the student."""


@dataclass(frozen=True)
class Prepared:
    """A task with its cases and their expected values, computed once for all students of a batch."""

    task: Task
    visible: tuple[Case, ...]
    hidden: tuple[Case, ...]

    def cases(self, section: Section) -> tuple[Case, ...]:
        return self.visible if section == "visible" else self.hidden


def prepare(tasks: Sequence[Task], seed: int) -> tuple[Prepared, ...]:
    """Make the hidden cases of this seed and let the references say what is expected.

    Raises:
        BadCourse: a reference fails, a value is no plain data, or there are points for cases that do not exist.
    """
    prepared = []
    for task in tasks:
        cases: dict[Section, tuple[Case, ...]] = {
            "visible": tuple(map(task.case, task.visible)),
            "hidden": tuple(task.case(arguments, hints=False) for arguments in task.hidden_cases(seed)),
        }
        for section in SECTIONS:
            if task.worth(section) and not cases[section]:
                raise BadCourse(
                    f"Task {task.name} gives points for {section} cases and makes none; all would get them."
                )
        prepared.append(Prepared(task, **cases))
    return tuple(prepared)


def judge(
    cells: Sequence[tuple[int, str]],
    prepared: Sequence[Prepared],
    release: Path,
    *,
    how: str,
    limits: Limits | None = None,
    hide: tuple[Path, ...] = (),
    core: int | None = None,
    stop: threading.Event | None = None,
    started: threading.Event | None = None,
) -> Judged:
    """Run a student's cells in a fresh sandbox and judge every part of every task.

    Args:
        cells: (number, code) of the code cells to run, in order.
        prepared: what :func:`prepare` made.
        release: the folder of release files that the student's code may see.
        how: what :func:`llm_course.grading.sandbox.engine` gave.
        limits: what the student's code may use.
        hide: folders that stay unseen: the course.
        core: the processor that the student's code runs on; any if ``None``.
        stop: once it is set, what has not been judged yet gets no points and the call ends soon.
        started: is set when a sandbox has started.

    Raises:
        NoSandbox: the sandbox itself does not start, not the second time either; that is nobody's mark.
    """
    limits = limits or Limits()
    begun = time.monotonic()
    judged = Judged()
    # All visible parts come first: a function keeps its hidden arguments, and a later visible call could tell them.
    todo = [(one, section) for section in SECTIONS for one in prepared if one.task.worth(section)]
    skip: set[int] = set()
    reason = ""
    failed = False  # the last sandbox did not start
    while todo and judged.sandboxes <= RESTARTS and time.monotonic() - begun < limits.total:
        if stop is not None and stop.is_set():
            break
        judged.sandboxes += 1
        with Sandbox(release, limits, how, hide, core) as box:
            session = _Session(box, begun + limits.total)
            try:
                session.hello()
            except NoSandbox:
                if failed:
                    raise
                failed = True  # a machine may be short of something for a moment
                continue
            failed = False
            if started is not None:
                started.set()
            # Once hidden inputs were shown, the student is told no more of what cells do: a fresh sandbox knows nothing
            # of them, but when it starts can be chosen by the one before.
            told = {} if any(part.section == "hidden" for part in judged.parts) else judged.runs
            try:
                for number, code in cells:
                    if number not in skip:
                        told[number] = _run(session, number, code, limits)
            except Lost as lost:
                told[number] = Run(f"stopped: {lost}")
                skip.add(number)
                reason = str(lost)
                continue
            finally:
                judged.peak = max(judged.peak, box.watcher.peak)
            while todo:
                one, section = todo.pop(0)
                try:
                    part, goes_on = _judge_part(session, one, section), session.is_quiet()
                except Lost as lost:
                    part, goes_on = _wrong(one.task, section, f"{one.task.calls} stopped: {lost}"), False
                judged.parts.append(part)
                judged.peak = max(judged.peak, box.watcher.peak)
                if not goes_on:
                    break
    over = "the code was ended too often" if judged.sandboxes > RESTARTS else "the time was over"
    for one, section in todo:
        judged.parts.append(_wrong(one.task, section, f"not run: {over} ({reason or 'too slow'})"))
    order = [one.task.name for one in prepared]
    judged.parts.sort(key=lambda part: (order.index(part.task), part.section == "hidden"))
    judged.seconds = time.monotonic() - begun
    return judged


def _part(task: Task, section: Section, verdict: Verdict) -> Part:
    """Of hidden cases the student is told no more than whether all were right: what is said could tell their inputs."""
    if section == "hidden":
        verdict = Verdict("right" if verdict.kind == "right" else "wrong")
    return Part(task.name, section, verdict, task.worth(section))


def _wrong(task: Task, section: Section, said: str) -> Part:
    return _part(task, section, Verdict("wrong", said))


def _run(session: _Session, number: int, code: str, limits: Limits) -> Run:
    reply = session.ask({"kind": "cell", "number": number, "code": code, "seconds": limits.cell}, limits.cell)
    error, printed = reply.get("error"), reply.get("printed")
    shown = printed[: limits.printed + 100].encode("utf-8", "replace").decode() if isinstance(printed, str) else ""
    return Run(None if error is None else _line(error), shown)


def _judge_part(session: _Session, one: Prepared, section: Section) -> Part:
    task = one.task
    end = time.monotonic() + task.seconds

    def given(case: Case) -> object:
        left = max(0.1, end - time.monotonic())
        arguments = wire.encode(case.arguments)
        request = {"kind": "call", "name": task.calls, "variable": task.variable, "arguments": arguments}
        reply = session.ask(request | {"seconds": left}, left)
        if reply.get("blank") is True and (case.expected is not None or "value" not in reply):
            raise NotWritten()
        error = None if "value" in reply else _line(reply.get("error"))
        try:
            value = wire.decode(reply.get("value"))
        except NotPlain as refused:
            error = f"gives what cannot be judged. {refused}"
        if error is not None:
            raise Stopped(f"`{called(task.calls, case.arguments, task.variable)}` {error}")
        return value

    def check() -> str:
        return try_cases(task.calls, one.cases(section), given, task.is_right, task.variable)

    return _part(
        task,
        section,
        verdicts.of(task.calls, check, to_do="Its body is empty, has gaps, or raises NotImplementedError."),
    )


def _line(text: object) -> str:
    """Text from the sandbox as one short printable line."""
    if not isinstance(text, str):
        return "it gave no answer"
    return "".join(letter if letter.isprintable() else " " for letter in text[:400]).strip()


class _Session:
    """Requests to one sandbox and its answers, one at a time, all bounded in time and size."""

    def __init__(self, box: Sandbox, deadline: float) -> None:
        self._box, self._deadline = box, deadline
        assert box.process.stdin and box.process.stdout
        self._to, self._from = box.process.stdin.fileno(), box.process.stdout.fileno()
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)
        self._held = bytearray()
        self._taken = 0

    def hello(self) -> None:
        """Wait until the runner is there; no student code has run yet, so a failure is the sandbox's own."""
        try:
            self.ask({"kind": "hello", "seconds": 0}, START_SECONDS, total=False)
        except Lost as lost:
            said = self._box.start_errors()
            raise NoSandbox(f"The sandbox did not start: {lost}. {said}") from None

    def is_quiet(self) -> bool:
        """Whether it waits for the next request. An answer left over would be taken for the next part's."""
        try:
            self.ask({"kind": "hello", "seconds": 0}, QUIET_SECONDS)
        except Lost:
            return False
        return True

    def ask(self, request: dict[str, Any], seconds: float, total: bool = True) -> dict[str, Any]:
        """Send a request and give the answer to it.

        Raises:
            Lost: anything else came, or nothing in time.
        """
        own = secrets.token_hex(16)
        end = time.monotonic() + seconds + GRACE
        if total:
            end = min(end, self._deadline)
        if self._held:
            raise Lost("it sent an answer that nobody asked for")
        self._send(json.dumps({**request, "id": own}, allow_nan=False).encode() + b"\n", end)
        line = self._receive(end)
        try:
            reply = wire.parse(line)
        except NotPlain as error:
            raise Lost(f"it sent a message that cannot be read ({error})") from None
        given = reply.get("id") if isinstance(reply, dict) else None
        if not isinstance(given, str) or not given.isascii() or not secrets.compare_digest(given, own):
            raise Lost("it sent an answer that nobody asked for")
        return reply

    def _send(self, data: bytes, end: float) -> None:
        left = memoryview(data)
        while left:
            self._wait(self._to, select.POLLOUT, end)
            try:
                left = left[os.write(self._to, left[:65536]) :]
            except BlockingIOError:
                continue
            except OSError:
                raise self._ended() from None

    def _receive(self, end: float) -> bytes:
        seen = 0  # bytes that have no end of line in them
        while (cut := self._held.find(b"\n", seen)) < 0:
            seen = len(self._held)
            self._wait(self._from, select.POLLIN, end)
            try:
                data = os.read(self._from, 65536)
            except BlockingIOError:
                continue
            if not data:
                raise self._ended()
            self._taken += len(data)
            if self._taken > self._box.limits.output or len(self._held) > wire.LIMIT + 1000:
                raise Lost("it sent too much")
            self._held += data
        line = bytes(self._held[:cut])
        del self._held[: cut + 1]
        return line

    def _wait(self, descriptor: int, event: int, end: float) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        left = end - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise Lost("its time was over")

    def _ended(self) -> Lost:
        return Lost(self._box.watcher.reason or "its process ended")


def fail_all(tasks: Sequence[Task], said: str) -> Judged:
    """No points, for a submission that cannot be run at all; ``said`` tells the student why."""
    return Judged([_wrong(task, section, said) for task in tasks for section in SECTIONS if task.worth(section)])
