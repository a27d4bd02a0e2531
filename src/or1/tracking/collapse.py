"""A warning some steps before the entropy collapses, and how often it is right over runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from or1.config import CollapseConfig
from or1.tracking.metrics import ENTROPY
from or1.tracking.run_data import read_run


def steps_to_floor(entropies: Sequence[float], rule: CollapseConfig) -> float | None:
    """Steps until the entropy reaches the floor, if it continues to fall at the rate of the last steps.

    The rate is the least-squares slope of the logarithm over the last `window` steps: entropy falls in
    proportion to itself, so a straight line through the entropy would reach the floor too early.

    Args:
        entropies: of the steps so far, oldest first [nats/token].

    Returns:
        0 at or below the floor; None with fewer than `window` steps, or while it does not fall [steps].

    >>> steps_to_floor([0.8, 0.4, 0.2], CollapseConfig(floor=0.05, window=3))
    2.0
    """
    recent = np.asarray(entropies[-rule.window :], np.float64)
    if len(recent) < rule.window:
        return None
    if recent[-1] <= rule.floor:
        return 0.0
    if recent.min() <= 0:
        return None
    logs = np.log(recent)
    last_offset = (rule.window - 1) / 2
    offsets = np.arange(rule.window) - last_offset
    slope = float(offsets @ logs / (offsets @ offsets))
    fitted_last = float(logs.mean()) + slope * last_offset
    if slope >= 0:
        return None
    return round(max(0.0, (fitted_last - math.log(rule.floor)) / -slope), 6)


def warns(entropies: Sequence[float], rule: CollapseConfig) -> bool:
    """Is the entropy above the floor, and predicted to reach it within `horizon` steps?"""
    steps = steps_to_floor(entropies, rule)
    return steps is not None and steps <= rule.horizon and entropies[-1] > rule.floor


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningScore:
    """How often the warning is right over runs; two ratios, nan where there is nothing to divide by."""

    num_warnings: int
    """Steps with a warning whose next `horizon` steps decide it [steps]."""
    num_true: int
    """Those after which the entropy did reach the floor within `horizon` steps [steps]."""
    num_collapses: int
    """Times that the entropy reached the floor from above, after the first `window` steps."""
    num_foreseen: int
    """Those with a warning in the `horizon` steps before."""

    @property
    def precision(self) -> float:
        """Share of the warnings that came true [fraction]."""
        return self.num_true / self.num_warnings if self.num_warnings else math.nan

    @property
    def recall(self) -> float:
        """Share of the collapses that were foreseen [fraction]."""
        return self.num_foreseen / self.num_collapses if self.num_collapses else math.nan


def score_warning(runs: Iterable[Sequence[float]], rule: CollapseConfig) -> WarningScore:
    """Precision and recall of the warning over the entropies of runs [nats/token, by step].

    A warning less than `horizon` steps before the end of its run counts only if it has come true by then.
    """
    counts = np.zeros(4, np.int64)
    for entropies in runs:
        warned = [warns(entropies[: step + 1], rule) for step in range(len(entropies))]
        for step in np.flatnonzero(warned).tolist():
            ahead = entropies[step + 1 : step + 1 + rule.horizon]
            came_true = min(ahead, default=math.inf) <= rule.floor
            counts += (came_true or len(ahead) == rule.horizon, came_true, 0, 0)
        for step, (before, after) in enumerate(pairwise(entropies), 1):
            if step >= rule.window and before > rule.floor >= after:
                counts += (0, 0, 1, any(warned[max(0, step - rule.horizon) : step]))
    warnings, true, collapses, foreseen = counts.tolist()
    return WarningScore(num_warnings=warnings, num_true=true, num_collapses=collapses, num_foreseen=foreseen)


def score_folders(folders: Iterable[Path], rule: CollapseConfig) -> WarningScore:
    """`score_warning` over run folders, by the entropies in their logs.

    Raises:
        RunFolderError: one is not a run folder.
    """
    return score_warning([read_run(folder).series(ENTROPY)[1] for folder in folders], rule)
