"""Grade all that was handed in for one assignment: who is due, two at a time, each verdict written down once.

Knows nothing about how a verdict is made (``judge``) or where marks go (``gradebook``). Whatever one submission does,
the others are graded. After a kill at any moment the same command goes on: a student whose verdict stands in the
journal is not run again.
"""

from __future__ import annotations

import hashlib
import os
import queue
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

from llm_course.errors import BadCourse, BadOption, NoSandbox
from llm_course.grading import gradebook, integrity, journal, likeness, sandbox
from llm_course.grading.course import Course
from llm_course.grading.journal import Begin, End, Graded, Journal, Marked
from llm_course.grading.judge import Prepared, fail_all, judge, prepare
from llm_course.grading.judged import SECTIONS, Judged, cell_of
from llm_course.grading.sandbox import Limits, engine
from llm_course.grading.tasks import Task, load_tasks


@dataclass
class Batch:
    """What a batch did.

    Args:
        graded: students that this call graded.
        skipped: students whose submission has been graded already and is unchanged.
        failed: (student, why) for students that could not be graded; they have no marks from this batch.
        alike: (student, student, share) of submissions alike beyond the starter code.
        seed: of the hidden cases.
        backup: the copy of the gradebook made before, if there was something to do and one could be made.
        strange: folders that were left out for their names, in a form that can be printed.
    """

    graded: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    alike: list[tuple[str, str, float]] = field(default_factory=list)
    seed: int = 0
    backup: Path | None = None
    strange: list[str] = field(default_factory=list)


