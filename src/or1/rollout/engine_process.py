"""One engine process, seen from the pool: start it, exchange messages, name its failure.

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
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path

from or1.errors import EngineError
from or1.rollout.engine_messages import Failed, FromEngine, Start, ToEngine

_BOOT = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from or1.rollout.engine_worker import main; main(int(sys.argv[2]))"
)
_CLOSE_LIMIT_S = 5.0
"""Longest wait for a process to end after its channel was closed [s]; then it is killed."""
_LOG_LINES = 3


class EngineProcess:
    """A running engine process.

    Args:
        name: in errors.
        start: the engine to build.
        environment: variables of the process, beside those of this one.
        log: file for all that the process prints.
    """

    def __init__(self, name: str, start: Start, environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.num_running = 0
        """Requests that it has and did not answer."""
        self.silent_s = 0.0
        """Time that the pool has waited since its last message [s]."""
        self.bytes_sent = 0
        self.bytes_received = 0
        self._log = log
        near_end, far_end = socket.socketpair()
        search_path = json.dumps([entry or str(Path.cwd()) for entry in sys.path])
        with far_end, log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BOOT, search_path, str(far_end.fileno())],
                pass_fds=(far_end.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                start_new_session=True,  # a signal at the terminal is handled by the pool's process alone
            )
        self.channel = Connection(near_end.detach())
        self.send(start)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_closed(self) -> bool:
        return self.channel.closed

    def send(self, message: ToEngine) -> None:
        """Send a message; EngineError if the process has ended."""
        content = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
        try:
            self.channel.send_bytes(content)
        except OSError as error:
            raise self._ended() from error
        self.bytes_sent += len(content)

    def receive(self) -> FromEngine:
        """The next message, which must have come; EngineError if the engine failed or the process ended."""
        self.silent_s = 0.0
        try:
            content = self.channel.recv_bytes()
        except (EOFError, OSError) as error:
            raise self._ended() from error
        self.bytes_received += len(content)
        message: FromEngine = pickle.loads(content)
        if isinstance(message, Failed):
            raise EngineError(f"{self.name} failed: {message.reason}{self._last_lines()}")
        return message

    def silent_for(self, seconds: float, limit_s: float, during: str) -> None:
        """Note that the pool waited in vain; EngineError above the limit."""
        self.silent_s += seconds
        if self.silent_s > limit_s:
            raise EngineError(
                f"{self.name} (process {self.pid}) gave no sign of life for {limit_s:g} s during {during}"
                f"{self._last_lines()}"
            )

    def close(self) -> None:
        """End the process; may be called again."""
        if self.is_closed:
            return
        self.channel.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_CLOSE_LIMIT_S)
        # its own children too, such as the workers of a tensor-parallel engine
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _ended(self) -> EngineError:
        try:
            status = str(self._process.wait(_CLOSE_LIMIT_S))
        except subprocess.TimeoutExpired:
            status = "unknown"
        return EngineError(
            f"{self.name} (process {self.pid}) ended with exit status {status}{self._last_lines()}"
        )

    def _last_lines(self) -> str:
        """The end of its output, for an error of one line."""
        if not self._log.is_file():
            return ""
        text = self._log.read_text(encoding="utf-8", errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return f"; its output ends: {' | '.join(lines[-_LOG_LINES:])[-500:]}" if lines else ""
