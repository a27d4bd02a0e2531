"""or1's engine with the length of every response given beforehand.

Everything that costs time is the engine's own. Only the end of a response is decided elsewhere: by its
length, not by the end token.

Shape legend: B live rows, K responses of the workload.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from or1.rollout import local_engine
from or1.rollout.local_engine import LocalEngine
from or1.rollout.running_batch import Slots
from or1.rollout.sampling import rollout_key
from or1.types import Problem, Rollout, Sampling

Lengths = Mapping[tuple[str, int], int]
"""(problem id, rollout index) -> response tokens."""


class ForcedSlots(Slots):
    """Rows that end at their length; the rollout's key finds the length, so that rows may move."""

    lengths_K: torch.Tensor
    keys_K: torch.Tensor
    """Ascending."""

    def force(self, length_by_key: Mapping[int, int]) -> None:
        keys = sorted(length_by_key)
        # one entry above all keys: rows behind the live ones hold a key that is nobody's
        self.keys_K = torch.tensor([*keys, torch.iinfo(torch.int64).max])
        self.lengths_K = torch.tensor([*(length_by_key[key] for key in keys), 0])

    def _advance(self, num_rows: int, live_length: int) -> None:
        super()._advance(num_rows, live_length)
        _, position_B, start_B, key_B = self.state_4S[:, :num_rows]
        length_B = self.lengths_K[torch.searchsorted(self.keys_K, key_B)]
        torch.eq(position_B - start_B, length_B, out=self.is_done_S[:num_rows])


class _ForcedRun(local_engine._Run):
    def __init__(
        self,
        engine: LocalEngine,
        problems: Sequence[Problem],
        prompts: Sequence[Any],
        sampling: Sampling,
        lengths: Lengths,
    ) -> None:
        super().__init__(engine, problems, prompts, sampling)
        with torch.inference_mode():
            self.slots = ForcedSlots(
                engine.decoder, self.slots.cache, self.slots.draws, sampling.max_response_tokens, ()
            )
        self.slots.force({rollout_key(sampling.seed, name, index): n for (name, index), n in lengths.items()})


class ForcedEngine(LocalEngine):
    """`LocalEngine` whose responses have the lengths of a workload."""

    lengths: Lengths = {}  # noqa: RUF012 - set before each run

    def rollouts(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Rollout]:
        prompts = [self._prompt(problem) for problem in problems]
        run = _ForcedRun(self, problems, prompts, sampling, self.lengths)
        while not run.is_finished:
            for finished in run.advance():
                yield self._rollout(problems, prompts, finished)
