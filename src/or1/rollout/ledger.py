"""The requests of one call of `rollouts`, each answered exactly once, whatever happens to the engines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from or1.rollout.request_queue import RequestQueue
from or1.types import Int32


@dataclass(frozen=True, slots=True)
class Pending:
    """One rollout to sample. The call stands for the step: its weights and its seed."""

    problem_id: str
    index: int
    prompt_tokens: Int32


class Ledger:
    """Which requests are open, and which engine has them.

    A request waits, is at one engine, or is answered. The first response of the engine that has it counts;
    another response, or that of an engine which lost it, is counted as a duplicate and dropped.

    Args:
        groups: requests of each problem, in the order to serve.
        num_engines: positions of the pool.
    """

    def __init__(self, groups: Sequence[Sequence[Pending]], num_engines: int) -> None:
        self._open: dict[int, Pending] = {}
        tickets: list[list[int]] = []
        for group in groups:
            tickets.append(list(range(len(self._open), len(self._open) + len(group))))
            self._open |= zip(tickets[-1], group, strict=True)
        self._queue = RequestQueue(tickets, num_engines)
        self._at: list[set[int]] = [set() for _ in range(num_engines)]
        self.num_duplicates = 0

    @property
    def num_open(self) -> int:
        """Requests without an answer."""
        return len(self._open)

    def num_at(self, engine: int) -> int:
        """Requests that an engine has and did not answer."""
        return len(self._at[engine])

    def take(self, engine: int, room: int) -> dict[int, Pending]:
        """At most `room` waiting requests for an engine by their tickets, all of one problem."""
        tickets = self._queue.take(engine, room)
        self._at[engine].update(tickets)
        return {ticket: self._open[ticket] for ticket in tickets}

    def answer(self, engine: int, ticket: int) -> Pending | None:
        """The request that a response of an engine answers; None for a duplicate."""
        if ticket not in self._at[engine]:
            self.num_duplicates += 1
            return None
        self._at[engine].remove(ticket)
        return self._open.pop(ticket)

    def lose(self, engine: int) -> int:
        """The engine is lost: its requests wait again, before all others. Returns their number."""
        lost = sorted(self._at[engine])
        self._at[engine].clear()
        self._queue.put_back(lost)
        return len(lost)
