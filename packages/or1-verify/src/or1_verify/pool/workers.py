"""Worker processes that judge what may hang: limits, replacement, and who is to blame.

A limit on wall time is held from outside: a worker over it is killed and replaced. What the response caused
is WRONG; what we caused is NOT_JUDGED. Which of the two it was is found by asking once more, alone in a fresh
worker, and by asking whether the gold itself can be verified.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor

from or1_verify.errors import RunStopped
from or1_verify.pool.worker_main import Setup
from or1_verify.pool.worker_process import Failure, WorkerProcess, WorkerStartError
from or1_verify.types import Outcome, Problem, Verdict

_log = logging.getLogger(__name__)
_BLAMED_ON_RESPONSE = frozenset({"time_limit", "memory_limit"})
_SHOWN = 120
"""Most characters of an answer that go into a verdict's detail [characters]."""


class WorkerPool:
    """Worker processes, and one thread per worker that waits for it; all start when needed."""

    def __init__(self, setup: Setup, num_workers: int) -> None:
        self._setup = setup
        self._threads = ThreadPoolExecutor(num_workers, thread_name_prefix="or1-verify")
        self._lock = threading.Lock()
        self._alive: set[WorkerProcess] = set()
        self._idle: list[WorkerProcess] = []
        self._closed = False
        self._events: Counter[str] = Counter()
        self._soundness: dict[str, bool] = {}

    def submit(self, problem: Problem, answer: str) -> Future[Verdict]:
        self._refuse_when_closed()
        return self._threads.submit(self._settle, problem, answer)

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

    def _settle(self, problem: Problem, answer: str) -> Verdict:
        """Verdict on one answer; a failure is asked once more, alone in a fresh worker."""
        result = self._ask(problem, answer, self._take())
        if isinstance(result, Verdict):
            return result
        self._count("retries", f"first_{result.reason}")
        _log.warning("verifier: %s on problem %s, asking once more", result.reason, problem.id)
        result = self._ask(problem, answer, self._start())
        if isinstance(result, Verdict):
            return result
        limits_itself = self._setup.verifiers[problem.task].limits_itself
        if limits_itself or result.reason not in _BLAMED_ON_RESPONSE:
            return _not_judged(result.reason, result.detail)
        if not self._is_sound(problem):
            return _not_judged("bad_gold", f"{result.reason}, also on the gold itself")
        _log.warning("verifier: %s twice on problem %s: judged wrong", result.reason, problem.id)
        return Verdict(outcome=Outcome.WRONG, reward=0.0, reason=result.reason, detail=answer[:_SHOWN])

    def _is_sound(self, problem: Problem) -> bool:
        """Is the gold correct as its own answer, within the limits? True where it does not tell an answer."""
        verifier = self._setup.verifiers[problem.task]
        ideal = verifier.ideal_answer(problem)
        if ideal is None:
            return True
        gold = json.dumps([problem.task, problem.gold], sort_keys=True)
        with self._lock:
            if gold in self._soundness:
                return self._soundness[gold]
        result: Verdict | Failure | None = verifier.decide(problem, ideal)
        if result is None:
            result = self._ask(problem, ideal, self._take())
        sound = isinstance(result, Verdict) and result.outcome is Outcome.RIGHT
        with self._lock:
            self._soundness[gold] = sound
        return sound

    def _ask(self, problem: Problem, answer: str, worker: WorkerProcess) -> Verdict | Failure:
        result = worker.ask(problem, answer, self._setup.limit_s(problem))
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
        try:
            worker = self._start_once()
        except WorkerStartError as error:
            _log.warning("verifier worker did not start, trying once more: %s", error)
            try:
                worker = self._start_once()
            except WorkerStartError as again:
                raise RunStopped(f"verifier workers cannot start: {again}") from again
        return worker

    def _start_once(self) -> WorkerProcess:
        self._refuse_when_closed()
        worker = WorkerProcess(self._setup)
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

    def _count(self, *events: str) -> None:
        with self._lock:
            self._events.update(events)


def _not_judged(reason: str, detail: str) -> Verdict:
    return Verdict(outcome=Outcome.NOT_JUDGED, reward=None, reason=reason, detail=detail)
