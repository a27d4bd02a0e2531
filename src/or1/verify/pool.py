"""Judge responses beside their generation, in worker processes that can be killed.

Responses are pulled from their source while earlier ones are still being judged; the worker processes and
their limits are the business of `crew`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import weakref
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import replace
from queue import Empty, SimpleQueue
from types import MappingProxyType
from typing import Self, TypeGuard

from or1.types import Finish, Outcome, Problem, Response, Rollout, Verdict
from or1.verify.crew import Crew
from or1.verify.staged import InProcessVerifier, StagedVerifier
from or1.verify.worker import Setup

_TRUNCATED = Verdict(outcome=Outcome.TRUNCATED, reward=0.0, reason="truncated")
_ABORTED = Verdict(outcome=Outcome.NOT_JUDGED, reward=None, reason="aborted")

Key = bytes
"""Digest of (task, gold, essence of the text)."""


class ProcessVerifierPool:
    """Verifiers by task name behind `VerifierPool`: cheap ones inline, the others in `num_workers` processes.

    Workers start with the first response that needs one. Verdicts are cached by (task, gold, essence of the
    text), so the repeated answers of a group are judged once. Safe to use from several threads; close it, or
    use it as a context manager.
    """

    def __init__(
        self,
        verifiers: Mapping[str, object],
        num_workers: int = 2,
        time_limit_s: float = 5.0,
        memory_limit_bytes: int = 1 << 30,
        *,
        max_in_flight: int = 1024,
        cache_size: int = 100_000,
    ) -> None:
        """Take the verifiers; start nothing.

        Args:
            verifiers: task name -> Verifier; one that declares `in_process` runs in this process, every other
                must be picklable.
            num_workers: worker processes [processes].
            time_limit_s: wall time for one response [s].
            memory_limit_bytes: address space of one worker [bytes].
            max_in_flight: responses being judged before the input has to wait [responses].
            cache_size: verdicts remembered [verdicts].
        """
        self._tasks = frozenset(verifiers)
        self._inline = {name: v for name, v in verifiers.items() if _is_inline(v)}
        self._staged = {name: v for name, v in verifiers.items() if isinstance(v, StagedVerifier)}
        remote = {name: v for name, v in verifiers.items() if name not in self._inline}
        self._crew = Crew(Setup(remote, memory_limit_bytes, time_limit_s), num_workers)
        self._max_in_flight = max_in_flight
        self._cache: OrderedDict[Key, Verdict] = OrderedDict()
        self._cache_size = cache_size
        self._reasons: Counter[str] = Counter()
        self._cache_hits = 0
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
                essence_or_verdict = self._at_once(response)
                if isinstance(essence_or_verdict, Verdict):
                    yield self._counted(response.rollout, essence_or_verdict)
                    continue
                flight.board(response, essence_or_verdict, self._crew)
                while flight.num_waiting >= self._max_in_flight:
                    yield from self._land(flight, *flight.next_landed())
            while flight.num_waiting:
                yield from self._land(flight, *flight.next_landed())
        finally:
            flight.cancel()

    def close(self) -> None:
        """End all workers, whatever they are doing; the pool cannot be used again."""
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def reasons(self) -> Mapping[str, int]:
        """How many rollouts were yielded with each reason (or outcome, where a verdict gives no reason)."""
        with self._lock:
            return MappingProxyType(dict(self._reasons))

    @property
    def events(self) -> Mapping[str, int]:
        """`cache_hits`, `retries`, `workers_started`, and `first_<reason>` of what was retried."""
        with self._lock:
            hits = self._cache_hits
        return MappingProxyType(self._crew.events() | {"cache_hits": hits})

    def _at_once(self, response: Response) -> Verdict | str:
        """The verdict if no worker is needed for it, else the text that a worker is to judge."""
        if response.rollout.finish is Finish.LENGTH:
            return _TRUNCATED
        if response.rollout.finish is Finish.ABORTED:
            return _ABORTED
        problem, text = response.problem, response.text
        if problem.task not in self._tasks:
            raise KeyError(f"no verifier for task {problem.task!r}, only for {sorted(self._tasks)}")
        if problem.task in self._inline:
            return self._inline[problem.task].verify(problem, text)
        if problem.task in self._staged:
            text = self._staged[problem.task].essence(text)
            quick = self._staged[problem.task].quick(problem, text)
            if quick is not None:
                return quick
        key = _key(problem, text)
        with self._lock:
            if key not in self._cache:
                return text
            self._cache.move_to_end(key)
            self._cache_hits += 1
            return replace(self._cache[key], seconds=0.0)

    def _land(self, flight: _Flight, key: Key, verdict: Verdict) -> Iterator[Rollout]:
        """Remember a verdict and yield the rollouts that waited for it."""
        with self._lock:
            if verdict.outcome is not Outcome.NOT_JUDGED:
                self._cache[key] = verdict
            while len(self._cache) > self._cache_size:
                self._cache.popitem(last=False)
        first, *others = flight.disembark(key)
        yield self._counted(first, verdict)
        with self._lock:
            self._cache_hits += len(others)
        for rollout in others:
            yield self._counted(rollout, replace(verdict, seconds=0.0))

    def _counted(self, rollout: Rollout, verdict: Verdict) -> Rollout:
        with self._lock:
            self._reasons[verdict.reason or verdict.outcome.value] += 1
        return replace(rollout, verdict=verdict)


class _Flight:
    """What one call of `judge` is waiting for: one future by key, the rollouts that share it."""

    def __init__(self) -> None:
        self._waiting: dict[Key, list[Rollout]] = {}
        self._futures: dict[Key, Future[Verdict]] = {}
        self._landed: SimpleQueue[tuple[Key, Future[Verdict]]] = SimpleQueue()
        self.num_waiting = 0

    def board(self, response: Response, essence: str, crew: Crew) -> None:
        """Have the essence of a response judged, unless the same is on its way."""
        key = _key(response.problem, essence)
        self.num_waiting += 1
        if key in self._waiting:
            self._waiting[key].append(response.rollout)
            return
        self._waiting[key] = [response.rollout]
        future = crew.submit(response.problem, essence)
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

    def disembark(self, key: Key) -> list[Rollout]:
        del self._futures[key]
        rollouts = self._waiting.pop(key)
        self.num_waiting -= len(rollouts)
        return rollouts

    def cancel(self) -> None:
        for future in list(self._futures.values()):
            future.cancel()


def _is_inline(verifier: object) -> TypeGuard[InProcessVerifier]:
    return isinstance(verifier, InProcessVerifier) and verifier.in_process


def _key(problem: Problem, essence: str) -> Key:
    content = json.dumps([problem.task, problem.gold, essence], sort_keys=True)
    return hashlib.blake2b(content.encode(), digest_size=16).digest()
