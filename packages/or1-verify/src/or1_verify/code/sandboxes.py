"""The sandboxes of this process: started on demand, reused, and closed at exit."""

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
"""By the requested level."""
_owner: int | None = None


@contextlib.contextmanager
def a_sandbox(allow_weak: bool, level: Level | None = None) -> Iterator[Sandbox]:
    """A sandbox of a level (None = the best) for one thread; it is not reused after a SandboxError.

    Raises:
        SandboxError: no sandbox can be started, or only a weak one, which is not allowed.
    """
    sandbox = _take(level) or _start(level)
    if not sandbox.level.fit_for_training and not allow_weak:
        _give_back(level, sandbox)
        raise SandboxError(
            f"only level {sandbox.level.value} of the code sandbox works here, which confines little "
            "(`or1 doctor` shows the reason): allow it with --allow-weak-sandbox if the code is trusted"
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
    """Close the sandboxes that are not in use; new ones can be started afterwards."""
    with _lock:
        closing = [sandbox for idle in _idle.values() for sandbox in idle] if _owner == os.getpid() else []
        _idle.clear()
    for sandbox in closing:
        sandbox.close()


def _take(level: Level | None) -> Sandbox | None:
    global _owner
    with _lock:
        if _owner != os.getpid():  # after a fork, the sandboxes belong to the parent process
            _idle.clear()
            _owner = os.getpid()
            atexit.register(close_all)
        return _idle[level].pop() if _idle[level] else None


def _give_back(level: Level | None, sandbox: Sandbox) -> None:
    with _lock:
        _idle[level].append(sandbox)


def _start(level: Level | None) -> Sandbox:
    """Start a sandbox without the resource limits of a verifier worker: programs have their own."""
    soft = {kind: resource.getrlimit(kind) for kind in (resource.RLIMIT_AS, resource.RLIMIT_CPU)}
    try:
        for kind, (_, hard) in soft.items():
            resource.setrlimit(kind, (hard, hard))
        return Sandbox(level)
    finally:
        for kind, limits in soft.items():
            resource.setrlimit(kind, limits)
