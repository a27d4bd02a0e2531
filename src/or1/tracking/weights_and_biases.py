"""Weights & Biases, an extra: imported when a project is named, and only here."""

from __future__ import annotations

import importlib.util
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from or1.errors import ConfigError
from or1.metric import Row
from or1.tracking.sinks import Sink, StepEvent

ID_FILE = "wandb_id"
"""In the run folder: the id under which a repeated command goes on with the same page."""


class Page(Protocol):
    """What is used of a W&B run."""

    def log(self, data: dict[str, Any]) -> None: ...

    def finish(self) -> None: ...


def page_id(folder: Path) -> str:
    """The id of this run folder's page, made once."""
    path = folder / ID_FILE
    if not path.exists():
        path.write_text(secrets.token_hex(4))
    return path.read_text().strip()


def open_page(project: str, name: str, folder: Path, config: Mapping[str, Any]) -> Page:
    """Start or go on with the page of a run.

    Raises:
        ConfigError: wandb is not installed.
    """
    if importlib.util.find_spec("wandb") is None:
        raise ConfigError(
            f"tracking.wandb_project is {project!r} but wandb is not installed: pip install 'or1[wandb]'"
        )
    import wandb

    page = wandb.init(
        project=project, name=name, id=page_id(folder), resume="allow", dir=str(folder), config=dict(config)
    )
    # Steps are an axis of ours: the service's own counter cannot go back to a checkpoint.
    page.define_metric("step")
    page.define_metric("*", step_metric="step")
    opened: Page = page
    return opened


class WeightsAndBiases(Sink):
    """The rows of a run as they are. After a cut the steps gone through again show up twice."""

    name = "Weights & Biases"

    def __init__(self, page: Page) -> None:
        self._page = page

    def step(self, event: StepEvent) -> None:
        self._page.log(dict(event.metrics | event.timings))

    def score(self, metrics: Row, timings: Row) -> None:
        self._page.log(dict(metrics | timings))

    def close(self) -> None:
        self._page.finish()
