"""Where entropy lies and how it is predicted to change: worked numbers, and a changed distribution."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1.algo.diagnostics import (
    carrying_share,
    deciles,
    mean_by_class,
    predicted_change,
    support,
    token_entropies,
)
from or1.testing import make_group, make_problem, make_rollout
from or1.types import Float32, Group


def entropy_of(logits: np.ndarray) -> float:
    p = np.exp(logits) / np.exp(logits).sum()
    return float(-(p * np.log(p)).sum())


def sampled(
    p: list[float], advantages: list[float], *, exact: bool = True, copies: int = 100
) -> tuple[list[Group], list[Float32]]:
    """Each token of one state as often as its probability says, one token a rollout."""
    entropy = entropy_of(np.log(p)) if exact else None
    problem = make_problem()
    drawn = [a for a, share in enumerate(p) for _ in range(round(share * copies))]
    rollouts = tuple(
        make_rollout(problem, index, num_tokens=1, logprob=float(np.log(p[a])), entropy=entropy)
        for index, a in enumerate(drawn)
    )
    return [Group(problem=problem, rollouts=rollouts)], [np.array([advantages[a] for a in drawn], np.float32)]


def test_the_worked_number() -> None:
    """Cov(log p, A) = 0.8 * 0.2 * (log 0.8 - log 0.2) = 0.22181 for A = (1, 0)."""
    for exact in (True, False):
        policy, bonus = predicted_change(*sampled([0.8, 0.2], [1.0, 0.0], exact=exact), alpha=0.0) or (0, 0)
        assert policy == pytest.approx(-0.22181, abs=1e-5)  # not -0.178, which is the mean of A log p
        assert bonus == 0.0


@given(
    shares=st.lists(st.integers(1, 20), min_size=2, max_size=5),
    advantages=st.lists(st.floats(-2, 2, width=32), min_size=5, max_size=5),
    alpha=st.floats(0, 2),
)
def test_the_prediction_is_the_change_of_a_small_step(
    shares: list[int], advantages: list[float], alpha: float
) -> None:
    """One natural-gradient step of 1e-4 on the logits of one state, entropy computed before and after."""
    p = [share / sum(shares) for share in shares]
    chosen = advantages[: len(p)]
    terms = predicted_change(*sampled(p, chosen, copies=sum(shares)), alpha)
    assert terms is not None
    logits, eta = np.log(p), 1e-4
    after = logits + eta * (np.array(chosen) - alpha * logits)
    measured = (entropy_of(after) - entropy_of(logits)) / eta
    assert sum(terms) == pytest.approx(measured, abs=0.01)


def test_states_of_different_entropy_add_nothing_where_the_entropy_is_exact() -> None:
    """Two states without choice between likely and unlikely tokens: their difference predicts nothing."""
    problem = make_problem()
    uniform = [(2, 1.0), (8, -1.0)]
    rollouts = tuple(
        make_rollout(problem, i, num_tokens=1, logprob=float(-np.log(n)), entropy=float(np.log(n)))
        for i, (n, _) in enumerate(uniform)
    )
    groups, advantages = [Group(problem=problem, rollouts=rollouts)], [np.array([1.0, -1.0], np.float32)]
    assert predicted_change(groups, advantages, alpha=1.0) == pytest.approx((0.0, 0.0), abs=1e-6)


def test_every_token_weighs_the_same() -> None:
    """A = 1 on one token at -1, A = -1 on three at -0.2; exact entropy 0.5, so x = -0.5 and 0.3."""
    group = make_group([1.0, 0.0], num_tokens=[1, 3], entropy=0.5)
    logprobs = (np.array([-1.0], np.float32), np.full(3, -0.2, np.float32))
    rollouts = tuple(replace(r, behavior_logprobs=p) for r, p in zip(group.rollouts, logprobs, strict=True))
    terms = predicted_change(
        [replace(group, rollouts=rollouts)], [np.array([1.0, -1.0], np.float32)], alpha=2.0
    )
    # -((1)(-0.5) + 3 (-1)(0.3)) / 4; a mean over rollouts would give 0.4
    assert terms == pytest.approx((0.35, 2 * (0.25 + 3 * 0.09) / 4), abs=1e-6)


def test_without_a_token_nothing_is_predicted() -> None:
    assert predicted_change([], [], 0.1) is None
    empty = make_group([1.0, 0.0], num_tokens=0)
    assert predicted_change([empty], [np.array([1.0, -1.0], np.float32)], 0.1) is None


def test_exact_and_sampled_entropies_are_not_mixed() -> None:
    exact, sampled_only = make_rollout(num_tokens=2, entropy=0.7), make_rollout(num_tokens=1, entropy=None)
    assert token_entropies([exact]) == pytest.approx([0.7, 0.7])
    assert token_entropies([exact, sampled_only]) == pytest.approx([0.5, 0.5, 0.5])


def test_positions_are_tenths_of_their_own_response() -> None:
    positions_T = deciles([20, 2])
    assert positions_T.tolist() == [*(i // 2 for i in range(20)), 0, 5]
    values = mean_by_class(np.array([1.0] * 20 + [3.0, 1.0]), positions_T, 10)
    assert values[0] == pytest.approx(5 / 3)  # not 2: tokens weigh the same, not responses
    assert mean_by_class(np.array([1.0]), deciles([1]), 10)[1:] == [None] * 9


@pytest.mark.parametrize(
    ("entropies", "expected"),
    [([8.0, 1.0, 1.0], 1 / 3), ([7.9, 1.1, 1.0], 2 / 3), ([1.0] * 5, 0.8), ([0.1] * 10, 0.8)],
)
def test_the_share_that_carries_80_percent(entropies: list[float], expected: float) -> None:
    assert carrying_share(np.array(entropies)) == pytest.approx(expected)


def test_no_share_without_entropy() -> None:
    assert carrying_share(np.zeros(3)) is None
    assert carrying_share(np.zeros(0)) is None


def test_support_is_unbiased_and_over_powers_of_two() -> None:
    groups = [make_group([1.0, 0.0, 0.0, 0.0]), make_group([0.0, 0.0, 0.0, 0.0, None])]
    found = support(groups)
    # 1 of 4: 1/4, then 1/2, then 1; the biased 1 - (1 - c/n)^2 would give 7/32 for k = 2
    assert found == {"1": 0.125, "2": 0.25, "4": 0.5}
    assert support([make_group([1.0, None])]) == {}
