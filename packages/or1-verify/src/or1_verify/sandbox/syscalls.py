"""System calls that Python does not provide, through ctypes. The only module with their numbers.

Numbers are from the kernel's `asm/unistd_64.h` (x86-64) and `asm-generic/unistd.h` (aarch64).
"""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Sequence

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x0002_0000, 0x0400_0000, 0x0800_0000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x1000_0000, 0x2000_0000, 0x4000_0000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 0x1000, 0x4000, 0x4_0000
DATA_ONLY = MS_NOSUID | MS_NODEV | MS_NOEXEC
"""Mount flags: no set-uid programs, no devices, no executables."""
MNT_DETACH = 2
_CAPABILITY_VERSION_3 = 0x2008_0522

MACHINE = platform.machine()
_COLUMN = {"x86_64": 0, "aarch64": 1}
_NUMBERS = {
    "capset": (126, 91), "chdir": (80, 49), "close": (3, 57), "close_range": (436, 436),
    "dup3": (292, 24), "ppoll": (271, 73), "prctl": (157, 167), "prlimit64": (302, 261),
    "sendto": (44, 206), "setgroups": (116, 159), "setresgid": (119, 149), "setresuid": (117, 147),
    "setsid": (112, 157), "umask": (95, 166), "write": (1, 64), "pivot_root": (155, 41),
    "seccomp": (317, 277), "mount_setattr": (442, 442), "landlock_create_ruleset": (444, 444),
    "landlock_add_rule": (445, 445), "landlock_restrict_self": (446, 446),
}  # fmt: skip

Call = tuple[int, ...]
"""A system call: its number and its arguments, addresses among them."""

_CAPABILITY_HEADER = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
_CAPABILITY_SETS = (ctypes.c_uint32 * 6)()
NO_CAPABILITIES = (ctypes.addressof(_CAPABILITY_HEADER), ctypes.addressof(_CAPABILITY_SETS))
"""Arguments of `capset` that give up every capability."""
_libc = ctypes.CDLL(None, use_errno=True)
_libc_with_gil = ctypes.PyDLL(None, use_errno=True)
"""Calls that keep the interpreter lock."""
_MAX_WORDS = 7
_libc_with_gil.syscall.argtypes = [ctypes.c_long] * _MAX_WORDS
_libc_with_gil.syscall.restype = ctypes.c_long


def supported_machine() -> bool:
    """Whether the system call numbers of this processor are known."""
    return MACHINE in _COLUMN


def column() -> int:
    """Index of this processor's numbers in a table; OSError if they are not known."""
    if not supported_machine():
        raise OSError(f"system call numbers of {MACHINE} are not known")
    return _COLUMN[MACHINE]


def _checked(name: str, result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def call(name: str, *arguments: object) -> int:
    """Make a system call; OSError with its name if it fails."""
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return _checked(name, int(_libc.syscall(ctypes.c_long(_NUMBERS[name][column()]), *words)))


def listed(name: str, *arguments: int) -> Call:
    """Prepare a call for `make`."""
    words = (_NUMBERS[name][column()], *arguments)
    return words + (0,) * (_MAX_WORDS - len(words))


def raw(*words: int) -> int:
    """Make a system call with integer arguments; returns its result, -1 for an error."""
    return int(_libc_with_gil.syscall(*words))


def make(calls: Sequence[Call]) -> None:
    """Make the calls in order; OSError with the number of the first that fails."""
    for words in calls:
        if raw(*words) < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"system call {words[0]}: {os.strerror(number)}")


def prctl(option: int, value: int) -> None:
    zero = ctypes.c_ulong(0)
    _checked(f"prctl {option}", _libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero))


def fork() -> int:
    """Fork without Python's own work in the child after a fork.

    A process with one thread has no locks to reset. This saves much of the cost of a child. `random` is not
    seeded again either: programs that do not seed it draw the same numbers each time.
    """
    return _checked("fork", _libc_with_gil.fork())


def unshare(flags: int) -> None:
    _checked("unshare", _libc.unshare(ctypes.c_int(flags)))


def setns(descriptor: int, kind: int) -> None:
    _checked("setns", _libc.setns(descriptor, kind))


def mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    words = [os.fsencode(source), os.fsencode(target), kind.encode() if kind else None]
    result = _libc.mount(*words, ctypes.c_ulong(flags), options.encode() if options else None)
    _checked(f"mount {kind or source} on {target}", result)


def umount(target: str) -> None:
    """Detach a mount at once; the kernel frees it when its last user has ended."""
    _checked(f"umount {target}", _libc.umount2(os.fsencode(target), MNT_DETACH))
