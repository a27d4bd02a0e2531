"""Scores over several samples of a problem: pass@k, avg@k, maj@k."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence


def pass_at_k(num_samples: int, num_right: int, k: int) -> float:
    """Chance that k of n samples, drawn without replacement, hold a right one: 1 - C(n - c, k) / C(n, k).

    This is the unbiased estimate of 1 - (1 - p)^k; putting c / n for p in that formula is biased low. The
    quotient is formed in whole numbers and rounded once, so that large n and tiny chances lose nothing.

    Args:
        num_samples: n, samples judged.
        num_right: c, those that were right.
        k: samples drawn.

    Raises:
        ValueError: unless 1 <= k <= n and 0 <= c <= n.

    >>> pass_at_k(4, 1, 2)
    0.5
    """
    if not 1 <= k <= num_samples or not 0 <= num_right <= num_samples:
        raise ValueError(f"pass@{k} is not defined for {num_right} right of {num_samples} samples")
    num_draws = math.comb(num_samples, k)
    return (num_draws - math.comb(num_samples - num_right, k)) / num_draws


def avg_at_k(rewards: Sequence[float]) -> float:
    """Mean reward of the k samples of one problem.

    Raises:
        ValueError: no sample.
    """
    if not rewards:
        raise ValueError("avg@k needs at least one sample")
    return math.fsum(rewards) / len(rewards)


def maj_at_k(
    answers: Sequence[str | None],
    rewards: Sequence[float],
    same: Callable[[str, str], bool] = operator.eq,
) -> float:
    """Reward of the answer that most of the k samples gave.

    Answers that `same` calls equal form a class; a class is worth the mean reward of its members. When
    several classes lead, each is as likely to be picked, so their worth is averaged: the order of the samples
    never matters.

    Args:
        answers: the k final answers; None, for a sample without one, has no vote.
        rewards: their k rewards.
        same: whether two answers mean the same, as 1/2 and 0.5 do; must be an equivalence.

    Returns:
        Expected reward of the vote; 0.0 when no sample has an answer.

    Raises:
        ValueError: answers and rewards differ in number, or there are none.

    >>> maj_at_k(["7", "7", "8", None], [1.0, 1.0, 0.0, 0.0])
    1.0
    >>> maj_at_k(["7", "8"], [1.0, 0.0])
    0.5
    """
    if not answers or len(answers) != len(rewards):
        raise ValueError(f"maj@k needs as many rewards as answers: {len(rewards)} and {len(answers)}")
    classes: list[tuple[str, list[float]]] = []
    for answer, reward in zip(answers, rewards, strict=True):
        if answer is None:
            continue
        found = next((members for first, members in classes if same(first, answer)), None)
        if found is None:
            classes.append((answer, [reward]))
        else:
            found.append(reward)
    if not classes:
        return 0.0
    most = max(len(members) for _, members in classes)
    return avg_at_k([avg_at_k(members) for _, members in classes if len(members) == most])
