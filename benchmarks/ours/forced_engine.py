"""or1's engine with the length of every response given beforehand.

Everything that costs time is the engine's own. Only the end of a response is decided here: by its length, not
by the end token. Shape letters: see `or1.nn`; K responses of the workload.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from or1.nn.cache import Cache
from or1.rollout.local_engine import LocalEngine
from or1.rollout.running_batch import RunningBatch
from or1.rollout.sampling import rollout_key
from or1.types import Sampling

Lengths = Mapping[tuple[str, int], int]
"""(problem id, rollout index) -> response tokens."""


class ForcedBatch(RunningBatch):
    """Requests that end at their length; the request's key finds the length, so that rows may move."""

    lengths_K: torch.Tensor
    keys_K: torch.Tensor
    """Ascending."""

    def force(self, length_by_key: Mapping[int, int]) -> None:
        keys = sorted(length_by_key)
        # one entry above all keys: rows behind the running ones hold a key of no request
        self.keys_K = torch.tensor([*keys, torch.iinfo(torch.int64).max])
        self.lengths_K = torch.tensor([*(length_by_key[key] for key in keys), 0])

    def _step(self, num_rows: int, live_length: int) -> None:
        super()._step(num_rows, live_length)
        key_B, position_B, end_B = (
            values_S[:num_rows] for values_S in (self.keys_S, self.positions_S, self.prompt_ends_S)
        )
        length_B = self.lengths_K[torch.searchsorted(self.keys_K, key_B)]
        torch.eq(position_B - end_B, length_B, out=self.is_finished_S[:num_rows])


class ForcedEngine(LocalEngine):
    """`LocalEngine` whose responses have the lengths of a workload."""

    lengths: Lengths = {}  # noqa: RUF012 - set before each run

    def new_batch(self, cache: Cache, sampling: Sampling) -> RunningBatch:
        batch = ForcedBatch(self.decoder, cache, sampling, ())
        batch.force({rollout_key(sampling.seed, name, index): n for (name, index), n in self.lengths.items()})
        return batch
