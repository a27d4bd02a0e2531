"""The update on many ranks: the driver makes the plan, deals it, and adds what the ranks hand back."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial, reduce
from operator import add
from pathlib import Path

from safetensors.torch import load_file

from or1.config import LossConfig, StageConfig
from or1.memory import num_parameters
from or1.nn.config import DecoderConfig, ModelShape
from or1.nn.published import file_name
from or1.trainer.optimizer import Applied
from or1.trainer.packing import MicrobatchArrays, TrainedRollout, pack_arrays
from or1.trainer.rank_plan import RankReport, RankUpdate, deal, from_numbers
from or1.trainer.rank_processes import Ranks
from or1.trainer.state_files import read_num_updates
from or1.trainer.update_plan import Minibatch, needs_old, plan_minibatches
from or1.trainer.update_report import UpdateTally
from or1.types import Float32, Group, ProcessStatus, UpdateReport, WeightHandle


class FsdpBackend:
    """TrainerBackend over ranks, each with a shard of the model.

    Args:
        ranks: all with the weights of the start model.
        shape: of the model.
        tokens_per_microbatch: most input tokens of one forward pass [tokens].
        share_prompts: compute a prompt once for its responses.
        context_parallel: neighbouring ranks that compute the same microbatches together.
        moments_on_host: AdamW's moments take no memory of the devices.
    """

    def __init__(
        self,
        ranks: Ranks,
        shape: ModelShape,
        *,
        tokens_per_microbatch: int,
        share_prompts: bool,
        context_parallel: int = 1,
        moments_on_host: bool = False,
    ) -> None:
        self._ranks = ranks
        self._num_shares = ranks.num_ranks // context_parallel
        self._shape = shape
        self._tokens_per_microbatch = tokens_per_microbatch
        self._share_prompts = share_prompts
        self._check: Callable[[], None] | None = None
        self._before_update: Callable[[], None] = lambda: None
        self._has_moments = moments_on_host
        self._published: Path | None = None

    def check_with(self, check: Callable[[], None]) -> None:
        self._check = check

    def bytes_to_come(self) -> int:
        """Moments of one rank, as long as there are none on its device."""
        if self._has_moments:
            return 0
        return 2 * 4 * num_parameters(self._shape) // self._ranks.num_ranks

    def before_update(self, call: Callable[[], None]) -> None:
        self._before_update = call

    def processes(self) -> list[ProcessStatus]:
        """See `ReportsProcesses`."""
        return self._ranks.processes()

    def close(self) -> None:
        """End the ranks."""
        self._ranks.close()

    def update(
        self,
        kept: Sequence[Group],
        advantages: Sequence[Float32],
        loss: LossConfig,
        alpha: float,
        stage: StageConfig,
    ) -> UpdateReport:
        """Take the optimizer updates of a step on all ranks.

        Raises:
            ValueError: no group, or nothing in them to train on.
            RankError: a rank ended, failed or hangs.
        """
        started = time.perf_counter()
        self._before_update()
        pack = partial(self._pack, loss=loss)
        minibatches = plan_minibatches(kept, advantages, loss, stage.num_minibatches, pack)
        shares = [deal(m.microbatches, self._num_shares, self._shape) for m in minibatches]
        updates = [
            RankUpdate(minibatches=share, num_reuses=stage.num_reuses, loss=loss, alpha=alpha)
            for share in zip(*shares, strict=True)
            for _ in range(self._ranks.num_ranks // self._num_shares)
        ]
        reports: list[RankReport] = self._ranks.call("update", updates, self._check)
        self._has_moments = True
        tally = _tally(minibatches, stage.num_reuses, reports)
        num_passes = int(loss.kl_coefficient > 0) + int(needs_old(len(minibatches), stage.num_reuses))
        tally.num_sequence_tokens = (num_passes + stage.num_reuses) * sum(m.num_inputs for m in minibatches)
        return tally.report(minibatches, loss, reports[0].hashes, time.perf_counter() - started)

    def _pack(self, rollouts: Sequence[TrainedRollout], loss: LossConfig) -> list[MicrobatchArrays]:
        return pack_arrays(
            rollouts,
            self._tokens_per_microbatch,
            loss,
            share_prompts=self._share_prompts,
            multiple=self._num_shares,
        )

    def publish(self, version: int) -> WeightHandle:
        """The weights in compute type: the path of one file in memory, see `or1.nn.published`, that the next
        call deletes; tensors by name where or1's decoder does not compute the model."""
        path = self._ranks.scratch / file_name(version)
        self._ranks.call("publish", [path] * self._ranks.num_ranks)
        self._ranks.fetch(path)
        if self._published is not None and self._published != path:
            self._published.unlink(missing_ok=True)
        self._published = path
        if isinstance(self._shape, DecoderConfig):
            return WeightHandle(version=version, ref=path)
        return WeightHandle(version=version, ref=load_file(path))

    def save(self, folder: Path) -> None:
        self.begin_save(folder)()

    def begin_save(self, folder: Path) -> Callable[[], None]:
        """See `SavesBeside`. The previous save has ended."""
        self._ranks.begin_save(folder)
        return self._ranks.wait_saved

    def load(self, folder: Path) -> None:
        self._ranks.call("load", [folder] * self._ranks.num_ranks)
        self._has_moments = self._has_moments or read_num_updates(folder) > 0


def _tally(
    minibatches: Sequence[Minibatch[MicrobatchArrays]], num_reuses: int, reports: Sequence[RankReport]
) -> UpdateTally:
    """Totals over ranks and updates."""
    tally = UpdateTally()
    outcomes = zip(*(report.outcomes for report in reports), strict=True)
    for minibatch, ranks in zip([*minibatches] * num_reuses, outcomes, strict=True):
        sums = reduce(add, [from_numbers(rank.sums) for rank in ranks if rank.sums is not None])
        first = ranks[0]
        if first.learning_rate is None:
            tally.skip(minibatch, sums, first.grad_norm)
        else:
            applied = Applied(grad_norm=first.grad_norm, learning_rate=first.learning_rate)
            tally.apply(minibatch, sums, applied)
    return tally
