"""Scores with their uncertainty. Problems are the unit: samples of one problem say little about the next one.

Shape legend: P problems, k samples of a problem.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean

from or1.algo import pass_at_k


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float


def mean_interval(scores_P: Sequence[float], num_samples: int) -> Estimate:
    """Mean of problem scores in [0, 1] and a 95 % interval for the mean over problems like these.

    The variance of the problem scores holds both the spread of problems and the chance in each one's k
    samples, so nothing has to be drawn again. It gives an effective number of independent answers,

        n = mean * (1 - mean) / (variance / P), at most the number of samples,

    with which Wilson's interval for a share is formed, with Student's t for P - 1 degrees of freedom. Mean
    and variance in n are taken with a quarter of a problem at 0 and a quarter at 1 added: near 0 and 1 a few
    problems make most of the variance, and a set without them would look certain. Without this, and with the
    plain t interval and the percentile bootstrap, 30 problems of 32 samples at a mean of 0.06 are covered in
    87 to 89 % and not in 95 %. Where every problem has the same score, n is the number of problems; a single
    problem tells nothing.

    Args:
        scores_P: avg@k of each problem.
        num_samples: judged samples of all problems together.

    Raises:
        ValueError: no problem, or a score outside [0, 1].

    >>> mean_interval([1.0, 1.0, 0.0, 0.0, 1.0, 0.5, 1.0, 0.0], num_samples=16).mean
    0.5625
    """
    num_problems = len(scores_P)
    if not num_problems or not all(0.0 <= s <= 1.0 for s in scores_P):
        raise ValueError(f"an interval needs scores within [0, 1] of at least one problem: {list(scores_P)}")
    mean = fmean(scores_P)
    if num_problems == 1:
        return Estimate(mean, 0.0, 1.0)
    effective = float(num_problems)
    if min(scores_P) != max(scores_P):
        effective = min(_effective(scores_P), float(num_samples))
    return _wilson(mean, effective, t_quantile(num_problems - 1))


def _effective(scores_P: Sequence[float]) -> float:
    """Number of independent answers whose share is as uncertain as the mean of the scores."""
    num_problems = len(scores_P)
    num = num_problems + 2.0 * _AT_EACH_END
    mean = (math.fsum(scores_P) + _AT_EACH_END) / num
    squares = math.fsum(score * score for score in scores_P) + _AT_EACH_END
    variance = (squares - num * mean * mean) / (num - 1.0)
    return mean * (1.0 - mean) / (variance / num_problems)


def run_interval(rewards_P: Sequence[Sequence[float]]) -> Estimate:
    """Mean of problem scores with its 95 % CI over new samples of the same problems.

    Only the chance in the samples counts: the variance of the mean is sum_i s_i^2 / k_i / P^2 with the sample
    variance s_i^2 of problem i's k_i rewards, never taken for less than one stray sample of one problem
    shows. Wilson's interval is formed with the number of independent answers that have this variance, which
    is at least the number of samples, and Student's t with the degrees of freedom behind the estimate (the
    larger of 2 V^2 / sum v_i^2 and one for each sample but the first of every problem that shows any spread).
    For independent samples of fixed problems it covers 95 % within a point, and more where hardly any problem
    shows a spread.

    Where none does, the interval reaches as far as the chances can be from 0 and 1 without being seen: for
    stray samples that lie d_i off, the chance of seeing none is at most exp(-k sum_i d_i), which is below
    0.5 % when the mean of the d_i is beyond -ln(0.005) / (P k).

    A single sample of a problem shows none: then the variance is bounded by that of P answers of one chance,
    which can only be too large.

    Args:
        rewards_P: rewards in [0, 1] of the judged samples of each problem.

    Raises:
        ValueError: no problem, or one without a reward.

    >>> run_interval([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]).mean
    0.5
    """
    if not rewards_P or not all(rewards_P):
        raise ValueError("an interval needs at least one problem, and a reward of each")
    num_problems = len(rewards_P)
    means = [fmean(rewards) for rewards in rewards_P]
    mean = fmean(means)
    if min(len(rewards) for rewards in rewards_P) == 1:
        return _wilson(mean, float(num_problems), _Z)
    variances = [_squared_error(rewards, m) for rewards, m in zip(rewards_P, means, strict=True)]
    total = math.fsum(variances)
    if total == 0.0:
        reach = -math.log(_UNSEEN) / (num_problems * min(len(rewards) for rewards in rewards_P))
        return Estimate(mean, max(0.0, mean - reach), min(1.0, mean + reach))
    least = 1.0 / max(len(rewards) for rewards in rewards_P) ** 2
    num_samples = float(sum(len(rewards) for rewards in rewards_P))
    effective = max(mean * (1.0 - mean) * num_problems**2 / max(total, least), num_samples)
    own = sum(len(rewards) - 1 for rewards, v in zip(rewards_P, variances, strict=True) if v > 0)
    pooled = 2.0 * total**2 / math.fsum(v * v for v in variances)
    return _wilson(mean, effective, t_quantile(max(own, int(pooled))))


_AT_EACH_END = 0.25
"""Added at scores 0 and 1 each [problems]. The smallest with which 95 % is covered within a point at means of
0.03 to 0.5, 30 to 200 problems and 4 to 32 samples."""
_UNSEEN = 0.005
"""Chance of seeing no spread at all at which that is held to be no accident [fraction]."""
_Z = NormalDist().inv_cdf(0.975)


def _wilson(mean: float, effective: float, t: float) -> Estimate:
    """Wilson's interval for a share of `effective` answers, `t` standard errors wide on each side."""
    shrink = 1.0 + t * t / effective
    centre = (mean + t * t / (2.0 * effective)) / shrink
    half = t * math.sqrt(mean * (1.0 - mean) / effective + (t / (2.0 * effective)) ** 2) / shrink
    # the ends are exactly 0 and 1 at means 0 and 1, which rounding may miss
    return Estimate(mean, min(max(0.0, centre - half), mean), max(min(1.0, centre + half), mean))


