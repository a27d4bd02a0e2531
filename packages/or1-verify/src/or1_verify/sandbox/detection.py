"""The levels that work on this machine, found by trying them."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass

from or1_verify.sandbox.server_process import ForkServerProcess, require_linux
from or1_verify.sandbox.session import Session
from or1_verify.sandbox.types import Level, Limits, SandboxError

_PROBE = b"print(6 * 7)"
_REMEDIES = {
    Level.CGROUP: "run as root, or under `systemd-run --user --scope -p Delegate=yes`",
    Level.NAMESPACES: "allow user namespaces (sysctl user.max_user_namespaces; on Ubuntu "
    "kernel.apparmor_restrict_unprivileged_userns=0; in Docker --security-opt seccomp=unconfined) "
    "or run as root",
    Level.LANDLOCK: "use Linux 5.13 or newer with landlock in the boot option lsm=",
    Level.SECCOMP: "use x86-64 or aarch64 Linux with seccomp filters",
    Level.RLIMITS: "use Linux",
}


@dataclass(frozen=True, slots=True)
class Lack:
    """A level that does not work on this machine."""

    level: Level
    why: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Result of trying all levels."""

    level: Level | None
    """The best level that works; None if none does."""
    lacks: tuple[Lack, ...]
    """The levels above it, highest first."""


@functools.cache
def detect() -> Capabilities:
    """Try the levels from the highest down with a short program until one works; once per process."""
    lacks: list[Lack] = []
    for level in sorted(Level, reverse=True):
        why = obstacle(level)
        if why is None:
            return Capabilities(level, tuple(lacks))
        lacks.append(Lack(level, why, _REMEDIES[level]))
    return Capabilities(None, tuple(lacks))


def obstacle(level: Level) -> str | None:
    """The reason why a level does not work here; None if a program ran at it."""
    try:
        require_linux()
        with contextlib.closing(ForkServerProcess(level, warm_imports=())) as server:
            done = Session(server, 0, _PROBE, b"", Limits()).wait()
    except SandboxError as error:
        return str(error)
    if done.stdout != b"42\n":
        return f"a program ended with {done.ending}: {done.stderr.decode(errors='replace')[-200:]}"
    return None


def best_level() -> Level:
    """The best level that works on this machine; SandboxError if none does."""
    best = detect().level
    if best is None:
        raise SandboxError("this machine allows no sandbox at all: `or1 doctor` shows the reasons")
    return best
