"""The order in which requests go to engines: whole groups while there are any, single requests at the end."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from statistics import fmean


def longest_first(problem_ids: Sequence[str], mean_tokens: Mapping[str, float]) -> list[int]:
    """Positions of the problems, longest expected response first.

    A problem of unknown length counts as the mean of the known ones; equal ones keep their order.

    Args:
        problem_ids: in the order drawn.
        mean_tokens: problem id -> mean length of its last responses [tokens].
    """
    known = [mean_tokens[each] for each in problem_ids if each in mean_tokens]
    usual = fmean(known) if known else 0.0
    expected = [mean_tokens.get(each, usual) for each in problem_ids]
    return sorted(range(len(expected)), key=lambda position: -expected[position])


class RequestQueue:
    """Tickets that wait, by group.

    An engine takes the requests of one group after another, so that it computes each prompt once. When no
    whole group is left, it takes single requests from the engine that has the most of them waiting.

    Args:
        groups: tickets of each group, in the order to serve.
        num_engines: engines that take them.
    """

    def __init__(self, groups: Sequence[Sequence[int]], num_engines: int) -> None:
        self._groups = deque(deque(group) for group in groups)
        self._opened: list[deque[int]] = [deque() for _ in range(num_engines)]
        """Rest of the group that each engine works on."""

    def take(self, engine: int, room: int) -> list[int]:
        """At most `room` tickets for an engine, all of one group; empty when none waits."""
        opened = self._opened[engine]
        if not opened and self._groups:
            opened = self._opened[engine] = self._groups.popleft()
        if opened:
            return [opened.popleft() for _ in range(min(room, len(opened)))]
        longest = max(self._opened, key=len)
        return [longest.pop()] if longest and room else []

    def put_back(self, tickets: Sequence[int]) -> None:
        """Requests that were taken and not answered wait again, as the first group."""
        if tickets:
            self._groups.appendleft(deque(tickets))
