"""One worker process, seen from the parent: start it, have it judge within a time limit, kill it.

The worker is a new interpreter: not a fork, since threads of the parent may hold locks, and not
`multiprocessing`, whose children run the parent's main script again. There are no signal handlers, so any
thread may use it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

from or1_verify.errors import RunStopped
from or1_verify.messages import MessageError, decode, encode
from or1_verify.pool.worker_main import REPLIES, AnswerLimits, Failure, JudgeRequest, receive, send
from or1_verify.process_clock import WaitClock, cpu_total_s
from or1_verify.types import Problem, Verdict

_START_LIMIT_S = 60.0
"""Longest start of a worker, and longest transfer of a message [s]; a start takes about one second."""
_FIRST_CHECK_S, _MIN_CHECK_S, _MAX_CHECK_S = 0.05, 0.005, 0.5
"""Time until the limits are checked first, and shortest and longest time between two checks [s]."""
_BOOT = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from or1_verify.pool.worker_main import main; main(int(sys.argv[2]))"
)
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TMPDIR")
_SET = {
    "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
    # sets are iterated in hash order: with a fixed seed the same answer takes the same path every time
    "PYTHONHASHSEED": "0",
}  # fmt: skip


class WorkerProcess:
    """A running worker. One thread at a time may call `judge`; any thread may call `kill`."""

    def __init__(self, setup: bytes) -> None:
        """Start the process with the bytes of a `Setup` and wait until it is ready; RunStopped if it does not
        become ready."""
        self._channel, far_end = socket.socketpair()
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | _SET
        search_path = json.dumps([entry or str(Path.cwd()) for entry in sys.path])
        with far_end:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _BOOT, search_path, str(far_end.fileno())],
                pass_fds=(far_end.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        try:
            self._wait_until_ready(setup)
        except BaseException:
            self.dispose()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def judge(self, problem: Problem, answer: str, limits: AnswerLimits) -> Verdict | Failure:
        """Judge one answer within limits; after a Failure call `dispose`."""
        request = encode(JudgeRequest(problem, answer, limits.cpu_s))
        try:
            send(self._channel, request)
            return self._wait_for_reply(limits) or decode(receive(self._channel), REPLIES)
        except MessageError as error:
            return Failure("worker_lost", str(error))
        except (EOFError, OSError):
            return Failure("worker_lost", f"exit status {self._exit_status()}")

    def kill(self) -> None:
        """Kill the process and all processes that it started; may be called again."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def dispose(self) -> None:
        """Kill the process and close the channel."""
        self.kill()
        self._channel.close()

    def _wait_until_ready(self, setup: bytes) -> None:
        try:
            self._channel.settimeout(_START_LIMIT_S)
            send(self._channel, setup)
            failure: Failure | None = decode(receive(self._channel), REPLIES)
        except TimeoutError:
            failure = Failure("no_start", f"not ready after {_START_LIMIT_S:.0f} s")
        except (EOFError, OSError):
            failure = Failure("no_start", f"it ended with exit status {self._exit_status()}")
        if failure is not None:
            raise RunStopped(f"a verifier worker did not start: {failure.detail}")

    def _wait_for_reply(self, limits: AnswerLimits) -> Failure | None:
        """Wait until the reply begins; the failure if a limit is exceeded first."""
        readable = select.poll()
        readable.register(self._channel, select.POLLIN)
        began_cpu_s = cpu_total_s(self.pid)
        if readable.poll(_FIRST_CHECK_S * 1000):
            return None
        clock = WaitClock(self.pid)
        while True:
            cpu_left_s = limits.cpu_s - (cpu_total_s(self.pid) - began_cpu_s)
            wait_left_s = limits.wait_s - clock.sample()
            if cpu_left_s <= 0 or wait_left_s <= 0:
                return Failure("time_limit" if cpu_left_s <= 0 else "wait_limit")
            next_check_s = max(min(cpu_left_s, wait_left_s, _MAX_CHECK_S), _MIN_CHECK_S)
            if readable.poll(next_check_s * 1000):
                return None

    def _exit_status(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1.0)
        return self._process.returncode
