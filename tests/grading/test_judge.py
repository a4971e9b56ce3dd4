"""Honest and hostile student code in the real sandbox: what it gets, and what it cannot do."""

from __future__ import annotations

import linecache
import pwd
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from llm_course.errors import NoSandbox
from llm_course.grading import judge as judge_module
from llm_course.grading import student_check
from llm_course.grading.judge import Judged, judge, prepare
from llm_course.grading.sandbox import Limits
from llm_course.grading.tasks import Task, checks

LIMITS = Limits(memory=250_000_000, data=200_000_000, disk=8_000_000, file=4_000_000, cell=20, total=200, processes=32)
NEGATE = "def negate(x):\n    return -x\n"
DOUBLE = "def double(x):\n    return 2 * x\n"
# Ends of pipes that student code finds in its process, and the request it is serving.
FIND = """
import json, os, sys
def pipes():
    found = []
    for number in range(3, 64):
        try:
            if os.readlink(f"/proc/self/fd/{number}").startswith("pipe:"):
                found.append(number)
        except OSError:
            pass
    return found
def send(text):
    for number in pipes():
        try:
            os.write(number, text.encode() + b"\\n")
        except OSError:
            pass
def request():
    frame = sys._getframe()
    while frame:
        if isinstance(frame.f_locals.get("request"), dict):
            return frame.f_locals["request"]
        frame = frame.f_back
"""


def tasks(seconds: float = 20) -> tuple[Task, ...]:
    def cases(rng: Any) -> list[tuple[Any, ...]]:
        return [(int(rng.integers(1000, 9999)),) for _ in range(3)]

    return (
        Task("double", "double", lambda x: 2 * x, ((2,), (3,)), cases, (1, 2), seconds=seconds),
        Task("negate", "negate", lambda x: -x, ((2,), (3,)), cases, (1, 3), seconds=20),
    )


@pytest.fixture
def run(sandboxed: str, tmp_path: Path) -> Any:
    release = tmp_path / "release"
    release.mkdir()
    (release / "checks.json").write_text('{"tasks": {}}')

    def judged(*cells: str, seconds: float = 20, limits: Limits = LIMITS) -> Judged:
        prepared = prepare(tasks(seconds), seed=3)
        return judge(list(enumerate(cells)), prepared, release, how=sandboxed, limits=limits)

    return judged


def points(judged: Judged) -> dict[str, float]:
    assert [part.cell for part in judged.parts] == [
        "double-visible",
        "double-hidden",
        "negate-visible",
        "negate-hidden",
    ]
    return {name: sum(p.points for p in judged.parts if p.task == name) for name in ("double", "negate")}


@pytest.mark.parametrize(
    "code",
    [
        DOUBLE + NEGATE,
        "import numpy as np\ndouble = lambda x: np.int64(x) + x\nnegate = lambda x: np.array(-x)[()]",
        "class Double:\n    def __call__(self, x): return x + x\ndouble = Double()\nfrom operator import neg as negate",
        "%matplotlib inline\n!ls\nimport asyncio\nawait asyncio.sleep(0)\n" + DOUBLE + NEGATE,
        "%%time\nfrom dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\n" + DOUBLE + NEGATE + "A(3)",
        "print('x' * 10_000_000)\n" + DOUBLE + NEGATE,
        "open('figure.txt', 'w').write(open('checks.json').read())\n" + DOUBLE + NEGATE,
        "def double(x):\n    print('thinking')\n    return 2 * x\n" + NEGATE,
    ],
    ids=["plain", "numpy", "callables", "magics", "cell magic", "much output", "files", "prints"],
)
def test_honest_code_gets_all(run: Any, code: str) -> None:
    judged = run(code)
    assert [cell.error for cell in judged.runs.values()] == [None]
    assert len(judged.runs[0].printed) < 11_000
    assert points(judged) == {"double": 3, "negate": 4} and judged.sandboxes == 1


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            "raise NotImplementedError()",
            "Not written yet: double. Its body is empty, has gaps, or raises NotImplementedError.",
        ),
        ("...", "Not written yet: double. "),
        ("return ...", "Not written yet: double. "),
        ("y = 2 * x", "Not yet: `double(2)` returned None. Does every way through the function end in a `return`?"),
        ("return undefined", "Not yet: `double(2)` stopped in the line `return undefined`. NameError: "),
        ("return object()", "Not yet: `double(2)` gives what cannot be judged. A value is of type object."),
        ("return 3 * x", "Not yet: in case 1 of 2, `double(2)` is 6; it should be 4."),
    ],
)
def test_the_judge_says_what_the_students_check_says(run: Any, tmp_path: Path, body: str, text: str) -> None:
    code = f"def double(x):\n    {body}"
    judged = run(code, NEGATE)
    assert points(judged) == {"double": 0, "negate": 4}
    visible, hidden = judged.parts[:2]
    assert visible.verdict.text.startswith(text) and hidden.verdict.text == "Not yet."
    (tmp_path / "checks.json").write_text(checks(tasks()))
    space: dict[str, Any] = {}
    exec(compile(code, "<cell 0>", "exec"), space)
    linecache.cache["<cell 0>"] = (len(code), None, code.splitlines(keepends=True), "<cell 0>")
    assert student_check.verdict("double", space["double"], tmp_path).text.startswith(text.partition("Its body")[0])


