"""Signs of life of a process, and the budget of restarts of those that were lost."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

BEAT_EVERY_S = 1.0
"""Time between two heartbeats of a process [s]."""
HEARTBEAT_LIMIT_S = 15.0
"""Longest time without a heartbeat of a process that has started [s]: with the time to read stacks, a stopped
process is named within 20 s."""
BUDGET_S = 3600.0
"""Restarts are counted over this time [s]."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The work of a process, sent each second by a thread of its own."""

    phase: str
    """Start, load, canary, sampling, a method of a rank, or idle."""
    work: str
    """Requests, layer or collective of the phase; may be empty."""
    since_s: float
    """Age of this work [s]."""


class Pulse:
    """Sends heartbeats from a thread of the child; the main thread says its work.

    Args:
        send: sends one heartbeat, or drops it where the parent does not read.
    """

    def __init__(self, send: Callable[[Heartbeat], None]) -> None:
        self._send = send
        self._now = ("start", "", time.monotonic())
        self._changed = threading.Event()
        """Another phase: it is reported at once."""
        threading.Thread(target=self._beat, daemon=True).start()

    def at(self, phase: str, work: str = "") -> None:
        """Called by the main thread when it begins a piece of work; such as one step of an engine."""
        changed = phase != self._now[0]
        self._now = (phase, work, time.monotonic())
        if changed:
            self._changed.set()

    def doing(self, work: str) -> None:
        """Another piece of work of the same phase."""
        self.at(self._now[0], work)

    def _beat(self) -> None:
        while True:
            phase, work, began = self._now
            try:
                self._send(Heartbeat(phase, work, time.monotonic() - began))
            except OSError:
                return  # the reader of the channel ends the process
            self._changed.wait(BEAT_EVERY_S)
            self._changed.clear()


class RestartBudget:
    """Restarts allowed within an hour.

    Args:
        max_restarts: within `BUDGET_S`.
        clock: seconds, monotonic.
    """

    def __init__(self, max_restarts: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.max_restarts = max_restarts
        self._clock = clock
        self._spent: deque[float] = deque()

    def spend(self) -> bool:
        """Take one restart; False if there is none left."""
        now = self._clock()
        while self._spent and now - self._spent[0] >= BUDGET_S:
            self._spent.popleft()
        if len(self._spent) >= self.max_restarts:
            return False
        self._spent.append(now)
        return True
