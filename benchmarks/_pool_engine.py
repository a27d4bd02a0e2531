"""Engines of the simulator's check: responses of known lengths, decoded by a model or slept through.

Each engine process appends one line for each step to its report: running responses, their tokens, seconds.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from or1.models import model_folder
from or1.nn.cache import Cache
from or1.nn.weights import load_decoder
from or1.rollout.engine_messages import CanaryReading, TokenRequest, TokenResponse
from or1.rollout.running_batch import Request, RunningBatch, Waiting
from or1.types import Float32, Int32, Sampling

MEDIAN, SIGMA = 24.0, 0.75
"""Of the log-normal lengths [tokens], [dimensionless]."""


def length_of(seed: int, budget: int) -> int:
    """Length of the response with this seed [tokens]."""
    drawn = np.random.default_rng(seed).lognormal(np.log(MEDIAN), SIGMA)
    return int(np.clip(round(drawn), 1, budget))


class SleepingEngine:
    """Steps that take a known time and no processor."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._step_s = float(settings["step_s"])
        self._report = Path(settings["reports"]) / f"{os.getpid()}.jsonl"
        self._budget = 0
        self._done: dict[int, int] = {}
        """Ticket -> sampled tokens."""
        self._lengths: dict[int, int] = {}

    @property
    def num_running(self) -> int:
        return len(self._done)

    def load(self, version: int, update: Mapping[str, Any]) -> None:
        pass

    def read_canary(self, tokens: Int32, num_sampled: int) -> CanaryReading:
        raise NotImplementedError("the pools of this check have no canary")

    def begin(self, sampling: Sampling) -> None:
        self._budget = sampling.max_response_tokens

    def add(self, request: TokenRequest) -> None:
        self._done[request.ticket] = 0
        self._lengths[request.ticket] = length_of(request.seed, self._budget)

    def step(self) -> list[TokenResponse]:
        began = time.monotonic()
        time.sleep(self._step_s)
        self._note(len(self._done), sum(self._done.values()), time.monotonic() - began)
        for ticket in self._done:
            self._done[ticket] += 1
        ended = [ticket for ticket, done in self._done.items() if done == self._lengths[ticket]]
        return [_response(ticket, self._done.pop(ticket)) for ticket in ended]

    def abort(self) -> None:
        self._done.clear()

    def _note(self, num_running: int, context: int, seconds: float) -> None:
        with self._report.open("a", encoding="utf-8") as file:
            file.write(json.dumps([num_running, context, seconds]) + "\n")


class DecodingEngine(SleepingEngine):
    """Steps of or1's decoder, the built-in model; seconds are processor time, prompts left out."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__({**settings, "step_s": 0.0})
        self._slots = int(settings["slots"])
        self._decoder = load_decoder(model_folder("builtin:tiny"), dtype=torch.float32)
        self._batch: RunningBatch | None = None
        self._waiting: list[Waiting] = []

    @property
    def num_running(self) -> int:
        return len(self._waiting) + (self._batch.num_running if self._batch else 0)

    def begin(self, sampling: Sampling) -> None:
        super().begin(sampling)
        cache: Cache = self._decoder.new_cache(self._slots, 128 + sampling.max_response_tokens, None)
        self._batch = RunningBatch(self._decoder, cache, sampling, eos_ids=())

    def add(self, request: TokenRequest) -> None:
        self._lengths[request.ticket] = length_of(request.seed, self._budget)
        ticket = Request(
            problem_id="", index=request.ticket, prompt_tokens=request.prompt_tokens, key=request.seed
        )
        self._waiting.append(Waiting(ticket))

    @torch.inference_mode()
    def step(self) -> list[TokenResponse]:
        assert self._batch is not None
        batch = self._batch
        if self._waiting:
            parts = [each.tokens[:-1] for each in self._waiting]
            tokens_T = torch.from_numpy(np.concatenate(parts)).long()
            prompts = self._decoder.prefill(tokens_T, [len(part) for part in parts])
            batch.add(self._waiting, prompts, list(range(len(parts))))
            self._waiting = []
        began = time.process_time()
        assert batch.make_room()
        context = int(batch.positions.sum())
        num_running = batch.num_running
        batch.decode()
        for row, request in enumerate(batch.requests):
            sampled = int(batch.positions[row]) - len(request.prompt_tokens) + 1
            batch.is_finished_S[row] = sampled == self._lengths[request.index]
        ended = batch.pop_finished()
        self._note(num_running, context, time.process_time() - began)
        return [_response(each.request.index, len(each.tokens)) for each in ended]

    def abort(self) -> None:
        super().abort()
        self._waiting = []
        self._batch = None


def make_engine(settings: Mapping[str, Any]) -> SleepingEngine:
    """The engine of a process; `engine` names its class."""
    return {each.__name__: each for each in (SleepingEngine, DecodingEngine)}[settings["engine"]](settings)


def _response(ticket: int, length: int) -> TokenResponse:
    tokens: Int32 = np.ones(length, dtype=np.int32)
    logprobs: Float32 = np.zeros(length, dtype=np.float32)
    return TokenResponse(ticket, tokens, logprobs, aborted=False)
