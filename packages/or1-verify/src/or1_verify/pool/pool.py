"""Judge answers beside the generation of responses, in worker processes that can be killed.

Answers are pulled from their source while earlier ones are still being judged. `workers` starts the worker
processes and enforces their limits.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import threading
import weakref
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import replace
from queue import Empty, SimpleQueue
from types import MappingProxyType
from typing import Any, Self

from or1_verify.base import Verifier
from or1_verify.pool.alarm import ShareAlarm
from or1_verify.pool.second_opinion import SecondOpinions, second_task
from or1_verify.pool.worker_main import Failure, Setup
from or1_verify.pool.workers import AnswerWorkers, MakeWorkers, WorkerPool
from or1_verify.types import Answer, Finish, Outcome, Problem, Verdict

_log = logging.getLogger(__name__)
_TRUNCATED = Verdict(outcome=Outcome.TRUNCATED, reward=0.0, reason="truncated")
_ABORTED = Verdict.not_judged("aborted")
_BROKE_WORKERS = frozenset({"worker_lost", "verifier_error"})
_CACHE_SIZE = 100_000
"""Verdicts kept for answers that come again [verdicts]."""

_Key = bytes
"""Digest of (task, gold, answer as read): equal for answers that have one verdict."""


class ProcessVerifierPool:
    """Judges with one verifier per task: cheap work in this process, the rest in `num_workers` processes.

    Workers start with the first answer that needs one. Verdicts are cached by (task, gold, answer as read),
    so the repeated answers of a group are judged once. Safe to use from several threads; close it, or use it
    as a context manager.
    """

    def __init__(
        self,
        verifiers: Mapping[str, Verifier],
        num_workers: int = 2,
        time_limit_s: float = 5.0,
        memory_limit_bytes: int = 1 << 30,
        *,
        max_in_flight: int = 1024,
        second_opinions: Mapping[str, Verifier] | None = None,
        second_opinion_fraction: float = 0.0,
        seed: int = 0,
        workers: MakeWorkers = WorkerPool,
    ) -> None:
        """Take the verifiers; start nothing.

        Args:
            verifiers: task name -> verifier.
            num_workers: worker processes [processes].
            time_limit_s: processor time for one answer [s]; a verifier with a lower limit keeps it. An answer
                that waits twice as long, and at least five seconds, is not judged.
            memory_limit_bytes: address space of one worker [bytes].
            max_in_flight: answers being judged before the source has to wait [answers].
            second_opinions: task name -> another verifier, which judges a sample of the answers.
            second_opinion_fraction: fraction of the different answers in that sample.
            seed: selects the sample.
            workers: makes the workers, from their setup and their number.
        """
        self._verifiers = dict(verifiers)
        remote = {name: v for name, v in verifiers.items() if not v.in_process}
        others = dict(second_opinions or {}) if second_opinion_fraction else {}
        self._second = SecondOpinions(others, second_opinion_fraction, seed)
        remote |= {second_task(task): verifier for task, verifier in others.items()}
        self._workers = workers(Setup(remote, memory_limit_bytes, time_limit_s), num_workers)
        self._max_in_flight = max_in_flight
        self._cache: OrderedDict[_Key, Verdict] = OrderedDict()
        self._reasons: Counter[str] = Counter()
        self._cache_hits = 0
        self._quarantine: dict[_Key, Verdict] = {}
        self._quarantined = 0
        self._alarm = ShareAlarm()
        self._lock = threading.Lock()
        self._finalizer = weakref.finalize(self, self._workers.close)

    def judge(self, answers: Iterable[Answer]) -> Iterator[tuple[Answer, Verdict]]:
        """Yield every answer once, with its verdict, as verdicts come in.

        Raises:
            RunStopped: workers cannot be started at all.
            KeyError: a problem of a task without a verifier.
        """
        in_flight = _InFlight()
        try:
            for answer in answers:
                for key, verdict in in_flight.ready():
                    yield from self._finish(in_flight, key, verdict)
                read = self._at_once(answer)
                if isinstance(read, Verdict):
                    yield answer, self._counted(read)
                    continue
                in_flight.add(answer, read, self._key(answer.problem, read), self._workers)
                while in_flight.num_waiting >= self._max_in_flight:
                    yield from self._finish(in_flight, *in_flight.wait())
            while in_flight.num_waiting:
                yield from self._finish(in_flight, *in_flight.wait())
        finally:
            in_flight.cancel()

    def close(self) -> None:
        """Kill all workers; the pool cannot be used again."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def worker_pids(self) -> tuple[int, ...]:
        """Process ids of the workers that are alive."""
        return self._workers.pids()

    @property
    def reasons(self) -> Mapping[str, int]:
        """Verdicts yielded for each reason (or outcome, where a verdict has no reason)."""
        with self._lock:
            return MappingProxyType(dict(self._reasons))

    @property
    def events(self) -> Mapping[str, int]:
        """Counts of what happened.

        `cache_hits`, `quarantined` (answers that broke workers before and are not judged again), `alarms`
        (see `alarm`), `retries`, `workers_started`, `first_<reason>` of the retried answers, and
        `second_agreed`, `second_disagreed`, `second_failed` of the second opinions.
        """
        with self._lock:
            own = {
                "cache_hits": self._cache_hits,
                "quarantined": self._quarantined,
                "alarms": self._alarm.num_alarms,
            }
        return MappingProxyType(self._workers.events() | own | self._second.events())

    def _at_once(self, answer: Answer) -> Verdict | str:
        """The verdict if no worker is needed for it, else the answer as read, for a worker."""
        if answer.finish is Finish.LENGTH:
            return _TRUNCATED
        if answer.finish is Finish.ABORTED:
            return _ABORTED
        problem = answer.problem
        if problem.task not in self._verifiers:
            raise KeyError(f"no verifier for task {problem.task!r}, only for {sorted(self._verifiers)}")
        verifier = self._verifiers[problem.task]
        try:
            read = verifier.read(answer.text)
            verdict = read if isinstance(read, Verdict) else _decide(verifier, problem, read)
        except Exception as error:  # the boundary: a verifier that raises costs one answer, not the run
            _log.warning("verifier: %s on problem %s in the parent", type(error).__name__, problem.id)
            return Verdict.not_judged("verifier_error", Failure.of("verifier_error", error).detail)
        if isinstance(read, Verdict):
            return read
        if verdict is not None:
            self._consider(problem, read, verdict)
            return verdict
        return self._cached(problem, read)

    def _cached(self, problem: Problem, read: str) -> Verdict | str:
        """The verdict on an answer that was judged before, else the answer."""
        key = self._key(problem, read)
        with self._lock:
            if key in self._quarantine:
                self._quarantined += 1
                return self._quarantine[key]
            if key not in self._cache:
                return read
            self._cache.move_to_end(key)
            self._cache_hits += 1
            return replace(self._cache[key], seconds=0.0)

    def _key(self, problem: Problem, read: str) -> _Key:
        """The same for answers that get the same verdict."""
        content: list[Any] = [problem.task, problem.gold, read]
        if self._verifiers[problem.task].uses_prompt:
            content.append(problem.id)
        return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16).digest()

    def _finish(self, in_flight: _InFlight, key: _Key, verdict: Verdict) -> Iterator[tuple[Answer, Verdict]]:
        """Cache a verdict and yield the answers that waited for it."""
        with self._lock:
            if verdict.outcome is not Outcome.NOT_JUDGED:
                self._cache[key] = verdict
            elif verdict.reason in _BROKE_WORKERS:
                self._quarantine[key] = replace(verdict, seconds=0.0)
            while len(self._cache) > _CACHE_SIZE:
                self._cache.popitem(last=False)
        read, (first, *others) = in_flight.pop(key)
        self._consider(first.problem, read, verdict)
        yield first, self._counted(verdict)
        with self._lock:
            self._cache_hits += len(others)
        for other in others:
            yield other, self._counted(replace(verdict, seconds=0.0))

    def _consider(self, problem: Problem, read: str, verdict: Verdict) -> None:
        """Have a second verifier judge the answer if it is in the sample."""
        if self._second.applies_to(problem, verdict):
            self._second.consider(self._key(problem, read), problem, read, verdict, self._workers.submit)

    def _counted(self, verdict: Verdict) -> Verdict:
        with self._lock:
            self._reasons[verdict.reason or verdict.outcome.value] += 1
            self._alarm.see(verdict)
        return verdict


