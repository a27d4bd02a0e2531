"""Outcomes: worked values, and planted effects by simulation."""

from __future__ import annotations

import random

import pytest

from or1.errors import ConfigError, DataError
from or1.lab.decide import (
    FindingOutcome,
    decide,
    decide_differences,
    effect_of,
    holm,
    power,
    visible_distance,
)
from or1.lab.experiment import ArmConfig, ExperimentConfig, StatisticConfig, resolve
from or1.lab.matrix import key_of_run
from or1.lab.results import differences, runs_of
from tests.unit.lab.results import finding, result

NUM_FINDINGS = 20
FAMILIES = 1500


def experiment() -> ExperimentConfig:
    arms = (ArmConfig(name="a", set={"stages.0.num_minibatches": 2}), ArmConfig(name="b"))
    return ExperimentConfig(name="e", title="t", question="q", source="s", arms=arms, steps=4)


def outcomes_of(direction: str, margin: float, *differences: list[float]) -> list[FindingOutcome]:
    findings = [finding(f"f{n}", direction, margin) for n in range(len(differences))]  # type: ignore[arg-type]
    return [each.outcome for each in decide_differences(findings, differences)]


@pytest.mark.parametrize(
    ("direction", "margin", "differences", "outcome"),
    [
        ("above", 0.1, [0.30, 0.31, 0.29], FindingOutcome.REPRODUCED),
        ("below", 0.1, [0.30, 0.31, 0.29], FindingOutcome.OPPOSITE),
        ("below", 0.1, [-0.30, -0.31, -0.29], FindingOutcome.REPRODUCED),
        ("above", 0.1, [-0.30, -0.31, -0.29], FindingOutcome.OPPOSITE),
        ("above", 0.1, [0.01, 0.0, -0.01], FindingOutcome.NOT_REPRODUCED),
        ("above", 0.0, [0.3, -0.1, 0.2], FindingOutcome.INCONCLUSIVE),
        ("same", 0.1, [0.01, 0.0, -0.01], FindingOutcome.REPRODUCED),
        ("same", 0.1, [-0.30, -0.31, -0.29], FindingOutcome.OPPOSITE),
        ("same", 0.1, [0.3, -0.1, 0.2], FindingOutcome.INCONCLUSIVE),
        ("above", 0.1, [], FindingOutcome.NOT_RUN),
        ("above", 0.1, [0.3, 0.31], FindingOutcome.TOO_FEW_SEEDS),
        ("above", 0.0, [0.25, 0.25, 0.25], FindingOutcome.INCONCLUSIVE),
    ],
)
def test_an_outcome_is_as_worked_by_hand(
    direction: str, margin: float, differences: list[float], outcome: FindingOutcome
) -> None:
    assert outcomes_of(direction, margin, differences) == [outcome]


def test_an_effect_beyond_zero_but_not_beyond_its_margin_is_not_reproduced() -> None:
    """A test against zero would say reproduced: mean 0.05, standard error 0.0058, margin 0.1."""
    assert outcomes_of("above", 0.1, [0.04, 0.05, 0.06]) == [FindingOutcome.NOT_REPRODUCED]


def test_the_effect_has_its_t_interval() -> None:
    """Mean 0.2, sd 0.1, n 3: 0.2 +- 4.3027 * 0.1 / sqrt(3); the normal interval would be +- 0.113."""
    decided = decide_differences([finding()], [[0.1, 0.2, 0.3]])[0]
    assert decided.effect is not None
    assert (decided.effect.low, decided.effect.high) == pytest.approx((-0.04841, 0.44841), abs=1e-4)
    assert decided.p_reproduced == pytest.approx(0.03710, abs=1e-4)  # t = 3.4641, 2 degrees, one side


def test_equal_differences_have_no_interval() -> None:
    """That of scores would be 0.25 +- 1, whatever the unit of the statistic."""
    assert effect_of([0.25, 0.25, 0.25]) is None


def test_findings_without_results_count_in_the_correction() -> None:
    """p = 0.037 alone is reproduced; among two findings it is 0.074."""
    differences = [0.1, 0.2, 0.3]
    assert outcomes_of("above", 0.0, differences) == [FindingOutcome.REPRODUCED]
    assert outcomes_of("above", 0.0, differences, []) == [
        FindingOutcome.INCONCLUSIVE,
        FindingOutcome.NOT_RUN,
    ]


