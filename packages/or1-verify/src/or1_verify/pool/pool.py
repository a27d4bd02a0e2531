"""Judge responses beside their generation, in worker processes that can be killed.

Responses are pulled from their source while earlier ones are still being judged; the worker processes and
their limits are the business of `crew`.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import weakref
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import replace
from queue import Empty, SimpleQueue
from types import MappingProxyType
from typing import Self

from or1.types import Response, Rollout
from or1_verify.base import Verifier
from or1_verify.pool.alarm import ShareAlarm
from or1_verify.pool.key import Key, key_of
from or1_verify.pool.second_opinion import SecondOpinions, second_task
from or1_verify.pool.worker_main import Setup
from or1_verify.pool.workers import Crew
from or1_verify.types import Finish, Outcome, Verdict

_TRUNCATED = Verdict(outcome=Outcome.TRUNCATED, reward=0.0, reason="truncated")
_ABORTED = Verdict(outcome=Outcome.NOT_JUDGED, reward=None, reason="aborted")

_BROKE_WORKERS = frozenset({"worker_lost", "verifier_error"})


class ProcessVerifierPool:
    """Verifiers by task name behind `VerifierPool`: cheap ones inline, the others in `num_workers` processes.

    Workers start with the first response that needs one. Verdicts are cached by (task, gold, answer),
    so the repeated answers of a group are judged once. Safe to use from several threads; close it, or
    use it as a context manager.
    """

    def __init__(
        self,
        verifiers: Mapping[str, Verifier],
        num_workers: int = 2,
        time_limit_s: float = 5.0,
        memory_limit_bytes: int = 1 << 30,
        *,
        max_in_flight: int = 1024,
        cache_size: int = 100_000,
        second_opinions: Mapping[str, Verifier] | None = None,
        second_opinion_fraction: float = 0.0,
        seed: int = 0,
    ) -> None:
        """Take the verifiers; start nothing.

        Args:
            verifiers: task name -> verifier.
            num_workers: worker processes [processes].
            time_limit_s: wall time for one response [s]; a verifier with a lower limit keeps it.
            memory_limit_bytes: address space of one worker [bytes].
            max_in_flight: responses being judged before the input has to wait [responses].
            cache_size: verdicts remembered [verdicts].
            second_opinions: task name -> another verifier, asked about a sample of the answers.
            second_opinion_fraction: share of the different answers that it is asked about.
            seed: which ones.
        """
        self._verifiers = dict(verifiers)
        remote = {name: v for name, v in verifiers.items() if not v.in_process}
        others = dict(second_opinions or {}) if second_opinion_fraction else {}
        self._second = SecondOpinions(others, second_opinion_fraction, seed)
        remote |= {second_task(task): verifier for task, verifier in others.items()}
        self._crew = Crew(Setup(remote, memory_limit_bytes, time_limit_s), num_workers)
        self._max_in_flight = max_in_flight
        self._cache: OrderedDict[Key, Verdict] = OrderedDict()
        self._cache_size = cache_size
        self._reasons: Counter[str] = Counter()
        self._cache_hits = 0
        self._quarantine: dict[Key, Verdict] = {}
        self._quarantined = 0
        self._alarm = ShareAlarm()
        self._lock = threading.Lock()
        self._finalizer = weakref.finalize(self, self._crew.close)

    def judge(self, responses: Iterable[Response]) -> Iterator[Rollout]:
        """Yield every rollout once, with its verdict, as verdicts come in.

        Raises:
            RunStopped: workers cannot be started at all.
            KeyError: a problem of a task without a verifier.
        """
        flight = _Flight()
        try:
            for response in responses:
                for key, verdict in flight.landed():
                    yield from self._land(flight, key, verdict)
                answer = self._at_once(response)
                if isinstance(answer, Verdict):
                    yield self._counted(response.rollout, answer)
                    continue
                flight.board(response, answer, self._crew)
                while flight.num_waiting >= self._max_in_flight:
                    yield from self._land(flight, *flight.next_landed())
            while flight.num_waiting:
                yield from self._land(flight, *flight.next_landed())
        finally:
            flight.cancel()

    async def judge_async(self, responses: Iterable[Response]) -> AsyncIterator[Rollout]:
        """As `judge`, for an event loop: responses are pulled and verdicts awaited in a thread."""
        judging = self.judge(responses)
        while (rollout := await asyncio.to_thread(next, judging, None)) is not None:
            yield rollout

    def close(self) -> None:
        """End all workers, whatever they are doing; the pool cannot be used again."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def worker_pids(self) -> tuple[int, ...]:
        """Process ids of the workers that are alive."""
        return self._crew.pids()

    @property
    def reasons(self) -> Mapping[str, int]:
        """How many rollouts were yielded with each reason (or outcome, where a verdict gives no reason)."""
        with self._lock:
            return MappingProxyType(dict(self._reasons))

    @property
    def events(self) -> Mapping[str, int]:
        """Counts of what happened.

        `cache_hits`, `quarantined` (answers that broke workers before, not asked again), `alarms` (see
        `alarm`), `retries`, `workers_started`, `first_<reason>` of what was retried, and `second_agreed`,
        `second_disagreed`, `second_failed` of the second opinions.
        """
        with self._lock:
            own = {
                "cache_hits": self._cache_hits,
                "quarantined": self._quarantined,
                "alarms": self._alarm.num_alarms,
            }
        return MappingProxyType(self._crew.events() | own | self._second.events())

    def _at_once(self, response: Response) -> Verdict | str:
        """The verdict if no worker is needed for it, else the answer for a worker to judge."""
        if response.rollout.finish is Finish.LENGTH:
            return _TRUNCATED
        if response.rollout.finish is Finish.ABORTED:
            return _ABORTED
        problem = response.problem
        if problem.task not in self._verifiers:
            raise KeyError(f"no verifier for task {problem.task!r}, only for {sorted(self._verifiers)}")
        verifier = self._verifiers[problem.task]
        answer = verifier.read(response.text)
        if isinstance(answer, Verdict):
            return answer
        decided = verifier.decide(problem, answer)
        if decided is None and verifier.in_process:
            decided = verifier.compute(problem, answer)
        if decided is not None:
            self._second.consider(problem, answer, decided, self._crew.submit)
            return decided
        key = key_of(problem, answer)
        with self._lock:
            if key in self._quarantine:
                self._quarantined += 1
                return self._quarantine[key]
            if key not in self._cache:
                return answer
            self._cache.move_to_end(key)
            self._cache_hits += 1
            return replace(self._cache[key], seconds=0.0)

    def _land(self, flight: _Flight, key: Key, verdict: Verdict) -> Iterator[Rollout]:
        """Remember a verdict and yield the rollouts that waited for it."""
        with self._lock:
            if verdict.outcome is not Outcome.NOT_JUDGED:
                self._cache[key] = verdict
            elif verdict.reason in _BROKE_WORKERS:
                self._quarantine[key] = replace(verdict, seconds=0.0)
            while len(self._cache) > self._cache_size:
                self._cache.popitem(last=False)
        response, *others = flight.disembark(key)
        self._second.consider(response.problem, flight.answer(key), verdict, self._crew.submit)
        yield self._counted(response.rollout, verdict)
        with self._lock:
            self._cache_hits += len(others)
        for other in others:
            yield self._counted(other.rollout, replace(verdict, seconds=0.0))

    def _counted(self, rollout: Rollout, verdict: Verdict) -> Rollout:
        with self._lock:
            self._reasons[verdict.reason or verdict.outcome.value] += 1
            self._alarm.see(verdict)
        return replace(rollout, verdict=verdict)


