"""How many samples a problem needs, and what they say of its pass rate: few first, more where undecided.

A plan looks at a problem after 4, 8 and 16 samples (say) and stops as soon as the decision that all 16 would
give is certain: with one right and one wrong among the first 4, the 16 cannot be all right or all wrong. So
stopping early never changes which problems are kept.

It does change what the counts mean. The share of right samples leans towards 1/2, since mixed problems stop
early: for a pass rate of 0.155 and looks at 4, 8, 16 its mean is 0.214. And an interval made for a fixed
number of samples promises nothing. All possible outcomes can be listed, so both are corrected exactly:
`unbiased_rate` is right on average, and `interval` covers every pass rate with at least the plan's
confidence, over all outcomes of a problem together (not within those that stopped at the same look, nor
within the problems that are kept).

Shape legend: P grid of pass rates.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

GRID_POINTS = 2001
"""Pass rates at which coverage is computed, besides both sides of every interval's end."""

Outcome = tuple[int, int]
"""(samples counted, right ones) where sampling stopped."""


class Fit(StrEnum):
    """Is a problem neither too hard nor too easy to learn from?"""

    FITS = "fits"
    TOO_HARD = "too_hard"
    """Fewer right samples than the window asks for, none by default."""
    TOO_EASY = "too_easy"
    """Fewer wrong samples than the window asks for, none by default."""


