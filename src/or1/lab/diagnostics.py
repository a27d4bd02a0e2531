"""Section of the page: how the diagnostics of the entropy hold over all runs, none of which set them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import fmean

from or1.config import CollapseConfig
from or1.lab.results import RunResult
from or1.tracking.collapse import score_warning
from or1.tracking.entropy_prediction import Prediction, compare_changes
from or1.tracking.summary import EDGE_STEPS

WINDOWS = (1, 5, 10, 20)
"""Numbers of successive steps over which a predicted and the measured change are summed [steps]."""


def score_prediction(runs: Iterable[RunResult], window: int) -> Prediction:
    """Over all windows of successive steps in which each step has a prediction and an entropy.

    The prediction of step k is for the update of step k, which the entropy of step k + 1 shows.

    Args:
        runs: those without predictions add nothing.
        window: length [steps].
    """
    pairs: list[tuple[float, float]] = []
    for run in runs:
        entropies, predictions = dict(run.points("entropy")), dict(run.points("predicted_change"))
        for first in predictions:
            steps = range(first, first + window)
            if all(step in predictions and step in entropies for step in steps) and steps.stop in entropies:
                predicted = math.fsum(predictions[step] for step in steps)
                pairs.append((predicted, entropies[steps.stop] - entropies[first]))
    return compare_changes(pairs)


def diagnostics_section(runs: Sequence[RunResult]) -> str:
    """The section in Markdown; empty where no run has an entropy.

    Args:
        runs: each once.
    """
    entropies = [[value for _, value in run.points("entropy")] for run in runs]
    if not any(entropies):
        return ""
    parts = [_warning(entropies), *_prediction(runs), *_support(runs)]
    return "\n".join(["## Diagnostics of the entropy\n", *parts])


def _warning(entropies: Sequence[Sequence[float]]) -> str:
    rule = CollapseConfig()
    score = score_warning(entropies, rule)
    num_low = sum(min(own, default=math.inf) <= rule.floor for own in entropies)
    return (
        f"**Collapse warning** (floor {rule.floor:g} nats, window {rule.window}, horizon {rule.horizon} "
        f"steps: the defaults, which no run here chose), {len(entropies)} runs, of which {num_low} reach the "
        f"floor: {score.num_warnings} warnings, {score.num_true} of them true (precision "
        f"{score.precision:.2f}). The entropy crosses the floor from above {score.num_collapses} times, also "
        f"more than once in a run; {score.num_foreseen} crossings foreseen (recall {score.recall:.2f}).\n"
    )


def _prediction(runs: Sequence[RunResult]) -> list[str]:
    own = [run for run in runs if any(run.points("predicted_change"))]
    if not own:
        return []
    lines = [
        "**Predicted change** (the covariance of log-probability and advantage, and the entropy term: "
        f"`entropy/predicted_change`) against the measured one, {len(own)} runs. A prediction helps where "
        "its sign is right more often than that of *the entropy falls*, or where it is correlated.\n",
        "| sum over steps | windows | same sign | the entropy falls | correlation |",
        "| --- | --- | --- | --- | --- |",
    ]
    for window in WINDOWS:
        at = score_prediction(own, window)
        related = "-" if math.isnan(at.correlation) else f"{at.correlation:+.2f}"
        lines.append(f"| {window} | {at.num_pairs:,} | {at.same_sign:.2f} | {at.falling:.2f} | {related} |")
    return [*lines, ""]


def _support(runs: Sequence[RunResult]) -> list[str]:
    """pass@4 and pass@1 on the training problems, first steps against last steps."""
    rises = [(_rise(run, "reward"), _rise(run, "pass_at_4")) for run in runs if any(run.points("pass_at_4"))]
    if not rises:
        return []
    shrunk = sum(one > 0 > four for one, four in rises)
    ones, fours = ([pair[n] for pair in rises] for n in (0, 1))
    return [
        f"**Support** (pass@1 and pass@4 of the training problems, the last {EDGE_STEPS} steps minus the "
        f"first {EDGE_STEPS}), {len(rises)} runs: mean change of pass@1 {fmean(ones):+.3f}, of pass@4 "
        f"{fmean(fours):+.3f}; pass@1 rose while pass@4 fell in {shrunk}.\n"
    ]


def _rise(run: RunResult, series: str) -> float:
    values = [value for _, value in run.points(series)]
    return fmean(values[-EDGE_STEPS:]) - fmean(values[:EDGE_STEPS])
