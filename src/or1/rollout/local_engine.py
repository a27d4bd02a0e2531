"""or1's own engine: continuous batching on one device, in the training process.

Each prompt is prefilled once for its whole group, requests start in rows as they become free, the batch
shrinks as requests finish, and one pass through the decoder gives every running request its next token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from or1.nn.cache import Cache
from or1.nn.causal_model import CausalModel
from or1.nn.published import load_published
from or1.protocols import NO_PROGRESS
from or1.rollout.generate import never_interrupt
from or1.rollout.graphs import Capture, CudaCapture
from or1.rollout.requests import EndingTokenizer, finish_of, prompt_of
from or1.rollout.running_batch import Recorded, Request, RunningBatch
from or1.rollout.sampling import rollout_key
from or1.rollout.scheduler import Scheduler
from or1.types import Problem, Rollout, Sampling, WeightHandle

GPU_CACHE_FRACTION = 0.7
"""Largest part of the free GPU memory for keys and values [fraction]; the rest is for the steps."""


KEPT_BATCHES = 2
"""Batches whose graphs are kept: one for training and one for evaluation."""

Spans = dict[int, tuple[tuple[int, int], ...]]
"""Key of a request -> `Rollout.version_spans`, for those that were resumed under other weights."""


class LocalEngine:
    """`RolloutEngine` over a decoder in this process.

    Args:
        decoder: computes the distributions; `load` gives it weights. With exact kernels its log-probabilities
            are bit for bit those of its packed pass.
        tokenizer: of the same model.
        max_running: most requests decoded at once.
        max_prompt_tokens: a longer prompt is an error; the caller leaves such problems out.
        capture: makes graphs of the steps; None = CUDA graphs on a GPU, none on a CPU.
    """

    def __init__(
        self,
        decoder: CausalModel,
        tokenizer: EndingTokenizer,
        *,
        max_running: int = 512,
        max_prompt_tokens: int = 2048,
        capture: Capture | None = None,
    ) -> None:
        self.decoder = decoder
        self.tokenizer = tokenizer
        self.max_running = max_running
        self.max_prompt_tokens = max_prompt_tokens
        self.policy_version = 0
        self.num_allocations = 0
        """Caches that were allocated so far."""
        self._bytes_to_come: Callable[[], int] = int  # none
        self._capture = capture or (CudaCapture() if decoder.device.type == "cuda" else None)
        self._num_captures = 0
        self._cache: Cache | None = None
        self._batches: dict[tuple[object, ...], RunningBatch] = {}
        """By the settings that a graph records."""
        self._size = (0, 0)
        """Sequences and positions that the cache was made for, which memory may have cut."""
        self._check: Callable[[], None] = never_interrupt
        self._on_tokens: Callable[[int], None] = NO_PROGRESS.decoded
        self._next: WeightHandle | None = None
        """From `switch`, until the next token."""

    def check_with(self, check: Callable[[], None]) -> None:
        self._check = check

    def count_with(self, on_tokens: Callable[[int], None]) -> None:
        self._on_tokens = on_tokens

    def share_with(self, bytes_to_come: Callable[[], int]) -> None:
        self._bytes_to_come = bytes_to_come

    def load(self, weights: WeightHandle) -> None:
        """Take published weights: shared where type and device agree, else converted.

        Raises:
            ModelError: the handle is neither a mapping nor the path of a published file, or lacks a tensor.
        """
        self._next = None
        before = self._addresses()
        load_published(self.decoder, weights.ref)
        if self._addresses() != before:
            self._drop_batches()  # their graphs read the weights where they were
        self.policy_version = weights.version

    def switch(self, weights: WeightHandle) -> None:
        """See `SwitchesWeights`; not with graphs, where rows may have finished that the host has not seen."""
        if self._capture is not None:
            raise RuntimeError("an engine with graphs takes weights between two calls only")
        self._next = weights

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
            batch = self._batch_for(cache, sampling)
        rows = min(self.max_running, cache.num_sequences, len(requests))
        scheduler = Scheduler(requests, batch, rows)
        spans: Spans = {}

        def before_each_token() -> None:
            self._check()
            self._on_tokens(batch.num_running)
            if self._next is not None:
                self._switch_now(self._next, scheduler, spans)

        while not scheduler.is_finished:
            finished = scheduler.advance(before_each_token)
            if not all(np.isfinite(one.logprobs).all() for one in finished):
                self.close()  # the memory of this call may hold such numbers: the next call gets another
            for one in finished:
                yield self._rollout(one, spans)

    def _switch_now(self, weights: WeightHandle, scheduler: Scheduler, spans: Spans) -> None:
        paused, before = scheduler.restart(), self.policy_version
        self.load(weights)
        for one in paused:
            num_tokens = len(one.tokens)
            earlier = spans.get(one.request.key, ((before, 0),))
            begun = tuple(span for span in earlier if span[1] < num_tokens)
            spans[one.request.key] = (*begun, (weights.version, num_tokens))

    def new_batch(self, cache: Cache, sampling: Sampling) -> RunningBatch:
        """The batch that decodes the requests of one call, or of all like it where graphs are recorded."""
        return RunningBatch(self.decoder, cache, sampling, self.tokenizer.eos_ids, self._capture)

    @property
    def num_captures(self) -> int:
        """Graphs that were recorded so far."""
        return self._num_captures + sum(b.graphs.num_captures for b in self._batches.values() if b.graphs)

    def free_memory(self) -> None:
        """Give the GPU memory back until the next call; on a CPU, where it is not short, keep it."""
        if self.decoder.device.type == "cuda":
            self.close()
            torch.cuda.empty_cache()

    def close(self) -> None:
        """Free the cache and all that works on it; the engine can be used again."""
        self._drop_batches()
        self._cache = None

    def _addresses(self) -> list[int]:
        return [parameter.data_ptr() for _, parameter in self.decoder.named_parameters()]

    def _drop_batches(self) -> None:
        self._num_captures = self.num_captures
        self._batches.clear()

    def _batch_for(self, cache: Cache, sampling: Sampling) -> RunningBatch:
        """An empty batch; with graphs, that of an earlier call with the same memory and settings."""
        if self._capture is None:
            return self.new_batch(cache, sampling)
        key = (sampling.temperature, sampling.top_k, sampling.top_p, sampling.max_response_tokens)
        if key not in self._batches:
            if len(self._batches) == KEPT_BATCHES:
                self._drop_batches()
            self._batches[key] = self.new_batch(cache, sampling)
        batch = self._batches[key]
        batch.clear()
        return batch

    def _cache_for(self, num_sequences: int, max_length: int) -> Cache:
        """An empty cache: that of the last call where it was made for as many and as long sequences."""
        if self._cache is None or num_sequences > self._size[0] or max_length > self._size[1]:
            self.close()  # free the old memory before the new is allocated
            max_bytes = cache_bytes(self.decoder.device, self._bytes_to_come())
            if max_bytes is not None:  # in pages, room for longer or more sequences costs nothing by itself
                num_sequences, max_length = max(num_sequences, self._size[0]), max(max_length, self._size[1])
            self._size = num_sequences, max_length
            self._cache = self.decoder.new_cache(*self._size, max_bytes)
            self.num_allocations += 1
        self._cache.clear()
        return self._cache

    def _rollout(self, finished: Recorded, spans: Spans) -> Rollout:
        request = finished.request
        of_request = spans.get(request.key, ())
        return Rollout(
            problem_id=request.problem_id,
            index=request.index,
            prompt_tokens=request.prompt_tokens,
            response_tokens=finished.tokens,
            behavior_logprobs=finished.logprobs,
            behavior_entropy=finished.entropy,
            finish=finish_of(finished.tokens, finished.logprobs, self.tokenizer.eos_ids),
            policy_version=of_request[0][0] if of_request else self.policy_version,
            version_spans=of_request,
        )


def cache_bytes(device: torch.device, bytes_to_come: int = 0) -> int | None:
    """Room for the keys and values of an engine on a GPU, beside memory to come; None for a CPU: no limit."""
    free = free_gpu_bytes(device)
    return None if free is None else int((free - bytes_to_come) * GPU_CACHE_FRACTION)


def free_gpu_bytes(device: torch.device) -> int | None:
    """Free memory of a GPU, with that which torch holds and does not use; None for a CPU."""
    if device.type != "cuda":
        return None
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + unused
