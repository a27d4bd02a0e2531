"""One place of the pool: the engine process that holds it, and how far it is with the published weights."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from or1.rollout.engine_messages import Add, Begin, CanaryReading, Done, FromEngine, Load, ReadCanary
from or1.rollout.engine_process import EngineProcess
from or1.types import Int32, ProcessStatus

START = "its start"


@dataclass(frozen=True, slots=True)
class PublishedUpdate:
    """The weights that all engines have to load."""

    number: int
    """Counts the loads of the pool."""
    version: int
    update: Mapping[str, Any]


NOTHING_PUBLISHED = PublishedUpdate(1, -1, {})
"""Before the first load: its number is not that of a new process, which is ready for nothing."""


@dataclass(frozen=True, slots=True)
class _Expected:
    """A message that the engine will answer, in order."""

    work: str
    number: int
    """Of the published weights; 0 for the start."""


class EngineSlot:
    """An engine process that can be replaced by another.

    Args:
        launch: starts the process; its argument counts them from 0.
        silence_limit_s: longest time without a heartbeat after the start [s].
    """

    def __init__(self, launch: Callable[[int], EngineProcess], silence_limit_s: float) -> None:
        self._launch = launch
        self._silence_limit_s = silence_limit_s
        self.num_restarts = 0
        self.is_joining = False
        """It replaces a lost engine and is not ready yet."""
        self._new_process()

    def _new_process(self) -> None:
        self.process = self._launch(self.num_restarts)
        self._call = 0
        """The last call of which it had requests."""
        self._expected = deque([_Expected(START, 0)])
        self.reading: CanaryReading | None = None
        """Of the weights that it loaded last, not compared yet."""
        self._loaded = self._checked = 0

    @property
    def has_started(self) -> bool:
        return not self._expected or self._expected[0].number > 0

    @property
    def work(self) -> str | None:
        """The message that it is answering; None if all are answered."""
        return self._expected[0].work if self._expected else None

    def has_loaded(self, weights: PublishedUpdate) -> bool:
        return self._loaded == weights.number

    def is_ready(self, weights: PublishedUpdate) -> bool:
        """Whether it may sample from these weights."""
        return self._checked == weights.number

    def approve(self, weights: PublishedUpdate) -> None:
        """It samples from these weights."""
        self._checked, self.reading, self.is_joining = weights.number, None, False

    def load(self, weights: PublishedUpdate) -> None:
        """Send weights to load; EngineError if the process has ended."""
        self._checked, self.reading = 0, None
        self._expected.append(_Expected("a load of weights", weights.number))
        self.process.stuck_s = 0.0
        self.process.send(Load(weights.version, weights.update))

    def read_canary(self, weights: PublishedUpdate, tokens: Int32, num_sampled: int) -> None:
        """Ask for the canary; EngineError if the process has ended."""
        self._expected.append(_Expected("a canary", weights.number))
        self.process.stuck_s = 0.0
        self.process.send(ReadCanary(tokens, num_sampled))

    def add(self, begin: Begin, add: Add) -> None:
        """Send requests of a call; EngineError if the process has ended."""
        if self._call != begin.call:
            self.process.stuck_s = 0.0
            self._call = begin.call
            self.process.send(begin)
        self.process.send(add)

    def receive(self) -> FromEngine:
        """The next message, which must have come. The answer to a load or a canary is noted.

        Raises:
            EngineError: the engine failed, or its process has ended.
        """
        message = self.process.receive()
        if isinstance(message, Done):
            done = self._expected.popleft()
            if done.number == 0:
                self.process.silence_limit_s = self._silence_limit_s
            elif isinstance(message.result, CanaryReading):
                self.reading = message.result
            else:
                self._loaded = done.number
        return message

    def status(self, num_running: int) -> ProcessStatus:
        """Its work, from its last heartbeat: the pool reads none while it waits for nothing.

        Args:
            num_running: requests that it has.
        """
        status = self.process.status(is_idle=not num_running and not self._expected)
        return replace(status, num_running=num_running, num_restarts=self.num_restarts)

    def replace_process(self) -> None:
        """End the process, if it has not ended, and start another."""
        self.process.kill()
        self.num_restarts += 1
        self.is_joining = True
        self._new_process()
