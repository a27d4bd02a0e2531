"""Intervals: worked numbers, edges, and whether they cover what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1.evals import mean_interval, paired_difference, pass_at_k_curve
from or1.evals.statistics import Estimate, harmonic_mean, rerun_difference, run_interval, t_quantile

SCORES = st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=40)


def test_worked_interval() -> None:
    # eight problems, five right in their one sample; with a quarter at each end 5.25 of 8.5 are right,
    # and the variance of eight problems among them is 5.25 * (1 - 5.25 / 8.5) / 7.5 / 8
    scores = [1.0] * 5 + [0.0] * 3
    estimate = mean_interval(scores, num_samples=8)
    effective, t = 120 / 17, 2.364624
    share = 5.25 / 8.5
    assert pytest.approx(effective) == share * (1 - share) / (5.25 * (1 - share) / 7.5 / 8)
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


@pytest.mark.parametrize(
    ("num_problems", "k", "mean", "concentration"),
    [(30, 32, 0.06, 1.0), (30, 32, 0.06, 0.3), (30, 32, 0.03, 1.0), (64, 4, 0.03, 1.0), (30, 32, 0.9, 1.0)],
)
def test_coverage_of_skewed_scores(num_problems: int, k: int, mean: float, concentration: float) -> None:
    """A few problems make the mean. Without the quarters at both ends the cover is 83 to 92 %."""
    rng = np.random.default_rng(21)
    chances = rng.beta(mean * concentration, (1 - mean) * concentration, (4_000, num_problems))
    trials = rng.binomial(k, chances) / k
    estimates = [mean_interval(trial.tolist(), num_problems * k) for trial in trials]
    assert 0.94 <= sum(e.low <= mean <= e.high for e in estimates) / 4_000 <= 0.98


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


def test_worked_run_interval() -> None:
    # p = 1/2, 1, 0 of two samples each: variances of the means 1/4, 0, 0, so of the score 1/4 / 9 = 1/36;
    # 1/4 / (1/36) = 9 independent answers, and 2 degrees of freedom (2 V^2 / sum v^2 = 2; one spread: 1)
    estimate = run_interval([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    effective, t = 9.0, t_quantile(2)
    shrink = 1 + t * t / effective
    half = t / shrink * math.sqrt(0.25 / effective + t * t / (4 * effective**2))
    assert estimate.mean == 0.5
    assert (estimate.low, estimate.high) == pytest.approx((0.5 - half, 0.5 + half))


def test_a_run_interval_knows_nothing_of_other_problems() -> None:
    # ten problems always right, ten never: sampled again they give the same, on other problems they may not
    rewards = [[1.0] * 32] * 10 + [[0.0] * 32] * 10
    run = run_interval(rewards)
    problems = mean_interval([1.0] * 10 + [0.0] * 10, num_samples=640)
    assert run.high - run.low < 0.1 < 0.4 < problems.high - problems.low


def test_single_samples_show_no_spread_and_are_bounded() -> None:
    rewards = [[1.0]] * 12 + [[0.0]] * 8
    estimate = run_interval(rewards)
    assert estimate.low < 0.6 - 1.9 * math.sqrt(0.6 * 0.4 / 20) * 0.9
    with pytest.raises(ValueError, match="at least one problem"):
        run_interval([])


def test_all_right_is_not_certainty_when_sampled_again_either() -> None:
    estimate = run_interval([[1.0] * 4] * 30)
    assert estimate.high == 1.0
    # a mean of 1 - 0.0442 gives 120 right ones in one of 200 runs
    assert estimate.low == pytest.approx(1.0 + math.log(0.005) / 120)
    assert (1.0 - 0.0442) ** 120 < 0.005


@given(st.integers(1, 40), st.integers(2, 32), st.integers(2, 8))
def test_more_samples_that_all_agree_never_say_less(num_problems: int, k: int, times: int) -> None:
    few, many = (run_interval([[0.0] * n] * num_problems) for n in (k, k * times))
    assert 0.0 < many.high <= few.high
    assert many.high < 1.0 or many == few


def test_no_spread_at_all_is_no_certainty_of_a_difference() -> None:
    lost, won = [[0.0] * 4] * 30, [[1.0] * 4] * 30
    reach = -math.log(0.005) / 120
    same, better = rerun_difference(lost, lost), rerun_difference(lost, won)
    assert same is not None
    assert better is not None
    # only what can move is counted: a mean of 0 goes up, not down
    assert (same.low, same.high) == pytest.approx((-reach, reach))
    assert (better.low, better.high) == pytest.approx((1.0 - math.sqrt(2) * reach, 1.0))
    # the same on 30 problems: up to 12.3 % of problems may differ and not be among them
    other = paired_difference([0.0] * 30, [0.0] * 30)
    assert (other.mean, other.high) == (0.0, pytest.approx(-math.log(0.025) / 30))


@given(st.lists(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=6), min_size=1, max_size=12))
def test_a_run_interval_holds_the_score(rewards: list[list[float]]) -> None:
    estimate = run_interval(rewards)
    assert 0.0 <= estimate.low <= estimate.mean <= estimate.high <= 1.0
    assert estimate.mean == pytest.approx(sum(sum(r) / len(r) for r in rewards) / len(rewards))


@pytest.mark.parametrize(
    ("num_problems", "k", "alpha", "beta"),
    [(30, 32, 0.8, 0.4), (30, 4, 0.8, 0.4), (60, 8, 0.5, 0.5), (100, 4, 0.3, 0.7), (279, 4, 0.5, 0.5)],
)
def test_coverage_when_the_same_problems_are_sampled_again(
    num_problems: int, k: int, alpha: float, beta: float
) -> None:
    """Problems fixed, samples drawn again: their mean chance is inside in 94 to 96 % of trials."""
    rng = np.random.default_rng(21)
    chances = rng.beta(alpha, beta, num_problems)
    num_right = rng.binomial(k, chances, (NUM_TRIALS // 2, num_problems)).tolist()
    rows = {c: [1.0] * c + [0.0] * (k - c) for c in range(k + 1)}
    estimates = [run_interval([rows[c] for c in trial]) for trial in num_right]
    covered = sum(e.low <= chances.mean() <= e.high for e in estimates) / len(estimates)
    assert 0.94 <= covered <= 0.96
    # an interval over problems, put to this use, is far too wide
    wide = [mean_interval([c / k for c in trial], num_problems * k) for trial in num_right[:500]]
    assert sum(e.low <= chances.mean() <= e.high for e in wide) / 500 > 0.97


def test_differences_when_both_are_sampled_again() -> None:
    sides = [[1.0, 0.0], [1.0, 1.0]], [[1.0, 0.0], [0.0, 0.0]]
    found, (before, after) = rerun_difference(*sides), map(run_interval, sides)
    assert found is not None
    # 0.25 - 0.75; lowest where the first is high and the second low
    down = math.hypot(before.high - 0.75, 0.25 - after.low)
    up = math.hypot(0.75 - before.low, after.high - 0.25)
    assert (found.mean, found.low, found.high) == pytest.approx((-0.5, -0.5 - down, -0.5 + up))
    assert rerun_difference([[1.0]], [[0.0]]) is None
    with pytest.raises(ValueError, match="same problems"):
        rerun_difference([[1.0, 0.0]], [])


def test_differences_cover_when_both_are_sampled_again() -> None:
    rng = np.random.default_rng(5)
    chances = rng.beta(0.5, 0.5, 40) * 0.8
    covered = 0
    for _ in range(2000):
        sides = [
            (rng.random((40, 8)) < (chances + gain)[:, None]).astype(float).tolist() for gain in (0, 0.1)
        ]
        found = rerun_difference(*sides)
        assert found is not None
        covered += found.low <= 0.1 <= found.high
    assert 0.935 <= covered / 2000 <= 0.965


def test_f1_and_its_interval() -> None:
    # slopes at (0.5, 1): 2 / 1.5^2 = 8/9 and 0.5 / 1.5^2 = 2/9
    estimate = harmonic_mean(Estimate(0.5, 0.4, 0.7), Estimate(1.0, 0.7, 1.0))
    assert estimate.mean == pytest.approx(2 / 3)
    assert estimate.low == pytest.approx(2 / 3 - math.hypot(8 / 9 * 0.1, 2 / 9 * 0.3))
    assert estimate.high == pytest.approx(2 / 3 + 8 / 9 * 0.2)


def test_coverage_of_f1() -> None:
    rng = np.random.default_rng(9)
    truth = 2 * 0.45 * 0.8 / 1.25
    covered = 0
    for _ in range(4000):
        halves = [(rng.random(n) < p).astype(float).tolist() for n, p in ((207, 0.45), (193, 0.8))]
        estimate = harmonic_mean(*(mean_interval(half, len(half)) for half in halves))
        covered += estimate.low <= truth <= estimate.high
    assert 0.94 <= covered / 4000 <= 0.96
