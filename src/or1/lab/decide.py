"""Effects and the outcomes of findings.

The effect of a finding is the mean over seeds of the difference between its two arms at the same seed. Its
interval and tests are Student's t on these differences: with 3 to 5 pairs the percentile bootstrap covers far
less than 95 %, and a sign-flip test cannot get below p = 1/8 to 1/32.

Three one-sided tests for each finding, in the direction of the paper:

    reproduced                      the effect exceeds the margin
    opposite                        the effect exceeds the margin in the other direction
    not reproduced at this scale    the effect is smaller than the margin

Each kind of test is corrected over all findings by Holm's method, so that the chance of one or more false
"reproduced" among all of them is at most 5 %, and so is that of the other two. Findings without results
count. Where no test rejects, the finding is inconclusive.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from or1.errors import DataError
from or1.evals.statistics import Estimate, paired_difference, t_tail
from or1.lab.experiment import ExperimentConfig
from or1.lab.findings import FindingConfig
from or1.lab.results import Runs, differences

LEVEL = 0.05
"""Chance of a false outcome of one kind among all findings [fraction]."""
FEWEST_SEEDS = 3
"""Pairs that an outcome needs [seeds]."""
POWER = 0.8
_STEPS = 400
"""Points of the integral over the spread."""


class FindingOutcome(StrEnum):
    REPRODUCED = "reproduced"
    OPPOSITE = "opposite"
    NOT_REPRODUCED = "not reproduced at this scale"
    INCONCLUSIVE = "inconclusive"
    TOO_FEW_SEEDS = "too few seeds"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class DecidedFinding:
    """A finding and what its runs say."""

    finding: FindingConfig
    pairs: int
    effect: Estimate | None
    """With a 95 % interval of its own, not corrected; None without two differences that differ."""
    p_reproduced: float
    """Holm-corrected."""
    outcome: FindingOutcome


@dataclass(frozen=True, slots=True)
class _PValues:
    """One-sided p-values of a finding."""

    reproduced: float
    opposite: float
    not_reproduced: float


_NO_P_VALUES = _PValues(1.0, 1.0, 1.0)


def decide(
    findings: Sequence[FindingConfig],
    experiments: Mapping[str, ExperimentConfig],
    runs: Mapping[str, Runs],
) -> list[DecidedFinding]:
    """The outcome of every finding.

    Args:
        findings: one family.
        experiments: by name; those that the findings name are among them.
        runs: of each of these experiments, by its name.

    Raises:
        ConfigError: a finding names an arm that its experiment lacks.
        DataError: a result comes from a quick run.
    """
    results = (result for arms in runs.values() for own in arms.values() for result in own)
    quick = next((result.key for result in results if result.quick), None)
    if quick is not None:
        raise DataError(
            f"result {quick} is of a quick run, which decides nothing: run the lab without --quick"
        )
    by_seed = []
    for finding in findings:
        first, second = (experiments[finding.experiment].arm(name).name for name in finding.arms)
        own = runs[finding.experiment]
        by_seed.append(differences(own[first], own[second], finding.statistic, finding.reference))
    return decide_differences(findings, by_seed)


def decide_differences(
    findings: Sequence[FindingConfig], by_seed: Sequence[Sequence[float]]
) -> list[DecidedFinding]:
    """The outcome of every finding from its differences by seed."""
    tests = [_tests(f, d) for f, d in zip(findings, by_seed, strict=True)]
    reproduced = holm([t.reproduced for t in tests])
    opposite = holm([t.opposite for t in tests])
    not_reproduced = holm([t.not_reproduced for t in tests])
    decided = []
    for n, (finding, values) in enumerate(zip(findings, by_seed, strict=True)):
        if not values:
            outcome = FindingOutcome.NOT_RUN
        elif len(values) < FEWEST_SEEDS:
            outcome = FindingOutcome.TOO_FEW_SEEDS
        elif reproduced[n] <= LEVEL:
            outcome = FindingOutcome.REPRODUCED
        elif opposite[n] <= LEVEL:
            outcome = FindingOutcome.OPPOSITE
        elif not_reproduced[n] <= LEVEL:
            outcome = FindingOutcome.NOT_REPRODUCED
        else:
            outcome = FindingOutcome.INCONCLUSIVE
        decided.append(DecidedFinding(finding, len(values), effect_of(values), reproduced[n], outcome))
    return decided


def effect_of(values: Sequence[float]) -> Estimate | None:
    """Mean of differences by seed with its 95 % t interval; None without two values that differ."""
    return paired_difference([0.0] * len(values), values) if _has_spread(values) else None


def _has_spread(values: Sequence[float]) -> bool:
    return len(values) > 1 and max(values) > min(values)


def _tests(finding: FindingConfig, values: Sequence[float]) -> _PValues:
    """Differences that are all equal show no spread, so that no test is possible."""
    if len(values) < FEWEST_SEEDS or not _has_spread(values):
        return _NO_P_VALUES
    mean, error = statistics.fmean(values), statistics.stdev(values) / math.sqrt(len(values))

    def tail(distance: float) -> float:
        return t_tail(distance / error, len(values) - 1)

    margin = finding.margin
    if finding.direction == "same":
        different = min(1.0, 2.0 * min(tail(mean - margin), tail(-mean - margin)))
        return _PValues(max(tail(margin - mean), tail(margin + mean)), different, 1.0)
    mean = mean if finding.direction == "above" else -mean
    return _PValues(tail(mean - margin), tail(-mean - margin), tail(margin - mean))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm-corrected p-values: rejecting those up to 5 % keeps the chance of any false rejection at 5 %.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda n: p_values[n])
    corrected = [1.0] * len(p_values)
    largest = 0.0
    for rank, n in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[n]))
        corrected[n] = largest
    return corrected


def power(distance: float, num_seeds: int, num_findings: int) -> float:
    """Chance that a finding is decided, at the strictest step of the correction.

    Args:
        distance: of the true effect from the margin, in standard deviations of the difference between the
            arms over seeds.
        num_seeds: pairs.
        num_findings: of the family.
    """
    degrees = num_seeds - 1
    critical = _critical(LEVEL / num_findings, degrees)
    shift = distance * math.sqrt(num_seeds)
    normal = statistics.NormalDist()
    total = weight = 0.0
    for n in range(_STEPS):  # over the sample standard deviation, in units of the true one
        spread = 4.0 * (n + 0.5) / _STEPS
        density = spread ** (degrees - 1) * math.exp(-degrees * spread**2 / 2.0)
        total += density * normal.cdf(shift - critical * spread)
        weight += density
    return total / weight


def visible_distance(num_seeds: int, num_findings: int) -> float:
    """Distance of an effect from its margin that is decided with a chance of 80 %, in standard deviations of
    the difference between the arms over seeds.

    >>> round(visible_distance(5, 1), 2)
    1.36
    """
    low, high = 0.0, 1000.0
    while high - low > 1e-3:
        middle = (low + high) / 2.0
        low, high = (low, middle) if power(middle, num_seeds, num_findings) >= POWER else (middle, high)
    return high


def _critical(level: float, degrees: int) -> float:
    low, high = 0.0, 1e6
    while high - low > 1e-6 * high:
        middle = (low + high) / 2.0
        low, high = (low, middle) if t_tail(middle, degrees) <= level else (middle, high)
    return high
