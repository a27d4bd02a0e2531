"""From the sums of the applied updates of a step to its report."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import reduce
from operator import add

from or1.algo.loss import LossSums
from or1.config import LossConfig
from or1.trainer.optimizer import Applied
from or1.trainer.update_plan import M, Minibatch
from or1.types import TokenStatistics, UpdateReport

logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class UpdateTally:
    """Totals over the updates of one step."""

    sums: list[LossSums] = field(default_factory=list)
    """One entry per applied update."""
    weights: list[float] = field(default_factory=list)
    applied: list[Applied] = field(default_factory=list)
    num_skipped: int = 0
    num_sequence_tokens: int = 0
    nonfinite_rollouts: list[str] = field(default_factory=list)

    def apply(self, minibatch: Minibatch[M], sums: LossSums, applied: Applied) -> None:
        """Count an update."""
        self.applied.append(applied)
        self.sums.append(sums)
        self.weights.append(minibatch.weight)

    def skip(self, minibatch: Minibatch[M], sums: LossSums, grad_norm: float) -> None:
        """Count an update that was not applied, since its loss or gradient is not finite."""
        self.num_skipped += 1
        self.nonfinite_rollouts += minibatch.names
        logger.warning(
            "update skipped: loss %s, gradient norm %s, rollouts %s",
            sums.loss.item(),
            grad_norm,
            ", ".join(minibatch.names),
        )

    def weighted_mean(self, name: str) -> float:
        """Mean over the applied updates of a sum that is weighted as the loss is; nan without one."""
        if not self.sums:
            return math.nan
        values = [w * getattr(s, name).item() for w, s in zip(self.weights, self.sums, strict=True)]
        return sum(values) / sum(self.weights)

    def report(
        self,
        minibatches: Sequence[Minibatch[M]],
        loss: LossConfig,
        hashes: Mapping[str, str],
        seconds: float,
    ) -> UpdateReport:
        """Statistics over the tokens of all applied updates; nan if every minibatch was skipped.

        Args:
            minibatches: of the step, each once.
            loss: tells whether there is a KL term.
            hashes: fingerprints of gradient and weights.
            seconds: of the whole update.
        """
        num_updates = len(self.applied)
        total = reduce(add, self.sums) if self.sums else None
        means = {f.name: total.mean(f.name) if total else math.nan for f in fields(LossSums)}
        means |= {name: self.weighted_mean(name) for name in ("loss", "policy_loss")}
        return UpdateReport(
            **{f.name: means[f.name] for f in fields(TokenStatistics)},
            kl_to_reference=means["kl_to_reference"] if loss.kl_coefficient else None,
            grad_norm=sum(a.grad_norm for a in self.applied) / num_updates if num_updates else math.nan,
            learning_rate=self.applied[-1].learning_rate if num_updates else math.nan,
            num_updates=num_updates,
            num_skipped=self.num_skipped,
            num_tokens=sum(m.num_tokens for m in minibatches),
            num_sequence_tokens=self.num_sequence_tokens,
            seconds=seconds,
            nonfinite_rollouts=tuple(self.nonfinite_rollouts),
            hashes=hashes,
        )
