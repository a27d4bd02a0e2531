"""Numbers over the rollouts of a step, for the stages and the log."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean

from or1.types import Rollout


def truncated_fraction(rollouts: Iterable[Rollout]) -> float | None:
    """Share of rollouts that reached the response budget; aborted ones do not count. None without any."""
    truncated = [r.truncated for r in rollouts if not r.aborted]
    return fmean(truncated) if truncated else None


def mean_reward(rollouts: Iterable[Rollout]) -> float | None:
    """Mean reward of the judged rollouts, each with the same weight; None without any."""
    rewards = [r.reward for r in rollouts if r.judged]
    return fmean(rewards) if rewards else None
