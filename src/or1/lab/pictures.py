"""The picture of an experiment: entropy and held-out score of its arms."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from or1.lab.experiment import ExperimentConfig
from or1.lab.results import RunResult
from or1.tracking.figure import new_figure
from or1.tracking.plot import INK, style
from or1.tracking.plot_comparison import COLORS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def experiment_figure(
    experiment: ExperimentConfig, runs: Mapping[str, Sequence[RunResult]], target: float | None
) -> Figure:
    """Each seed as a thin line, the mean over the seeds on top.

    Args:
        experiment: its arms, in the order of the legend.
        runs: name of an arm -> its runs.
        target: entropy that an arm's control holds [nats/token]; None = no arm has control.
    """
    figure = new_figure(11, 4.2)
    left, right = figure.subplots(1, 2)
    for arm, color in zip(experiment.arms, COLORS * 2, strict=False):
        label = arm.about or arm.name
        _lines(left, runs[arm.name], "entropy", color, label, "")
        _lines(right, runs[arm.name], "score", color, label, "o")
    if target is not None:
        left.axhline(target, color=INK, linewidth=1.1, linestyle=":")
    left.set_ylim(bottom=0)
    left.set_title("Entropy [nats/token]")
    right.set_title("Held-out score (avg@k)")
    for axis in (left, right):
        style(axis)
    figure.legend(
        *left.get_legend_handles_labels(),
        loc="outside lower left",
        ncols=min(len(experiment.arms), 4),
        frameon=False,
        fontsize=9,
    )
    fewest, most = (edge(len(each) for each in runs.values()) for edge in (min, max))
    num_seeds = str(most) if fewest == most else f"{fewest} to {most}"
    figure.suptitle(
        f"{experiment.title}: {num_seeds} seed{'s' * (most != 1)}",
        x=0.01,
        ha="left",
        color=INK,
        fontsize=13,
        fontweight="bold",
    )
    return figure


def _lines(axis: Any, runs: Iterable[RunResult], series: str, color: str, label: str, marker: str) -> None:
    by_step: dict[int, list[float]] = defaultdict(list)
    for run in runs:
        points = list(run.points(series))
        axis.plot(*zip(*points, strict=True), color=color, alpha=0.25, linewidth=0.8)
        for step, value in points:
            by_step[step].append(value)
    if by_step:
        steps = sorted(by_step)
        means = [statistics.fmean(by_step[step]) for step in steps]
        axis.plot(steps, means, color=color, linewidth=1.9, label=label, marker=marker, markersize=4)
