"""The sandboxes of this process: started when needed, kept for the next program, closed at the end."""

from __future__ import annotations

import atexit
import contextlib
import os
import resource
import threading
from collections import defaultdict
from collections.abc import Iterator

from or1_verify.errors import SandboxError
from or1_verify.sandbox import Level, Sandbox

_lock = threading.Lock()
_idle: defaultdict[Level | None, list[Sandbox]] = defaultdict(list)
"""By the level that was asked for."""
_owner: int | None = None


@contextlib.contextmanager
def a_sandbox(allow_weak: bool, level: Level | None = None) -> Iterator[Sandbox]:
    """A sandbox of a level, or of the best, for one thread; after a SandboxError it is not used again.

    Raises:
        SandboxError: none can be started, or only a weak one and that is not allowed.
    """
    sandbox = _take(level) or _start(level)
    if not sandbox.level.fit_for_training and not allow_weak:
        _give_back(level, sandbox)
        raise SandboxError(
            f"only level {sandbox.level.value} of the code sandbox works here, which confines little "
            "(`or1 doctor` says why): allow it with --allow-weak-sandbox if the code is trusted"
        )
    try:
        yield sandbox
    except SandboxError:
        sandbox.close()
        raise
    except BaseException:
        _give_back(level, sandbox)
        raise
    _give_back(level, sandbox)


def close_all() -> None:
    """Close the sandboxes that are not in use; others can be started afterwards."""
    with _lock:
        closing = [sandbox for idle in _idle.values() for sandbox in idle] if _owner == os.getpid() else []
        _idle.clear()
    for sandbox in closing:
        sandbox.close()


def _take(level: Level | None) -> Sandbox | None:
    global _owner
    with _lock:
        if _owner != os.getpid():  # after a fork, those of the parent are not ours to use or to close
            _idle.clear()
            _owner = os.getpid()
            atexit.register(close_all)
        return _idle[level].pop() if _idle[level] else None


def _give_back(level: Level | None, sandbox: Sandbox) -> None:
    with _lock:
        _idle[level].append(sandbox)


def _start(level: Level | None) -> Sandbox:
    """A sandbox that does not inherit the limits of a verifier's worker: programs have their own."""
    soft = {kind: resource.getrlimit(kind) for kind in (resource.RLIMIT_AS, resource.RLIMIT_CPU)}
    try:
        for kind, (_, hard) in soft.items():
            resource.setrlimit(kind, (hard, hard))
        return Sandbox(level)
    finally:
        for kind, limits in soft.items():
            resource.setrlimit(kind, limits)