class _InFlight:
    """The answers that one call of `judge` waits for: one future per key, and the answers that share it."""

    def __init__(self) -> None:
        self._waiting: dict[_Key, list[Answer]] = {}
        self._read: dict[_Key, str] = {}
        self._futures: dict[_Key, Future[Verdict]] = {}
        self._done: SimpleQueue[tuple[_Key, Future[Verdict]]] = SimpleQueue()
        self.num_waiting = 0

    def add(self, answer: Answer, read: str, key: _Key, workers: AnswerWorkers) -> None:
        """Submit an answer, unless the same one is being judged already."""
        self.num_waiting += 1
        if key in self._waiting:
            self._waiting[key].append(answer)
            return
        self._waiting[key] = [answer]
        self._read[key] = read
        future = workers.submit(answer.problem, read)
        self._futures[key] = future
        done = self._done
        future.add_done_callback(lambda finished: done.put((key, finished)))

    def ready(self) -> Iterator[tuple[_Key, Verdict]]:
        """Verdicts that have come in, without waiting."""
        with contextlib.suppress(Empty):
            while True:
                key, future = self._done.get_nowait()
                yield key, future.result()

    def wait(self) -> tuple[_Key, Verdict]:
        """The next verdict.

        Raises:
            RuntimeError: the pool was closed.
        """
        key, future = self._done.get()
        if future.cancelled():
            raise RuntimeError("the verifier pool was closed while it was judging")
        return key, future.result()

    def pop(self, key: _Key) -> tuple[str, list[Answer]]:
        """The answer as read and the answers that waited for its verdict."""
        del self._futures[key]
        answers = self._waiting.pop(key)
        self.num_waiting -= len(answers)
        return self._read.pop(key), answers

    def cancel(self) -> None:
        for future in list(self._futures.values()):
            future.cancel()


def _decide(verifier: Verifier, problem: Problem, read: str) -> Verdict | None:
    """The verdict if the parent process can find it."""
    verdict = verifier.decide(problem, read)
    return verifier.compute(problem, read) if verdict is None and verifier.in_process else verdict
