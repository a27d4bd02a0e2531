"""From the rollouts of a minibatch to microbatches: sequences one after another, no padding.

What is a response token follows from lengths alone; no token id means "ignore me". The last response token
predicts nothing, so it is a target and never an input.

Shape legend: T packed input tokens of one microbatch, N response tokens of one microbatch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from or1.algo.loss import TokenBatch, token_weights
from or1.config import LossConfig
from or1.types import Float32, Group, Rollout


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedRollout:
    """A rollout that enters the loss."""

    rollout: Rollout
    advantage: float

    @property
    def num_inputs(self) -> int:
        """Tokens of its forward pass: prompt and response without the last."""
        return self.rollout.prompt_tokens.size + self.rollout.response_tokens.size - 1

    @property
    def name(self) -> str:
        return f"{self.rollout.problem_id}/{self.rollout.index}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Microbatch:
    """Input of one forward pass, and what the loss needs of its response tokens."""

    tokens_T: Tensor
    """int64."""
    lengths: tuple[int, ...]
    """Input tokens of each sequence; they sum to T."""
    predictors_N: Tensor
    """Position in T of the hidden state that predicts each response token, rising; int64."""
    targets_N: Tensor
    """The response tokens; int64."""
    batch: TokenBatch
    names: tuple[str, ...]
    """`problem_id/index` of each sequence."""


def trained_rollouts(
    groups: Sequence[Group], advantages: Sequence[Float32], loss: LossConfig
) -> list[TrainedRollout]:
    """The rollouts of whole groups that enter the loss, in order.

    With truncation_mask "before" truncated rollouts stay out, of the mean and of its denominator. An empty
    response has no tokens to weigh and stays out too.

    Args:
        groups: judged rollouts only.
        advantages: per group [M].
        loss: truncation mask.
    """
    chosen = []
    for group, advantages_M in zip(groups, advantages, strict=True):
        for rollout, advantage in zip(group.rollouts, advantages_M, strict=True):
            masked = loss.truncation_mask == "before" and rollout.truncated
            if rollout.response_tokens.size and not masked:
                chosen.append(TrainedRollout(rollout=rollout, advantage=float(advantage)))
    return chosen


def cut(lengths: Sequence[int], limit: int) -> list[range]:
    """Cut neighbours into the fewest runs of at most `limit` tokens, the largest run as small as that allows.

    A sequence longer than the limit stands alone.

    >>> cut((5, 4, 3, 2, 1), 8)
    [range(0, 1), range(1, 3), range(3, 5)]
    """
    fewest = len(_fill(lengths, limit))
    low, high = 1, limit
    while low < high:
        middle = (low + high) // 2
        if len(_fill(lengths, middle)) <= fewest:
            high = middle
        else:
            low = middle + 1
    return _fill(lengths, low)


def _fill(lengths: Sequence[int], capacity: int) -> list[range]:
    runs, start, filled = [], 0, 0
    for index, length in enumerate(lengths):
        if index > start and filled + length > capacity:
            runs.append(range(start, index))
            start, filled = index, 0
        filled += length
    if start < len(lengths):
        runs.append(range(start, len(lengths)))
    return runs


def pack(
    rollouts: Sequence[TrainedRollout],
    tokens_per_microbatch: int,
    loss: LossConfig,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> list[Microbatch]:
    """Microbatches of one minibatch, near-equal in tokens, each of sequences of similar length.

    Token weights refer to the whole minibatch, so the losses of its microbatches sum to its loss.

    Args:
        rollouts: all of one minibatch, not empty.
        tokens_per_microbatch: most input tokens of one microbatch; a longer sequence stands alone.
        loss: how the mean is taken.
        dtype: of the loss's numbers.
        device: where the tensors go.
    """
    weights = token_weights([r.rollout.response_tokens.size for r in rollouts], loss.average)
    # Attention works on neighbours of like length; a stable sort keeps the result independent of the
    # platform.
    order = sorted(range(len(rollouts)), key=lambda i: -rollouts[i].num_inputs)
    runs = cut([rollouts[i].num_inputs for i in order], tokens_per_microbatch)
    return [
        _microbatch(
            [rollouts[order[i]] for i in run], [weights[order[i]] for i in run], dtype=dtype, device=device
        )
        for run in runs
    ]


def _microbatch(
    rollouts: Sequence[TrainedRollout],
    weights: Sequence[float],
    *,
    dtype: torch.dtype,
    device: torch.device | str,
) -> Microbatch:
    inputs, predictors, start = [], [], 0
    for item in rollouts:
        prompt, response = item.rollout.prompt_tokens, item.rollout.response_tokens
        if not prompt.size:
            raise ValueError(
                f"rollout {item.name} has no prompt token to predict its first response token from"
            )
        inputs += [prompt, response[:-1]]
        first = start + prompt.size - 1
        predictors.append(np.arange(first, first + response.size))
        start += item.num_inputs
    sizes = [item.rollout.response_tokens.size for item in rollouts]

    def integers(parts: Sequence[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.concatenate(parts).astype(np.int64)).to(device)

    def numbers(values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).to(dtype=dtype, device=device)

    return Microbatch(
        tokens_T=integers(inputs),
        lengths=tuple(item.num_inputs for item in rollouts),
        predictors_N=integers(predictors),
        targets_N=integers([item.rollout.response_tokens for item in rollouts]),
        batch=TokenBatch(
            advantages_N=numbers(np.repeat([item.advantage for item in rollouts], sizes)),
            weights_N=numbers(np.repeat(np.asarray(weights), sizes)),
            behavior_logprobs_N=numbers(
                np.concatenate([item.rollout.behavior_logprobs for item in rollouts])
            ),
        ),
        names=tuple(item.name for item in rollouts),
    )
