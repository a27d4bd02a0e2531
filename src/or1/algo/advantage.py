"""Group-relative advantages: the reward of a rollout compared with the others of its problem.

Shape legend: M rollouts of a group.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

import numpy as np

from or1.config import LossConfig
from or1.types import Float32, Group

_ROUNDING = 1e-9
"""Difference of rewards that says nothing [reward]."""


def group_advantages(rewards_M: Sequence[float], eps: float) -> tuple[float, ...]:
    """Standardise one group's rewards: A_i = (r_i - mean) / (std + eps).

    The std is the sample estimate (divides by M - 1), as in the released code; the population estimate would
    make every advantage sqrt(M / (M - 1)) times as large.

    Args:
        rewards_M: rewards of the M rollouts of one problem [reward].
        eps: added to the std [reward].

    Returns:
        M dimensionless advantages that sum to zero; exactly 0.0 each when the rewards agree (see `agree`).

    Raises:
        ValueError: fewer than two rewards. A group of one has no baseline.

    Source: paper eq 2.5; released code, compute_grpo_outcome_advantage (which lets a group of one through
    with its raw reward as the advantage).

    >>> group_advantages((1.0, 0.0, 0.0, 0.0), eps=0.0)
    (1.5, -0.5, -0.5, -0.5)
    """
    num_rollouts = len(rewards_M)
    if num_rollouts < 2:
        raise ValueError(f"an advantage needs a group of at least two rollouts, not {num_rollouts}")
    if agree(rewards_M):
        return (0.0,) * num_rollouts
    mean = fmean(rewards_M)
    variance = math.fsum((r - mean) ** 2 for r in rewards_M) / (num_rollouts - 1)
    scale = math.sqrt(variance) + eps
    return tuple((r - mean) / scale for r in rewards_M)


def agree(rewards_M: Sequence[float]) -> bool:
    """Are rewards equal but for rounding? 0.1 + 0.2 and 0.3 differ by 6e-17, which eps does not make small.

    >>> agree((0.1 + 0.2, 0.3)), agree((0.3, 0.3001))
    (True, False)
    """
    return max(rewards_M) - min(rewards_M) <= _ROUNDING


def advantages(groups: Sequence[Group], loss: LossConfig) -> list[Float32]:
    """Advantages of each group [M], with truncated rollouts treated as `loss.truncation_mask` says.

    - none: truncated rollouts have their reward (0), like other incorrect ones.
    - before: mean and std over the rollouts that ended by themselves; truncated ones get 0. With fewer than
      two such rollouts there is no baseline and the whole group gets 0.
    - after: mean and std over all rollouts; truncated ones get 0 afterwards.

    Args:
        groups: groups whose rollouts are all judged.
        loss: `advantage_eps` and `truncation_mask`.

    Returns:
        One float32 array [M] a group, in the order of its rollouts.

    Raises:
        ValueError: a rollout without a reward, or a group of one.

    Source: paper eq 2.5 and 3.2.3.
    """
    return [np.asarray(_masked(group, loss), dtype=np.float32) for group in groups]


def _masked(group: Group, loss: LossConfig) -> tuple[float, ...]:
    rewards_M = group.rewards_M
    ended_M = tuple(not r.truncated for r in group.rollouts)
    match loss.truncation_mask:
        case "none":
            return group_advantages(rewards_M, loss.advantage_eps)
        case "after":
            all_M = group_advantages(rewards_M, loss.advantage_eps)
            return tuple(a if ended else 0.0 for a, ended in zip(all_M, ended_M, strict=True))
        case "before":
            if sum(ended_M) < 2:
                return (0.0,) * len(rewards_M)
            ended_rewards = [r for r, ended in zip(rewards_M, ended_M, strict=True) if ended]
            remaining = iter(group_advantages(ended_rewards, loss.advantage_eps))
            return tuple(next(remaining) if ended else 0.0 for ended in ended_M)