def grade(
    name: str,
    course: Course,
    *,
    student: str | None = None,
    seed: int | None = None,
    unsafe: bool = False,
    regrade: bool = False,
    workers: int | None = None,
    limits: Limits | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> Batch:
    """Grade what was handed in for an assignment and has not been graded yet.

    Args:
        name: the assignment; it has been released (:func:`llm_course.grading.assign.assign`).
        course: the course.
        student: grade this student only.
        seed: of the hidden cases, from 0 up. Drawn at random for the first batch of an assignment and kept for later
            ones, so that all students meet the same cases and a regrade gives the same marks.
        unsafe: run student code without a sandbox.
        regrade: grade again what has been graded.
        workers: students at a time; by default the number of processors, at most 2.
        limits: what each student's code may use.
        report: is told a line for each student.

    Raises:
        BadCourse: no release, no judging file, an unknown student, or another process grades this assignment.
        BadOption: another seed than before, without ``regrade``.
        NoSandbox: student code cannot be shut in here.
    """
    release = course.path("release", name)
    if not (release / f"{name}.ipynb").is_file():
        raise BadCourse(f"{name} has not been released: there is no {release}. First: llm-course assign {name}")
    tasks = load_tasks(course.judging(name))
    how = engine(unsafe)
    students = course.students(name)
    if student is not None:
        if student not in students:
            raise BadCourse(f"{student} handed in nothing for {name}. Who did: {', '.join(students) or 'nobody'}.")
        students = [student]
    with Journal(course, name).open() as opened:
        begun = _begin(opened, students, seed, regrade)
        prepared = prepare(tasks, begun.seed)
        result = Batch(seed=begun.seed, strange=course.strange(name))
        # Seen by the sandboxes: a copy that any user may read, without notebooks.
        with tempfile.TemporaryDirectory(prefix="llm-course-release-") as copied:
            desk = Path(copied) / "release"
            shutil.copytree(release, desk, ignore=shutil.ignore_patterns("*.ipynb", ".*"))
            for path in (desk, *desk.rglob("*")):
                path.chmod(0o755 if path.is_dir() else 0o644)
            work = _Work(name, course, tasks, prepared, desk, how, limits or Limits(), opened, begun, result, report)
            work.run(students, workers or min(2, os.cpu_count() or 1))
        if not work.left(course.students(name)):
            opened.write(End(begun.batch))
        result.alike = work.alike(course.students(name))
    return result


def _begin(journal: Journal, students: list[str], seed: int | None, regrade: bool) -> Begin:
    """The batch to work on: the one that a kill left unfinished, or a new one."""
    last = journal.last(Begin)
    if seed is not None and seed < 0:
        raise BadOption(f"The seed is {seed}; it is a number from 0 up.")
    if last is not None and seed is not None and seed != last.seed and not regrade:
        raise BadOption(
            f"This assignment was graded with the seed {last.seed}, so that all students met the same hidden cases. "
            f"To grade everybody anew with {seed}, add --regrade."
        )
    unfinished = last is not None and journal.last(End, batch=last.batch) is None
    if last is not None and unfinished and seed in (None, last.seed):
        if not regrade or (last.regrade and set(students) <= set(last.students)):
            return last
    if seed is None:
        seed = last.seed if last else secrets.randbelow(2**31)
    begun = Begin(secrets.token_hex(8), seed, regrade, tuple(students))
    journal.write(begun)
    return begun


@dataclass
class _Work:
    name: str
    course: Course
    tasks: tuple[Task, ...]
    prepared: tuple[Prepared, ...]
    desk: Path
    how: str
    limits: Limits
    journal: Journal
    batch: Begin
    result: Batch
    report: Callable[[str], None]

    def __post_init__(self) -> None:
        path = self.course.path("release", self.name) / f"{self.name}.ipynb"
        data = path.read_bytes()
        self.stop, self.started = threading.Event(), threading.Event()
        self.cores: queue.SimpleQueue[int | None] = queue.SimpleQueue()  # free ones
        self.release = integrity.parse(data)
        self.hide = self.course.unseen
        # All that a verdict depends on beside the submission: a change of any of it judges anew.
        parts = [data, self.course.judging(self.name).read_bytes()]
        parts.append(str((journal.FORMAT, version("llm-course"), self.batch.seed)).encode())
        for file in sorted(path for path in self.desk.rglob("*") if path.is_file()):
            parts += [str(file.relative_to(self.desk)).encode("utf-8", "surrogateescape"), file.read_bytes()]
        each = [hashlib.sha256(part).digest() for part in parts]
        self.base = hashlib.sha256(b"".join(each)).hexdigest()

    def run(self, students: list[str], workers: int) -> None:
        todo: list[tuple[str, bytes, str, str]] = []
        to_mark: list[Graded] = []
        for student in students:
            data, said = self._read(student)
            digest = hashlib.sha256((self.base + said).encode() + data).hexdigest()
            graded = self.journal.last(Graded, student=student, digest=digest, **self._which(student))
            if graded is not self.journal.last(Graded, student=student):
                graded = None  # handed in again since, and then the old version once more
            if graded is None:
                todo.append((student, data, said, digest))
            elif self.journal.last(Marked, student=student, key=graded.key) is None:
                to_mark.append(graded)  # a kill came between its verdict and its marks
            else:
                self.result.skipped.append(student)
        if todo or to_mark:  # with nothing to do, a copy would only push an older one out
            self.result.backup = self.course.back_up()
            if self.result.backup is None:
                self.report("No copy of the gradebook was made: it is not a SQLite file. Back it up yourself.")
        for graded in to_mark:
            self._mark(graded)
        # Each student at a time has a processor alone, so that whoever takes all of it takes it from nobody.
        usable = sandbox.cores()
        for core in usable[:workers] if workers <= len(usable) else [None] * workers:
            self.cores.put(core)
        with ThreadPoolExecutor(workers) as pool:
            futures = {pool.submit(self._judge, data, said): (student, digest) for student, data, said, digest in todo}
            try:
                for future in as_completed(futures):
                    self._take(*futures[future], future)
            except BaseException:  # what runs is ended and written nowhere; the next call goes on
                self.stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                sandbox.end_all()
                raise

    def _which(self, student: str) -> dict[str, str]:
        """What verdicts have that count for this batch: where it grades anew, only its own do."""
        anew = self.batch.regrade and student in self.batch.students
        return {"batch": self.batch.batch} if anew else {}

    def left(self, students: list[str]) -> list[str]:
        """Students of the batch whose marks are not yet written; who has taken the submission back is none of them."""
        left = []
        for student in sorted(set(self.batch.students) & set(students)):
            graded = self.journal.last(Graded, student=student, **self._which(student))
            if graded is None or self.journal.last(Marked, student=student, key=graded.key) is None:
                left.append(student)
        return left

    def _read(self, student: str) -> tuple[bytes, str]:
        try:
            return integrity.read(self.course.path("submitted", self.name, student), self.name), ""
        except integrity.Unreadable as error:
            return b"", str(error)
        except OSError as error:  # one submission that cannot be looked at must not end the batch
            return b"", f"{self.name}.ipynb could not be read ({error.strerror})."

    def _judge(self, data: bytes, said: str) -> tuple[Judged, integrity.Restored]:
        """Runs in a thread of its own; touches neither the journal nor the gradebook."""
        nothing = replace(integrity.restore(self.release, {"cells": []}), notes=())
        if said:
            return fail_all(self.tasks, said), nothing
        try:
            restored = integrity.restore(self.release, integrity.parse(data))
        except integrity.Unreadable as error:
            return fail_all(self.tasks, str(error)), nothing
        checks = {cell_of(task.name, section) for task in self.tasks for section in SECTIONS}
        cells = [
            (number, cell["source"])
            for number, cell in enumerate(restored.notebook["cells"])
            if cell["cell_type"] == "code" and integrity.grade_id(cell) not in checks
        ]
        core = self.cores.get()
        try:
            judged = judge(
                cells,
                self.prepared,
                self.desk,
                how=self.how,
                limits=self.limits,
                hide=self.hide,
                core=core,
                stop=self.stop,
                started=self.started,
            )
        finally:
            self.cores.put(core)
        return judged, restored

    def _take(self, student: str, digest: str, future: Future[tuple[Judged, integrity.Restored]]) -> None:
        try:
            judged, restored = future.result()
            graded = Graded(student, digest, self.batch.batch, secrets.token_hex(8), judged, restored)
            self.journal.write(graded)
        except Exception as error:
            if isinstance(error, NoSandbox) and not self.started.is_set():
                raise  # nobody can be graded
            self._failed(student, error)
            return
        self._mark(graded)

    def _mark(self, graded: Graded) -> None:
        student, judged = graded.student, graded.judged
        try:
            gradebook.write(self.name, self.course, graded)
        except Exception as error:
            self._failed(student, error)
            return
        self.journal.write(Marked(student, graded.key))
        self.result.graded.append(student)
        self.report(f"{student}: {judged.points:g} of {judged.of:g} points in {judged.seconds:.1f} s")

    def _failed(self, student: str, error: Exception) -> None:
        said = f"{type(error).__name__}: {error}"
        self.result.failed.append((student, said))
        self.report(f"{student}: not graded ({said})")

    def alike(self, students: list[str]) -> list[tuple[str, str, float]]:
        """Compares the latest submissions of all students, whoever was graded now."""
        written = {}
        for student in students:
            if graded := self.journal.last(Graded, student=student):
                written[student] = [text for _, text in graded.restored.written]
        return likeness.alike(written, [integrity.text_of(cell) for cell in self.release["cells"]])
