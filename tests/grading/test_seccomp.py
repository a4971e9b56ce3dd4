"""The system-call filter, run by hand: what it refuses on each machine, and what honest code still may."""

from __future__ import annotations

import struct

import pytest

from llm_course.grading.sandbox import seccomp

ALLOW, EPERM, ENOSYS, KILL = 0x7FFF0000, 0x50001, 0x50026, 0x80000000


def decide(program: bytes, architecture: int, number: int, *arguments: int) -> int:
    """What the kernel would answer: the few instructions of classic BPF that the filter uses."""
    shown = struct.pack("<IIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    code = list(struct.iter_unpack("<HBBI", program))
    held = at = 0
    while True:
        what, yes, no, value = code[at]
        at += 1
        if what == 0x20:
            held = struct.unpack_from("<I", shown, value)[0]
        elif what == 0x54:
            held &= value
        elif what == 0x06:
            return int(value)
        else:
            at += yes if {0x15: held == value, 0x35: held >= value, 0x45: held & value}[what] else no


@pytest.mark.parametrize(
    ("machine", "name", "mmap", "clone", "socket", "affinity"),
    [("x86_64", 0xC000003E, 9, 56, 41, 203), ("aarch64", 0xC00000B7, 222, 220, 198, 122)],
)
def test_what_is_refused(
    monkeypatch: pytest.MonkeyPatch, machine: str, name: int, mmap: int, clone: int, socket: int, affinity: int
) -> None:
    monkeypatch.setattr(seccomp.platform, "machine", lambda: machine)
    program = seccomp.program()

    def given(number: int, *arguments: int) -> int:
        return decide(program, name, number, *arguments)

    assert decide(program, 0x40000003, mmap) == KILL  # 32-bit calls
    assert given(0x40000000 | mmap) == EPERM
    shared, private, anonymous, file = 1, 2, 0x20, 0
    assert given(mmap, 0, 4096, 3, shared | anonymous) == given(mmap, 0, 4096, 3, 3 | anonymous) == EPERM
    for flags in (private | anonymous, private | file, shared | file, private | anonymous | 0x4000):
        assert given(mmap, 0, 4096, 3, flags) == ALLOW
    assert given(clone, 0x3D0F00) == given(clone, 0x1200011) == ALLOW  # a thread and a fork, as the C library asks
    for namespace in (0x10000000, 0x00020000, 0x20000000, 0x40000000, 0x08000000, 0x04000000, 0x02000000):
        assert given(clone, namespace | 17) == EPERM
    assert given(435) == ENOSYS
    assert given(socket, 1, 1) == ALLOW and {given(socket, family, 1) for family in (2, 10, 16, 17)} == {EPERM}
    assert given(affinity, 0) == EPERM and given(425) == EPERM
    assert given(63) == given(0) == ALLOW


def test_an_unknown_machine_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seccomp.platform, "machine", lambda: "riscv64")
    assert seccomp.program() == b""
