"""Where the entropy of a step lies, and how the update of the step is predicted to change it.

Shape legend: L response tokens of a rollout, T response tokens of all rollouts given.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from or1.algo.entropy import has_exact_entropy
from or1.algo.passk import pass_at_k
from or1.types import Float32, Group, Int64, Outcome, Rollout

Float64 = NDArray[np.float64]

NUM_DECILES = 10
CARRIED = 0.8
"""Share of the entropy whose tokens are counted [fraction]."""


def token_entropies(rollouts: Sequence[Rollout]) -> Float64:
    """Entropy of each token [T], in nats: exact where every rollout has it, else -log p of all of them."""
    exact = has_exact_entropy(rollouts)
    parts = [r.behavior_entropy if exact else -r.behavior_logprobs for r in rollouts]
    return np.concatenate([np.zeros(0), *(np.asarray(part, np.float64) for part in parts)])


def deciles(lengths: Sequence[int]) -> Int64:
    """Decile of each token's position in its own response [T]: floor(10 i / L) for token i (from 0) of L.

    >>> deciles([4, 1]).tolist()
    [0, 2, 5, 7, 0]
    """
    parts = [np.arange(length) * NUM_DECILES // length for length in lengths if length]
    return np.concatenate([np.zeros(0, np.int64), *parts])


def mean_by_class(values_T: Float64, classes_T: Int64, num_classes: int) -> list[float | None]:
    """Mean of the values in each class; None for a class without a token.

    >>> mean_by_class(np.array([1.0, 3.0, 5.0]), np.array([0, 0, 2]), 3)
    [2.0, None, 5.0]
    """
    counts = np.bincount(classes_T, minlength=num_classes)
    sums = np.bincount(classes_T, weights=values_T, minlength=num_classes)
    return [float(s / n) if n else None for s, n in zip(sums, counts, strict=True)]


def carrying_share(entropies_T: Float64, carried: float = CARRIED) -> float | None:
    """Smallest share of the tokens that together hold `carried` of the entropy; None without entropy.

    >>> carrying_share(np.array([0.0, 6.0, 1.0, 2.0, 1.0]))
    0.4
    """
    total = float(entropies_T.sum())
    if not total > 0:
        return None
    held = np.cumsum(np.sort(entropies_T)[::-1])
    # the last sum can miss the total, and a value on the limit the limit, by rounding
    num_needed = int(np.searchsorted(held, carried * total * (1 - 1e-12))) + 1
    return min(num_needed, len(entropies_T)) / len(entropies_T)


def predicted_change(
    kept: Sequence[Group], advantages: Sequence[Float32], alpha: float
) -> tuple[float, float] | None:
    """Change of the entropy that the step's update is predicted to make, in its two terms.

    Take the distribution p over the tokens of one state, with logits z and log p_a = z_a - logsumexp(z). With
    H = -sum_a p_a log p_a and sum_a dp_a = 0, a small change dz of the logits changes the entropy by

        dH = -sum_a dp_a log p_a = -sum_a p_a (dz_a - sum_b p_b dz_b) log p_a = -Cov_p(log p, dz).

    A step of size eta along the natural gradient of E_p[A] + alpha H is dz_a = eta (A_a - alpha log p_a),
    up to a constant. The constant has no covariance, so

        dH = eta (-Cov_p(log p, A) + alpha Var_p(log p)).

    Entropy falls where likely tokens have the larger advantages (Cui et al., arXiv 2505.22617). Tokens are
    drawn from p, so means over tokens estimate both terms. The mean of log p in a state is -H: where H is
    known exactly, x = log p + H is centred state by state, and E[x A] = Cov(log p, A), averaged over the
    states. Otherwise x = log p minus its mean over all tokens, which adds the variation between states.

    Example: p = (0.8, 0.2) and A = (1, 0). Cov = 0.16 (log 0.8 - log 0.2) = 0.2218. So eta = 0.01 predicts
    -0.00222; p becomes (0.80159, 0.19841) and the entropy goes from 0.50040 to 0.49818, a change of -0.00222.

    Args:
        kept: groups that were trained on.
        advantages: of their rollouts, for each group [M].
        alpha: entropy bonus of the step [dimensionless].

    Returns:
        policy and bonus term, in nats per unit of eta: eta is not known, since Adam's steps are not along the
        natural gradient, so that sign and proportions are predicted. None without a token.
    """
    rollouts = [r for g in kept for r in g.rollouts]
    lengths = [len(r.response_tokens) for r in rollouts]
    if not sum(lengths):
        return None
    per_rollout = np.concatenate([np.asarray(a, np.float64) for a in advantages])
    advantages_T = np.repeat(per_rollout, lengths)
    centred_T = np.concatenate([np.asarray(r.behavior_logprobs, np.float64) for r in rollouts])
    if has_exact_entropy(rollouts):
        centred_T = centred_T + token_entropies(rollouts)
    else:
        centred_T = centred_T - centred_T.mean()
        advantages_T = advantages_T - advantages_T.mean()
    policy = -float(np.mean(centred_T * advantages_T))
    return policy, alpha * float(np.mean(centred_T**2))


def support(groups: Sequence[Group]) -> dict[str, float]:
    """pass@k for k = 1, 2, 4, ... up to the smallest number of judged rollouts of a group, by k.

    The mean over groups of the unbiased estimate. If pass@1 rises while pass@k falls for a large k, the
    policy finds fewer of the solutions that it could find: its support shrinks. Groups with fewer than two
    judged rollouts are left out.
    """
    judged = [g.judged_only().rollouts for g in groups]
    counts = [(len(rs), sum(_right(r) for r in rs)) for rs in judged if len(rs) >= 2]
    largest = min((number for number, _ in counts), default=0)
    ks = [1 << power for power in range(largest.bit_length())]
    return {str(k): sum(pass_at_k(n, c, k) for n, c in counts) / len(counts) for k in ks}


def _right(rollout: Rollout) -> bool:
    return rollout.verdict is not None and rollout.verdict.outcome is Outcome.RIGHT