def test_holm_steps_down_and_never_up() -> None:
    """Bonferroni would give 0.12 for the second; without the running maximum the third would be 0.04."""
    assert holm([0.01, 0.04, 0.02, 0.04]) == pytest.approx([0.04, 0.08, 0.06, 0.08])


def planted(distances: list[float], num_seeds: int, rng: random.Random) -> list[FindingOutcome]:
    """Outcomes of findings (margin 0.1) whose true effects lie this many deviations beyond the margin."""
    samples = []
    for distance in distances:
        spread = 10 ** rng.uniform(-3, 0)  # statistics have different units
        effect = 0.1 + distance * spread
        samples.append([rng.gauss(effect, spread) for _ in range(num_seeds)])
    return outcomes_of("above", 0.1, *samples)


@pytest.mark.parametrize("num_seeds", [3, 5])
def test_a_false_reproduced_is_rare_among_all_findings(num_seeds: int) -> None:
    """The worst case: every true effect lies exactly at its margin. Without the correction some 64 % of the
    families would have a false one."""
    rng = random.Random(num_seeds)
    families = [planted([0.0] * NUM_FINDINGS, num_seeds, rng) for _ in range(FAMILIES)]
    num_false = sum(FindingOutcome.REPRODUCED in family for family in families)
    assert num_false / FAMILIES <= 0.05 + 0.014  # 2.5 standard errors of the simulation


def test_a_false_same_is_rare() -> None:
    rng = random.Random(3)
    num_false = 0
    for _ in range(FAMILIES):
        samples = [[rng.gauss(0.1, 0.02) for _ in range(5)] for _ in range(NUM_FINDINGS)]
        num_false += FindingOutcome.REPRODUCED in outcomes_of("same", 0.1, *samples)
    assert num_false / FAMILIES <= 0.05 + 0.014


@pytest.mark.parametrize("num_seeds", [3, 5, 6])
def test_an_effect_of_the_stated_size_is_seen(num_seeds: int) -> None:
    """One true effect of the size that the report states, among findings without an effect."""
    size = visible_distance(num_seeds, NUM_FINDINGS)
    rng = random.Random(num_seeds)
    families = [planted([size] + [-5.0] * (NUM_FINDINGS - 1), num_seeds, rng) for _ in range(FAMILIES)]
    num_seen = sum(family[0] is FindingOutcome.REPRODUCED for family in families)
    assert 0.8 - 0.025 <= num_seen / FAMILIES <= 0.8 + 0.025


def test_power_rises_with_distance_and_seeds() -> None:
    assert power(0.0, 5, NUM_FINDINGS) == pytest.approx(0.05 / NUM_FINDINGS, rel=0.02)
    assert power(3.0, 5, NUM_FINDINGS) > power(2.0, 5, NUM_FINDINGS) > power(2.0, 4, NUM_FINDINGS)


def test_a_quick_result_is_refused() -> None:
    with pytest.raises(DataError, match="result q is of a quick run"):
        decide([finding()], {"e": experiment()}, {"e": {"a": [result("q", quick=True)], "b": []}})


def test_differences_pair_the_arms_by_seed() -> None:
    """Seed 3 lacks its second arm; pairing by position would take 0.5 - 0.25."""
    entropies = {("a", 1): 0.5, ("b", 1): 0.25, ("a", 3): 1.0, ("b", 2): 0.125, ("a", 2): 0.25}
    results = {}
    for (name, seed), value in entropies.items():
        key = key_of_run(resolve(experiment(), experiment().arm(name), seed, quick=False))
        results[key] = result(key, seed=seed, entropy=[value] * 4)
    runs = runs_of(experiment(), results, quick=False)
    assert differences(runs["a"], runs["b"], StatisticConfig(series="entropy")) == [0.25, 0.125]


def test_a_finding_may_compare_two_parts_of_one_arm() -> None:
    """Differences -0.75 and -0.5; without the reference both are 0."""
    start = StatisticConfig(series="entropy", start=0.0, end=0.25)
    found = finding(arms=("a", "a"), reference=start)
    own = [result(seed=n, entropy=[1.0, 0.5, 0.5, last]) for n, last in ((1, 0.25), (2, 0.5))]
    decided = decide([found], {"e": experiment()}, {"e": {"a": own, "b": []}})[0]
    assert decided.effect is not None
    assert (decided.pairs, decided.effect.mean) == (2, -0.625)


def test_a_finding_names_an_arm_that_exists() -> None:
    with pytest.raises(ConfigError, match='no arm "c"'):
        decide([finding(arms=("a", "c"))], {"e": experiment()}, {"e": {"a": [], "b": []}})
