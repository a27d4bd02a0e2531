"""The plan of an update: minibatches of rollouts, their denominators and their microbatches.

It depends on the rollouts and the settings alone, not on weights or devices: the backend of one process and
the driver of many ranks make the same plan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from or1.algo.split_evenly import split_evenly
from or1.config import LossConfig
from or1.trainer.packing import TrainedRollout, trained_rollouts
from or1.types import Float32, Group


class PackedRollouts(Protocol):
    """A microbatch, as tensors or as arrays."""

    @property
    def lengths(self) -> tuple[int, ...]: ...
    @property
    def names(self) -> tuple[str, ...]: ...


M = TypeVar("M", bound=PackedRollouts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Minibatch(Generic[M]):
    """The rollouts of one optimizer update."""

    microbatches: list[M]
    num_tokens: int
    """Response tokens."""
    weight: float
    """Weight in the means over the batch: the denominator of its loss [tokens or sequences]."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for microbatch in self.microbatches for name in microbatch.names)

    @property
    def num_inputs(self) -> int:
        """Tokens of one forward pass."""
        return sum(sum(microbatch.lengths) for microbatch in self.microbatches)


def needs_old(num_minibatches: int, num_reuses: int) -> bool:
    """Whether the log-probabilities of the old policy take a forward pass of their own: a single update
    starts from the old policy, so its own forward pass yields them.

    >>> needs_old(num_minibatches=1, num_reuses=1), needs_old(1, 2), needs_old(2, 1)
    (False, True, True)
    """
    return num_minibatches * num_reuses > 1


def plan_minibatches(
    kept: Sequence[Group],
    advantages: Sequence[Float32],
    loss: LossConfig,
    num_minibatches: int,
    pack: Callable[[Sequence[TrainedRollout]], list[M]],
) -> list[Minibatch[M]]:
    """Whole groups, split evenly over the minibatches; a minibatch without a rollout is left out.

    Args:
        kept: groups whose rollouts are all judged.
        advantages: per group [M].
        loss: how the mean is taken.
        num_minibatches: the most minibatches.
        pack: microbatches of the rollouts of one minibatch.

    Raises:
        ValueError: nothing to train on.
    """
    minibatches = []
    for run in split_evenly(len(kept), num_minibatches):
        rollouts = trained_rollouts(kept[run.start : run.stop], advantages[run.start : run.stop])
        if rollouts:
            num_tokens = sum(item.rollout.response_tokens.size for item in rollouts)
            denominator = num_tokens if loss.average == "token" else len(rollouts)
            minibatches.append(
                Minibatch(microbatches=pack(rollouts), num_tokens=num_tokens, weight=float(denominator))
            )
    if not minibatches:
        raise ValueError(f"nothing to train on in {len(kept)} groups")
    return minibatches
