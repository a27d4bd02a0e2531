"""The MAGIC loss on tokens: clipped surrogate, entropy bonus, KL term, truncated importance weights.

Pure functions on flat tensors. The denominators are those of the whole minibatch, known before its first
backward pass, so that the losses of its microbatches, however it is split, add up to its loss.

Shape legend: N response tokens of one microbatch, S sequences of one minibatch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal

import torch
from torch import Tensor

from or1.config import LossConfig
from or1.types import TokenStatistics


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBatch:
    """Inputs of the loss for N response tokens, besides log-probs and entropy of the policy."""

    advantages_N: Tensor
    """Advantage of each token's rollout [dimensionless]."""
    weights_N: Tensor
    """Weight of each token in the minibatch mean (see `token_weights`)."""
    behavior_logprobs_N: Tensor
    """As the engine recorded them while sampling [nats]."""
    old_logprobs_N: Tensor | None = None
    """The trainer's log-probs before the step's first update [nats]; None = this forward pass is that one."""
    reference_logprobs_N: Tensor | None = None
    """Of the reference model [nats]; None = no KL term."""

    def map(self, function: Callable[[Tensor], Tensor]) -> TokenBatch:
        """The batch with this function of each tensor that it has."""
        changed = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{name: function(x) for name, x in changed.items() if x is not None})


@dataclass(frozen=True, slots=True, kw_only=True)
class LossSums(TokenStatistics[Tensor]):
    """Sums over tokens, added over microbatches before they are divided: 0-dim float64, no gradient.

    `loss` and `policy_loss` are weighted by `TokenBatch.weights_N`, the others are plain sums or maxima.
    """

    kl_to_reference: Tensor
    """[nats]; 0 without a reference."""
    num_tokens: Tensor

    def __add__(self, other: LossSums) -> LossSums:
        """Sums add; the `_max` fields take the larger."""
        combined = {}
        for item in fields(self):
            combine = torch.maximum if item.name.endswith("_max") else torch.add
            combined[item.name] = combine(getattr(self, item.name), getattr(other, item.name))
        return LossSums(**combined)

    def mean(self, name: str) -> float:
        """A plain sum divided by the number of tokens; a maximum as it is."""
        value: Tensor = getattr(self, name)
        return (value if name.endswith("_max") else value / self.num_tokens).item()


def token_weights(response_lengths_S: Sequence[int], average: Literal["token", "sequence"]) -> list[float]:
    """Weight of one token of each sequence: the weighted sum over all tokens is the mean named by `average`.

    Args:
        response_lengths_S: response tokens of every sequence of the whole minibatch, each >= 1.
        average: token = 1 / total tokens for all; sequence = 1 / (length * number of sequences).

    Returns:
        S weights; times the lengths they sum to 1.

    Source: token: arXiv 2505.22312 eq. 3.1; sequence: GRPO, arXiv 2402.03300 eq. 3.

    >>> token_weights((3, 1), "token")
    [0.25, 0.25]
    >>> token_weights((4, 1), "sequence")
    [0.125, 0.5]
    """
    if min(response_lengths_S) < 1:
        raise ValueError("a sequence without response tokens has no mean")
    if average == "token":
        return [1.0 / sum(response_lengths_S)] * len(response_lengths_S)
    return [1.0 / (length * len(response_lengths_S)) for length in response_lengths_S]


