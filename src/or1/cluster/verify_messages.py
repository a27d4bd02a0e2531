"""Messages between the driver and the verifier workers of a machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from or1_verify.base import Verifier
from or1_verify.pool.worker_main import Setup
from or1_verify.types import Message, Outcome, Problem, Verdict


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
    verdict: Verdict
    events: Mapping[str, int]
    """See `WorkerPool.events`; of this machine, so far."""


REQUESTS = (StartVerifiers, Setup, Judge, Problem, Message, Verifier)
"""The types of which messages to the workers are made."""
REPLIES = (Judged, Verdict, Outcome)
"""The types of which their replies are made."""
