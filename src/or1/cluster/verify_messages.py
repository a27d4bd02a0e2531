"""Messages between the driver and the verifier workers of a machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from or1_verify.pool.worker_main import Setup
from or1_verify.types import Outcome, Problem, Verdict


@dataclass(frozen=True, slots=True)
class StartVerifiers:
    """The first message."""

    setup: Setup
    num_workers: int
    scratch: str
    """Folder of logs, deleted at the end of the driver."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Judge an answer; answered by `Judged` with the same ticket."""

    ticket: int
    problem: Problem
    answer: str
    """As the verifier has read it from the response."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict."""

    ticket: int
    outcome: str
    reward: float | None
    reason: str
    detail: str
    seconds: float
    events: Mapping[str, int]
    """See `WorkerPool.events`; of this machine, so far."""

    @classmethod
    def of(cls, ticket: int, verdict: Verdict, events: Mapping[str, int]) -> Judged:
        outcome = verdict.outcome.value
        return cls(ticket, outcome, verdict.reward, verdict.reason, verdict.detail, verdict.seconds, events)

    @property
    def verdict(self) -> Verdict:
        return Verdict(
            outcome=Outcome(self.outcome),
            reward=self.reward,
            reason=self.reason,
            detail=self.detail,
            seconds=self.seconds,
        )


REPLIES = (Judged,)
"""The dataclasses of which replies are made."""
