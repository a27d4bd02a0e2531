"""A `RequestEngine` without a model; its module imports no torch.

The weights are one number, the shift. Faults are settings: an engine ends, raises, hangs or repeats itself.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from or1.rollout.engine_messages import CanaryReading, TokenRequest, TokenResponse
from or1.types import Float32, Int32, Sampling

VOCABULARY = 128
END = 0


def response(seed: int, budget: int) -> tuple[Int32, Float32]:
    """The tokens and log-probabilities that a seed gives: up to 40 tokens, the last one is the end."""
    rng = np.random.default_rng(seed & (2**63 - 1))
    length = int(rng.integers(1, 40))
    tokens = rng.integers(1, VOCABULARY, size=length, dtype=np.int32)
    tokens[-1] = END
    return tokens[:budget], -rng.random(length).astype(np.float32)[:budget]


def canary_logprobs(tokens: Int32, shift: float) -> Float32:
    """Log-probability of each token but the first."""
    return (-tokens[1:] / VOCABULARY - shift).astype(np.float32)


class FakeEngine:
    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        time.sleep(settings.get("slow_start_s", 0.0))
        if "no_start" in settings:
            raise OSError(settings["no_start"])
        if "child_pid" in settings:  # its own process, as the workers of a tensor-parallel engine
            with subprocess.Popen(["sleep", "600"]) as child:
                Path(settings["child_pid"]).write_text(str(child.pid), encoding="utf-8")
        self._shift = 0.0
        self._budget = 0
        self._num_steps = 0
        self._running: dict[int, tuple[int, int]] = {}
        """Ticket -> seed, step at which it started."""

    @property
    def num_running(self) -> int:
        return len(self._running)

    def load(self, version: int, update: Mapping[str, Any]) -> None:
        if "slow_load_s" in self._settings:
            time.sleep(self._settings["slow_load_s"])
        if "arrived" in update:
            Path(update["arrived"]).touch()
        is_successor = "once" in self._settings and Path(self._settings["once"]).exists()
        if "keeps_old_weights" not in self._settings and not (
            is_successor and "successor_keeps_old_weights" in self._settings
        ):
            self._shift = update["shift"]

    def read_canary(self, tokens: Int32, num_sampled: int) -> CanaryReading:
        sampled = np.arange(1, num_sampled + 1, dtype=np.int32)
        both = canary_logprobs(np.concatenate([tokens, sampled]), self._shift)
        return CanaryReading(both[: len(tokens) - 1], sampled, both[len(tokens) - 1 :])

    def begin(self, sampling: Sampling) -> None:
        self._budget = sampling.max_response_tokens

    def add(self, request: TokenRequest) -> None:
        self._running[request.ticket] = (request.seed, self._num_steps)

    def step(self) -> list[TokenResponse]:
        self._num_steps += 1
        fault = self._settings.get("fault")
        if fault is not None and self._num_steps == 3 and self._is_due():
            _FAULTS[fault]()
        finished = []
        for ticket, (seed, began) in list(self._running.items()):
            tokens, logprobs = response(seed, self._budget)
            if self._num_steps - began >= len(tokens):
                del self._running[ticket]
                finished.append(TokenResponse(ticket, tokens, logprobs, aborted=False))
                if fault == "twice":
                    finished.append(finished[-1])
        time.sleep(self._settings.get("step_s", 0.0))
        return finished

    def _is_due(self) -> bool:
        """Whether this process has the fault: with `once`, the name of a file, only the first one has."""
        if "once" not in self._settings:
            return True
        file = Path(self._settings["once"])
        is_first = not file.exists()
        file.touch()
        return is_first

    def abort(self) -> None:
        self._running.clear()


def _raise() -> None:
    raise MemoryError("the device is full")


_FAULTS = {
    "dies": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "raises": _raise,
    "stops": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "hangs": lambda: time.sleep(600),
    "twice": lambda: None,
}


make_engine = FakeEngine