def harmonic_mean(first: Estimate, second: Estimate) -> Estimate:
    """F1 of two scores, 2ab / (a + b), 0 where both are 0, with the interval from their two intervals.

    A bound is as far away as the two distances to the bounds that move it there are, each times the slope of
    F1, taken together as independent.

    Source of the interval: Zou and Donner, Construction of confidence limits about effect measures, 2008.

    >>> harmonic_mean(Estimate(0.5, 0.4, 0.6), Estimate(1.0, 1.0, 1.0)).mean
    0.6666666666666666
    """
    a, b = first.mean, second.mean
    if a + b == 0.0:
        high = _f1(first.high, second.high)
        return Estimate(0.0, 0.0, high)
    slopes = (2.0 * b * b / (a + b) ** 2, 2.0 * a * a / (a + b) ** 2)
    down = math.hypot(slopes[0] * (a - first.low), slopes[1] * (b - second.low))
    up = math.hypot(slopes[0] * (first.high - a), slopes[1] * (second.high - b))
    mean = _f1(a, b)
    return Estimate(mean, max(0.0, mean - down), min(1.0, mean + up))


def independent_mean(estimates: Sequence[Estimate]) -> Estimate:
    """Mean of independent scores, with the interval that follows from their intervals.

    >>> independent_mean([Estimate(0.4, 0.1, 0.8), Estimate(0.6, 0.2, 0.9)])
    Estimate(mean=0.5, low=0.25, high=0.75)
    """
    num = len(estimates)
    mean = fmean(e.mean for e in estimates)
    down = math.hypot(*(e.mean - e.low for e in estimates)) / num
    up = math.hypot(*(e.high - e.mean for e in estimates)) / num
    return Estimate(mean, max(0.0, mean - down), min(1.0, mean + up))


def _f1(a: float, b: float) -> float:
    return 2.0 * a * b / (a + b) if a + b else 0.0


def rerun_difference(
    before_P: Sequence[Sequence[float]], after_P: Sequence[Sequence[float]]
) -> Estimate | None:
    """Mean of after - before over the same problems, with the 95 % interval of the chance in the samples
    alone.

    Says whether one of the two is better at these very problems. None where a problem has a single sample on
    either side, which shows no spread. A bound is as far away as the two bounds of `run_interval` that move
    it there, taken together as independent.

    Source of the interval: Zou and Donner, Construction of confidence limits about effect measures, 2008.

    Raises:
        ValueError: no problem, or not the same number on both sides.
    """
    if len(before_P) != len(after_P) or not before_P:
        raise ValueError(f"a difference needs the same problems: {len(before_P)} and {len(after_P)}")
    if min(len(rewards) for rewards in (*before_P, *after_P)) < 2:
        return None
    before, after = run_interval(before_P), run_interval(after_P)
    mean = after.mean - before.mean
    down = math.hypot(after.mean - after.low, before.high - before.mean)
    up = math.hypot(after.high - after.mean, before.mean - before.low)
    return Estimate(mean, mean - down, mean + up)