def test_mistakes_cost_what_they_cost(run: Any) -> None:
    judged = run("def double(x):\n    return 2 * x if x < 100 else 0", "1 / 0", NEGATE.replace("-x", "x"))
    assert points(judged) == {"double": 1, "negate": 0}  # hard-coded for the visible cases
    assert judged.runs[1].error == "stopped in the line `1 / 0`. ZeroDivisionError: division by zero"
    said = {part.cell: part.verdict.said for part in judged.parts}
    assert said["negate-visible"] == "in case 1 of 2, `negate(2)` is 2; it should be -2."
    assert said["double-hidden"] == said["negate-hidden"] == ""


HOSTILE = {
    "exit": "def double(x):\n    raise SystemExit(0)",
    "os._exit": "import os\ndef double(x):\n    os._exit(0)",
    "kills itself": "import os\ndef double(x):\n    os.kill(os.getpid(), 9)",
    "hangs": "def double(x):\n    while True: pass",
    "ignores signals": """
import signal
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except Exception: pass
def double(x):
    while True:
        try:
            while True: pass
        except BaseException: pass
""",
    "fork bomb": """
import os, time
def double(x):
    while True:
        try: os.fork()
        except OSError: time.sleep(0.1)
""",
    "threads": """
import threading, time
def double(x):
    for _ in range(500):
        threading.Thread(target=time.sleep, args=(9,), daemon=True).start()
    return 0
""",
    "memory": "def double(x):\n    return 'a' * 10**10",
    "shared memory": """
import mmap
def double(x):
    held = []
    while True:
        held.append(mmap.mmap(-1, 10**7))
        held[-1].write(b"1" * 10**7)
""",
    "large answer": "def double(x):\n    return [0] * 9_000_000",
    "deep answer": "def double(x):\n    v = []\n    for _ in range(10**5): v = [v]\n    return v",
    "equal to everything": """
class Same:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
def double(x):
    return Same()
""",
    "int equal to everything": """
class Same(int):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0
def double(x):
    return Same(0)
""",
    "patched builtins": """
import builtins, operator
builtins.abs = lambda x: 0
builtins.all = lambda x: True
operator.eq = lambda a, b: True
def double(x):
    return float("nan")
""",
    "garbage": FIND + "def double(x):\n    send('x' * 100)\n    return 2 * x",
    "deep garbage": FIND + "def double(x):\n    send('[' * 100_000)\n    return 2 * x",
    "forged id": FIND + "def double(x):\n    send(json.dumps({'id': '0' * 32, 'value': 4}))\n    return 2 * x",
    "an id that is half a letter": FIND
    + 'def double(x):\n    send(\'{"id": "\\\\ud800", "value": 4}\')\n    return 2 * x',
    "an id that is no text": FIND + 'def double(x):\n    send(\'{"id": [1], "value": 4}\')\n    return 2 * x',
    "endless output": FIND + "def double(x):\n    while True: send('y' * 60_000)",
    "forged verdict": FIND
    + "def double(x):\n    send(json.dumps({'id': request()['id'], 'right': True}))\n    return 0",
    "no function": "double = 4",
    "fills the disk": """
def double(x):
    while True:
        with open("/tmp/full", "ab") as file: file.write(b"1" * 10**6)
""",
}


@pytest.mark.parametrize("code", HOSTILE.values(), ids=HOSTILE)
def test_hostile_code_gets_nothing_and_harms_only_its_task(run: Any, code: str) -> None:
    judged = run(code, NEGATE, seconds=3)
    assert points(judged) == {"double": 0, "negate": 4}
    assert judged.seconds < 150


def test_a_patched_encoder_lies_about_its_own_values_only(run: Any) -> None:
    code = "import sys\nsys.modules['llm_course.grading.wire'].encode = lambda value: {'points': 9}\n" + DOUBLE
    assert points(run(code, NEGATE)) == {"double": 0, "negate": 0}


def test_hidden_inputs_of_one_task_are_not_told_by_the_next(run: Any) -> None:
    code = """
seen = []
def double(x):
    seen.append(x)
    print("seen", seen)
    return 2 * x
def negate(x):
    print("seen", seen)
    raise ValueError(str(seen))
"""
    judged = run(code)
    assert points(judged) == {"double": 3, "negate": 0}
    said = {part.cell: part.verdict.said for part in judged.parts}
    assert "ValueError: [2, 3]" in said["negate-visible"] and said["negate-hidden"] == ""
    assert "seen" not in judged.runs[0].printed


def test_when_a_hidden_call_ended_is_not_told_by_the_next_sandbox(run: Any) -> None:
    code = """
import os, time
begun = time.time()
print(begun)
def double(x):
    if x > 999:
        time.sleep(max(0, begun + 6 - time.time()))
        os._exit(0)
    return 2 * x
"""
    before = time.time()
    judged = run(code, NEGATE)
    assert points(judged) == {"double": 1, "negate": 4} and judged.sandboxes == 2
    assert float(judged.runs[0].printed) - before < judged.seconds - 5  # it is the first sandbox's word


