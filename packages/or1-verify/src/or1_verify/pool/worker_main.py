"""The worker process of a verifier pool: judges one answer at a time, and may be killed at any moment.

The parent starts it with one end of a socket pair. Requests are pickles, since a verifier may be an object of
any class. The worker unpickles only bytes that were written to the other end, and the parent alone has that
one: a program that a verifier starts inherits neither end, and the code sandbox keeps programs from the
descriptors of other processes (`pidfd_getfd`, `ptrace`). Replies are JSON, so that the parent never unpickles
data from a process that read a response. The process limits its address space, and its processor time in case
the parent dies while it hangs. Nothing here keeps a verifier from files or the network; the code sandbox does
that for programs.
"""

from __future__ import annotations

import json
import pickle
import resource
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from or1_verify.base import Verifier
from or1_verify.types import Problem

_HEADER = struct.Struct(">I")
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


def main(descriptor: int) -> None:
    """Serve requests on a socket descriptor until the other end closes."""
    with socket.socket(fileno=descriptor) as channel:
        channel.set_inheritable(False)
        try:
            setup: Setup = pickle.loads(receive(channel))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            _limit(resource.RLIMIT_AS, setup.memory_limit_bytes)
            for verifier in setup.verifiers.values():
                verifier.prepare()
        except Exception as error:  # the boundary: the parent needs the cause
            _reply(channel, {"failed": f"{type(error).__name__}: {error}"})
            return
        _reply(channel, {"ready": True})
        try:
            while True:
                request: JudgeRequest = pickle.loads(receive(channel))
                _limit_processor_time(request.time_limit_s)
                _reply(channel, _judge(setup.verifiers[request.problem.task], request))
        except (EOFError, ConnectionError):
            return


def send(channel: socket.socket, payload: bytes) -> None:
    """Write one framed message; TimeoutError when the channel's timeout passes, OSError when it is broken."""
    channel.sendall(_HEADER.pack(len(payload)) + payload)


def receive(channel: socket.socket) -> bytes:
    """Read one framed message; EOFError when the other end is gone."""
    (size,) = _HEADER.unpack(_read(channel, _HEADER.size))
    return _read(channel, size)


def _read(channel: socket.socket, size: int) -> bytes:
    parts = []
    while size:
        part = channel.recv(min(size, 1 << 20))
        if not part:
            raise EOFError("the other end of the channel is closed")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _reply(channel: socket.socket, content: Mapping[str, Any]) -> None:
    send(channel, json.dumps(content).encode())


def _judge(verifier: Verifier, request: JudgeRequest) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        verdict = verifier.compute(request.problem, request.answer)
    except MemoryError:
        return {"failure": "memory_limit"}
    except Exception as error:  # the boundary: a verifier that raises costs one response, not the worker
        return {"failure": "verifier_error", "detail": f"{type(error).__name__}: {error}"[:_DETAIL]}
    content = asdict(verdict) | {"seconds": time.perf_counter() - started, "detail": verdict.detail[:_DETAIL]}
    return {"verdict": content}


def _limit_processor_time(time_limit_s: float) -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    spent_s = usage.ru_utime + usage.ru_stime
    _limit(resource.RLIMIT_CPU, int(spent_s + 2 * time_limit_s) + _CPU_ALLOWANCE_S)


def _limit(kind: int, soft: int) -> None:
    """Set the soft limit only: a sandbox that a verifier starts raises it again and has its own limits."""
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
