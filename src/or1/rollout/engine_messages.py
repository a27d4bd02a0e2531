"""Messages between the engine pool and the processes of its engines, and the engine that a process holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from or1.nn.config import SHAPES
from or1.processes.heartbeat import Heartbeat
from or1.types import Float32, Int32, Sampling


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """One response to sample."""

    ticket: int
    """Number of the request in its call."""
    prompt_tokens: Int32
    """[Lp]"""
    seed: int
    """64 bits with a sign; the tokens depend on it, the prompt and the weights alone."""


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """The response to one request."""

    ticket: int
    tokens: Int32
    """[L], the end token included."""
    logprobs: Float32
    """[L] at the sampling temperature [nats]."""
    aborted: bool
    """The engine gave it up."""


@dataclass(frozen=True, slots=True)
class CanaryReading:
    """The log-probabilities that an engine gives to a fixed prompt and to tokens that it sampled after it."""

    prompt_logprobs: Float32
    """[Lp - 1] of the second prompt token and those after it, scored as a prompt [nats]."""
    tokens: Int32
    """[L] sampled as rollouts are, with the prefix cache in use."""
    logprobs: Float32
    """[L] of the sampled tokens [nats]."""


class RequestEngine(Protocol):
    """An engine that takes single requests at any time; one process holds one."""

    @property
    def num_running(self) -> int:
        """Requests added and not finished."""
        ...

    def load(self, version: int, update: Mapping[str, Any]) -> None:
        """Take published weights; no request is running.

        Args:
            version: policy version.
            update: where the weights are; its form depends on the transfer.
        """
        ...

    def read_canary(self, tokens: Int32, num_sampled: int) -> CanaryReading:
        """Score a prompt, and sample this many tokens after it at temperature 1 as a rollout would."""
        ...

    def begin(self, sampling: Sampling) -> None:
        """Sampling parameters of the requests that follow."""
        ...

    def add(self, request: TokenRequest) -> None: ...

    def step(self) -> list[TokenResponse]:
        """Sample one token for every running request; the responses that are complete."""
        ...

    def abort(self) -> None:
        """Give up all running requests."""
        ...


@dataclass(frozen=True, slots=True)
class Start:
    """First message: build the engine. Answered by `Done(None)`."""

    module: str
    """Its function `make_engine` gets the settings and returns a `RequestEngine`."""
    settings: Mapping[str, Any]
    """Numbers, texts, lists, tuples, dictionaries and paths, and the shape of a model."""
    scratch: str | None
    """Folder to delete when the pool's process ends without closing; None = nothing."""


@dataclass(frozen=True, slots=True)
class Load:
    """See `RequestEngine.load`. Answered by `Done(None)`."""

    version: int
    update: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReadCanary:
    """See `RequestEngine.read_canary`. Answered by `Done(CanaryReading)`."""

    tokens: Int32
    num_sampled: int


@dataclass(frozen=True, slots=True)
class Begin:
    """A call of `rollouts` starts."""

    call: int
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class Add:
    """Requests of the present call."""

    requests: Sequence[TokenRequest]


@dataclass(frozen=True, slots=True)
class Abort:
    """The present call is abandoned."""


@dataclass(frozen=True, slots=True)
class Done:
    """The result of a message that is answered."""

    result: Any


@dataclass(frozen=True, slots=True)
class Completed:
    """Responses of a call."""

    call: int
    responses: Sequence[TokenResponse]


@dataclass(frozen=True, slots=True)
class Failed:
    """The engine raised; its process ends."""

    reason: str


ToEngine = Start | Load | ReadCanary | Begin | Add | Abort
FromEngine = Done | Completed | Heartbeat | Failed
REQUESTS = (Start, Load, ReadCanary, Begin, Add, Abort, Sampling, TokenRequest, *SHAPES)
"""The types of which messages to an engine are made."""
REPLIES = (Done, Completed, Failed, CanaryReading, TokenResponse)
"""The types of which its replies are made."""
