"""A pool of engines, simulated: responses of known lengths, slots, a shared queue, slow and failing engines.

An engine's state changes only when one of its responses ends, so the simulation goes from end to end of
responses and not from token to token: thousands of engines take seconds.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from or1.plan.hardware import EngineProfile

STREAM_STEPS = 24
"""Steps of partial rollouts that are simulated; a quarter of them is measured [steps]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineCost:
    """Seconds of a decode step of one engine, of one or more GPUs."""

    profile: EngineProfile
    bandwidth: float
    """Of all its GPUs together [bytes/s]."""
    weight_bytes: float
    cache_bytes_per_token: float
    prompt_tokens: int = 0
    """Mean length of the prompts, which the cache holds too [tokens]."""

    def steps_seconds(self, num_running: int, context: float, num_steps: int) -> float:
        """Seconds of `num_steps` steps of a fixed set of responses.

        Args:
            num_running: responses that get a token in each step.
            context: their tokens together before the first step, prompts included [tokens].
            num_steps: tokens that each of them gets.
        """
        mean_context = context + num_running * (num_steps - 1) / 2
        read = self.weight_bytes + self.cache_bytes_per_token * mean_context
        seconds = read / (self.profile.bandwidth_fraction * self.bandwidth)
        return num_steps * (self.profile.start_s + self.profile.per_sequence_s * num_running + seconds)


@dataclass(slots=True)
class _Engine:
    """One engine; a ticket is a response's number."""

    slots: int
    speed: float
    now: float = 0.0
    busy: float = 0.0
    clock: int = 0
    """Steps since the start of the engine."""
    running: list[tuple[int, int]] = field(default_factory=list)
    """Heap of (step at which it ends, ticket)."""
    context: float = 0.0
    """Tokens of the running responses, prompts included."""
    is_down: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolResult:
    """One rollout of a pool."""

    seconds: float
    """Until the last response."""
    finished_s: tuple[float, ...]
    """When each response ended [s]."""
    idle_share: float
    """Of all engine time until the end, the part without a running response [dimensionless]."""
    lost_tokens: int
    """Tokens that were lost with an engine."""


def simulate(
    lengths: Sequence[int],
    num_engines: int,
    slots: int,
    cost: EngineCost,
    *,
    expected: Sequence[float] | None = None,
    speeds: Mapping[int, float] | None = None,
    failures: Mapping[int, float] | None = None,
) -> PoolResult:
    """Run one rollout: engines take responses from one queue whenever they have a free slot.

    Args:
        lengths: tokens of each response, in the order of the queue.
        num_engines: engines.
        slots: responses that one engine decodes at once.
        cost: of its steps.
        expected: expected length of each response: the longest are started first. None = in order.
        speeds: engine -> factor on its speed, such as 0.5 for one that is half as fast.
        failures: engine -> second at which it is lost; its responses start again elsewhere.

    Raises:
        ValueError: no engine is left.
    """
    order = (
        range(len(lengths)) if expected is None else np.argsort(-np.asarray(expected), kind="stable").tolist()
    )
    run = _Run(lengths, deque(order), cost)
    run.start(num_engines, slots, speeds or {}, failures or {})
    while run.num_left:
        run.advance()
    end = max(run.finished)
    idle = 1 - sum(engine.busy for engine in run.engines) / (end * num_engines) if end else 0.0
    return PoolResult(seconds=end, finished_s=tuple(run.finished), idle_share=idle, lost_tokens=run.lost)


