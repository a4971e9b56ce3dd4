"""The system calls that student code may make, as a program for the kernel's filter (seccomp, classic BPF).

Knows nothing about sandboxes. It refuses what student code has no use for: memory that no look from outside finds,
more namespaces and mounts, other processors than its own, the network, other processes' memory, keys, programs in the
kernel. A refused call fails with EPERM, so that honest code can go on. Numbers are from the kernel's own tables; where
a machine's are not listed here, there is no filter.
"""

from __future__ import annotations

import platform
import struct
from dataclasses import dataclass


@dataclass(frozen=True)
class _Machine:
    """Numbers of one architecture: its name for the kernel, calls refused, and calls refused for some arguments."""

    name: int
    refused: tuple[int, ...]
    mmap: int
    clone: int
    socket: int


# In x86_64's order: shmget, semget, msgget, ptrace, pivot_root, chroot, mount, umount2, init_module, sched_setaffinity,
# kexec_load, add_key, request_key, keyctl, unshare, vmsplice (its pages stay when their process has let them go),
# perf_event_open, name_to_handle_at, open_by_handle_at, setns, process_vm_readv and writev, finit_module, memfd_create,
# kexec_file_load, bpf, userfaultfd, io_uring_setup, enter and register, open_tree, move_mount, fsopen, mount_setattr,
# memfd_secret. The second list has the same ones.
_MACHINES = {
    "x86_64": _Machine(0xC000003E, (
        29, 64, 68, 101, 155, 161, 165, 166, 175, 203, 246, 248, 249, 250, 272, 278, 298, 303, 304, 308, 310, 311, 313,
        319, 320, 321, 323, 425, 426, 427, 428, 429, 430, 442, 447,
    ), mmap=9, clone=56, socket=41),
    "aarch64": _Machine(0xC00000B7, (
        39, 40, 41, 51, 75, 97, 104, 105, 117, 122, 186, 190, 194, 217, 218, 219, 241, 264, 265, 268, 270, 271, 273,
        279, 280, 282, 294, 425, 426, 427, 428, 429, 430, 442, 447,
    ), mmap=222, clone=220, socket=198),
}  # fmt: skip
_CLONE3 = 435  # on both
_NAMESPACES = 0x7E020000  # clone's flags for a new mount, cgroup, UTS, IPC, user, process and network namespace
_SHARED_ANONYMOUS = 0x21  # mmap's MAP_SHARED and MAP_ANONYMOUS: can be let go without being given back
_AF_UNIX = 1

_LOAD, _AND, _EQUAL, _AT_LEAST, _ANY_OF, _GIVE = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
_KILL, _DENY, _MISSING, _ALLOW = 0x80000000, 0x00050001, 0x00050026, 0x7FFF0000  # DENY: EPERM, MISSING: ENOSYS
_NUMBER, _ARCHITECTURE = 0, 4  # where the kernel shows them to the program
_Instruction = tuple[int, int, int, int]


def _argument(number: int) -> _Instruction:
    """Load the lower half of an argument; both machines are little-endian."""
    return (_LOAD, 0, 0, 16 + 8 * number)


def program() -> bytes:
    """The filter for this machine; empty where its numbers are not known."""
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return b""
    decide = {
        machine.mmap: [_argument(3), (_AND, 0, 0, _SHARED_ANONYMOUS), (_EQUAL, 0, 1, _SHARED_ANONYMOUS)],
        machine.clone: [_argument(0), (_ANY_OF, 0, 1, _NAMESPACES)],
        machine.socket: [_argument(0), (_EQUAL, 1, 0, _AF_UNIX)],
    }  # each goes on to the next instruction to deny, and jumps over it to allow
    done: list[_Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, machine.name),
        (_GIVE, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, 0x40000000),
        (_GIVE, 0, 0, _DENY),  # x86_64's other numbering
        # Its flags lie in memory, where a filter cannot look. Told that it is missing, the C library takes clone.
        (_EQUAL, 0, 1, _CLONE3),
        (_GIVE, 0, 0, _MISSING),
    ]
    for number in machine.refused:
        done += [(_EQUAL, 0, 1, number), (_GIVE, 0, 0, _DENY)]
    for number, test in decide.items():
        done += [(_EQUAL, 0, len(test) + 2, number), *test, (_GIVE, 0, 0, _DENY), (_GIVE, 0, 0, _ALLOW)]
    done.append((_GIVE, 0, 0, _ALLOW))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in done)
