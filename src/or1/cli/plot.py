"""`or1 plot`: the curves of a run as a picture."""

from __future__ import annotations

from pathlib import Path

import typer

from or1.tracking.plot import plot_run


def plot(run_folder: Path, out: Path | None, compare: Path | None) -> None:
    """Draw the picture, into the run folder unless `out` says otherwise, and print its path."""
    typer.echo(plot_run(run_folder, out or run_folder / "curves.png", compare))
