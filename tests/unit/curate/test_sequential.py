"""Sequential stopping: it never changes a decision, and its bounds hold what they promise."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1.curate.sequential import Fit, Plan, clopper_pearson

PLAN = Plan((4, 8, 16))
CODE = Plan((4, 8))
RATES = np.linspace(0, 1, 4001)

PLANS = [
    PLAN,
    CODE,
    Plan((16,)),
    Plan((2, 4, 8, 16)),
    Plan((4, 8, 16), min_right=2, min_wrong=3),
    Plan((4, 8, 16, 32), min_right=1, min_wrong=4),
    Plan((4, 64), min_right=2, min_wrong=2),
    Plan((4, 8, 16), confidence=0.8),
    Plan((8, 16), min_right=0),
]


def _stopped(plan: Plan, samples: tuple[bool, ...]) -> tuple[int, int]:
    """Where a plan stops on these samples, by its definition."""
    for look in plan.looks:
        if plan.fit(look, sum(samples[:look])) is not None:
            return look, sum(samples[:look])
    raise AssertionError("a plan decides at its last look")


def _by_all_samples(plan: Plan, samples: tuple[bool, ...]) -> Fit:
    """The window over all samples, as the reference has it."""
    right = sum(samples)
    if right < plan.min_right:
        return Fit.TOO_HARD
    return Fit.TOO_EASY if len(samples) - right < plan.min_wrong else Fit.FITS


@pytest.mark.parametrize("wrong", range(17))
def test_one_to_fifteen_wrong_of_sixteen_are_kept(wrong: int) -> None:
    expected = Fit.TOO_EASY if wrong == 0 else Fit.TOO_HARD if wrong == 16 else Fit.FITS
    assert PLAN.fit(16, 16 - wrong) is expected


@pytest.mark.parametrize("plan", PLANS)
def test_stopping_early_never_changes_the_decision(plan: Plan) -> None:
    if plan.num_samples <= 12:
        every = itertools.product((False, True), repeat=plan.num_samples)
    else:
        chance = np.random.default_rng(1)
        rates = np.concatenate([chance.random(2000), [0.02, 0.98] * 500, [0.0, 1.0]])
        every = (tuple(chance.random(plan.num_samples) < rate) for rate in rates)
    for samples in every:
        assert plan.fit(*_stopped(plan, samples)) is _by_all_samples(plan, samples)


def test_it_stops_as_soon_as_the_decision_is_certain_and_not_before() -> None:
    for looks, right in itertools.product(range(1, 17), range(17)):
        if right > looks:
            continue
        left = 16 - looks
        possible = {PLAN.fit(16, right + more) for more in range(left + 1)}
        decided = PLAN.fit(looks, right)
        assert possible == {decided} if decided is not None else len(possible) > 1


@pytest.mark.parametrize("plan", [CODE, Plan((2, 4, 8)), Plan((3, 7, 12), min_right=2, min_wrong=1)])
def test_orders_are_those_counted_one_by_one(plan: Plan) -> None:
    counted: dict[tuple[int, int], int] = {}
    begins_right: dict[tuple[int, int], int] = {}
    for samples in itertools.product((False, True), repeat=plan.num_samples):
        outcome = _stopped(plan, samples)
        # each order up to the stop is seen once for every continuation
        share = 2 ** (plan.num_samples - outcome[0])
        counted[outcome] = counted.get(outcome, 0) + 1
        begins_right[outcome] = begins_right.get(outcome, 0) + samples[0]
        assert counted[outcome] <= plan.num_orders[outcome] * share
    assert {o: n // 2 ** (plan.num_samples - o[0]) for o, n in counted.items()} == plan.num_orders
    for outcome, number in counted.items():
        assert plan.unbiased_rate(*outcome) == pytest.approx(begins_right[outcome] / number)


@pytest.mark.parametrize("plan", PLANS)
def test_probabilities_add_up_and_the_unbiased_rate_is_unbiased(plan: Plan) -> None:
    total, mean = np.zeros_like(RATES), np.zeros_like(RATES)
    for outcome in plan.num_orders:
        probability = plan.probability(outcome, RATES)
        total += probability
        mean += probability * plan.unbiased_rate(*outcome)
    np.testing.assert_allclose(total, 1, atol=1e-12)
    np.testing.assert_allclose(mean, RATES, atol=1e-12)


def test_the_share_of_right_samples_is_not_unbiased() -> None:
    """What anybody would compute is too high for hard problems by up to 0.059."""
    share = sum(PLAN.probability((n, c), RATES) * c / n for n, c in PLAN.num_orders)
    bias = share - RATES
    assert bias.max() == pytest.approx(0.0594, abs=1e-4)
    assert RATES[bias.argmax()] == pytest.approx(0.155, abs=0.01)
    # the same from every order of 16 samples, one by one
    mean = 0.0
    for samples in itertools.product((False, True), repeat=16):
        counted, right = _stopped(PLAN, samples)
        mean += 0.155 ** sum(samples) * 0.845 ** (16 - sum(samples)) * right / counted
    assert mean == pytest.approx(0.2144, abs=1e-4)


@pytest.mark.parametrize("plan", PLANS)
def test_every_pass_rate_is_covered_with_the_stated_confidence(plan: Plan) -> None:
    ends = np.array([end for outcome in plan.num_orders for end in plan.interval(*outcome)])
    beside = np.concatenate([ends - 1e-7, ends, ends + 1e-7]).clip(0, 1)
    assert plan.coverage(RATES).min() >= plan.confidence
    assert plan.coverage(beside).min() >= plan.confidence
    for n, c in plan.num_orders:
        low, high = plan.interval(n, c)
        assert low <= c / n <= high


@pytest.mark.parametrize("plan", [PLANS[5], PLANS[6]])
def test_intervals_for_a_fixed_number_do_not_cover(plan: Plan) -> None:
    """The likely bug: Clopper and Pearson's interval on the counts, as if nobody had looked before."""
    covered = np.zeros_like(RATES)
    for outcome in plan.num_orders:
        low, high = clopper_pearson(*outcome, 1 - plan.confidence)
        covered += plan.probability(outcome, RATES) * ((low <= RATES) & (high >= RATES))
    assert covered.min() < plan.confidence - 0.005
    assert plan.coverage(RATES).min() >= plan.confidence


