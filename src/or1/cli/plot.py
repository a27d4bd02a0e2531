"""`or1 plot`: the curves of runs, or the scores of an evaluation, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from or1.errors import ConfigError
from or1.evals.plot import plot_evaluation
from or1.evals.results import DESCRIPTION
from or1.storage.run_folder import CONFIG
from or1.tracking.plot_runs import plot_runs


def plot(folders: Sequence[Path], out: Path | None, bounds: bool) -> None:
    """Draw the picture, into the first folder unless `out` says otherwise, and print its path.

    Raises:
        ConfigError: an evaluation beside another folder; bounds of a run; a folder that is named twice.
    """
    evaluations = [folder for folder in folders if (folder / DESCRIPTION).exists()]
    if evaluations and len(folders) > 1:
        raise ConfigError(
            f"{evaluations[0]} is an evaluation: draw it alone; or1 eval compare compares two of them"
        )
    if evaluations:
        typer.echo(plot_evaluation(folders[0], out or folders[0] / "scores.png", bounds=bounds))
        return
    if bounds and (folders[0] / CONFIG).exists():
        raise ConfigError(f"{folders[0]} is a run: --bounds has a part in pictures of evaluations alone")
    require_each_once(folders)
    name = "curves.png" if len(folders) == 1 else "comparison.png"
    typer.echo(plot_runs(folders, out or folders[0] / name))


def require_each_once(folders: Sequence[Path]) -> None:
    """
    Raises:
        ConfigError: a folder is named twice.
    """
    places = [folder.resolve() for folder in folders]
    twice = next((folder for n, folder in enumerate(folders) if folder.resolve() in places[:n]), None)
    if twice is not None:
        raise ConfigError(f"{twice} is named twice: name each run once")
