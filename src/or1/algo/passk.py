"""Scores over several samples of a problem: pass@k, avg@k, maj@k."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from fractions import Fraction
from statistics import fmean


def pass_at_k(num_samples: int, num_right: int, k: int) -> float:
    """Probability of a correct one among k of n samples without replacement: 1 - C(n - c, k) / C(n, k).

    This is the unbiased estimate of 1 - (1 - p)^k; that formula with c / n for p is biased low. The
    quotient of two integers is rounded once, so that large n and small probabilities are exact.

    Args:
        num_samples: n, samples judged.
        num_right: c, the correct ones.
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
    return fmean(rewards)


def maj_at_k(
    answers: Sequence[str | None],
    rewards: Sequence[float],
    same: Callable[[str, str], bool] = operator.eq,
    k: int | None = None,
) -> float:
    """Expected reward of the majority answer among k of the n samples.

    Answers that `same` calls equal form a class; a class is worth the mean reward of its members. If several
    classes are largest, their worth is averaged, so that the order of the samples does not matter. With k
    below n it is the mean over all ways to draw k of the n without replacement, exactly.

    Args:
        answers: the n final answers; None for a sample without one, which does not vote.
        rewards: their n rewards.
        same: whether two answers mean the same, as 1/2 and 0.5 do; must be an equivalence.
        k: samples that vote; None = all.

    Returns:
        Expected reward of the vote; 0 for a draw in which no sample has an answer.

    Raises:
        ValueError: answers and rewards differ in number, there are none, or unless 1 <= k <= n.

    >>> maj_at_k(["7", "7", "8", None], [1.0, 1.0, 0.0, 0.0])
    1.0
    >>> maj_at_k(["7", "8"], [1.0, 0.0])
    0.5
    >>> maj_at_k(["7", "7", "8"], [1.0, 1.0, 0.0], k=1)
    0.6666666666666666
    """
    if not answers or len(answers) != len(rewards):
        raise ValueError(f"maj@k needs as many rewards as answers: {len(rewards)} and {len(answers)}")
    k = len(answers) if k is None else k
    if not 1 <= k <= len(answers):
        raise ValueError(f"maj@{k} is not defined for {len(answers)} samples")
    classes: list[tuple[str, list[float]]] = []
    for answer, reward in zip(answers, rewards, strict=True):
        if answer is None:
            continue
        found = next((members for first, members in classes if same(first, answer)), None)
        if found is None:
            classes.append((answer, [reward]))
        else:
            found.append(reward)
    sizes = [len(members) for _, members in classes]
    worths = [Fraction(math.fsum(members)) / len(members) for _, members in classes]
    if k == len(answers):
        leading = [worth for size, worth in zip(sizes, worths, strict=True) if size == max(sizes)]
        return float(sum(leading, Fraction(0)) / max(1, len(leading)))
    num_unanswered = len(answers) - sum(sizes)
    most = min(k, max(sizes, default=0))
    total = sum(_led_with(votes, sizes, worths, num_unanswered, k) for votes in range(1, most + 1))
    return float(total / math.comb(len(answers), k))


def _led_with(
    votes: int, sizes: Sequence[int], worths: Sequence[Fraction], num_unanswered: int, k: int
) -> Fraction:
    """Sum of the vote's reward over the draws of k in which the largest classes have `votes` votes.

    Classes are added one by one. `ways` counts, by (samples drawn so far, classes with exactly `votes`), the
    draws in which no class has more; the second number is the sum over those draws of the leaders' worths.
    """
    ways: dict[tuple[int, int], tuple[int, Fraction]] = {(0, 0): (1, Fraction(0))}
    for size, worth in zip(sizes, worths, strict=True):
        extended: dict[tuple[int, int], tuple[int, Fraction]] = {}
        for (drawn, leaders), (count, worth_sum) in ways.items():
            for own in range(min(size, votes, k - drawn) + 1):
                choices = math.comb(size, own)
                key = (drawn + own, leaders + (own == votes))
                old_count, old_sum = extended.get(key, (0, Fraction(0)))
                gained = worth_sum + (count * worth if own == votes else 0)
                extended[key] = (old_count + choices * count, old_sum + choices * gained)
        ways = extended
    return sum(
        (
            math.comb(num_unanswered, k - drawn) * worth_sum / leaders
            for (drawn, leaders), (_, worth_sum) in ways.items()
            if leaders and k - drawn <= num_unanswered
        ),
        Fraction(0),
    )
