"""The worker process of a verifier pool: judges one answer at a time, and may be killed at any moment.

The parent starts it with one end of a socket pair, and has the other end alone: a program that a verifier
starts inherits neither, and the code sandbox keeps programs from the descriptors of other processes
(`pidfd_getfd`, `ptrace`). Requests and replies are data (`or1_verify.messages`). The process limits its
address space, and its processor time in case the parent dies while it hangs. Nothing here keeps a verifier
from files or the network; the code sandbox does that for programs.
"""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from or1_verify.base import Verifier
from or1_verify.messages import decode, encode
from or1_verify.types import Message, Outcome, Problem, Verdict

_MOST_BYTES = 1 << 32
"""Longest message [bytes]."""
_DETAIL = 500
"""Longest detail in a reply [characters]."""
_CPU_ALLOWANCE_S = 30
"""Processor time beyond twice the time limit after which the kernel kills the worker [s]."""
_LEAST_WAIT_S = 5.0
"""Waiting time that every answer may take, for files that are not in memory [s]."""


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """Limits of a worker for one answer. Neither depends on the load of the machine."""

    cpu_s: float
    """Processor time [s]."""
    wait_s: float
    """Waiting time: wall time without the time in which the worker runs or queues for a core [s]."""


@dataclass(frozen=True, slots=True)
class Setup:
    """Settings of a worker, sent once."""

    verifiers: Mapping[str, Verifier]
    """Task name -> verifier."""
    memory_limit_bytes: int
    time_limit_s: float

    def limits(self, problem: Problem) -> AnswerLimits:
        """The limits for one answer to a problem."""
        verifier = self.verifiers[problem.task]
        own = verifier.limit_s(problem)
        if own is not None and verifier.limits_itself:
            return AnswerLimits(own, own)
        cpu_s = self.time_limit_s if own is None else min(own, self.time_limit_s)
        return AnswerLimits(cpu_s, max(_LEAST_WAIT_S, 2 * cpu_s))


@dataclass(frozen=True, slots=True)
class JudgeRequest:
    problem: Problem
    answer: str
    time_limit_s: float


@dataclass(frozen=True, slots=True)
class Failure:
    """The cause, if a worker returned no verdict."""

    reason: str
    """`time_limit` for processor time, `wait_limit`, `memory_limit`, `verifier_error`, `worker_lost`, or
    `no_start`."""
    detail: str = ""

    @classmethod
    def of(cls, reason: str, error: Exception) -> Failure:
        """The failure that an error caused."""
        return cls(reason, f"{type(error).__name__}: {error}"[:_DETAIL])


REQUESTS = (Setup, JudgeRequest, Problem, Message, Verifier)
"""The types of which requests are made."""
REPLIES = (Failure, Verdict, Outcome)
"""The types of which replies are made: None from a worker that is ready, then a verdict or a failure each."""


def main(descriptor: int) -> None:
    """Serve requests on a socket descriptor until the other end closes."""
    with socket.socket(fileno=descriptor) as channel:
        channel.set_inheritable(False)
        try:
            setup: Setup = decode(receive(channel), REQUESTS)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            _limit(resource.RLIMIT_AS, setup.memory_limit_bytes)
            for verifier in setup.verifiers.values():
                verifier.prepare()
        except Exception as error:  # the boundary: the parent needs the cause
            send(channel, encode(Failure.of("no_start", error)))
            return
        send(channel, encode(None))
        try:
            while True:
                request: JudgeRequest = decode(receive(channel), REQUESTS)
                _limit_processor_time(request.time_limit_s)
                send(channel, encode(_judge(setup.verifiers[request.problem.task], request)))
        except (EOFError, ConnectionError):
            return


def send(channel: socket.socket, message: bytes) -> None:
    """Write a message, which is one line; TimeoutError when the channel's timeout passes, OSError when it is
    broken."""
    channel.sendall(message + b"\n")


def receive(channel: socket.socket) -> bytes:
    """Read a message, behind which nothing comes before its answer; EOFError when the other end is gone."""
    with channel.makefile("rb") as file:
        line = file.readline(_MOST_BYTES)
    if not line.endswith(b"\n"):
        raise EOFError("the other end of the channel is closed")
    return line


def _judge(verifier: Verifier, request: JudgeRequest) -> Verdict | Failure:
    started = time.perf_counter()
    try:
        verdict = verifier.compute(request.problem, request.answer)
    except MemoryError:
        return Failure("memory_limit")
    except Exception as error:  # the boundary: a verifier that raises costs one response, not the worker
        return Failure.of("verifier_error", error)
    return replace(verdict, seconds=time.perf_counter() - started, detail=verdict.detail[:_DETAIL])


def _limit_processor_time(time_limit_s: float) -> None:
    _limit(resource.RLIMIT_CPU, int(time.process_time() + 2 * time_limit_s) + _CPU_ALLOWANCE_S)


def _limit(kind: int, soft: int) -> None:
    """Set the soft limit only: a sandbox that a verifier starts raises it again and has its own limits."""
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
