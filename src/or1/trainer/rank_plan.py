"""The share of each rank in an update, and what it hands back.

A layer's weights are gathered by all ranks together, so ranks go through their microbatches in step:
microbatch k of a rank runs beside microbatch k of all others, and all ranks have the same number of them.
Shape letters: see `or1.nn`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import torch

from or1.algo.loss import LossSums
from or1.config import LossConfig
from or1.nn.config import ModelShape
from or1.trainer.packing import MicrobatchArrays


@dataclass(frozen=True, slots=True, kw_only=True)
class RankMinibatch:
    """The microbatches of one rank in one optimizer update."""

    microbatches: tuple[MicrobatchArrays, ...]
    num_real: int
    """The first ones count. The others stand in for missing ones: they are computed, with a loss of zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankUpdate:
    """All that one rank does in the update of a step."""

    minibatches: tuple[RankMinibatch, ...]
    num_reuses: int
    loss: LossConfig
    alpha: float


UPDATES = (RankUpdate, RankMinibatch, MicrobatchArrays, LossConfig)
"""The types of which an update is made, for messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankOutcome:
    """One optimizer update, seen by one rank."""

    sums: Mapping[str, float] | None
    """`LossSums` of this rank's microbatches; None without a microbatch that counts."""
    grad_norm: float
    """Of the whole gradient, before clipping; equal on all ranks."""
    learning_rate: float | None
    """None: skipped, since the loss or the gradient is not finite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankReport:
    """The updates of a step, seen by one rank."""

    outcomes: tuple[RankOutcome, ...]
    hashes: Mapping[str, str]
    """Fingerprints, on rank 0."""


def to_numbers(sums: LossSums) -> dict[str, float]:
    """Sums that can cross to another process."""
    return {f.name: getattr(sums, f.name).item() for f in fields(sums)}


def from_numbers(numbers: Mapping[str, float]) -> LossSums:
    """The inverse of `to_numbers`."""
    return LossSums(**{name: torch.tensor(value, dtype=torch.float64) for name, value in numbers.items()})


def cost_of(microbatch: MicrobatchArrays, shape: ModelShape) -> float:
    """Multiply-adds of a forward pass: projections by tokens, attention by pairs of tokens, head by response
    tokens."""
    heads_size = shape.num_heads * shape.head_size
    kv_size = 2 * shape.num_kv_heads * shape.head_size
    per_token = shape.hidden_size * (2 * heads_size + kv_size + 3 * shape.intermediate_size)
    num_pairs = 0.0
    for index, length in enumerate(microbatch.lengths):
        parent = -1 if microbatch.parents is None else microbatch.parents[index]
        prompt = microbatch.lengths[parent] if parent >= 0 else 0
        num_pairs += length * (prompt + length / 2)
    layers = shape.num_layers * (per_token * sum(microbatch.lengths) + 2 * heads_size * num_pairs)
    return layers + shape.vocab_size * shape.hidden_size * microbatch.targets_N.size


def deal(microbatches: Sequence[MicrobatchArrays], num_ranks: int, shape: ModelShape) -> list[RankMinibatch]:
    """The microbatches of one minibatch over the ranks.

    Sorted by cost and dealt in rounds: those that run beside each other cost about the same, which makes the
    sum of the slowest of each round as small as it can be. Every other round is dealt backwards. A rank that
    lacks one in the last round repeats the cheapest.

    Args:
        microbatches: of one minibatch, not empty.
        num_ranks: ranks that compute different microbatches.
        shape: of the model, for the costs.
    """
    ordered = sorted(microbatches, key=lambda m: -cost_of(m, shape))
    shares: list[list[MicrobatchArrays]] = [[] for _ in range(num_ranks)]
    for index, microbatch in enumerate(ordered):
        turn, place = divmod(index, num_ranks)
        shares[num_ranks - 1 - place if turn % 2 else place].append(microbatch)
    num_rounds = -(-len(ordered) // num_ranks)
    cheapest = ordered[-1]
    return [
        RankMinibatch(microbatches=(*share, *[cheapest] * (num_rounds - len(share))), num_real=len(share))
        for share in shares
    ]
