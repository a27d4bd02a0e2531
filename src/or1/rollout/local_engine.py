"""or1's own engine: continuous batching on one device, in the training process.

Each prompt is prefilled once for its whole group, rollouts start in rows as they become free, the batch
shrinks as rollouts finish, and one pass through the decoder moves every live rollout on by one token.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
import torch

from or1.errors import DataError, ModelError
from or1.nn.cache import KeyValueCache, PromptKeyValues
from or1.nn.decoder import Decoder
from or1.protocols import Tokenizer
from or1.rollout.generate import EngineGenerator
from or1.rollout.running_batch import Draws, Finished, Slots, Ticket
from or1.rollout.sampling import Restriction, rollout_key
from or1.types import Finish, Int32, Problem, Rollout, Sampling, Text, WeightHandle

PREFILL_TOKENS = 4096
"""Prompts are prefilled together up to so many tokens [tokens]."""
GPU_CACHE_FRACTION = 0.7
"""Most of the free GPU memory that keys and values take [fraction]; the rest is for the steps themselves."""
REFILL_FRACTION = 1 / 16
"""Rollouts start once this share of the rows is free, since starting a few costs as much as starting many."""


class EndingTokenizer(Tokenizer, Protocol):
    """A tokenizer that knows how its model ends a response."""

    @property
    def eos_ids(self) -> tuple[int, ...]: ...


class LocalEngine:
    """Samples from a decoder in this process: `RolloutEngine` and `Generator`.

    Args:
        decoder: computes the distributions; `load` gives it weights. In deterministic mode its
            log-probabilities are bit for bit those of its packed pass.
        tokenizer: of the same model.
        num_slots: most rollouts decoded at once.
        max_prompt_tokens: a longer prompt is an error here; whoever picks problems drops them.
        cache_dtype: type of stored keys and values; None = the decoder's.
        num_threads: threads of the engine's own work on a CPU; None = as the process has.
    """

    def __init__(
        self,
        decoder: Decoder,
        tokenizer: EndingTokenizer,
        *,
        num_slots: int = 512,
        max_prompt_tokens: int = 2048,
        cache_dtype: torch.dtype | None = None,
        num_threads: int | None = None,
    ) -> None:
        self.decoder = decoder
        self.tokenizer = tokenizer
        self.num_slots = num_slots
        self.max_prompt_tokens = max_prompt_tokens
        self.num_threads = num_threads
        self.policy_version = 0
        self.cache_dtype = cache_dtype or decoder.dtype
        self._cache: KeyValueCache | None = None

    def load(self, weights: WeightHandle) -> None:
        """Take published weights: shared where type and device agree, else converted.

        Raises:
            ModelError: the handle holds no tensors by name, or lacks one.
        """
        if not isinstance(weights.ref, Mapping):
            raise ModelError(f"the local engine takes weights by name, not {type(weights.ref).__name__}")
        for name, parameter in self.decoder.named_parameters():
            if name not in weights.ref:
                raise ModelError(f"published weights have no {name}")
            tensor = weights.ref[name].detach()
            if tensor.shape != parameter.shape:
                raise ModelError(
                    f"published {name} has shape {list(tensor.shape)}, not {list(parameter.shape)}"
                )
            parameter.data = tensor.to(device=parameter.device, dtype=parameter.dtype)
        self.policy_version = weights.version

    def rollouts(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Rollout]:
        """Yield `group_size` rollouts of each problem, each as it finishes.

        A rollout depends on the weights and on (seed, problem id, index, token position), not on the other
        rollouts. One whose numbers are not finite is ABORTED.

        Raises:
            DataError: a prompt is longer than `max_prompt_tokens`.
        """
        if not problems:
            return
        prompts = [self._prompt(problem) for problem in problems]
        run = _Run(self, problems, prompts, sampling)
        while not run.is_finished:
            for finished in run.advance():
                yield self._rollout(problems, prompts, finished)

    def generate(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Text]:
        """Yield `group_size` texts of each problem, each as it finishes."""
        yield from EngineGenerator(self, self.tokenizer).generate(problems, sampling)

    def close(self) -> None:
        """Give the cache's memory back; the engine can be used again."""
        self._cache = None

    def cache(self, num_slots: int, max_length: int) -> KeyValueCache:
        """Memory for so many slots and positions: that of the last call when it is large enough."""
        cache = self._cache
        if cache is None or cache.num_slots < num_slots or cache.max_length < max_length:
            self._cache = cache = None  # the old memory is free before the new is asked for
            if self.decoder.device.type == "cuda":
                num_slots = min(num_slots, self._slots_that_fit(max_length))
            cache = KeyValueCache(
                self.decoder.config,
                num_slots,
                max_length,
                self.cache_dtype,
                self.decoder.device,
                deterministic=self.decoder.deterministic,
            )
            self._cache = cache
        cache.clear()
        return cache

    def _slots_that_fit(self, max_length: int) -> int:
        """Slots whose keys and values fill the share of the free memory that they may have; at least 1."""
        config, device = self.decoder.config, self.decoder.device
        per_position = (
            2 * config.num_layers * config.num_kv_heads * config.head_size * self.cache_dtype.itemsize
        )
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        free = torch.cuda.mem_get_info(device)[0] + unused
        return max(1, int(free * GPU_CACHE_FRACTION) // (per_position * max_length))

    def _prompt(self, problem: Problem) -> Int32:
        tokens = self.tokenizer.encode_prompt(problem.prompt)
        if not 0 < len(tokens) <= self.max_prompt_tokens:
            raise DataError(
                f"problem {problem.id} has a prompt of {len(tokens)} tokens; "
                f"1 to {self.max_prompt_tokens} are allowed"
            )
        return tokens

    def _rollout(self, problems: Sequence[Problem], prompts: Sequence[Int32], finished: Finished) -> Rollout:
        ticket = finished.ticket
        if not np.isfinite(finished.logprobs).all():
            finish = Finish.ABORTED
        elif int(finished.tokens[-1]) in self.tokenizer.eos_ids:
            finish = Finish.STOP
        else:
            finish = Finish.LENGTH
        return Rollout(
            problem_id=problems[ticket.problem].id,
            index=ticket.index,
            prompt_tokens=prompts[ticket.problem],
            response_tokens=finished.tokens,
            behavior_logprobs=finished.logprobs,
            behavior_entropy=finished.entropy,
            finish=finish,
            policy_version=self.policy_version,
        )


class _Run:
    """One call of `rollouts`: which rollouts wait, and the slots of those that run."""

    def __init__(
        self, engine: LocalEngine, problems: Sequence[Problem], prompts: Sequence[Int32], sampling: Sampling
    ) -> None:
        self.engine, self.prompts, self.group_size = engine, prompts, sampling.group_size
        self.tickets = [
            Ticket(row, index, rollout_key(sampling.seed, problem.id, index))
            for row, problem in enumerate(problems)
            for index in range(sampling.group_size)
        ]
        self.num_started = 0
        self.prefilled = range(0)
        """Problems whose keys and values are in `prompt_kv`."""
        self.prompt_rows: list[int] = []
        """Row of `prompt_kv` for each of them: neighbours with the same prompt share one."""
        self.prompt_kv: PromptKeyValues | None = None
        longest = max(len(prompt) for prompt in prompts) + sampling.max_response_tokens
        with torch.inference_mode():
            cache = engine.cache(min(engine.num_slots, len(self.tickets)), longest)
            self.slots = Slots(
                engine.decoder,
                cache,
                Draws(sampling.temperature, Restriction(sampling.top_p, sampling.top_k)),
                sampling.max_response_tokens,
                engine.tokenizer.eos_ids,
            )
        self.num_rows = min(cache.num_slots, engine.num_slots, len(self.tickets))

    @property
    def is_finished(self) -> bool:
        return self.num_started == len(self.tickets) and self.slots.num_live == 0

    @torch.inference_mode()
    def advance(self) -> list[Finished]:
        """Start what fits, then step until a rollout finishes."""
        threads = torch.get_num_threads()
        if self.engine.num_threads is not None:
            torch.set_num_threads(self.engine.num_threads)
        try:
            self._start()
            while not self.slots.step():
                pass
            finished = self.slots.retire()
        finally:
            if self.engine.num_threads is not None:
                torch.set_num_threads(threads)
        if not all(np.isfinite(f.logprobs).all() for f in finished):
            self.engine.close()  # the memory of this run may hold such numbers: the next run gets another
        return finished

    def _start(self) -> None:
        num_free = self.num_rows - self.slots.num_live
        if self.slots.num_live and num_free < REFILL_FRACTION * self.num_rows:
            return
        while num_free and self.num_started < len(self.tickets):
            problem = self.tickets[self.num_started].problem
            if problem not in self.prefilled:
                self._prefill(problem)
            stop = min(self.num_started + num_free, self.prefilled.stop * self.group_size)
            self._admit(self.tickets[self.num_started : stop])
            num_free -= stop - self.num_started
            self.num_started = stop

    def _prefill(self, first: int) -> None:
        """Compute the keys and values of further prompts, from `first` on, as many as one pass takes."""
        different: list[Int32] = []
        rows: list[int] = []
        num_tokens = 0
        for prompt in self.prompts[first:]:
            if not different or not np.array_equal(prompt, different[-1]):
                num_tokens += len(prompt)
                if different and num_tokens > PREFILL_TOKENS:
                    break
                different.append(prompt)
            rows.append(len(different) - 1)
        # the last token goes through the first step, which draws from it; a single token is simply done twice
        parts = [prompt[: max(1, len(prompt) - 1)] for prompt in different]
        decoder = self.engine.decoder
        tokens_T = torch.from_numpy(np.concatenate(parts)).to(decoder.device, torch.int64)
        self.prompt_kv = decoder.prefill(tokens_T, [len(part) for part in parts])
        self.prefilled, self.prompt_rows = range(first, first + len(rows)), rows

    def _admit(self, tickets: list[Ticket]) -> None:
        if self.prompt_kv is None:
            raise RuntimeError("rollouts start only after their prompts are prefilled")
        prompts = [self.prompts[ticket.problem] for ticket in tickets]
        ends = [(int(prompt[-1]), len(prompt) - 1) for prompt in prompts]
        prompt_B = [self.prompt_rows[ticket.problem - self.prefilled.start] for ticket in tickets]
        self.slots.admit(tickets, self.prompt_kv, prompt_B, ends)
