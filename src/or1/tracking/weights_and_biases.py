"""Weights & Biases: an optional dependency, imported only here and only if a project is set."""

from __future__ import annotations

import importlib.util
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from or1.errors import ConfigError, install_command
from or1.metric import Row
from or1.storage.atomic import replacing
from or1.tracking.samples import COLUMNS, NUM_EXAMPLES, TAG, sample_rows
from or1.tracking.sinks import Sink, StepEvent

ID_FILE = "wandb_id"
"""File in the run folder with the id of its page, which a repeated command resumes."""


class Page(Protocol):
    """The methods of a wandb run that are used."""

    def log(self, data: dict[str, Any]) -> None: ...

    def finish(self) -> None: ...


def page_id(folder: Path) -> str:
    """The id of this run folder's page, created at the first call."""
    path = folder / ID_FILE
    if not path.exists():
        with replacing(path) as part:
            part.write_text(secrets.token_hex(4))
    return path.read_text().strip()


def open_page(project: str, name: str, folder: Path, config: Mapping[str, Any]) -> Page:
    """Start or resume the page of a run.

    Raises:
        ConfigError: wandb is not installed.
    """
    if importlib.util.find_spec("wandb") is None:
        raise ConfigError(
            f"tracking.wandb_project is {project!r} but wandb is not installed: {install_command('wandb')}"
        )
    import wandb

    page = wandb.init(
        project=project, name=name, id=page_id(folder), resume="allow", dir=str(folder), config=dict(config)
    )
    # The step is a metric of its own: the service's counter cannot go back to a checkpoint.
    page.define_metric("step")
    page.define_metric("*", step_metric="step")
    opened: Page = page
    return opened


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> object:
    """A table as the package logs it."""
    import wandb

    return wandb.Table(columns=list(columns), data=[list(row) for row in rows])


class WeightsAndBiases(Sink):
    """Logs the rows unchanged, and samples of each step as a table. After a cut the repeated steps appear
    twice."""

    name = "Weights & Biases"
    num_examples = NUM_EXAMPLES

    def __init__(self, page: Page) -> None:
        self._page = page

    def on_step_end(self, event: StepEvent) -> None:
        samples = {TAG: table(COLUMNS, sample_rows(event.step, event.examples))} if event.examples else {}
        self._page.log({**event.metrics, **event.timings, **samples})

    def on_score(self, metrics: Row, timings: Row) -> None:
        self._page.log(dict(metrics | timings))

    def close(self) -> None:
        self._page.finish()
