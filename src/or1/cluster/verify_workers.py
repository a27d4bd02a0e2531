"""The verifier workers of all machines, seen from the driver: `AnswerWorkers` of a `ProcessVerifierPool`."""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from or1.cluster.verify_messages import Judge, Judged, StartVerifiers
from or1.errors import RunStopped
from or1.processes.child import ChildProcess
from or1.processes.heartbeat import HEARTBEAT_LIMIT_S
from or1_verify.pool.worker_main import Setup
from or1_verify.pool.workers import WorkerPool
from or1_verify.types import Problem, Verdict

POLL_S = 1.0
"""Longest wait for a message before its absence is counted [s]."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Waiting:
    problem: Problem
    answer: str
    result: Future[Verdict]


@dataclass
class _Machine:
    process: ChildProcess
    waiting: dict[int, _Waiting] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    is_lost: bool = False


class ClusterWorkers:
    """Answers go to the machine that has the fewest of them. Those of a machine that is lost go to the
    others, and to workers of this machine when no other is left.

    Args:
        processes: of `or1.cluster.verify_worker`, one a machine.
        setup: of all workers.
        num_workers: processes of each machine.
        scratch: folder of their logs; a driver that is killed leaves it to them.
    """

    def __init__(
        self, processes: Sequence[ChildProcess], setup: Setup, num_workers: int, scratch: Path
    ) -> None:
        self._setup, self._num_workers = setup, num_workers
        self._machines = [_Machine(process) for process in processes]
        self._lock = threading.Lock()
        self._tickets = itertools.count()
        self._here: WorkerPool | None = None
        self._num_moved = 0
        self._closed = False
        for machine in self._machines:
            machine.process.send(StartVerifiers(setup, num_workers, str(scratch)))
            threading.Thread(target=self._read, args=(machine,), daemon=True).start()

    def submit(self, problem: Problem, answer: str) -> Future[Verdict]:
        if self._closed:
            raise RuntimeError("the verifier pool is closed")
        waiting = _Waiting(problem, answer, Future())
        self._send(waiting)
        return waiting.result

    def events(self) -> dict[str, int]:
        with self._lock:
            total = Counter({"retries": 0, "workers_started": 0, "moved": self._num_moved})
            here = {} if self._here is None else self._here.events()
            for each in (here, *(machine.events for machine in self._machines)):
                total.update(each)
            return dict(total)

    def pids(self) -> tuple[int, ...]:
        """Of the process of each machine."""
        return tuple(machine.process.pid for machine in self._machines if not machine.is_lost)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            waiting = [each for machine in self._machines for each in machine.waiting.values()]
            here = self._here
        for machine in self._machines:
            machine.process.close(0.0)
        if here is not None:
            here.close()
        for each in waiting:
            each.result.cancel()

    def _send(self, waiting: _Waiting) -> None:
        with self._lock:
            there = [machine for machine in self._machines if not machine.is_lost]
            if there:
                machine = min(there, key=lambda each: len(each.waiting))
                ticket = next(self._tickets)
                machine.waiting[ticket] = waiting
                # on an error the thread that reads finds the same, and moves what waits
                with contextlib.suppress(RunStopped):
                    machine.process.send(Judge(ticket, waiting.problem, waiting.answer))
                return
            if self._here is None:
                self._here = WorkerPool(self._setup, self._num_workers)
            here = self._here
        here.submit(waiting.problem, waiting.answer).add_done_callback(
            lambda done: waiting.result.set_result(done.result())
        )

    def _read(self, machine: _Machine) -> None:
        """Verdicts of a machine until it is lost; then its answers go elsewhere."""
        process = machine.process
        while True:
            try:
                if not process.channel.poll(POLL_S):
                    process.waited(POLL_S)
                    process.expect_message(math.inf, "judging", "")
                    continue
                message = process.receive()
                process.silence_limit_s = HEARTBEAT_LIMIT_S
            except (RunStopped, OSError) as error:
                if not self._closed:
                    self._move(machine, str(error))
                return
            if isinstance(message, Judged):
                with self._lock:
                    waiting = machine.waiting.pop(message.ticket)
                    machine.events = dict(message.events)
                if waiting.result.set_running_or_notify_cancel():
                    waiting.result.set_result(message.verdict)

    def _move(self, machine: _Machine, reason: str) -> None:
        with self._lock:
            machine.is_lost = True
            moved = list(machine.waiting.values())
            machine.waiting.clear()
            self._num_moved += len(moved)
        _log.warning("%s: its %d answers are judged elsewhere", reason, len(moved))
        for waiting in moved:
            self._send(waiting)
