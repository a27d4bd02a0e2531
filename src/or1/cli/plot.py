"""`or1 plot`: the curves of a run as a picture."""

from __future__ import annotations

from pathlib import Path

import typer


def plot(run_folder: Path) -> None:
    """Draw the picture into the run folder and print its path."""
    from or1.tracking.plot import plot_run

    typer.echo(plot_run(run_folder))
