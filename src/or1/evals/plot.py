"""An evaluation as one picture, and as a page that holds picture and table."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from or1.errors import DataError
from or1.evals.report import HEAD, cells, notes, protocol_line
from or1.evals.results import RESULTS, EvalFolder, ResultRow, read
from or1.evals.tables import budget_curve, tabulate
from or1.storage.atomic import guard_writes
from or1.tracking.figure import new_figure, save_figure

INK, BLUE, ORANGE, GREY = "#22303c", "#2f6fb2", "#d9772b", "#9aa5ad"
NUM_BUDGETS = 60
"""Points of the curve of accuracy against budget."""
NUM_BINS = 30
"""Bars of the histogram of lengths."""


def plot_evaluation(folder: Path, out_png: Path, *, bounds: bool = False) -> Path:
    """Draw accuracy against budget and the lengths, a row for each benchmark, and write a page beside it.

    The page has the picture's name with the ending .html and needs no other file.

    Args:
        folder: an evaluation.
        out_png: the picture; its folder must exist.
        bounds: as in `tabulate`.

    Raises:
        ConfigError: matplotlib is not installed.
        DataError: samples are missing, or none has a length (imported verdicts).
    """
    scores = tabulate(folder, bounds=bounds)
    judged = [row for row in read(folder / RESULTS, ResultRow) if row.reward is not None]
    names = list(dict.fromkeys(row.benchmark for row in judged))
    if "imported" in EvalFolder.read(folder)["settings"]:
        raise DataError(f"{folder} has no lengths to draw: its verdicts were imported")
    figure = new_figure(11, 3.4 * len(names))
    axes = figure.subplots(len(names), 2, squeeze=False)
    for (left, right), name in zip(axes, names, strict=True):
        rows = [row for row in judged if row.benchmark == name]
        _accuracy_panel(left, rows, name)
        _length_panel(right, rows)
    save_figure(figure, out_png)
    with guard_writes(out_png):
        out_png.with_suffix(".html").write_text(_page(folder, out_png, scores), encoding="utf-8")
    return out_png


def _accuracy_panel(axis: Any, rows: Sequence[ResultRow], name: str) -> None:
    longest = max(1, *(row.num_tokens for row in rows))
    budgets = np.unique(np.geomspace(max(1, longest / 64), longest, NUM_BUDGETS).astype(int)).tolist()
    axis.plot(budgets, [100 * share for share in budget_curve(rows, budgets)], color=BLUE, linewidth=1.9)
    axis.set_xscale("log", base=2)
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.set_ylim(0, 100)
    axis.set_title(f"{name}: right within a budget [%]")
    _dress(axis, "budget [tokens]")


def _length_panel(axis: Any, rows: Sequence[ResultRow]) -> None:
    edges = np.linspace(0, max(1, *(row.num_tokens for row in rows)), NUM_BINS + 1)
    lengths = [[row.num_tokens for row in rows if (row.reward == 1.0) is right] for right in (True, False)]
    axis.hist(lengths, bins=edges, stacked=True, color=[BLUE, ORANGE], label=["right", "wrong"])
    axis.set_title("Response lengths [samples]")
    axis.margins(y=0.25)  # the longest bar is often at the budget, where the legend is
    axis.legend(loc="upper right", ncols=2, frameon=False, fontsize=8.5)
    _dress(axis, "length [tokens]")


def _dress(axis: Any, label: str) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color(GREY)
    axis.tick_params(colors=INK, labelsize=8)
    axis.grid(axis="y", color=GREY, alpha=0.25, linewidth=0.6)
    axis.title.set(color=INK, fontsize=10.5)
    axis.set_xlabel(label, color=INK, fontsize=8.5)


def _page(folder: Path, picture: Path, scores: Sequence[Any]) -> str:
    description = EvalFolder.read(folder)

    def line(cell: str, values: Sequence[str]) -> str:
        return "<tr>" + "".join(f"<{cell}>{html.escape(value)}</{cell}>" for value in values) + "</tr>"

    table = "\n".join([line("th", HEAD), *(line("td", cells(row)) for row in scores)])
    said = "".join(
        f"<p>{html.escape(text)}</p>" for text in (protocol_line(description), *notes(description))
    )
    encoded = base64.b64encode(picture.read_bytes()).decode()
    style = "body{font:14px sans-serif;margin:2em}td,th{padding:.2em .8em;text-align:right}"
    head = f'<meta charset="utf-8"><title>{html.escape(folder.name)}</title><style>{style}</style>'
    return (
        f"<!doctype html>{head}\n"
        f'{said}\n<table>\n{table}\n</table>\n<img width="1100" src="data:image/png;base64,{encoded}">\n'
    )