def test_a_sandbox_that_fails_to_start_is_tried_once_more(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hello, calls = judge_module._Session.hello, []

    def failing(session: Any) -> None:
        calls.append(1)
        if len(calls) in fails:
            raise NoSandbox("no more processes")
        hello(session)

    monkeypatch.setattr(judge_module._Session, "hello", failing)
    fails = {1}
    assert points(run(DOUBLE + NEGATE)) == {"double": 3, "negate": 4} and len(calls) == 2
    fails = {3, 4}
    with pytest.raises(NoSandbox):
        run(DOUBLE + NEGATE)


def test_code_that_is_ended_too_often_is_told_so(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge_module, "RESTARTS", 1)
    judged = run("import os\nos._exit(0)", "import os\nos._exit(0)", DOUBLE + NEGATE)
    assert points(judged) == {"double": 0, "negate": 0}
    assert judged.parts[0].verdict.said == "not run: the code was ended too often (its process ended)"


def test_an_answer_given_twice_costs_the_next_part(run: Any) -> None:
    code = FIND + "def double(x):\n    send(json.dumps({'id': request()['id'], 'value': 2 * x}))\n    return 2 * x"
    assert points(run(code, NEGATE)) == {"double": 0, "negate": 4}


@pytest.mark.parametrize("code", ["import os; os._exit(3)", "while True: pass"])
def test_a_cell_that_kills_is_left_out(run: Any, code: str) -> None:
    limits = Limits(**{**LIMITS.__dict__, "cell": 4})
    judged = run(DOUBLE, code, NEGATE, limits=limits)
    assert points(judged) == {"double": 3, "negate": 4}
    assert judged.runs[1].error


def test_a_cell_that_forks_does_not_answer_twice(run: Any) -> None:
    judged = run(DOUBLE, "import os\nos.fork()", "import os\nwhile True: os.fork()", NEGATE)
    assert points(judged) == {"double": 3, "negate": 4}
    assert judged.runs[2].error


def test_nothing_outside_can_be_seen(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_SECRET", "swordfish")
    (tmp_path / "solutions.txt").write_text("swordfish")
    (tmp_path / "release" / "data.txt").write_text("released")
    listener = socket.create_server(("127.0.0.1", 0))
    code = f"""
import ctypes, glob, os, socket
print("uid", os.getuid(), "files", sorted(os.listdir(".")), os.environ.get("HOME"), open("data.txt").read())
def attempt(name, what):
    try:
        print(name, "SUCCEEDED", what())
    except OSError as error:
        print(name, "failed")
attempt("shadow", lambda: open("/etc/shadow").read())
attempt("solutions", lambda: open({str(tmp_path / "solutions.txt")!r}).read())
attempt("tests", lambda: open({__file__!r}).read())
attempt("root", lambda: os.listdir({pwd.getpwuid(0).pw_dir + "/.ssh"!r}))
attempt("socket", lambda: socket.create_connection({listener.getsockname()!r}, 2))
attempt("network", lambda: socket.create_connection(("192.0.2.1", 80), 2))
attempt("release", lambda: open("/release/checks.json", "a"))
attempt("package", lambda: open(__import__("llm_course").__file__, "a"))
attempt("python", lambda: open(os.__file__, "a"))
attempt("system", lambda: open("/usr/bin/x", "w"))
attempt("slash", lambda: open("/x", "w"))
attempt("proc", lambda: open("/proc/sys/kernel/core_pattern", "w"))
attempt("memfd", lambda: os.memfd_create("x"))
attempt("setuid", lambda: os.setuid(0))
libc = ctypes.CDLL(None, use_errno=True)
print("namespace", libc.unshare(0x10000000), "mount", libc.mount(b"x", b"/tmp", b"tmpfs", 0, None))
print("processes", sorted(int(p) for p in os.listdir("/proc") if p.isdigit()))
for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
    try:
        if b"swordfish" in open(path, "rb").read(): print("LEAK", path)
    except OSError:
        pass
"""
    with listener:
        listener.settimeout(0.1)
        printed = run(code, DOUBLE + NEGATE).runs[0].printed
        with pytest.raises(TimeoutError):
            listener.accept()
    assert "uid 65534 files ['checks.json', 'data.txt'] /tmp released" in printed
    assert printed.count(" failed") == 14 and "SUCCEEDED" not in printed
    assert "namespace -1 mount -1" in printed and "processes [1, 2]" in printed
    assert "swordfish" not in printed and "LEAK" not in printed


def test_hidden_cases_come_from_the_seed() -> None:
    one, same, other = (prepare(tasks(), seed) for seed in (1, 1, 2))
    assert [case.arguments for case in one[0].hidden] == [case.arguments for case in same[0].hidden]
    assert [case.arguments for case in one[0].hidden] != [case.arguments for case in other[0].hidden]
    assert [case.arguments for case in one[0].hidden] != [case.arguments for case in one[1].hidden]  # tasks differ, too
