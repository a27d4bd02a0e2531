"""Which groups have a gradient, and why the others have none. Source: paper 3.1 (rejection sampling)."""

from __future__ import annotations

from collections.abc import Sequence

from or1.algo.advantage import advantages, agree
from or1.config import LossConfig
from or1.types import DroppedGroup, DropReason, Group


def split_by_signal(groups: Sequence[Group], loss: LossConfig) -> tuple[list[Group], list[DroppedGroup]]:
    """Keep the groups in which some rollout has an advantage other than 0.

    Rollouts that were not judged are removed first: a failed verification is neither correct nor incorrect.
    A group without a signal adds nothing to the policy term, but would add to the entropy and KL terms and to
    the denominator, and so raise their weight.

    Args:
        groups: groups as collected.
        loss: `truncation_mask` decides what an advantage is; with `reject_zero_advantage` off every group
            with at least two judged rollouts is kept.

    Returns:
        kept groups, judged rollouts only, and dropped groups, whole; both in the order given.
    """
    kept: list[Group] = []
    dropped: list[DroppedGroup] = []
    for group in groups:
        judged = group.judged_only()
        reason = _drop_reason(judged, loss)
        if reason is None:
            kept.append(judged)
        else:
            dropped.append(DroppedGroup(group=group, reason=reason))
    return kept, dropped


def _drop_reason(judged: Group, loss: LossConfig) -> DropReason | None:
    if len(judged.rollouts) < 2:
        return DropReason.TOO_FEW_JUDGED
    if not loss.reject_zero_advantage or advantages([judged], loss)[0].any():
        return None
    if not agree(judged.rewards_M):
        return DropReason.MASKED
    lowest, highest = min(judged.rewards_M), max(judged.rewards_M)
    if lowest == 1.0:
        return DropReason.ALL_RIGHT
    if highest == 0.0:
        return DropReason.ALL_WRONG
    return DropReason.ALL_EQUAL
