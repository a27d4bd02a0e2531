"""The predicted change of the entropy against the measured one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import StatisticsError, correlation, fmean


@dataclass(frozen=True, slots=True)
class Prediction:
    """How predictions of changes agree with the changes; nan where nothing is to divide by."""

    num_pairs: int
    same_sign: float
    """Share of the predictions with the sign of the measured change [fraction]."""
    falling: float
    """Share of the measured changes below zero: right without a prediction [fraction]."""
    correlation: float


def compare_changes(pairs: Sequence[tuple[float, float]]) -> Prediction:
    """The agreement of (predicted, measured) changes.

    >>> found = compare_changes([(-1.0, -0.25), (-2.0, -0.5), (1.0, 0.25), (1.0, -0.25)])
    >>> found.same_sign, found.falling
    (0.75, 0.75)
    """
    if not pairs:
        return Prediction(0, math.nan, math.nan, math.nan)
    same_sign = fmean(predicted * measured > 0 for predicted, measured in pairs)
    try:
        related = correlation(*zip(*pairs, strict=True))
    except StatisticsError:  # one pair, or no spread
        related = math.nan
    return Prediction(len(pairs), same_sign, fmean(measured < 0 for _, measured in pairs), related)