class _Run:
    def __init__(self, lengths: Sequence[int], queue: deque[int], cost: EngineCost) -> None:
        self.lengths, self.queue, self.cost = lengths, queue, cost
        self.finished = [0.0] * len(lengths)
        self.num_left = len(lengths)
        self.lost = 0
        self.engines: list[_Engine] = []
        self._failures: dict[int, float] = {}
        self._next: list[tuple[float, int]] = []

    def start(
        self, num_engines: int, slots: int, speeds: Mapping[int, float], failures: Mapping[int, float]
    ) -> None:
        self.engines = [_Engine(slots, speeds.get(e, 1.0)) for e in range(num_engines)]
        self._failures = dict(failures)
        for _ in range(slots):  # one at a time to each, so that no engine starts with more than another
            for engine in self.engines:
                if self.queue:
                    self._give(engine)
        for number, engine in enumerate(self.engines):
            self._plan(number, engine)
            if number in self._failures and not engine.running:
                heapq.heappush(self._next, (self._failures[number], number))

    def _give(self, engine: _Engine) -> None:
        ticket = self.queue.popleft()
        heapq.heappush(engine.running, (engine.clock + int(self.lengths[ticket]), ticket))
        engine.context += self.cost.prompt_tokens

    def _plan(self, number: int, engine: _Engine) -> None:
        """Note when the engine's next response ends, or when it is lost before."""
        if engine.is_down or not engine.running:
            return
        end = engine.now + self._seconds(engine, engine.running[0][0] - engine.clock)
        if number in self._failures:
            end = min(end, max(self._failures[number], engine.now))
        heapq.heappush(self._next, (end, number))

    def _seconds(self, engine: _Engine, num_steps: int) -> float:
        return self.cost.steps_seconds(len(engine.running), engine.context, num_steps) / engine.speed

    def advance(self) -> None:
        """Go to the next end of a response, or the next loss of an engine."""
        if not self._next:
            raise ValueError("every engine is lost before the rollout ends")
        now, number = heapq.heappop(self._next)
        engine = self.engines[number]
        if engine.is_down:
            return
        engine.busy += now - engine.now if engine.running else 0.0
        if number in self._failures and now >= self._failures[number]:
            self._lose(engine, now)
        else:
            self._finish(engine, now)
            while self.queue and len(engine.running) < engine.slots:
                self._give(engine)
            self._plan(number, engine)
        self._wake(now)

    def _finish(self, engine: _Engine, now: float) -> None:
        """Take out the responses that end with the next step at which one does."""
        num_steps = engine.running[0][0] - engine.clock
        engine.context += num_steps * len(engine.running)
        engine.clock += num_steps
        engine.now = now
        while engine.running and engine.running[0][0] == engine.clock:
            _, ticket = heapq.heappop(engine.running)
            engine.context -= self.cost.prompt_tokens + self.lengths[ticket]
            self.finished[ticket] = now
            self.num_left -= 1

    def _lose(self, engine: _Engine, now: float) -> None:
        """Its responses go back to the front of the queue; their tokens up to the last end of one are counted
        as lost."""
        for end, ticket in engine.running:
            self.lost += int(self.lengths[ticket]) - (end - engine.clock)
        self.queue.extendleft(sorted((ticket for _, ticket in engine.running), reverse=True))
        engine.running.clear()
        engine.is_down, engine.now = True, now

    def _wake(self, now: float) -> None:
        """Engines without work take what a lost one left."""
        for number, engine in enumerate(self.engines):
            if not self.queue:
                return
            if engine.is_down or engine.running:
                continue
            engine.now = now
            while self.queue and len(engine.running) < engine.slots:
                self._give(engine)
            self._plan(number, engine)


def partial_rollout(lengths: Sequence[int], num_engines: int, cost: EngineCost, *, in_flight: float) -> float:
    """Seconds of a step in the steady state of partial rollouts: a step ends when as many responses ended as
    it needs, the others are continued in the next one, and new ones take the place of those that ended.

    Args:
        lengths: tokens of the responses of one step, in the order of the queue.
        num_engines: engines.
        cost: of their steps.
        in_flight: responses under way at any time, in multiples of those of a step.
    """
    slots = max(1, math.ceil(in_flight * len(lengths) / num_engines))
    queue = [int(x) for x in lengths] * STREAM_STEPS
    ends = np.sort(np.asarray(simulate(queue, num_engines, slots, cost).finished_s))
    first, last = len(queue) // 4, len(queue) // 2  # neither the start nor the end of the stream
    return float(ends[last] - ends[first]) / (last - first) * len(lengths)
