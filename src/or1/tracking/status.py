"""RUN/status.json: the work of a run and its processes at this moment, written each second."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from pydantic import TypeAdapter, ValidationError

from or1.config import StageConfig
from or1.errors import RunFolderError
from or1.metric import Row
from or1.storage.atomic import guard_writes, replacing
from or1.storage.run_folder import STATUS
from or1.tracking.sinks import Sink, StepEvent
from or1.types import ProcessStatus

WRITE_EVERY_S = 1.0
"""Time between two writes [s]."""
Processes = Callable[[], Sequence[ProcessStatus]]
LOADING, BETWEEN = "start", "between steps"


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """A call that samples: rollouts of a step, an evaluation."""

    name: str
    """Noun of its samples, such as `rollouts`."""
    total: int
    begun_s: float
    """Time of day [s]."""
    done: int = 0
    num_tokens: int = 0
    """Response tokens so far, of unfinished samples too where the engine counts them [tokens]."""
    ended_s: float | None = None
    """Time of day when all were sampled [s]; None while they are being sampled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """The content of the file. Times of day are those of the machine that trains."""

    pid: int
    host: str
    written_s: float
    """Time of day [s]."""
    step: int
    """Step under way, or the last one that ended; 0 before the first."""
    phase: str
    """Of the trainer: rollout, update, publish, or `start` and `between steps`."""
    phase_s: float
    """Time of day when the phase began [s]."""
    samples: Samples | None
    """The last call that samples; with `rollout.max_staleness` 1 beside the update."""
    processes: tuple[ProcessStatus, ...] = ()


_STATUS = TypeAdapter(RunStatus)


class StatusFile(Sink):
    """The view that writes the file.

    Args:
        folder: an open run folder.
        processes: the present work of the processes of engine and trainer.
        clock: time of day [s].
    """

    name = "status file"
    num_examples = 0

    def __init__(
        self, folder: Path, processes: Processes = tuple, clock: Callable[[], float] = time.time
    ) -> None:
        self._path = folder / STATUS
        self._processes, self._clock = processes, clock
        self._status = RunStatus(
            pid=os.getpid(),
            host=socket.gethostname(),
            written_s=0.0,
            step=0,
            phase=LOADING,
            phase_s=clock(),
            samples=None,
        )
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._write_often, name="or1-status", daemon=True)

    def open(self) -> Self:
        """Write from here on, in a thread."""
        self.write()
        self._thread.start()
        return self

    def write(self) -> None:
        """Write the file as it is now."""
        status = replace(self._status, written_s=self._clock(), processes=tuple(self._processes()))
        with guard_writes(self._path), replacing(self._path, durable=False) as part:
            part.write_bytes(_STATUS.dump_json(status))

    def on_step_begin(self, step: int, stage_index: int, stage: StageConfig) -> None:
        self._status = replace(self._status, step=step)

    def on_phase(self, phase: str) -> None:
        self._status = replace(self._status, phase=phase, phase_s=self._clock())

    def on_progress_start(self, name: str, num_samples: Mapping[str, int]) -> None:
        if sum(num_samples.values()) and name != "verdicts":  # verdicts end the sampling that came before
            samples = Samples(name=name, total=sum(num_samples.values()), begun_s=self._clock())
            self._status = replace(self._status, samples=samples)

    def on_progress(self, problem: str, num_tokens: int) -> None:
        before = self._status.samples
        if before is not None and before.ended_s is None:
            done = before.done + 1
            ended_s = self._clock() if done == before.total else None
            samples = replace(before, done=done, ended_s=ended_s)
            self._status = replace(self._status, samples=samples)

    def on_tokens(self, num_tokens: int) -> None:
        before = self._status.samples
        if before is not None:
            samples = replace(before, num_tokens=before.num_tokens + num_tokens)
            self._status = replace(self._status, samples=samples)

    def on_step_end(self, event: StepEvent) -> None:
        self.on_phase(BETWEEN)

    def on_score(self, metrics: Row, timings: Row) -> None:
        self.on_phase(BETWEEN)

    def close(self) -> None:
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()
        self._path.unlink(missing_ok=True)

    def _write_often(self) -> None:
        while not self._closed.wait(WRITE_EVERY_S):
            try:
                self.write()
            except RunFolderError:
                return  # the disk is full or gone, which the run itself reports


def read_status(folder: Path) -> RunStatus | None:
    """The status of a run; None where it has none, as when it has ended.

    Raises:
        RunFolderError: the file is of another version of or1, or damaged.
    """
    path = folder / STATUS
    try:
        return _STATUS.validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise RunFolderError(
            f"{path} was not written by this version of or1: use the version that trains"
        ) from error
