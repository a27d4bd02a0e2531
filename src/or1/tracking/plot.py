"""Plot of a run: score and reward, entropy control, truncation, response length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from or1.tracking import metrics as keys
from or1.tracking.figure import new_figure
from or1.tracking.run_data import RunData

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, BLUE, ORANGE, GREEN, GREY = "#22303c", "#2f6fb2", "#d9772b", "#3a8f5c", "#9aa5ad"
SMOOTHING_STEPS = 9
"""Width of the centred mean drawn over the steps' own values [steps]."""
FEW_STEPS = 24
"""Runs up to this length are drawn as points without a mean [steps]."""


def run_figure(run: RunData) -> Figure:
    """All panels of one run."""
    figure = new_figure(11, 7)
    axes = figure.subplots(2, 2, sharex=True)
    _score_panel(axes[0, 0], run)
    _entropy_panel(axes[0, 1], run)
    _truncated_panel(axes[1, 0], run)
    _length_panel(axes[1, 1], run)
    for axis in axes.flat:
        style(axis)
        for span in run.stages()[1:]:
            axis.axvline(span.first_step - 0.5, color=INK, linewidth=0.9, alpha=0.6)
    title = f"{run.config['name']}: {len(run.steps)} step{'s' * (len(run.steps) != 1)}"
    figure.suptitle(title, x=0.01, ha="left", color=INK, fontsize=13, fontweight="bold")
    return figure


def smooth(values: list[float], width: int | None = None) -> list[float]:
    """Centred mean over `width` values, over fewer at both ends; None = 9, at most a quarter of the values.

    >>> smooth([0.0, 3.0, 0.0], 3)
    [1.5, 1.0, 1.5]
    """
    half = (min(SMOOTHING_STEPS, len(values) // 4) if width is None else width) // 2
    windows = [values[max(0, i - half) : i + half + 1] for i in range(len(values))]
    return [sum(w) / len(w) for w in windows]


def curve(
    axis: Any, run: RunData, key: str, label: str, color: str, scale: float = 1.0, line: str = "-"
) -> None:
    """The values of the steps in a pale color, their smoothed curve on top; a few values as points, since a
    line would hide how few they are and show nothing of a single one."""
    steps, values = run.series(key)
    values = [v * scale for v in values]
    is_short = len(values) <= FEW_STEPS
    axis.plot(steps, values, color=color, alpha=0.25, linewidth=0.8)
    axis.plot(
        steps,
        values if is_short else smooth(values),
        color=color,
        linewidth=1.9,
        linestyle=line,
        label=label,
        marker="o" if is_short else "",
        markersize=3,
    )


def scores(axis: Any, run: RunData, color: str, label: str | None, line: str = "-") -> None:
    rows = run.scores
    if not rows:
        return
    means = [r[keys.AVG_AT_K] for r in rows]
    low = [r[keys.AVG_AT_K] - r[keys.AVG_AT_K_LOW] for r in rows]
    high = [r[keys.AVG_AT_K_HIGH] - r[keys.AVG_AT_K] for r in rows]
    axis.errorbar(
        [r["step"] for r in rows],
        means,
        yerr=[low, high],
        color=color,
        label=label,
        marker="o",
        markersize=4.5,
        linestyle=line,
        linewidth=1.4,
        elinewidth=1.1,
        capsize=2.5,
        zorder=3,
    )


def _score_panel(axis: Any, run: RunData) -> None:
    curve(axis, run, keys.REWARD_MEAN, "training reward", BLUE)
    k = run.scores[-1][keys.SAMPLES_PER_PROBLEM] if run.scores else 1
    scores(axis, run, ORANGE, f"held-out avg@{k}, 95 % CI")
    axis.set_ylim(0, 1)
    axis.set_title("Correct answers")
    axis.legend(loc="lower right", frameon=False, fontsize=8.5)


def _entropy_panel(axis: Any, run: RunData) -> None:
    curve(axis, run, keys.ENTROPY, "entropy", BLUE)
    steps, targets = run.series(keys.ENTROPY_TARGET)
    if targets:
        axis.plot(steps, targets, color=INK, linewidth=1.1, linestyle=":", label="target")
    axis.set_ylim(bottom=0)
    axis.set_title("Entropy [nats/token]")
    steps, alphas = run.series(keys.ALPHA)
    twin = axis.twinx()
    twin.fill_between(
        steps, alphas, step="mid", color=ORANGE, alpha=0.3, linewidth=0, label="bonus alpha (right)"
    )
    twin.set_ylim(0, 3 * max(alphas, default=0.0) or 1.0)
    twin.tick_params(colors=ORANGE, labelsize=8)
    twin.spines[["top", "left", "bottom", "right"]].set_visible(False)
    axis.set_zorder(twin.get_zorder() + 1)
    axis.patch.set_visible(False)
    handles, labels = axis.get_legend_handles_labels()
    more_handles, more_labels = twin.get_legend_handles_labels()
    axis.legend(handles + more_handles, labels + more_labels, loc="best", frameon=False, fontsize=8.5)


def _truncated_panel(axis: Any, run: RunData) -> None:
    curve(axis, run, keys.TRUNCATED_FRACTION, "truncated", BLUE, 100)
    axis.set_ylim(bottom=0)
    axis.set_title("Responses cut off by the budget [%]")
    for span in run.stages()[1:]:
        axis.annotate(
            f"stage {span.index + 1}: {span.max_response_tokens:,} tokens",
            (span.first_step - 0.5, 0.97),
            xycoords=("data", "axes fraction"),
            xytext=(4, 0),
            textcoords="offset points",
            va="top",
            fontsize=8,
            color=INK,
        )


def _length_panel(axis: Any, run: RunData) -> None:
    curve(axis, run, keys.RESPONSE_TOKENS_MEAN, "all", BLUE)
    curve(axis, run, keys.RESPONSE_TOKENS_MEAN_RIGHT, "correct", GREEN)
    steps, budgets = run.series(keys.MAX_RESPONSE_TOKENS)
    axis.step(steps, budgets, where="mid", color=INK, linewidth=1.1, linestyle=":", label="budget")
    axis.set_ylim(bottom=0)
    axis.set_title("Response length [tokens]")
    axis.legend(loc="best", frameon=False, fontsize=8.5)


def style(axis: Any) -> None:
    """Set the style of the axis."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color(GREY)
    axis.tick_params(colors=INK, labelsize=8)
    axis.grid(axis="y", color=GREY, alpha=0.25, linewidth=0.6)
    axis.title.set(color=INK, fontsize=10.5)
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set_xlabel("step", color=INK, fontsize=8.5)
