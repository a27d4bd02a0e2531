"""`or1 plot`: the curves of a run, or the scores of an evaluation, as a picture."""

from __future__ import annotations

from pathlib import Path

import typer

from or1.errors import ConfigError
from or1.evals.plot import plot_evaluation
from or1.evals.results import DESCRIPTION
from or1.storage.run_folder import CONFIG
from or1.tracking.plot import plot_run


def plot(folder: Path, out: Path | None, compare: Path | None, bounds: bool) -> None:
    """Draw the picture, into the folder unless `out` says otherwise, and print its path.

    Raises:
        ConfigError: a second folder with an evaluation, which `or1 eval compare` compares; bounds of a run.
    """
    if not (folder / DESCRIPTION).exists():
        if bounds and (folder / CONFIG).exists():
            raise ConfigError(f"{folder} is a run: --bounds has a part in pictures of evaluations alone")
        typer.echo(plot_run(folder, out or folder / "curves.png", compare))
        return
    if compare is not None:
        raise ConfigError(f"{folder} is an evaluation: compare two with or1 eval compare")
    typer.echo(plot_evaluation(folder, out or folder / "scores.png", bounds=bounds))
