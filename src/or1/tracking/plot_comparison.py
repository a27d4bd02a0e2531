"""Plot of several runs over each other: a colour each, named in the legend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from or1.tracking import metrics as keys
from or1.tracking.figure import new_figure
from or1.tracking.plot import INK, curve, scores, style
from or1.tracking.run_data import RunData, scores_compare

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLORS = (
    *("#2f6fb2", "#d9772b", "#3a8f5c", "#b23a48", "#7a5aa6", "#8a6d3b", "#3aa0a8", "#c06aa8"),
    *("#6b7a86", "#a3b336"),
)
LINES = ("-", "--", "-.")
"""Styles in turn, so that equal curves do not hide each other."""
_PANELS = (
    (keys.REWARD_MEAN, "Correct answers: training reward, held-out score (points, 95 % CI)", 1.0),
    (keys.ENTROPY, "Entropy [nats/token]", 1.0),
    (keys.TRUNCATED_FRACTION, "Responses cut off by the budget [%]", 100.0),
    (keys.RESPONSE_TOKENS_MEAN, "Response length [tokens]", 1.0),
)


def comparison_figure(folders: Sequence[Path], runs: Sequence[RunData]) -> Figure:
    """Reward and scores, entropy, truncation and length of all runs.

    Args:
        folders: of the runs, to tell runs of one name apart.
        runs: at least one.
    """
    figure = new_figure(11, 7 + 0.22 * len(runs))
    axes = figure.subplots(2, 2, sharex=True).flat
    compare = scores_compare(row for run in runs for row in run.scores)
    for axis, (key, title, scale) in zip(axes, _PANELS, strict=True):
        if key == keys.REWARD_MEAN and not compare:
            title = "Correct answers: the held-out problems or samples differ between runs"
        for run, look in zip(runs, _looks(len(runs)), strict=True):
            curve(axis, run, key, "", look[0], scale, look[1])
            if key == keys.REWARD_MEAN:
                scores(axis, run, look[0], None, line="")
        axis.set_ylim(bottom=0)
        axis.set_title(title)
        style(axis)
    axes[0].set_ylim(0, 1)
    _legend(figure, labels(folders, runs))
    figure.suptitle(f"{len(runs)} runs", x=0.01, ha="left", color=INK, fontsize=13, fontweight="bold")
    return figure


def labels(folders: Sequence[Path], runs: Sequence[RunData]) -> list[str]:
    """A text for each run: its name, with the folder where the name is not its own, and its length."""
    names = [str(run.config["name"]) for run in runs]
    count = Counter(names)
    return [
        f"{name if count[name] == 1 else f'{name} in {folder}'}: {len(run.steps):,} "
        f"step{'s' * (len(run.steps) != 1)}{', unfinished' * (not run.is_finished)}"
        for name, folder, run in zip(names, folders, runs, strict=True)
    ]


def _looks(count: int) -> list[tuple[str, str]]:
    return [(COLORS[n % len(COLORS)], LINES[n % len(LINES)]) for n in range(count)]


def _legend(figure: Figure, texts: Sequence[str]) -> None:
    """Below the panels, in the order of the command line."""
    from matplotlib.lines import Line2D

    handles: list[Any] = [
        Line2D([], [], color=color, linestyle=line, linewidth=2.2, label=text)
        for text, (color, line) in zip(texts, _looks(len(texts)), strict=True)
    ]
    columns = 1 if max(map(len, texts)) > 60 else 2
    figure.legend(
        handles=handles,
        loc="outside lower left",
        ncols=columns,
        frameon=False,
        fontsize=9,
        labelcolor=INK,
        handlelength=3,
    )
