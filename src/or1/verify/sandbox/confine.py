"""Lock this process in, for good. Runs in the child, after the fork and before any of the program's code.

The order matters: what needs privileges first, then the user id, then what binds a process that has none.
"""

from __future__ import annotations

import math
import os
import resource
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from or1.verify.sandbox import landlock, seccomp, syscalls

STACK_BYTES = 512 << 20
"""Deep recursion is common in contest programs; the memory limit bounds it all the same [bytes]."""
MOST_THREADS = 64
_CPU_MARGIN_S = 1
"""The parent's clock is finer and comes first; the kernel's kill is for when the parent does not look [s]."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """What binds one program."""

    uid: int | None
    """The unused user to become; None stays who we are."""
    counts_own_processes: bool
    """Whether the kernel's count of this user's processes is the program's alone."""
    cpu_s: float
    address_bytes: int
    file_bytes: int
    num_open_files: int


@dataclass(frozen=True, slots=True)
class Locks:
    """What the fork-server has made ready for every program."""

    landlock_abi: int
    readable: Sequence[landlock.Opened]
    seccomp: seccomp.Filter | None


def confine(how: Confinement, locks: Locks, box: str) -> None:
    """Bind this process; OSError or ValueError when a lock does not close, and then nothing may run."""
    os.chdir(box)
    os.umask(0o077)
    _limit(how)
    if how.uid is not None:
        os.setgroups([])
        os.setresgid(how.uid, how.uid, how.uid)
        os.setresuid(how.uid, how.uid, how.uid)
    syscalls.drop_capabilities()
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    if locks.landlock_abi:
        own = landlock.opened(box, landlock.WRITE)
        if own is None:
            raise OSError(f"{box} cannot be opened")
        landlock.restrict(locks.landlock_abi, [*locks.readable, own])
    if locks.seccomp is not None:
        locks.seccomp.install(os.getpid())


def _limit(how: Confinement) -> None:
    cpu_s = math.ceil(how.cpu_s) + _CPU_MARGIN_S
    _set(resource.RLIMIT_CPU, cpu_s)
    _set(resource.RLIMIT_AS, how.address_bytes)
    _set(resource.RLIMIT_FSIZE, how.file_bytes)
    _set(resource.RLIMIT_NOFILE, how.num_open_files)
    _set(resource.RLIMIT_CORE, 0)
    _set(resource.RLIMIT_MEMLOCK, 0)
    _set(resource.RLIMIT_MSGQUEUE, 0)
    if how.counts_own_processes:
        _set(resource.RLIMIT_NPROC, MOST_THREADS)


def _set(which: int, value: int) -> None:
    """Soft and hard alike; a hard limit that is lower already stays."""
    _, hard = resource.getrlimit(which)
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (most, most))