def test_bounds_of_problems_that_were_never_or_always_right() -> None:
    """16 wrong of 16: (1 - p)^16 = 0.025 at p = 0.2059; nothing is lost by having looked before."""
    assert PLAN.interval(16, 0) == pytest.approx((0.0, 1 - 0.025 ** (1 / 16)))
    assert PLAN.interval(16, 16) == pytest.approx((0.025 ** (1 / 16), 1.0))
    assert CODE.interval(8, 0)[1] == pytest.approx(1 - 0.025 ** (1 / 8))
    with pytest.raises(KeyError):
        PLAN.interval(4, 0)  # nobody stops there
    with pytest.raises(KeyError):
        PLAN.unbiased_rate(5, 1)


def test_a_plan_that_looks_once_gives_the_usual_interval() -> None:
    """Against tables: 8 of 10 right, 95 %: 0.4439 to 0.9748."""
    assert Plan((10,)).interval(10, 8) == pytest.approx((0.4439, 0.9748), abs=5e-5)
    assert clopper_pearson(10, 8, 0.05) == pytest.approx((0.4439, 0.9748), abs=5e-5)


@given(st.integers(1, 64), st.data())
def test_intervals_mirror_each_other(num: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, num))
    low, high = clopper_pearson(num, right, 0.05)
    assert clopper_pearson(num, num - right, 0.05) == pytest.approx((1 - high, 1 - low), abs=1e-12)
    assert low < right / num or right == 0
    assert high > right / num or right == num
    if right > 0:
        tail = math.fsum(math.comb(num, k) * low**k * (1 - low) ** (num - k) for k in range(right, num + 1))
        assert tail == pytest.approx(0.025, abs=1e-9)


@pytest.mark.parametrize(
    ("looks", "settings"),
    [
        ((), {}),
        ((4, 4), {}),
        ((8, 4), {}),
        ((0, 4), {}),
        ((4,), {"min_right": 3, "min_wrong": 2}),
        ((4,), {"min_right": -1}),
        ((4,), {"confidence": 1.0}),
    ],
)
def test_plans_that_cannot_be_are_refused(looks: tuple[int, ...], settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"looks|samples cannot|confidence"):
        Plan(looks, **settings)  # type: ignore[arg-type]
