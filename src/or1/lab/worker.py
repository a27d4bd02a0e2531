"""Main function of a worker process of the lab: train one run after the other.

The process ends with its parent, even in the middle of a step; a run that it leaves resumes from its last
checkpoint.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from or1.config import RunConfig
from or1.errors import NonFiniteError, Or1Error, StarvedError
from or1.processes.worker import Channel


@dataclass(frozen=True, slots=True)
class TrainRun:
    """Train, or resume, a run."""

    config: str
    """All settings, as JSON."""
    folder: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run has ended."""

    error: str
    """Empty after a finished run."""
    is_result: bool
    """Training itself cannot continue, because of the settings: a result like others."""


REQUESTS, REPLIES = (TrainRun,), (RunEnded,)
"""The types of which messages to a worker, and its replies, are made."""


def main(descriptor: int) -> None:
    """Serve the channel with this file descriptor until the lab closes it."""
    channel = Channel(descriptor, REQUESTS)
    channel.read()
    logging.basicConfig(level=logging.WARNING, format="or1: %(message)s")

    from or1 import assemble  # imports torch

    while True:
        task: TrainRun = channel.inbox.get()
        try:
            assemble.train(RunConfig.model_validate_json(task.config), Path(task.folder))
        except Or1Error as error:
            is_result = isinstance(error, NonFiniteError | StarvedError)
            channel.send(RunEnded(f"{type(error).__name__}: {error}", is_result))
        else:
            channel.send(RunEnded("", is_result=True))
