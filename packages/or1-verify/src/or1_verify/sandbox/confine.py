"""Lock a process in, for good: a list of system calls, made after the fork and before the program's code.

The fork-server writes the list once for each slot and its limits; the child makes the calls one after the
other and does nothing else, because every page of memory that it touches is copied first. The order matters:
what needs privileges comes first, then the user id, then what binds even a process that has none.
"""

from __future__ import annotations

import ctypes
import math
import os
import resource
import signal
import struct
from dataclasses import dataclass, field

from or1_verify.sandbox import libraries, syscalls
from or1_verify.sandbox.program import CHANNEL
from or1_verify.sandbox.seccomp import Filter
from or1_verify.sandbox.syscalls import PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG, Call, listed

STACK_BYTES = 512 << 20
"""Deep recursion is common in contest programs; the memory limit bounds it all the same [bytes]."""
MOST_THREADS = 64
_CPU_MARGIN_S = 1
"""The parent's clock is finer and comes first; the kernel's kill is for when the parent does not look [s]."""
_READY = '{{"ready": true, "number": {:>20}}}'
_HIGHEST_DESCRIPTOR = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class Confinement:
    """What binds one program."""

    uid: int | None
    """The unused user to become; None stays who we are."""
    counts_own_processes: bool
    """Whether the kernel's count of this user's processes is the program's alone."""
    scratch_dir: str
    ruleset: int | None
    """Landlock's, as a descriptor; None at levels without."""
    cpu_s: float
    address_bytes: int
    file_bytes: int
    num_open_files: int
    standard: tuple[int, ...]
    """Descriptors that become the program's 0 to 3."""
    cgroups: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is the same for every program of a fork-server."""

    control: int
    alive_read: int
    alive_write: int
    """The fork-server alone keeps this end of a pipe: closed, it has gone."""
    seccomp: Filter | None


@dataclass(slots=True)
class SyscallPlan:
    """The calls, with the memory that they point to."""

    locks: list[Call] = field(default_factory=list)
    farewell: list[Call] = field(default_factory=list)
    """Tell the parent that the locks are closed, and let go of every descriptor but the program's."""
    still_alive: Call = ()
    """Gives 0 while the fork-server lives."""
    ready: ctypes.Array[ctypes.c_char] = field(default_factory=lambda: ctypes.create_string_buffer(0))
    _memory: list[object] = field(default_factory=list)

    def address(self, content: bytes) -> int:
        """Of a copy of `content` that lives as long as the plan."""
        buffer = ctypes.create_string_buffer(content, len(content))
        self._memory.append(buffer)
        return ctypes.addressof(buffer)

    def aim(self, number: int) -> None:
        """Set the number of the program that the parent is told of."""
        self.ready.raw = _READY.format(number).encode()


def planned(how: Confinement, around: Surroundings) -> SyscallPlan:
    """The list for these limits."""
    plan = SyscallPlan()
    add = plan.locks.append
    add(listed("setsid"))
    for group in how.cgroups:
        add(listed("write", group, plan.address(b"0"), 1))
    for target, descriptor in enumerate(how.standard):
        add(listed("dup3", descriptor, target, 0))
    add(listed("chdir", plan.address(os.fsencode(how.scratch_dir) + b"\0")))
    add(listed("umask", 0o077))
    _add_limits(plan, how)
    if how.uid is not None:
        add(listed("setgroups", 0, 0))
        add(listed("setresgid", how.uid, how.uid, how.uid))
        add(listed("setresuid", how.uid, how.uid, how.uid))
    add(listed("capset", *syscalls.NO_CAPABILITIES))
    add(listed("prctl", PR_SET_NO_NEW_PRIVS, 1))
    add(listed("prctl", PR_SET_DUMPABLE, 0))
    add(listed("prctl", PR_SET_PDEATHSIG, signal.SIGKILL))
    add(listed("close", around.alive_write))
    plan.still_alive = listed(
        "ppoll", plan.address(struct.pack("ihh", around.alive_read, 0, 0)), 1, plan.address(bytes(16)), 0, 0
    )
    if how.ruleset is not None:
        add(listed("landlock_restrict_self", how.ruleset, 0))
    if around.seccomp is not None:
        add(around.seccomp.installation())
    length = len(_READY.format(0))
    plan.ready = ctypes.create_string_buffer(length)
    plan.farewell = [
        listed("sendto", around.control, ctypes.addressof(plan.ready), length, 0, 0, 0),
        listed("close_range", CHANNEL + 1, libraries.FIRST_DOOR - 1, 0),
        listed("close_range", libraries.FIRST_DOOR + libraries.MOST_DOORS, _HIGHEST_DESCRIPTOR, 0),
    ]
    return plan


def carry_out(plan: SyscallPlan, around: Surroundings) -> None:
    """Bind this process; OSError when a lock does not close, and then nothing may run."""
    if around.seccomp is not None:
        around.seccomp.aim(os.getpid())
    syscalls.make(plan.locks)
    if syscalls.raw(*plan.still_alive) != 0:
        raise OSError("the fork-server has gone")
    syscalls.make(plan.farewell)


def _add_limits(plan: SyscallPlan, how: Confinement) -> None:
    limits = {
        resource.RLIMIT_CPU: math.ceil(how.cpu_s) + _CPU_MARGIN_S,
        resource.RLIMIT_AS: how.address_bytes,
        resource.RLIMIT_FSIZE: how.file_bytes,
        resource.RLIMIT_NOFILE: how.num_open_files,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    if how.counts_own_processes:
        limits[resource.RLIMIT_NPROC] = MOST_THREADS
    for which, value in limits.items():
        _, hard = resource.getrlimit(which)
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        plan.locks.append(listed("prlimit64", 0, which, plan.address(struct.pack("QQ", most, most)), 0))
