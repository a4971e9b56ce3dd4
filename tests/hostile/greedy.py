"""Submissions that take too much: processes, memory, disk, time, and the machine from their neighbors."""

from __future__ import annotations

from hostile.case import MEAN, RIGHT_MEAN, WRONG, Hostile, first

GREEDY = (
    Hostile(
        "fork-bomb",
        "forks without end",
        """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
""",
        RIGHT_MEAN,
        MEAN,
        slow=True,
    ),
    Hostile(
        "memory-bomb",
        "takes all memory",
        "held = []\nwhile True:\n    held.append(bytearray(50_000_000))\n",
        RIGHT_MEAN,
        MEAN,
    ),
    Hostile(
        "page-tables",
        "reads all over a mapping so large that its tables alone take all memory",
        """
import mmap
held = mmap.mmap(-1, 200 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000, prot=mmap.PROT_READ)
held.madvise(mmap.MADV_NOHUGEPAGE)
while True:
    for place in range(0, 200 << 30, 2 << 20):
        held[place]
""",
        RIGHT_MEAN,
        MEAN,
    ),
    Hostile(
        "let-go",
        "fills shared memory and lets it go, so that it is in no process and still there",
        first("""
import mmap, os
for descriptor in (-1, os.open('/dev/zero', os.O_RDWR)):
    held = []
    try:
        for _ in range(20):
            held.append(mmap.mmap(descriptor, 50_000_000))
            for place in range(0, 50_000_000, 4096):
                held[-1][place] = 1
            held[-1].madvise(mmap.MADV_DONTNEED)
        while True:
            pass
    except OSError:
        pass"""),
    ),
    Hostile(
        "buffers",
        "fills the buffers of sockets, in many processes",
        """
import os, socket, time
for _ in range(40):
    if os.fork() == 0:
        held = []
        try:
            while True:
                held += socket.socketpair()
                for one in held[-2:]:
                    one.setblocking(False)
                    try:
                        while True:
                            one.send(b'x' * 32768)
                    except BlockingIOError:
                        pass
        except OSError:
            time.sleep(3600)
time.sleep(3600)
""",
        RIGHT_MEAN,
        MEAN,
    ),
    Hostile(
        "many-files",
        "fills the kernel with files that have no content",
        """
import os
folder = '/tmp/many'
os.mkdir(folder)
number = 0
while True:
    os.symlink('x' * 120, f'{folder}/{number}')
    number += 1
""",
        RIGHT_MEAN,
        MEAN,
    ),
    Hostile(
        "neighbors",
        "takes every processor with many processes",
        """
import os, time
try:
    os.sched_setaffinity(0, range(os.cpu_count()))
except OSError:
    pass
for _ in range(12):
    if os.fork() == 0:
        while True:
            pass
while True:
    time.sleep(1)
""",
        RIGHT_MEAN,
        MEAN,
        slow=True,
    ),
    Hostile(
        "disk",
        "fills the disk",
        """
import os
try:
    for number in range(1000):
        with open(f'/tmp/filler{number}', 'wb') as file:
            file.write(b'x' * 3_000_000)
except OSError:
    pass
"""
        + WRONG,
    ),
    Hostile(
        "printer",
        "prints without end",
        """
import time
end = time.time() + 2
while time.time() < end:
    print('x' * 100_000)
"""
        + WRONG,
    ),
    Hostile("sleeper", "sleeps for a day", "import time\ntime.sleep(86_400)\n", RIGHT_MEAN, MEAN, slow=True),
    Hostile(
        "deaf",
        "ignores every signal and runs on",
        """
import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
while True:
    pass
""",
        RIGHT_MEAN,
        MEAN,
        slow=True,
    ),
    Hostile(
        "late",
        "answers the visible case at once, and the hidden ones never",
        """
calls = []
def double(values):
    calls.append(1)
    while len(calls) > 1:
        pass
    return [2 * value for value in values]
""",
        RIGHT_MEAN,
        MEAN | {"double-visible": 1},
        slow=True,
    ),
    Hostile("exit", "ends the process with success", "import os\nos._exit(0)\n", RIGHT_MEAN, MEAN, quick=True),
    Hostile(
        "exit-in-call",
        "ends the process when it is called",
        "import os\ndef double(values): os._exit(0)\n",
        RIGHT_MEAN,
        MEAN,
    ),
    Hostile(
        "system-exit",
        "raises SystemExit and KeyboardInterrupt",
        """
def double(values): raise SystemExit(0)
""",
        "def mean(array): raise KeyboardInterrupt",
    ),
    Hostile("segfault", "crashes the interpreter", "import ctypes\nctypes.string_at(0)\n", RIGHT_MEAN, MEAN),
    Hostile(
        "recursion",
        "recurses without end",
        """
import sys
sys.setrecursionlimit(10 ** 8)
def double(values): return double(values)
""",
        RIGHT_MEAN,
        MEAN,
    ),
)
