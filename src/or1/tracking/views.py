"""Opens the views that the settings name; their libraries are imported only then."""

from __future__ import annotations

from pathlib import Path

from or1.config import RunConfig
from or1.storage.run_folder import TENSORBOARD
from or1.tracking.sinks import Sink, open_guarded
from or1.tracking.status import Processes, StatusFile


def open_views(run: RunConfig, folder: Path, processes: Processes = tuple) -> list[Sink]:
    """The status file and the views named in `run.tracking`, except those that cannot be opened.

    Args:
        run: its settings.
        folder: an open run folder.
        processes: the present work of the processes of engine and trainer.

    Raises:
        ConfigError: a Weights & Biases project is set, but wandb is not installed.
    """
    views: list[Sink] = [*open_guarded("status file", lambda: StatusFile(folder, processes).open())]
    if run.tracking.console:
        views += open_guarded("console", lambda: _console(run))
    if run.tracking.tensorboard:
        views += open_guarded("TensorBoard", lambda: _tensorboard(run, folder))
    project = run.tracking.wandb_project
    if project is not None:
        views += open_guarded("Weights & Biases", lambda: _weights_and_biases(project, run, folder))
    return views


def _console(run: RunConfig) -> Sink:
    from or1.tracking.live_page import console_sink

    return console_sink(run.name, run.stages)


def _tensorboard(run: RunConfig, folder: Path) -> Sink:
    from or1.tracking.tensorboard import TensorBoard

    return TensorBoard(folder / TENSORBOARD, run.model_dump(mode="json"))


def _weights_and_biases(project: str, run: RunConfig, folder: Path) -> Sink:
    from or1.tracking.weights_and_biases import WeightsAndBiases, open_page

    return WeightsAndBiases(open_page(project, run.name, folder, run.model_dump(mode="json")))
