"""or1's own engine: continuous batching on one device, in the training process.

Each prompt is prefilled once for its whole group, requests start in rows as they become free, the batch
shrinks as requests finish, and one pass through the decoder gives every running request its next token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from or1.nn.cache import KeyValueCache, bytes_per_position, cache_dtype
from or1.nn.causal_model import CausalModel
from or1.nn.published import load_published
from or1.rollout.generate import never_interrupt
from or1.rollout.requests import EndingTokenizer, finish_of, prompt_of
from or1.rollout.running_batch import Finished, Request, RunningBatch
from or1.rollout.sampling import rollout_key
from or1.rollout.scheduler import Scheduler
from or1.types import Problem, Rollout, Sampling, WeightHandle

GPU_CACHE_FRACTION = 0.7
"""Largest part of the free GPU memory for keys and values [fraction]; the rest is for the steps."""


class LocalEngine:
    """`RolloutEngine` over a decoder in this process.

    Args:
        decoder: computes the distributions; `load` gives it weights. With exact kernels its log-probabilities
            are bit for bit those of its packed pass.
        tokenizer: of the same model.
        max_running: most requests decoded at once.
        max_prompt_tokens: a longer prompt is an error; the caller leaves such problems out.
    """

    def __init__(
        self,
        decoder: CausalModel,
        tokenizer: EndingTokenizer,
        *,
        max_running: int = 512,
        max_prompt_tokens: int = 2048,
    ) -> None:
        self.decoder = decoder
        self.tokenizer = tokenizer
        self.max_running = max_running
        self.max_prompt_tokens = max_prompt_tokens
        self.policy_version = 0
        self._cache: KeyValueCache | None = None
        self._check: Callable[[], None] = never_interrupt

    def check_with(self, check: Callable[[], None]) -> None:
        self._check = check

    def load(self, weights: WeightHandle) -> None:
        """Take published weights: shared where type and device agree, else converted.

        Raises:
            ModelError: the handle is neither a mapping nor the path of a published file, or lacks a tensor.
        """
        load_published(self.decoder, weights.ref)
        self.policy_version = weights.version

    def rollouts(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Rollout]:
        """Yield `group_size` rollouts of each problem, each as it finishes.

        A rollout depends on the weights and on (seed, problem id, index, token position), not on the other
        rollouts. One with log-probabilities that are not finite is ABORTED.

        Raises:
            DataError: a prompt is longer than `max_prompt_tokens`.
        """
        if not problems:
            return
        prompts = [prompt_of(problem, self.tokenizer, self.max_prompt_tokens) for problem in problems]
        requests = [
            Request(
                problem_id=problem.id,
                index=index,
                prompt_tokens=prompt,
                key=rollout_key(sampling.seed, problem.id, index),
            )
            for problem, prompt in zip(problems, prompts, strict=True)
            for index in range(sampling.group_size)
        ]
        longest = max(len(prompt) for prompt in prompts) + sampling.max_response_tokens
        with torch.inference_mode():
            cache = self._cache_for(min(self.max_running, len(requests)), longest)
            batch = self.new_batch(cache, sampling)
        scheduler = Scheduler(requests, batch, min(self.max_running, cache.num_sequences))
        while not scheduler.is_finished:
            finished = scheduler.advance(self._check)
            if not all(np.isfinite(one.logprobs).all() for one in finished):
                self.close()  # the memory of this call may hold such numbers: the next call gets another
            for one in finished:
                yield self._rollout(one)

    def new_batch(self, cache: KeyValueCache, sampling: Sampling) -> RunningBatch:
        """The batch that decodes the requests of one call."""
        return RunningBatch(self.decoder, cache, sampling, self.tokenizer.eos_ids)

    def close(self) -> None:
        """Free the cache; the engine can be used again."""
        self._cache = None

    def _cache_for(self, num_sequences: int, max_length: int) -> KeyValueCache:
        """An empty cache of at least this size, if the GPU can hold it: that of the last call where it is
        large enough."""
        cache = self._cache
        if cache is None or cache.num_sequences < num_sequences or cache.max_length < max_length:
            self._cache = cache = None  # free the old memory before the new is allocated
            if self.decoder.device.type == "cuda":
                num_sequences = min(num_sequences, self._sequences_that_fit(max_length))
            self._cache = cache = self.decoder.new_cache(num_sequences, max_length)
        cache.clear()
        return cache

    def _sequences_that_fit(self, max_length: int) -> int:
        """Sequences whose keys and values fill the usable fraction of the free GPU memory; at least 1."""
        device = self.decoder.device
        per_position = bytes_per_position(self.decoder.config, cache_dtype(self.decoder.dtype))
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        free = torch.cuda.mem_get_info(device)[0] + unused
        return max(1, int(free * GPU_CACHE_FRACTION) // (per_position * max_length))

    def _rollout(self, finished: Finished) -> Rollout:
        request = finished.request
        return Rollout(
            problem_id=request.problem_id,
            index=request.index,
            prompt_tokens=request.prompt_tokens,
            response_tokens=finished.tokens,
            behavior_logprobs=finished.logprobs,
            behavior_entropy=finished.entropy,
            finish=finish_of(finished.tokens, finished.logprobs, self.tokenizer.eos_ids),
            policy_version=self.policy_version,
        )
