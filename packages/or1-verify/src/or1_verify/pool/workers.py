"""Worker processes for work that may hang: limits, replacement, and the cause of a failure.

The limits on time are enforced from outside: a worker that exceeds one is killed and replaced. A failure that
the response caused is WRONG, any other is NOT_JUDGED: also a worker that waits, whatever for. To find the
cause, the answer is judged once more in a new worker, and then the gold is judged as an answer.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from or1_verify.errors import RunStopped
from or1_verify.messages import encode
from or1_verify.pool.worker_main import Failure, Setup
from or1_verify.pool.worker_process import WorkerProcess
from or1_verify.types import Outcome, Problem, Verdict

_log = logging.getLogger(__name__)
_BLAMED_ON_RESPONSE = frozenset({"time_limit", "memory_limit"})
_SHOWN = 120
"""Longest answer in a verdict's detail [characters]."""


class AnswerWorkers(Protocol):
    """Judges single answers beside the caller."""

    def submit(self, problem: Problem, answer: str) -> Future[Verdict]:
        """Judge an answer as its verifier has read it; RuntimeError when closed."""
        ...

    def events(self) -> dict[str, int]:
        """Counts of what happened."""
        ...

    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers that are alive."""
        ...

    def close(self) -> None:
        """End all workers."""
        ...


MakeWorkers = Callable[[Setup, int], AnswerWorkers]
"""Makes workers from their setup and their number."""


class WorkerPool:
    """Worker processes, and one thread per worker that waits for it; all start when needed."""

    def __init__(self, setup: Setup, num_workers: int) -> None:
        self._setup, self._start_message = setup, encode(setup)
        self._threads = ThreadPoolExecutor(num_workers, thread_name_prefix="or1-verify")
        self._lock = threading.Lock()
        self._alive: set[WorkerProcess] = set()
        self._idle: list[WorkerProcess] = []
        self._closed = False
        self._events: Counter[str] = Counter()
        self._soundness: dict[str, bool] = {}

    def submit(self, problem: Problem, answer: str) -> Future[Verdict]:
        self._refuse_when_closed()
        return self._threads.submit(self._judge, problem, answer)

    def events(self) -> dict[str, int]:
        with self._lock:
            return {"retries": 0, "workers_started": 0} | dict(self._events)

    def pids(self) -> tuple[int, ...]:
        with self._lock:
            return tuple(worker.pid for worker in self._alive)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            workers = list(self._alive)
        for worker in workers:
            worker.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for worker in workers:
            worker.dispose()

    def _judge(self, problem: Problem, answer: str) -> Verdict:
        """Verdict on one answer; after a failure one more try in a new worker."""
        result = self._judge_in(problem, answer, self._take())
        if isinstance(result, Verdict):
            return result
        with self._lock:
            self._events.update(("retries", f"first_{result.reason}"))
        _log.warning("verifier: %s on problem %s, trying once more", result.reason, problem.id)
        result = self._judge_in(problem, answer, self._start())
        if isinstance(result, Verdict):
            return result
        limits_itself = self._setup.verifiers[problem.task].limits_itself
        if limits_itself or result.reason not in _BLAMED_ON_RESPONSE:
            return Verdict.not_judged(result.reason, result.detail)
        if not self._is_sound(problem):
            return Verdict.not_judged("bad_gold", f"{result.reason}, also for the gold itself")
        _log.warning("verifier: %s twice on problem %s: judged wrong", result.reason, problem.id)
        return Verdict.wrong(result.reason, answer[:_SHOWN])

    def _is_sound(self, problem: Problem) -> bool:
        """Is the gold, as an answer, correct within the limits? True if no answer can be made from it."""
        verifier = self._setup.verifiers[problem.task]
        ideal = verifier.ideal_answer(problem)
        if ideal is None:
            return True
        gold = json.dumps([problem.task, problem.gold], sort_keys=True)
        with self._lock:
            if gold in self._soundness:
                return self._soundness[gold]
        result = verifier.decide(problem, ideal) or self._judge_in(problem, ideal, self._take())
        sound = isinstance(result, Verdict) and result.outcome is Outcome.RIGHT
        with self._lock:
            self._soundness[gold] = sound
        return sound

    def _judge_in(self, problem: Problem, answer: str, worker: WorkerProcess) -> Verdict | Failure:
        result = worker.judge(problem, answer, self._setup.limits(problem))
        if isinstance(result, Verdict):
            with self._lock:
                self._idle.append(worker)
            return result
        worker.dispose()
        with self._lock:
            self._alive.discard(worker)
        return result

    def _take(self) -> WorkerProcess:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return self._start()

    def _start(self) -> WorkerProcess:
        """A new worker; RunStopped if two in a row do not start."""
        try:
            return self._start_once()
        except RunStopped as error:
            _log.warning("%s: trying once more", error)
        return self._start_once()

    def _start_once(self) -> WorkerProcess:
        self._refuse_when_closed()
        worker = WorkerProcess(self._start_message)
        with self._lock:
            closed = self._closed
            if not closed:
                self._alive.add(worker)
                self._events["workers_started"] += 1
        if closed:
            worker.dispose()
        self._refuse_when_closed()
        return worker

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise RuntimeError("the verifier pool is closed")
