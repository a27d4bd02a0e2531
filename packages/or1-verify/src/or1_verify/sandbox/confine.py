"""Confine a process permanently, by a list of system calls between the fork and the program's code.

The fork server prepares the list once for each slot and its limits. The child only makes the calls, because
each page of memory that it writes to is copied first. The order matters: first the calls that need
privileges, then the change of the user id, then the calls that also work without privileges.
"""

from __future__ import annotations

import ctypes
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
"""Contest programs recurse deeply; the memory limit bounds the stack as well [bytes]."""
MAX_THREADS = 64
_UNTIL_KILL_S = 5
"""From the kernel's SIGXCPU, which a program may ignore, to its SIGKILL [s]."""
_READY = '{{"ready": true, "number": {:>20}}}'
_HIGHEST_DESCRIPTOR = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class Confinement:
    """The confinement of one program."""

    uid: int | None
    """The unused user id to change to; None = keep the current one."""
    counts_own_processes: bool
    """Whether the program is the only one that the kernel counts for its user."""
    scratch_dir: str
    ruleset: int | None
    """Descriptor of the Landlock ruleset; None at levels without Landlock."""
    kernel_cpu_s: int
    """The kernel's limit on processor time, for a parent that does not watch [s]."""
    address_bytes: int
    file_bytes: int
    num_open_files: int
    standard: tuple[int, ...]
    """Descriptors that become 0 to 3 in the program."""
    cgroups: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The parts that all programs of a fork server share."""

    control: int
    alive_read: int
    alive_write: int
    """Only the fork server keeps this end of the pipe open: it closes when the fork server ends."""
    seccomp: Filter | None


@dataclass(slots=True)
class SyscallPlan:
    """The system calls of a confinement, with the memory that they point to."""

    calls: list[Call] = field(default_factory=list)
    last_calls: list[Call] = field(default_factory=list)
    """Report to the parent that the process is confined, then close all descriptors but the program's."""
    still_alive: Call = ()
    """Returns 0 while the fork server runs."""
    ready: ctypes.Array[ctypes.c_char] = field(default_factory=lambda: ctypes.create_string_buffer(0))
    _memory: list[object] = field(default_factory=list)

    def address(self, content: bytes) -> int:
        """Address of a copy of `content` that lives as long as the plan."""
        buffer = ctypes.create_string_buffer(content, len(content))
        self._memory.append(buffer)
        return ctypes.addressof(buffer)

    def aim(self, number: int) -> None:
        """Set the program number in the report to the parent."""
        self.ready.raw = _READY.format(number).encode()


def planned(how: Confinement, around: Surroundings) -> SyscallPlan:
    """The system calls for one confinement."""
    plan = SyscallPlan()
    add = plan.calls.append
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
    plan.last_calls = [
        listed("sendto", around.control, ctypes.addressof(plan.ready), length, 0, 0, 0),
        listed("close_range", CHANNEL + 1, libraries.FIRST_FOLDER_DESCRIPTOR - 1, 0),
        listed(
            "close_range",
            libraries.FIRST_FOLDER_DESCRIPTOR + libraries.MAX_FOLDER_DESCRIPTORS,
            _HIGHEST_DESCRIPTOR,
            0,
        ),
    ]
    return plan


def carry_out(plan: SyscallPlan, around: Surroundings) -> None:
    """Confine this process; OSError if a call fails, and then the program must not run."""
    if around.seccomp is not None:
        around.seccomp.aim(os.getpid())
    syscalls.make(plan.calls)
    if syscalls.raw(*plan.still_alive) != 0:
        raise OSError("the fork server has ended")
    syscalls.make(plan.last_calls)


def _add_limits(plan: SyscallPlan, how: Confinement) -> None:
    limits = {
        resource.RLIMIT_CPU: how.kernel_cpu_s,
        resource.RLIMIT_AS: how.address_bytes,
        resource.RLIMIT_FSIZE: how.file_bytes,
        resource.RLIMIT_NOFILE: how.num_open_files,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    if how.counts_own_processes:
        limits[resource.RLIMIT_NPROC] = MAX_THREADS
    for which, value in limits.items():
        _, hard = resource.getrlimit(which)
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        last = most + (_UNTIL_KILL_S if which == resource.RLIMIT_CPU else 0)
        last = last if hard == resource.RLIM_INFINITY else min(last, hard)
        plan.calls.append(listed("prlimit64", 0, which, plan.address(struct.pack("QQ", most, last)), 0))
