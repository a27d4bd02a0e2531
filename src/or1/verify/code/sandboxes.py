"""The sandboxes of this process: started when needed, kept for the next program, closed at the end."""

from __future__ import annotations

import atexit
import contextlib
import os
import resource
import threading
from collections.abc import Iterator

from or1.errors import SandboxError
from or1.verify.sandbox import Level, Sandbox

_lock = threading.Lock()
_idle: list[Sandbox] = []
_owner: int | None = None


@contextlib.contextmanager
def a_sandbox(allow_weak: bool) -> Iterator[Sandbox]:
    """A sandbox of the best level, for one thread; after a SandboxError it is not used again.

    Raises:
        SandboxError: none can be started, or only a weak one and that is not allowed.
    """
    sandbox = _take() or _start()
    if not sandbox.level.fit_for_training and not allow_weak:
        _give_back(sandbox)
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
        _give_back(sandbox)
        raise
    _give_back(sandbox)


def close_all() -> None:
    """Close the sandboxes that are not in use; others can be started afterwards."""
    with _lock:
        closing = list(_idle) if _owner == os.getpid() else []
        _idle.clear()
    for sandbox in closing:
        sandbox.close()


def _take() -> Sandbox | None:
    global _owner
    with _lock:
        if _owner != os.getpid():  # after a fork, those of the parent are not ours to use or to close
            _idle.clear()
            _owner = os.getpid()
            atexit.register(close_all)
        return _idle.pop() if _idle else None


def _give_back(sandbox: Sandbox) -> None:
    with _lock:
        _idle.append(sandbox)


def _start() -> Sandbox:
    """A sandbox that does not inherit the limits of a verifier's worker: programs have their own."""
    soft = {kind: resource.getrlimit(kind) for kind in (resource.RLIMIT_AS, resource.RLIMIT_CPU)}
    try:
        for kind, (_, hard) in soft.items():
            resource.setrlimit(kind, (hard, hard))
        return Sandbox()
    finally:
        for kind, limits in soft.items():
            resource.setrlimit(kind, limits)


__all__ = ["Level", "a_sandbox", "close_all"]