def token_loss(
    logprobs_N: Tensor, entropy_N: Tensor, batch: TokenBatch, config: LossConfig, alpha: float
) -> tuple[Tensor, LossSums]:
    """sum_t weight_t * (-min(ratio A, clip(ratio) A) * w - alpha H + beta KL).

    ratio = exp(logprobs - old), w = min(exp(old - behavior), importance_cap) without gradient; with
    `ratio_to = "behavior"` ratio = exp(logprobs - behavior) and w = 1.

    Args:
        logprobs_N: current policy, with gradient [nats].
        entropy_N: exact, with gradient when alpha is not 0 [nats].
        batch: the tokens' other numbers.
        config: clip range, KL, importance correction.
        alpha: entropy bonus of the step [dimensionless].

    Returns:
        (loss with gradient, sums for the report). The loss does not touch entropy_N when alpha is 0.

    Source: arXiv 2505.22312 eq. 3.1.
    """
    old_N = logprobs_N.detach() if batch.old_logprobs_N is None else batch.old_logprobs_N
    base_N = batch.behavior_logprobs_N if config.ratio_to == "behavior" else old_N
    surrogate_N, ratio_N, is_clipped_N = clipped_surrogate(
        logprobs_N - base_N, batch.advantages_N, config.clip_low, config.clip_high
    )
    if config.importance_cap is not None:
        surrogate_N = surrogate_N * importance_weights(
            old_N, batch.behavior_logprobs_N, config.importance_cap
        )
    policy_N = -surrogate_N
    total_N = policy_N
    if alpha != 0.0:
        total_N = total_N - alpha * entropy_N
    kl_sum = logprobs_N.new_zeros((), dtype=torch.float64)
    if batch.reference_logprobs_N is not None:
        kl_N = kl_estimate(logprobs_N, batch.reference_logprobs_N, config.kl_estimator)
        total_N = total_N + config.kl_coefficient * kl_N
        kl_sum = kl_N.detach().double().sum()
    loss = (total_N * batch.weights_N).sum()
    mismatch_N = (old_N - batch.behavior_logprobs_N).double()
    sums = LossSums(
        loss=loss.detach().double(),
        policy_loss=(policy_N.detach() * batch.weights_N).double().sum(),
        entropy=entropy_N.detach().double().sum(),
        kl_to_reference=kl_sum,
        clip_fraction=is_clipped_N.double().sum(),
        ratio_mean=ratio_N.double().sum(),
        ratio_max=ratio_N.double().max(),
        mismatch_kl=k3(mismatch_N).sum(),
        mismatch_max=mismatch_N.abs().max(),
        num_tokens=mismatch_N.new_tensor(float(mismatch_N.numel())),
    )
    return loss, sums


def clipped_surrogate(
    log_ratio_N: Tensor, advantages_N: Tensor, clip_low: float, clip_high: float
) -> tuple[Tensor, Tensor, Tensor]:
    """min(ratio * A, clip(ratio, 1 - clip_low, 1 + clip_high) * A).

    A clipped token has no gradient, even where its ratio overflows.

    Returns:
        (surrogate [N], ratio [N] without gradient, whether the clipped term is the one used [N]).
    """
    ratio_N = log_ratio_N.detach().exp()
    too_high_N = (advantages_N > 0) & (ratio_N > 1 + clip_high)
    too_low_N = (advantages_N < 0) & (ratio_N < 1 - clip_low)
    is_clipped_N = too_high_N | too_low_N
    free_N = log_ratio_N.masked_fill(is_clipped_N, 0.0).exp()
    bound_N = torch.where(too_high_N, free_N.new_tensor(1 + clip_high), free_N.new_tensor(1 - clip_low))
    return torch.where(is_clipped_N, bound_N, free_N) * advantages_N, ratio_N, is_clipped_N


def importance_weights(old_N: Tensor, behavior_N: Tensor, cap: float) -> Tensor:
    """min(exp(old - behavior), cap), without gradient: the tokens were drawn by the engine, not by `old`.

    Source: F. Yao et al., "Your efficient RL framework secretly brings you off-policy RL training", 2025.
    """
    return (old_N - behavior_N).detach().exp().clamp(max=cap)


def kl_estimate(logprobs_N: Tensor, reference_N: Tensor, estimator: Literal["k2", "k3"]) -> Tensor:
    """Per-token estimate of KL(policy || reference) from tokens of the policy [nats], differentiable.

    With r = reference / policy: k3 = r - 1 - log r, never negative, unbiased, with the gradient of
    KL(reference || policy); k2 = (log r)^2 / 2, with the gradient of KL(policy || reference). The log ratio
    itself has no gradient on average.

    Source: J. Schulman, "Approximating KL divergence", 2020.
    """
    if estimator == "k2":
        return (logprobs_N - reference_N) ** 2 / 2
    return k3(reference_N - logprobs_N)


def k3(log_ratio_N: Tensor) -> Tensor:
    """exp(x) - 1 - x, without cancellation near 0."""
    return torch.expm1(log_ratio_N) - log_ratio_N
