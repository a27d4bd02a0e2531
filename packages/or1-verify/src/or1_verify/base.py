"""What a verifier may offer beyond `verify`, so that a pool can spare processes, time and memory."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from or1_verify.types import Problem, Verdict


@runtime_checkable
class InProcessVerifier(Protocol):
    """A verifier that is nothing but cheap text work: the pool calls it in its own process."""

    @property
    def in_process(self) -> bool: ...

    def verify(self, problem: Problem, text: str) -> Verdict: ...


@runtime_checkable
class SelfLimitedVerifier(Protocol):
    """A verifier with limits of its own: what a response causes never takes it longer than it says.

    Running over that limit in a worker, or out of the worker's memory, is then our own failure.
    """

    def wall_limit_s(self, problem: Problem) -> float:
        """Wall time after which a worker that judges this problem is stuck [s]."""
        ...

    def verify(self, problem: Problem, text: str) -> Verdict: ...


@runtime_checkable
class LimitedVerifier(Protocol):
    """A verifier whose answers are known to take no longer than so much."""

    @property
    def time_limit_s(self) -> float:
        """Wall time for one answer [s]; a pool holds it where its own limit is not lower."""
        ...


@runtime_checkable
class StagedVerifier(Protocol):
    """A verifier whose work comes in stages: cheap text work first, the part that may hang last.

    For every text, `verify(problem, essence(text))` has the outcome and reason of `verify(problem, text)`,
    and `quick` returns either None or what `verify` would.
    """

    def essence(self, text: str) -> str:
        """The shortest text with the same verdict: what travels to a worker and keys the cache."""
        ...

    def quick(self, problem: Problem, text: str) -> Verdict | None:
        """The verdict where text work alone decides it, within about a millisecond."""
        ...

    def ideal_response(self, problem: Problem) -> str:
        """A response that must be right if the gold is sound."""
        ...

    def prepare(self) -> None:
        """Load what the slow stage needs; a worker calls it once, before any clock runs."""
        ...

    def verify(self, problem: Problem, text: str) -> Verdict: ...
