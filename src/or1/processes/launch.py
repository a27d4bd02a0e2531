"""Start of a child process, and what its parent can do with it beside messages.

Here: a process of this machine. Other launches, such as one on another machine, have the same form.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

BOOT = (
    "import sys, json, importlib; sys.path[:] = json.loads(sys.argv[1]); "
    "getattr(importlib.import_module(sys.argv[2]), 'main')(int(sys.argv[3]))"
)
MESSAGE_LIMIT_S = 15
"""Longest pause in the middle of a message: a thread of the child always reads [s]."""
LOG_LINES = 3
LOG_CHARACTERS = 500


class Running(Protocol):
    """A process that was started."""

    @property
    def channel(self) -> Connection:
        """The parent's end."""
        ...

    @property
    def pid(self) -> int: ...

    @property
    def place(self) -> str:
        """For error messages: the process, and its machine where that is another."""
        ...

    def wait(self, limit_s: float) -> int | None:
        """Exit status; None if it has not ended after this time [s]."""
        ...

    def kill(self) -> None:
        """End it and the processes that it started; may be called again."""
        ...

    def stack(self, limit_s: float) -> str:
        """The stacks of all its threads, if its worker writes them at SIGUSR1; empty if it does not within
        this time [s]."""
        ...

    def last_lines(self) -> str:
        """The end of its output on one line."""
        ...


class Launch(Protocol):
    """Starts processes. Only the parent can write to their channels."""

    def __call__(self, worker: str, environment: Mapping[str, str], log: Path) -> Running:
        """Start a process.

        Args:
            worker: module whose `main(descriptor)` serves the channel.
            environment: variables of the process, beside those that it has there.
            log: file for all that the process prints.
        """
        ...


class Process:
    """`Running` on this machine: a new interpreter, since `multiprocessing` would run the main script of the
    user again.

    Args:
        worker: see `Launch`.
        environment: see `Launch`.
        log: see `Launch`.
        descriptor: of the child's end of the channel; the caller closes its own copy.
        search_path: of modules.
    """

    def __init__(
        self, worker: str, environment: Mapping[str, str], log: Path, descriptor: int, search_path: list[str]
    ) -> None:
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-c", BOOT, json.dumps(search_path), worker, str(descriptor)],
                pass_fds=(descriptor,),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,  # a signal at the terminal is handled by the parent alone
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def place(self) -> str:
        return f"process {self.pid}"

    def wait(self, limit_s: float) -> int | None:
        if not limit_s:
            return self._process.poll()
        try:
            return self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        # its own children too, such as the workers of a tensor-parallel engine
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stack(self, limit_s: float) -> str:
        before = self._log.stat().st_size
        os.kill(self.pid, signal.SIGUSR1)
        deadline = time.monotonic() + limit_s
        while self._log.stat().st_size == before and time.monotonic() < deadline:
            time.sleep(0.05)
        return self._log.read_bytes()[before:].decode(errors="replace")

    def last_lines(self) -> str:
        if not self._log.is_file():
            return ""
        text = self._log.read_text(encoding="utf-8", errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return " | ".join(lines[-LOG_LINES:])[-LOG_CHARACTERS:]


class LocalProcess(Process):
    """`Running` as a child of this process, connected by a socket pair."""

    def __init__(self, worker: str, environment: Mapping[str, str], log: Path) -> None:
        near_end, far_end = socket.socketpair()
        with far_end:
            super().__init__(worker, environment, log, far_end.fileno(), search_path())
        limit_waits(near_end)
        self.channel = Connection(near_end.detach())


def limit_waits(end: socket.socket, limit_s: int = MESSAGE_LIMIT_S) -> None:
    """Raise BlockingIOError where the other side does not read or write for this time [s]; 0 = no limit."""
    limit = struct.pack("ll", limit_s, 0)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)


def search_path() -> list[str]:
    """Where a child finds the modules that this process finds."""
    return [entry or str(Path.cwd()) for entry in sys.path]