class _Flight:
    """What one call of `judge` is waiting for: one future by key, the responses that share it."""

    def __init__(self) -> None:
        self._waiting: dict[Key, list[Response]] = {}
        self._answers: dict[Key, str] = {}
        self._futures: dict[Key, Future[Verdict]] = {}
        self._landed: SimpleQueue[tuple[Key, Future[Verdict]]] = SimpleQueue()
        self.num_waiting = 0

    def board(self, response: Response, answer: str, crew: Crew) -> None:
        """Submit the answer of a response, unless the same one is being judged already."""
        key = key_of(response.problem, answer)
        self.num_waiting += 1
        if key in self._waiting:
            self._waiting[key].append(response)
            return
        self._waiting[key] = [response]
        self._answers[key] = answer
        future = crew.submit(response.problem, answer)
        self._futures[key] = future
        landed = self._landed
        future.add_done_callback(lambda done: landed.put((key, done)))

    def landed(self) -> Iterator[tuple[Key, Verdict]]:
        """Verdicts that are there, without waiting."""
        with contextlib.suppress(Empty):
            while True:
                key, future = self._landed.get_nowait()
                yield key, future.result()

    def next_landed(self) -> tuple[Key, Verdict]:
        key, future = self._landed.get()
        if future.cancelled():
            raise RuntimeError("the verifier pool was closed while it was judging")
        return key, future.result()

    def answer(self, key: Key) -> str:
        return self._answers[key]

    def disembark(self, key: Key) -> list[Response]:
        del self._futures[key]
        responses = self._waiting.pop(key)
        self.num_waiting -= len(responses)
        return responses

    def cancel(self) -> None:
        for future in list(self._futures.values()):
            future.cancel()
