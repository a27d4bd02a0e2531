"""Adaptive entropy control: a bonus that is used only while entropy is at or below its target.

    alpha_k = c_k * 1[e_k <= target]        c_{k+1} = c_k + delta if e_k < target, - delta if e_k > target

The control state is an argument and a result, and part of the checkpoint. Source: paper 3.2.5, eq 3.2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from or1.config import EntropyConfig
from or1.errors import NonFiniteError
from or1.types import EntropyState, Group, Rollout

PROPORTIONAL_LIMIT = 5.0
"""Longest proportional step, in units of delta [dimensionless]."""


def step_entropy(groups: Sequence[Group]) -> float | None:
    """e_k: mean entropy over every response token of the step [nats/token].

    All rollouts count, kept or dropped, judged or not, except aborted ones: the engine cut them off. Every
    token has the same weight. The exact entropy is used if every rollout has it, otherwise -log p of the
    sampled tokens for all of them: the two are never mixed.

    Returns:
        The mean, independent of the order of groups and rollouts; None if the step has no token.

    Raises:
        NonFiniteError: the engine reported a value that is not finite.
    """
    rollouts = [r for g in groups for r in g.rollouts if not r.aborted]
    rollouts = [r for r in rollouts if len(r.response_tokens)]
    if not rollouts:
        return None
    exact = has_exact_entropy(rollouts)
    total = math.fsum(_summed(r, exact) for r in rollouts)
    return total / sum(len(r.response_tokens) for r in rollouts)


def has_exact_entropy(rollouts: Sequence[Rollout]) -> bool:
    """Does every rollout have the entropy over the whole vocabulary?"""
    return all(r.behavior_entropy is not None for r in rollouts)


def _summed(rollout: Rollout, exact: bool) -> float:
    entropy = rollout.behavior_entropy if exact else None
    values = -rollout.behavior_logprobs if entropy is None else entropy
    total = float(np.sum(values, dtype=np.float64))
    if not math.isfinite(total):
        raise NonFiniteError(
            f"rollout {rollout.problem_id}/{rollout.index} has entropy or log-probabilities that are not "
            "finite: the engine or its weights are broken; resume from the last checkpoint"
        )
    return total


def entropy_coefficient(state: EntropyState, groups: Sequence[Group], cfg: EntropyConfig) -> float:
    """alpha_k: the entropy bonus of this step [dimensionless].

    Gate `current` (paper) opens when this step's entropy is at or below the target. Gate `previous` (released
    code) opens when the last step's was below it, and is open before the first step.
    """
    match cfg.mode:
        case "off":
            return 0.0
        case "fixed":
            return cfg.initial
        case "adaptive":
            return state.coefficient if _gate_open(state, groups, cfg) else 0.0


def _gate_open(state: EntropyState, groups: Sequence[Group], cfg: EntropyConfig) -> bool:
    if cfg.gate == "previous":
        return state.last_entropy is None or state.last_entropy < cfg.target
    entropy = step_entropy(groups)
    return entropy is not None and entropy <= cfg.target


def update_coefficient(state: EntropyState, entropy: float | None, cfg: EntropyConfig) -> EntropyState:
    """The controller after step k: the coefficient c_k+1, and e_k.

    The coefficient rises below the target and falls above it, by `delta` or in proportion to the distance,
    and stays within [minimum, maximum]. At the target exactly the paper leaves it where it is; the released
    code, with its lagging gate, lowers it.

    Args:
        state: the controller before the step.
        entropy: e_k [nats/token]; None, if the step has no token, changes nothing.
        cfg: target, delta, bounds, gate, rule. Only mode `adaptive` moves the coefficient.

    >>> cfg = EntropyConfig(target=0.2, delta=0.005)
    >>> update_coefficient(EntropyState(), 0.15, cfg)
    EntropyState(coefficient=0.005, last_entropy=0.15)
    """
    if entropy is None:
        return state
    if cfg.mode != "adaptive":
        return replace(state, last_entropy=entropy)
    highest = math.inf if cfg.maximum is None else cfg.maximum
    moved = state.coefficient + _change(entropy, cfg)
    return EntropyState(coefficient=min(max(moved, cfg.minimum), highest), last_entropy=entropy)


def _change(entropy: float, cfg: EntropyConfig) -> float:
    if cfg.step_rule == "proportional":
        distance = (cfg.target - entropy) / cfg.target
        return cfg.delta * min(max(distance, -PROPORTIONAL_LIMIT), PROPORTIONAL_LIMIT)
    if entropy < cfg.target:
        return cfg.delta
    if entropy > cfg.target or cfg.gate == "previous":
        return -cfg.delta
    return 0.0
