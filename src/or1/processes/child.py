"""One child process, seen from its parent: start it, exchange messages, name its failure.

The process is a new interpreter with one end of a socket pair: `multiprocessing` would run the main script of
the user again.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from or1.errors import RunStopped
from or1.processes.replies import decode

_BOOT = (
    "import sys, json, importlib; sys.path[:] = json.loads(sys.argv[1]); "
    "getattr(importlib.import_module(sys.argv[2]), 'main')(int(sys.argv[3]))"
)
_CLOSE_LIMIT_S = 5.0
"""Longest wait for a process to end after its channel was closed [s]; then it is killed."""
_LOG_LINES = 3


class ChildProcess:
    """A running child process.

    Args:
        name: in errors.
        worker: module whose `main(descriptor)` serves the channel.
        environment: variables of the process, beside those of this one.
        log: file for all that the process prints.
        error: type of the errors of this process.
        replies: dataclasses that its replies hold.
    """

    def __init__(
        self,
        name: str,
        worker: str,
        environment: Mapping[str, str],
        log: Path,
        *,
        error: type[RunStopped],
        replies: Sequence[type],
    ) -> None:
        self.name = name
        self._replies = replies
        self.silent_s = 0.0
        """Time that the parent has waited since its last message [s]."""
        self.bytes_sent = 0
        self.bytes_received = 0
        self.log = log
        self.error = error
        near_end, far_end = socket.socketpair()
        search_path = json.dumps([entry or str(Path.cwd()) for entry in sys.path])
        with far_end, log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BOOT, search_path, worker, str(far_end.fileno())],
                pass_fds=(far_end.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,  # a signal at the terminal is handled by the parent alone
            )
        self.channel = Connection(near_end.detach())

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    @property
    def is_closed(self) -> bool:
        return self.channel.closed

    def send(self, message: object) -> None:
        """Send a message; an error of the type `error` if the process has ended."""
        content = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
        try:
            self.channel.send_bytes(content)
        except OSError as error:
            raise self.ended() from error
        self.bytes_sent += len(content)

    def receive(self) -> Any:
        """The next message, which must have come; an error of the type `error` if the process has ended."""
        self.silent_s = 0.0
        try:
            content = self.channel.recv_bytes()
        except (EOFError, OSError) as error:
            raise self.ended() from error
        self.bytes_received += len(content)
        return decode(content, self._replies)

    def failed(self, reason: str) -> RunStopped:
        """The error that the process reported, with the end of its output."""
        return self.error(f"{self.name} failed: {reason}{self.last_lines()}")

    def silent_for(self, seconds: float, limit_s: float, during: str) -> None:
        """Note that the parent waited in vain; an error of the type `error` above the limit."""
        self.silent_s += seconds
        if self.silent_s > limit_s:
            raise self.error(
                f"{self.name} (process {self.pid}) gave no sign of life for {limit_s:g} s during {during}"
                f"{self.last_lines()}"
            )

    def close(self, limit_s: float = _CLOSE_LIMIT_S) -> None:
        """End the process; may be called again.

        Args:
            limit_s: longest wait for it to end by itself, after its channel was closed [s].
        """
        if self.is_closed:
            return
        self.channel.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(limit_s)
        # its own children too, such as the workers of a tensor-parallel engine
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def ended(self) -> RunStopped:
        """The error of a process whose channel has ended, with its exit status and the end of its output."""
        try:
            status = str(self._process.wait(_CLOSE_LIMIT_S))
        except subprocess.TimeoutExpired:
            status = "unknown"
        return self.error(
            f"{self.name} (process {self.pid}) ended with exit status {status}{self.last_lines()}"
        )

    def last_lines(self) -> str:
        """The end of its output, for an error of one line."""
        if not self.log.is_file():
            return ""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return f"; its output ends: {' | '.join(lines[-_LOG_LINES:])[-500:]}" if lines else ""
