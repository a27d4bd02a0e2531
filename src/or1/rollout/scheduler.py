"""Which requests wait, which prompts are prefilled, and when requests join the running batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from or1.nn.cache import PromptKeyValues
from or1.rollout.running_batch import Recorded, Request, RunningBatch, Waiting
from or1.types import Int32

PREFILL_TOKENS = 4096
"""Most prompt tokens that are prefilled together, unless a single prompt is longer [tokens]."""
REFILL_FRACTION = 1 / 16
"""Requests start once this share of the rows is free, since starting a few costs as much as starting many
[fraction]."""


class Scheduler:
    """Continuous batching of the requests of one call, in their order.

    Each prompt is prefilled once for neighbours that share it: a group, or problems with the same prompt.

    Args:
        requests: of the call, as far as they are known.
        batch: decodes them; empty.
        max_running: most requests in the batch at once.
    """

    def __init__(self, requests: Sequence[Request], batch: RunningBatch, max_running: int) -> None:
        self._starts = [Waiting(request) for request in requests]
        self._batch = batch
        self._max_running = max_running
        self._num_started = 0
        self._prompts: PromptKeyValues | None = None
        self._prefilled = range(0)
        """Requests whose prompts are in `_prompts`."""
        self._prompt_rows: list[int] = []
        """Index into `_prompts` of each of them."""

    @property
    def num_unfinished(self) -> int:
        """Requests that wait or run."""
        return len(self._starts) - self._num_started + self._batch.num_running

    @property
    def is_finished(self) -> bool:
        return self.num_unfinished == 0

    def add(self, requests: Sequence[Request]) -> None:
        """Further requests, after those that wait."""
        self._starts.extend(Waiting(request) for request in requests)

    @torch.inference_mode()
    def advance(self, check: Callable[[], None]) -> list[Recorded]:
        """Start the requests that fit, then decode until at least one finishes; `check` before each token.

        See `_decode` for memory that is short.
        """
        self._start_waiting()
        while True:
            check()
            if not self._batch.num_running:
                self._start_waiting()  # `check` has called `restart`
            if finished := self._decode():
                return finished

    @torch.inference_mode()
    def step(self) -> list[Recorded]:
        """Start the requests that fit, and decode one token of all that run; those that finish."""
        self._start_waiting()
        return self._decode()

    def _decode(self) -> list[Recorded]:
        """Decode one token; the requests that finish.

        Where the running ones outgrow the memory, the shortest waits at the end of the queue and continues
        from its tokens.
        """
        is_short = not self._batch.make_room()
        if (is_short or self._batch.decode()) and (finished := self._batch.pop_finished()):
            return finished
        if is_short:
            paused = self._batch.pause()
            self._starts.append(Waiting(paused.request, paused))
        return []

    def restart(self) -> list[Recorded]:
        """Abort the running requests, none of which has finished: they continue from their tokens.

        Returns:
            All requests that wait with a part of their response.
        """
        running = [Waiting(paused.request, paused) for paused in self._batch.pause_all()]
        self._starts[self._num_started : self._num_started] = running
        self._prompts, self._prefilled = None, range(0)
        return [start.paused for start in self._starts[self._num_started :] if start.paused is not None]

    def _start_waiting(self) -> None:
        num_free = self._max_running - self._batch.num_running
        if self._batch.num_running and num_free < REFILL_FRACTION * self._max_running:
            return
        while num_free and self._num_started < len(self._starts):
            if self._num_started not in self._prefilled:
                self._prefill(self._num_started)
            stop = min(self._num_started + num_free, self._prefilled.stop)
            stop = self._num_started + self._batch.num_fitting(self._starts[self._num_started : stop])
            if stop == self._num_started:
                return
            self._start(range(self._num_started, stop))
            num_free -= stop - self._num_started
            self._num_started = stop

    def _start(self, numbers: range) -> None:
        if self._prompts is None:
            raise RuntimeError("requests start only after their prompts are prefilled")
        first = self._prefilled.start
        self._batch.add(
            self._starts[numbers.start : numbers.stop],
            self._prompts,
            self._prompt_rows[numbers.start - first : numbers.stop - first],
        )

    def _prefill(self, first: int) -> None:
        """Compute the keys and values of further prompts, from `first` on, as many as one pass takes."""
        different: list[Int32] = []
        rows: list[int] = []
        num_tokens = 0
        for start in self._starts[first:]:
            prompt = start.tokens
            if not different or not _is_same(prompt, different[-1]):
                num_tokens += len(prompt)
                if different and num_tokens > PREFILL_TOKENS:
                    break
                different.append(prompt)
            rows.append(len(different) - 1)
        # the last token is computed by the first decode step, which samples from it; a prompt of one token is
        # computed twice
        parts = [prompt[: max(1, len(prompt) - 1)] for prompt in different]
        decoder = self._batch.decoder
        tokens_T = torch.from_numpy(np.concatenate(parts)).to(decoder.device, torch.int64)
        self._prompts = decoder.prefill(tokens_T, [len(part) for part in parts])
        self._prefilled, self._prompt_rows = range(first, first + len(rows)), rows


def _is_same(prompt: Int32, other: Int32) -> bool:
    return prompt is other or np.array_equal(prompt, other)