def paired_difference(before_P: Sequence[float], after_P: Sequence[float]) -> Estimate:
    """Mean of after - before over the same problems, with a 95 % t interval.

    Pairing takes the spread of problems out of the comparison, which is most of it. Where all differences are
    the same, the interval reaches as far as a share of problems with another one can go unseen: for P
    problems, up to -ln(0.025) / P of them.

    Raises:
        ValueError: fewer than two problems, or not the same number on both sides.

    >>> paired_difference([0.0, 0.5, 1.0], [0.5, 1.0, 1.0]).mean
    0.3333333333333333
    """
    if len(before_P) != len(after_P) or len(before_P) < 2:
        raise ValueError(f"a paired difference needs two or more pairs: {len(before_P)} and {len(after_P)}")
    differences = [after - before for before, after in zip(before_P, after_P, strict=True)]
    mean = fmean(differences)
    half = t_quantile(len(differences) - 1) * math.sqrt(_squared_error(differences, mean))
    if max(differences) == min(differences):
        half = min(1.0, -math.log(0.025) / len(differences))
    return Estimate(mean, mean - half, mean + half)


def pass_at_k_curve(rewards_P: Sequence[Sequence[float]], ks: Sequence[int]) -> Mapping[int, float]:
    """k -> unbiased pass@k, averaged over problems; a sample is right when its reward is 1.

    Problems with fewer than k judged samples leave the curve at that k; a k that no problem reaches is
    absent.

    >>> pass_at_k_curve([[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]], [1, 2])
    {1: 0.125, 2: 0.25}
    """
    curve = {}
    for k in ks:
        rates = [pass_at_k(len(r), sum(x == 1.0 for x in r), k) for r in rewards_P if len(r) >= k]
        if rates:
            curve[k] = fmean(rates)
    return curve


def t_quantile(degrees: int) -> float:
    """97.5 % point of Student's t distribution, within 0.2 % for every number of degrees of freedom >= 1.

    Exact for 1 and 2; from 3 on the expansion in 1 / degrees to fourth order.

    Source: Abramowitz and Stegun, 26.7.5.

    >>> round(t_quantile(63), 3)
    1.998
    """
    if degrees < 1:
        raise ValueError(f"t needs at least one degree of freedom, not {degrees}")
    if degrees == 1:
        return math.tan(math.pi * 0.475)
    if degrees == 2:
        return 0.95 * math.sqrt(2.0 / (1.0 - 0.95**2))
    z = NormalDist().inv_cdf(0.975)
    first = (z**3 + z) / 4.0
    second = (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0
    third = (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / 384.0
    fourth = (79.0 * z**9 + 776.0 * z**7 + 1482.0 * z**5 - 1920.0 * z**3 - 945.0 * z) / 92160.0
    return z + first / degrees + second / degrees**2 + third / degrees**3 + fourth / degrees**4


def _squared_error(values: Sequence[float], mean: float) -> float:
    """Square of the standard error of the mean."""
    num_values = len(values)
    return math.fsum((v - mean) ** 2 for v in values) / (num_values - 1) / num_values


def t_tail(t: float, degrees: int) -> float:
    """Probability that Student's t with this number of degrees of freedom exceeds `t`.

    Exact: the finite sums over powers of cosines.

    Source: Abramowitz and Stegun, 26.7.3 and 26.7.4.

    >>> round(t_tail(2.776, 4), 4)
    0.025
    """
    if degrees < 1:
        raise ValueError(f"t needs at least one degree of freedom, not {degrees}")
    angle = math.atan(abs(t) / math.sqrt(degrees))
    sine, cosine = math.sin(angle), math.cos(angle)
    is_odd = degrees % 2
    term = cosine if is_odd else 1.0
    total = 0.0
    for k in range(2 + is_odd, degrees + 1, 2):
        total += term
        term *= cosine**2 * (k - 1) / k
    inside = 2.0 / math.pi * (angle + sine * total) if is_odd else sine * total
    outside = max(0.0, (1.0 - inside) / 2.0)
    return outside if t >= 0 else 1.0 - outside