@dataclass(frozen=True)
class Plan:
    """When to look, and what is kept.

    Raises:
        ValueError: looks that do not grow, or a window that no problem can meet.
    """

    looks: tuple[int, ...]
    """Samples counted at each look, growing; the last is the whole [samples]."""
    min_right: int = 1
    min_wrong: int = 1
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if not self.looks or list(self.looks) != sorted(set(self.looks)) or self.looks[0] < 1:
            raise ValueError(f"looks {list(self.looks)} must be whole numbers above 0, each above the last")
        if self.min_right < 0 or self.min_wrong < 0 or self.min_right + self.min_wrong > self.looks[-1]:
            raise ValueError(
                f"{self.looks[-1]} samples cannot have {self.min_right} right and {self.min_wrong} wrong ones"
            )
        if not 0.0 < self.confidence < 1.0:
            raise ValueError(f"confidence {self.confidence} must lie between 0 and 1")

    @property
    def num_samples(self) -> int:
        """Samples of a problem that no early look decides."""
        return self.looks[-1]

    def fit(self, num_counted: int, num_right: int) -> Fit | None:
        """The decision that `num_samples` samples would give; None while it is open.

        >>> plan = Plan((4, 8, 16))
        >>> plan.fit(4, 1), plan.fit(8, 0), plan.fit(16, 0)
        (<Fit.FITS: 'fits'>, None, <Fit.TOO_HARD: 'too_hard'>)
        """
        num_wrong, num_left = num_counted - num_right, self.num_samples - num_counted
        if num_right + num_left < self.min_right:
            return Fit.TOO_HARD
        if num_wrong + num_left < self.min_wrong:
            return Fit.TOO_EASY
        if num_right >= self.min_right and num_wrong >= self.min_wrong:
            return Fit.FITS
        return None

    @cached_property
    def num_orders(self) -> Mapping[Outcome, int]:
        """Every outcome, and the number of orders of right and wrong samples that lead to it.

        Its probability at pass rate p is that number times p^right (1 - p)^wrong.
        """
        return self._orders(first_right=None)

    def interval(self, num_counted: int, num_right: int) -> tuple[float, float]:
        """Pass rates that an outcome agrees with: Clopper and Pearson's interval, at a level at which
        intervals cover every pass rate with the plan's confidence although the sampling stops early.

        Raises:
            KeyError: sampling does not stop there.
        """
        return self._intervals[num_counted, num_right]

    def unbiased_rate(self, num_counted: int, num_right: int) -> float:
        """Estimate of the pass rate whose mean over all outcomes is that rate: for averages over problems.

        The share of the orders that lead to the outcome and begin with a right sample. Of one problem alone
        it may look odd: 0 for one right sample in 8, since those 8 were only drawn after 4 wrong ones.
        Source: Girshick, Mosteller, Savage, Unbiased estimates for certain binomial sampling problems, 1946.

        Raises:
            KeyError: sampling does not stop there.

        >>> Plan((4, 8, 16)).unbiased_rate(8, 1), Plan((16,)).unbiased_rate(16, 4)
        (0.0, 0.25)
        """
        begins = self._orders_beginning_right.get((num_counted, num_right), 0)
        return begins / self.num_orders[num_counted, num_right]

    def coverage(self, rates_P: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability that the interval holds the pass rate, for each pass rate [P]."""
        return self._coverage(self._intervals, rates_P)

    def probability(self, outcome: Outcome, rates_P: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability of an outcome at each pass rate [P]."""
        num_counted, num_right = outcome
        orders = float(self.num_orders[outcome])
        return orders * rates_P**num_right * (1.0 - rates_P) ** (num_counted - num_right)

    @cached_property
    def _intervals(self) -> Mapping[Outcome, tuple[float, float]]:
        """Each outcome's interval, at the highest level tried at which all pass rates are covered."""
        risk = 1.0 - self.confidence
        while True:
            intervals = {outcome: clopper_pearson(*outcome, risk) for outcome in self.num_orders}
            ends = np.array(sorted({end for interval in intervals.values() for end in interval}))
            rates_P = np.concatenate([np.linspace(0, 1, GRID_POINTS), ends - 1e-9, ends + 1e-9]).clip(0, 1)
            if self._coverage(intervals, rates_P).min() >= self.confidence:
                return intervals
            risk *= 0.95

    def _coverage(
        self, intervals: Mapping[Outcome, tuple[float, float]], rates_P: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        covered_P = np.zeros_like(rates_P)
        for outcome, (low, high) in intervals.items():
            covered_P += self.probability(outcome, rates_P) * ((low <= rates_P) & (rates_P <= high))
        return covered_P

    @cached_property
    def _orders_beginning_right(self) -> Mapping[Outcome, int]:
        return self._orders(first_right=True)

    def _orders(self, first_right: bool | None) -> Mapping[Outcome, int]:
        """Orders that lead to each outcome; with `first_right`, those whose first sample is right."""
        open_orders: Mapping[Outcome, int] = {(1, 1): 1} if first_right else {(0, 0): 1}
        stopped: dict[Outcome, int] = {}
        for look in self.looks:
            reached: defaultdict[Outcome, int] = defaultdict(int)
            for (num_counted, num_right), orders in open_orders.items():
                drawn = look - num_counted
                for more in range(drawn + 1):
                    reached[look, num_right + more] += orders * math.comb(drawn, more)
            is_open = {outcome: self.fit(*outcome) is None for outcome in reached}
            stopped |= {outcome: orders for outcome, orders in reached.items() if not is_open[outcome]}
            open_orders = {outcome: orders for outcome, orders in reached.items() if is_open[outcome]}
        return stopped


@cache
def clopper_pearson(num_counted: int, num_right: int, risk: float) -> tuple[float, float]:
    """Interval for a pass rate after a fixed number of samples: misses it on each side with risk / 2 at most.

    >>> [round(end, 4) for end in clopper_pearson(16, 0, 0.05)]
    [0.0, 0.2059]
    """
    low = 0.0 if num_right == 0 else _rate_at_tail(num_counted, num_right, risk / 2)
    num_wrong = num_counted - num_right
    high = 1.0 if num_wrong == 0 else 1.0 - _rate_at_tail(num_counted, num_wrong, risk / 2)
    return low, high


def _rate_at_tail(num_counted: int, at_least: int, tail: float) -> float:
    """The rate at which `at_least` hits or more of `num_counted` have probability `tail`."""
    low, high = 0.0, 1.0
    while (middle := (low + high) / 2) not in (low, high):
        below = math.fsum(
            math.comb(num_counted, hits) * middle**hits * (1.0 - middle) ** (num_counted - hits)
            for hits in range(at_least)
        )
        low, high = (middle, high) if 1.0 - below < tail else (low, middle)
    return low
