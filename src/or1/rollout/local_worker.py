"""or1's own engine in a process of its own: the `RequestEngine` of a pool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from or1.nn.causal_model import CausalModel
from or1.nn.dtypes import dtype_named
from or1.nn.kernels import kernels_of
from or1.nn.load import unloaded_model
from or1.nn.published import load_published
from or1.rollout.canary import sequence_logprobs
from or1.rollout.engine_messages import CanaryReading, TokenRequest, TokenResponse
from or1.rollout.local_engine import cache_bytes
from or1.rollout.running_batch import Request, RunningBatch
from or1.rollout.scheduler import Scheduler
from or1.types import Int32, Sampling


def make_engine(settings: Mapping[str, Any]) -> LocalRequestEngine:
    """The engine of a process.

    Args:
        settings: `model`: `folder`, `shape`, `dtype` and `device` by name, `exact` and `num_ids` as of
            `kernels_of`; `threads`; and the arguments of `LocalRequestEngine`.
    """
    model = settings["model"]
    if settings["threads"] is not None:
        torch.set_num_threads(settings["threads"])
    decoder = unloaded_model(
        model["folder"],
        model["shape"],
        dtype=dtype_named(model["dtype"]),
        device=torch.device(model["device"]),
        kernels=kernels_of(model["num_ids"], model["shape"].vocab_size, exact=model["exact"]),
    )
    return LocalRequestEngine(
        decoder,
        eos_ids=settings["eos_ids"],
        max_running=settings["max_running"],
        max_prompt_tokens=settings["max_prompt_tokens"],
    )


class LocalRequestEngine:
    """`RequestEngine` over a decoder in this process.

    Args:
        decoder: computes the distributions; `load` gives it weights.
        eos_ids: tokens that end a response.
        max_running: most requests decoded at once.
        max_prompt_tokens: longest prompt [tokens].
    """

    def __init__(
        self, decoder: CausalModel, *, eos_ids: tuple[int, ...], max_running: int, max_prompt_tokens: int
    ) -> None:
        self._decoder = decoder
        self._eos_ids = eos_ids
        self._max_running = max_running
        self._max_prompt_tokens = max_prompt_tokens
        self._batch: RunningBatch | None = None
        self._scheduler: Scheduler | None = None

    @property
    def num_running(self) -> int:
        return 0 if self._scheduler is None else self._scheduler.num_unfinished

    def load(self, version: int, update: Mapping[str, Any]) -> None:
        """See `RequestEngine.load`; `update` has the `path` of a published file."""
        self._scheduler = None
        load_published(self._decoder, Path(update["path"]))

    @torch.inference_mode()
    def read_canary(self, tokens: Int32, num_sampled: int) -> CanaryReading:
        (prompt_logprobs,) = sequence_logprobs(self._decoder, [tokens])
        sampling = Sampling(group_size=1, max_response_tokens=num_sampled)
        batch = self._new_batch(sampling, (), 1, len(tokens))
        request = Request(problem_id="canary", index=0, prompt_tokens=tokens, key=0)
        scheduler = Scheduler([request], batch, 1)
        (response,) = scheduler.advance(lambda: None)
        return CanaryReading(prompt_logprobs, response.tokens, response.logprobs)

    @torch.inference_mode()
    def begin(self, sampling: Sampling) -> None:
        sampling = replace(sampling, seed=0, group_size=1)  # the requests have them
        if self._batch is None or self._batch.sampling != sampling:
            self._batch = None  # its memory is free before the next is allocated
            self._batch = self._new_batch(sampling, self._eos_ids, self._max_running, self._max_prompt_tokens)
        self._batch.clear()
        self._scheduler = Scheduler([], self._batch, self._max_running)

    def add(self, request: TokenRequest) -> None:
        assert self._scheduler is not None
        # the number of the request stands where the engine of the training process has an index
        self._scheduler.add(
            [
                Request(
                    problem_id="", index=request.ticket, prompt_tokens=request.prompt_tokens, key=request.seed
                )
            ]
        )

    def step(self) -> list[TokenResponse]:
        assert self._scheduler is not None
        responses = [
            TokenResponse(
                one.request.index, one.tokens, one.logprobs, aborted=not bool(np.isfinite(one.logprobs).all())
            )
            for one in self._scheduler.step()
        ]
        if any(one.aborted for one in responses):
            self._batch = None  # its memory may hold such numbers: the next call gets another
        return responses

    def abort(self) -> None:
        self._scheduler = None

    def _new_batch(
        self, sampling: Sampling, eos_ids: tuple[int, ...], max_running: int, max_prompt_tokens: int
    ) -> RunningBatch:
        longest = max_prompt_tokens + sampling.max_response_tokens
        cache = self._decoder.new_cache(max_running, longest, cache_bytes(self._decoder.device))
        return RunningBatch(self._decoder, cache, sampling, eos_ids)
