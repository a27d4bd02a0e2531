"""Worked numbers of the loss, each beside what a likely bug would give.

Shape legend: N response tokens of a microbatch, S sequences.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from or1.algo.loss import (
    LossSums,
    TokenBatch,
    clipped_surrogate,
    importance_weights,
    k3,
    kl_estimate,
    token_loss,
    token_weights,
)
from or1.config import LossConfig


def f64(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def make_batch(num_tokens: int, **changes: Any) -> TokenBatch:
    fields: dict[str, Any] = {
        "advantages_N": torch.ones(num_tokens, dtype=torch.float64),
        "weights_N": torch.full((num_tokens,), 1 / num_tokens, dtype=torch.float64),
        "behavior_logprobs_N": torch.zeros(num_tokens, dtype=torch.float64),
    }
    return TokenBatch(**(fields | changes))


@pytest.mark.parametrize(("average", "expected"), [("token", -1.875), ("sequence", -2.25)])
def test_token_mean_and_sequence_mean(average: Any, expected: float) -> None:
    # Three tokens with A = 1.5 and one with A = 3.0 at ratio 1. (3 * 1.5 + 3.0) / 4 = 1.875; (1.5 + 3.0) / 2
    # = 2.25. Exchanging the two averages exchanges the two numbers.
    per_sequence = token_weights((3, 1), average)
    batch = make_batch(
        4,
        advantages_N=f64(1.5, 1.5, 1.5, 3.0),
        weights_N=f64(*[per_sequence[0]] * 3, per_sequence[1]),
    )
    loss, sums = token_loss(f64(-1.0, -2.0, -0.5, -0.1), f64(0, 0, 0, 0), batch, LossConfig(), 0.0)
    assert loss.item() == expected
    assert sums.loss.item() == sums.policy_loss.item() == expected


CLIP_CASES = [
    # ratio, A, surrogate, clipped?, what a symmetric clip of 0.2 / a maximum instead of the minimum would
    # give
    (1.25, 1.0, 1.25, False),  # inside clip-higher 0.28; a symmetric clip would give 1.2
    (1.5, 1.0, 1.28, True),  # the maximum would give 1.5
    (0.5, 1.0, 0.5, False),  # A > 0 below the range is not clipped; clipping both ways would give 0.8
    (0.5, -1.0, -0.8, True),  # the maximum would give -0.5
    (0.85, -1.0, -0.85, False),
    (1.5, -1.0, -1.5, False),  # A < 0 above the range keeps its full gradient; clipping both ways gives -1.28
    (1.5, 0.0, 0.0, False),  # no advantage, nothing to clip: counting |ratio - 1| > eps would count it
]


@pytest.mark.parametrize(("ratio", "advantage", "surrogate", "clipped"), CLIP_CASES)
def test_clip(ratio: float, advantage: float, surrogate: float, clipped: bool) -> None:
    log_ratio_N = f64(math.log(ratio)).requires_grad_(True)
    value_N, ratio_N, is_clipped_N = clipped_surrogate(log_ratio_N, f64(advantage), 0.2, 0.28)
    (grad,) = torch.autograd.grad(value_N.sum(), (log_ratio_N,))
    assert value_N.item() == pytest.approx(surrogate, abs=1e-12)
    assert ratio_N.item() == pytest.approx(ratio, abs=1e-12)
    assert is_clipped_N.item() is clipped
    # d(ratio A)/d(log ratio) = ratio A; a clipped token has none.
    assert grad.item() == pytest.approx(0.0 if clipped else ratio * advantage, abs=1e-12)


def test_on_policy_gradient_is_the_plain_policy_gradient() -> None:
    # At ratio 1 the minimum has a tie; the gradient must be A, not A / 2 and not 2 A.
    logprobs_N = f64(-1.0).requires_grad_(True)
    loss, _ = token_loss(logprobs_N, f64(0.5), make_batch(1, advantages_N=f64(3.0)), LossConfig(), 0.0)
    (grad,) = torch.autograd.grad(loss, (logprobs_N,))
    assert grad.item() == -3.0


def test_overflowing_ratio_of_a_clipped_token_leaves_no_nan() -> None:
    log_ratio_N = f64(1000.0).requires_grad_(True)
    value_N, _, _ = clipped_surrogate(log_ratio_N, f64(1.0), 0.2, 0.2)
    (grad,) = torch.autograd.grad(value_N.sum(), (log_ratio_N,))
    assert (value_N.item(), grad.item()) == (1.2, 0.0)


def test_entropy_bonus_lowers_the_loss_with_the_same_denominator() -> None:
    # Two tokens of entropy 0.4 and 0.2, alpha 0.5: -1 - 0.5 * 0.3 = -1.15. The wrong sign gives -0.85; a sum
    # in place of the mean -1.30.
    entropy_N = f64(0.4, 0.2).requires_grad_(True)
    loss, sums = token_loss(f64(-1.0, -1.0), entropy_N, make_batch(2), LossConfig(), 0.5)
    (grad,) = torch.autograd.grad(loss, (entropy_N,))
    assert loss.item() == pytest.approx(-1.15)
    assert grad.tolist() == [-0.25, -0.25]
    assert sums.entropy.item() == pytest.approx(0.6)
    assert sums.policy_loss.item() == -1.0


def test_without_alpha_entropy_is_measured_but_not_trained() -> None:
    entropy_N = f64(0.4).requires_grad_(True)
    logprobs_N = f64(-1.0).requires_grad_(True)
    loss, sums = token_loss(logprobs_N, entropy_N, make_batch(1), LossConfig(), 0.0)
    grads = torch.autograd.grad(loss, (logprobs_N, entropy_N), allow_unused=True)
    assert grads[1] is None
    assert sums.entropy.item() == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("estimator", "value", "slope"),
    [("k2", math.log(2) ** 2 / 2, -math.log(2)), ("k3", 1 - math.log(2), -1.0)],
)
def test_kl_estimates(estimator: Any, value: float, slope: float) -> None:
    # policy 1/4, reference 1/2: log(policy / reference) = -ln 2 = -0.693, so k2 = 0.240 with slope -0.693,
    # where the log ratio would have -0.693 with slope 1; r = 2, so k3 = 2 - 1 - ln 2 = 0.307
    # with slope 1 - r = -1. With r upside down k3 would be 0.193 with slope 0.5.
    logprobs_N = f64(math.log(0.25)).requires_grad_(True)
    kl_N = kl_estimate(logprobs_N, f64(math.log(0.5)), estimator)
    (grad,) = torch.autograd.grad(kl_N.sum(), (logprobs_N,))
    assert kl_N.item() == pytest.approx(value, abs=1e-12)
    assert grad.item() == pytest.approx(slope, abs=1e-12)


@pytest.mark.parametrize(("estimator", "divergence"), [("k2", "of policy"), ("k3", "of reference")])
def test_the_expected_gradient_of_each_estimate_is_that_of_a_divergence(
    estimator: Any, divergence: str
) -> None:
    """Over all tokens of a distribution, with tokens of the policy. That of the log ratio would be 0."""
    generator = torch.Generator().manual_seed(0)
    logits, other = (torch.randn(6, generator=generator, dtype=torch.float64) for _ in range(2))
    logits.requires_grad_(True)
    policy, reference = logits.log_softmax(0), other.log_softmax(0)
    estimate = (policy.detach().exp() * kl_estimate(policy, reference, estimator)).sum()
    exact = {
        "of policy": (policy.exp() * (policy - reference)).sum(),
        "of reference": (reference.exp() * (reference - policy)).sum(),
    }[divergence]
    (found,) = torch.autograd.grad(estimate, (logits,), retain_graph=True)
    (expected,) = torch.autograd.grad(exact, (logits,))
    assert found.abs().max() > 0.05
    assert torch.allclose(found, expected, atol=1e-12)


def test_kl_term_raises_the_loss() -> None:
    # beta 0.1 times k3 0.30685 on top of the policy term -1: -0.969; the wrong sign gives -1.031.
    batch = make_batch(1, reference_logprobs_N=f64(math.log(0.5)))
    loss, sums = token_loss(f64(math.log(0.25)), f64(0.0), batch, LossConfig(kl_coefficient=0.1), 0.0)
    assert loss.item() == pytest.approx(-1 + 0.1 * (1 - math.log(2)))
    assert sums.kl_to_reference.item() == pytest.approx(1 - math.log(2))


def test_importance_weights_are_capped_and_without_gradient() -> None:
    # old / behavior = e^0.5 = 1.649 and e^1 = 2.718 with cap 2 -> 1.649 and 2. Upside down: 0.607 and 0.368.
    old_N = f64(-0.5, -1.0).requires_grad_(True)
    weights_N = importance_weights(old_N, f64(-1.0, -2.0), 2.0)
    assert not weights_N.requires_grad
    assert weights_N.tolist() == pytest.approx([math.exp(0.5), 2.0])


def test_importance_weights_scale_the_policy_term_only() -> None:
    # w = 2 (capped), A = 1, alpha 0.5, H 0.4: -2 - 0.2 = -2.2. Weighting the bonus too would give -2.4.
    batch = make_batch(1, behavior_logprobs_N=f64(-3.0))
    loss, sums = token_loss(f64(-1.0), f64(0.4), batch, LossConfig(importance_cap=2.0), 0.5)
    assert loss.item() == pytest.approx(-2.2)
    assert sums.policy_loss.item() == pytest.approx(-2.0)


def test_ratio_is_to_the_old_and_mismatch_to_the_behavior_logprobs() -> None:
    # Current -1.0, old -1.1, behavior -1.3: ratio e^0.1 = 1.105 (to the behavior it would be e^0.3 = 1.350);
    # mismatch of old and behavior: x = 0.2, k3 = e^0.2 - 1 - 0.2 = 0.0214 (of the current policy: 0.0499).
    batch = make_batch(1, behavior_logprobs_N=f64(-1.3), old_logprobs_N=f64(-1.1))
    _, sums = token_loss(f64(-1.0), f64(0.0), batch, LossConfig(), 0.0)
    assert sums.ratio_mean.item() == pytest.approx(math.exp(0.1))
    assert sums.ratio_max.item() == pytest.approx(math.exp(0.1))
    assert sums.mismatch_kl.item() == pytest.approx(math.exp(0.2) - 1.2, abs=1e-12)
    assert sums.mismatch_max.item() == pytest.approx(0.2)


def test_the_ratio_to_the_behavior_policy_bounds_the_drift_since_the_sampling() -> None:
    # One update a step, so the ratio to old is 1. Token 1: behavior -1.3, current -1.0: e^0.3 = 1.350 is
    # above 1.2 and A = 1, so 1.2 without gradient. Token 2: behavior -1.1: e^0.1 = 1.105 with gradient.
    # To old: -2 and gradient at both. With w beside the ratio, token 2 would count e^0.2 = 1.221.
    batch = make_batch(2, behavior_logprobs_N=f64(-1.3, -1.1))
    logprobs_N = f64(-1.0, -1.0).requires_grad_(True)
    weight = batch.weights_N[0].item()
    loss, sums = token_loss(logprobs_N, f64(0.0, 0.0), batch, LossConfig(ratio_to="behavior"), 0.0)
    loss.backward()
    assert loss.item() == pytest.approx(-weight * (1.2 + math.exp(0.1)))
    assert logprobs_N.grad is not None
    assert logprobs_N.grad.tolist() == pytest.approx([0.0, -weight * math.exp(0.1)])
    assert sums.clip_fraction.item() == 1.0
    assert sums.mismatch_max.item() == pytest.approx(0.3)


def test_one_correction_for_tokens_of_another_policy() -> None:
    with pytest.raises(ValidationError, match="leave importance_cap out"):
        LossConfig(ratio_to="behavior", importance_cap=2.0)


def test_k3_keeps_its_digits_near_zero() -> None:
    # x^2 / 2 for small x; exp(x) - 1 - x loses every digit at 1e-9.
    assert k3(f64(1e-6)).item() == pytest.approx(5e-13, rel=1e-3)
    assert k3(torch.tensor([1e-3])).item() == pytest.approx(5.0017e-7, rel=1e-2)


@given(
    st.lists(st.floats(-3, 3), min_size=2, max_size=12),
    st.data(),
)
@settings(max_examples=60, deadline=None)
def test_sums_of_microbatches_are_the_sums_of_the_minibatch(
    log_ratios: list[float], data: st.DataObject
) -> None:
    count = len(log_ratios)
    cut = data.draw(st.integers(1, count - 1))
    generator = torch.Generator().manual_seed(count)
    logprobs_N = torch.randn(count, generator=generator, dtype=torch.float64) - 3
    entropy_N = torch.rand(count, generator=generator, dtype=torch.float64)
    full = make_batch(
        count,
        advantages_N=torch.randn(count, generator=generator, dtype=torch.float64),
        old_logprobs_N=logprobs_N - f64(*log_ratios),
        behavior_logprobs_N=torch.randn(count, generator=generator, dtype=torch.float64) - 3,
        reference_logprobs_N=torch.randn(count, generator=generator, dtype=torch.float64) - 3,
    )
    config = LossConfig(kl_coefficient=0.1, importance_cap=2.0, clip_high=0.28)
    loss, sums = token_loss(logprobs_N, entropy_N, full, config, 0.3)
    parts: list[tuple[Tensor, LossSums]] = [
        token_loss(logprobs_N[rows], entropy_N[rows], cut_batch(full, rows), config, 0.3)
        for rows in (slice(0, cut), slice(cut, count))
    ]
    total = parts[0][1] + parts[1][1]
    assert (parts[0][0] + parts[1][0]).item() == pytest.approx(loss.item(), rel=1e-12, abs=1e-12)
    for name in LossSums.__dataclass_fields__:
        assert getattr(total, name).item() == pytest.approx(
            getattr(sums, name).item(), rel=1e-12, abs=1e-12
        ), name


def cut_batch(batch: TokenBatch, rows: slice) -> TokenBatch:
    return TokenBatch(**{name: getattr(batch, name)[rows] for name in TokenBatch.__dataclass_fields__})


@given(st.lists(st.integers(1, 50), min_size=1, max_size=20), st.sampled_from(["token", "sequence"]))
def test_weights_of_all_tokens_sum_to_one(lengths: list[int], average: Any) -> None:
    weights_S = token_weights(lengths, average)
    assert sum(w * n for w, n in zip(weights_S, lengths, strict=True)) == pytest.approx(1.0)


def test_a_sequence_without_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="without response tokens"):
        token_weights((3, 0), "sequence")
