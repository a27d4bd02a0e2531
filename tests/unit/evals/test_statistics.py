"""Intervals: worked numbers, edges, and whether they cover what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1.evals import mean_interval, paired_difference, pass_at_k_curve
from or1.evals.statistics import t_quantile

SCORES = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=40)


def test_worked_interval() -> None:
    # eight problems, five of them right in their one sample: mean 5/8, variance 15/64 * 8/7 over 8 problems
    scores = [1.0] * 5 + [0.0] * 3
    estimate = mean_interval(scores, num_samples=8)
    effective, t = 7.0, 2.364624
    assert pytest.approx(effective) == 0.625 * 0.375 / (15 / 56 / 8)
    shrink = 1 + t * t / effective
    centre = (0.625 + t * t / (2 * effective)) / shrink
    half = t / shrink * math.sqrt(0.625 * 0.375 / effective + t * t / (4 * effective**2))
    assert (estimate.low, estimate.high) == pytest.approx((centre - half, centre + half), rel=1e-4)
    # the plain t interval leaves [0, 1]
    assert 0.625 + t * math.sqrt(15 / 56 / 8) > 1.0


def test_an_interval_from_samples_as_if_each_were_a_problem_is_far_too_narrow() -> None:
    # ten problems always right, ten never: forty samples each add nothing to what twenty problems say
    scores = [1.0] * 10 + [0.0] * 10
    estimate = mean_interval(scores, num_samples=800)
    assert estimate.high - estimate.low > 0.4
    pooled = mean_interval([1.0] * 400 + [0.0] * 400, num_samples=800)
    assert pooled.high - pooled.low < 0.08


@pytest.mark.parametrize(("score", "low", "high"), [(1.0, 0.82031, 1.0), (0.0, 0.0, 0.17969)])
def test_all_alike_is_not_certainty(score: float, low: float, high: float) -> None:
    estimate = mean_interval([score] * 20, num_samples=80)
    assert estimate.mean == score
    # 20 / (20 + t^2) with t(19) = 2.09302; a plain t interval has no width at all
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=1e-5)


def test_equal_scores_that_binary_cannot_hold() -> None:
    # the variance of 0.1 ten times is not quite 0; taken at its word it gives an interval without width
    estimate = mean_interval([0.1] * 10, num_samples=100)
    assert estimate.high - estimate.low > 0.2


def test_no_more_answers_than_samples() -> None:
    # 19 problems at 1/2 and one at 3/4: the variance alone would claim 1,600 answers where there were 80
    estimate = mean_interval([0.5] * 19 + [0.75], num_samples=80)
    assert estimate.high - estimate.low > 2 * 2.09 * math.sqrt(0.25 / 80) * 0.95


def test_one_problem_tells_nothing() -> None:
    estimate = mean_interval([0.75], num_samples=4)
    assert (estimate.mean, estimate.low, estimate.high) == (0.75, 0.0, 1.0)


@pytest.mark.parametrize("scores", [[], [0.5, 1.5], [0.5, math.nan]])
def test_what_is_no_score_is_refused(scores: list[float]) -> None:
    with pytest.raises(ValueError, match="scores within"):
        mean_interval(scores, num_samples=4)


@given(SCORES, st.integers(min_value=1, max_value=64))
def test_the_interval_holds_the_mean_and_stays_within_0_and_1(scores: list[float], k: int) -> None:
    estimate = mean_interval(scores, num_samples=k * len(scores))
    assert 0.0 <= estimate.low <= estimate.mean <= estimate.high <= 1.0
    mirrored = mean_interval([1.0 - s for s in scores], num_samples=k * len(scores))
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((estimate.low, estimate.high), abs=1e-12)


NUM_TRIALS = 10_000
"""A coverage of 95 % is then known within 0.44 points (two standard errors)."""


@pytest.mark.parametrize(
    ("num_problems", "k", "alpha", "beta"),
    [
        (64, 4, 0.4, 0.6),
        (64, 4, 1.5, 1.5),
        (64, 4, 0.2, 1.8),
        (64, 4, 4.0, 0.4),
        (30, 32, 0.8, 0.4),
        (200, 4, 0.3, 0.7),
    ],
)
def test_coverage(num_problems: int, k: int, alpha: float, beta: float) -> None:
    """Problems from a Beta(alpha, beta), k samples each: the true mean is inside in 94 to 96 % of trials."""
    rng = np.random.default_rng(20)
    chances = rng.beta(alpha, beta, (NUM_TRIALS, num_problems))
    trials = rng.binomial(k, chances) / k
    truth = alpha / (alpha + beta)
    estimates = [mean_interval(trial.tolist(), num_problems * k) for trial in trials]
    covered = sum(e.low <= truth <= e.high for e in estimates) / NUM_TRIALS
    assert 0.94 <= covered <= 0.96


def test_paired_difference() -> None:
    # differences .5 .5 0 0: mean .25, sample variance 1/12, standard error .14434, t(3) 3.18245
    estimate = paired_difference([0.0, 0.5, 0.5, 1.0], [0.5, 1.0, 0.5, 1.0])
    half = 3.18245 * math.sqrt(1 / 12 / 4)
    assert estimate.mean == 0.25
    assert (estimate.low, estimate.high) == pytest.approx((0.25 - half, 0.25 + half), abs=1e-3)
    with pytest.raises(ValueError, match="pairs"):
        paired_difference([0.0, 1.0], [1.0])


def test_pairing_takes_the_spread_of_problems_out() -> None:
    rng = np.random.default_rng(3)
    chances = rng.beta(0.5, 0.5, (2000, 64)) * 0.9
    before = rng.binomial(4, chances) / 4
    after = rng.binomial(4, chances + 0.1) / 4
    estimates = [paired_difference(b.tolist(), a.tolist()) for b, a in zip(before, after, strict=True)]
    covered = sum(e.low <= 0.1 <= e.high for e in estimates) / len(estimates)
    assert 0.935 <= covered <= 0.965
    paired = [e.high - e.low for e in estimates]
    alone = [e.high - e.low for e in (mean_interval(b.tolist(), 256) for b in before)]
    # the difference of two scores that are not paired is sqrt(2) times as uncertain as one
    assert np.mean(paired) < 0.6 * math.sqrt(2) * np.mean(alone)


@pytest.mark.parametrize(
    ("degrees", "exact"),
    [(1, 12.7062), (2, 4.30265), (3, 3.18245), (4, 2.77645), (9, 2.26216), (63, 1.99834), (10**6, 1.95996)],
)
def test_t_quantile(degrees: int, exact: float) -> None:
    assert t_quantile(degrees) == pytest.approx(exact, rel=2e-3)
    if degrees > 8:
        assert t_quantile(degrees) == pytest.approx(exact, abs=1e-4)


def test_pass_at_k_curve() -> None:
    rewards = [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0], [0.5, 1.0]]
    # k = 1: (1/4 + 0 + 1/2) / 3; k = 2: (1/2 + 0 + 1) / 3; k = 4: the first alone; 0.5 is not right
    assert pass_at_k_curve(rewards, [1, 2, 4, 8]) == {1: 0.25, 2: 0.5, 4: 1.0}
