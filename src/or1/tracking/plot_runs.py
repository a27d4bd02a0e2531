"""The picture of one run, or of several for comparison."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from or1.tracking.figure import save_figure
from or1.tracking.plot import run_figure
from or1.tracking.plot_comparison import comparison_figure
from or1.tracking.run_data import read_run


def plot_runs(folders: Sequence[Path], out_png: Path) -> Path:
    """Plot one run in full, or several over each other.

    Args:
        folders: run folders, finished or not.
        out_png: file to write; its folder must exist.

    Raises:
        ConfigError: matplotlib is not installed.
        RunFolderError: one of the folders is not a run folder.
    """
    runs = [read_run(folder) for folder in folders]
    figure = run_figure(runs[0]) if len(runs) == 1 else comparison_figure(folders, runs)
    save_figure(figure, out_png)
    return out_png
