"""Runs the lab: a worker process on each core, every run once, resumable.

OUT/runs/KEY     run folder; its checkpoints are deleted once its result is written
OUT/logs/N.txt   output of worker process N
OUT/lock         held while a lab works in the folder

The processes may be on other machines that see OUT under the same path: see `Jobs`.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path
from typing import Protocol

from or1.errors import RunStopped
from or1.lab.matrix import PlannedRun
from or1.lab.results import have_results, result_of, write_result
from or1.lab.worker import REPLIES, RunEnded, TrainRun
from or1.processes.child import ChildProcess
from or1.processes.launch import LocalProcess, Running
from or1.storage.atomic import guard_writes
from or1.storage.folder import LOCK, FolderLock
from or1.storage.run_folder import CHECKPOINTS, METRICS

POLL_S = 1.0
"""Time between two looks at the progress of the runs [s]."""
WORKER = "or1.lab.worker"
"""Module of the worker process."""
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}
_log = logging.getLogger(__name__)


class Jobs(Protocol):
    """Where the worker processes of a lab run."""

    @property
    def num_jobs(self) -> int:
        """Processes at once; smaller when a machine is lost."""
        ...

    def launch(self, worker: str, environment: Mapping[str, str], log: Path) -> Running:
        """Start a process, see `or1.processes.launch.Launch`."""
        ...


@dataclass(frozen=True, slots=True)
class LocalJobs:
    """`Jobs` on this machine."""

    num_jobs: int

    def launch(self, worker: str, environment: Mapping[str, str], log: Path) -> Running:
        return LocalProcess(worker, environment, log)


@dataclass(frozen=True, slots=True)
class LabProgress:
    """Progress over all runs of a lab."""

    num_runs: int
    num_done: int
    fraction: float
    """Share of the rollouts of all runs."""
    fraction_at_start: float
    """Share that was there when this command started."""
    elapsed_s: float
    failed: tuple[str, ...]
    """One line for each run that failed."""

    @property
    def left_s(self) -> float | None:
        """Time to the end [s], at the speed of this command; None before its first progress."""
        made = self.fraction - self.fraction_at_start
        return self.elapsed_s / made * (1 - self.fraction) if made > 0 else None


OnProgress = Callable[[LabProgress], None]


def run_lab(
    planned: Sequence[PlannedRun],
    out: Path,
    results: Path,
    *,
    jobs: Jobs,
    on_progress: OnProgress,
    limit_s: float | None = None,
    worker: str = WORKER,
) -> LabProgress:
    """Train every planned run that has no result yet, and write its result.

    Killed at any moment, the same call continues: finished runs are kept, an interrupted run resumes from its
    checkpoint. A run whose process ends, such as with its machine, is tried once more. A run whose training
    cannot continue (`NonFiniteError`, `StarvedError`) has the result up to there. A run that fails in another
    way has no result; the next call tries it again.

    Args:
        planned: in the order in which they start.
        out: folder of the runs.
        results: folder of the results.
        jobs: where the worker processes run.
        on_progress: called about once a second.
        limit_s: stop after this time, as if killed [s]; None = never.
        worker: module of the worker process.

    Raises:
        RunFolderError: another lab works in the folder, or it cannot be written.
        ClusterError: no machine is left.
    """
    out = out.resolve()  # processes on other machines have other working folders
    with guard_writes(out):
        for name in ("runs", "logs"):
            (out / name).mkdir(parents=True, exist_ok=True)
    with contextlib.closing(FolderLock(out / LOCK)):
        lab = _Lab(planned, out, results, jobs, worker)
        with contextlib.closing(lab):
            while lab.has_work and (limit_s is None or lab.elapsed_s < limit_s):
                lab.start()
                lab.take(POLL_S)
                on_progress(lab.progress())
        return lab.progress()


@dataclass
class _Lab:
    """The state of a lab at work."""

    planned: Sequence[PlannedRun]
    out: Path
    results: Path
    jobs: Jobs
    worker: str
    idle: list[ChildProcess] = field(default_factory=list)
    busy: dict[ChildProcess, PlannedRun] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.done = have_results(self.results, self.planned)
        self.waiting = deque(each for each in self.planned if each.key not in self.done)
        self._started_s = time.monotonic()
        self._at_start = self._fraction()
        self._num_started = 0
        self._tried: set[str] = set()

    @property
    def has_work(self) -> bool:
        return bool(self.waiting or self.busy)

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._started_s

    def start(self) -> None:
        """Give waiting runs to idle processes, and start processes up to their number."""
        while self.waiting and len(self.busy) < max(1, self.jobs.num_jobs):
            child = self.idle.pop() if self.idle else self._new_child()
            planned = self.waiting.popleft()
            self.busy[child] = planned
            with self._failures_of(child):
                child.send(TrainRun(planned.run.model_dump_json(), str(self._folder(planned))))

    def _new_child(self) -> ChildProcess:
        self._num_started += 1
        log = self.out / "logs" / f"{self._num_started}.txt"
        return ChildProcess(
            f"worker {self._num_started} of the lab",
            self.worker,
            _ENVIRONMENT,
            log,
            error=RunStopped,
            replies=REPLIES,
            launch=self.jobs.launch,
        )

    def take(self, limit_s: float) -> None:
        """Wait for runs to end and write their results."""
        ended = set(wait([child.channel for child in self.busy], limit_s))
        for child in [each for each in self.busy if each.channel in ended]:
            with self._failures_of(child):
                self._ended(child, child.receive())

    @contextlib.contextmanager
    def _failures_of(self, child: ChildProcess) -> Iterator[None]:
        """A process that ended twice is the failure of its run; another one takes the next run."""
        try:
            yield
        except RunStopped as error:
            child.close()
            planned = self.busy.pop(child)
            line = f"{planned.title}: {error}"
            if planned.key in self._tried:
                self.failed.append(line)
                return
            self._tried.add(planned.key)
            self.waiting.append(planned)
            _log.warning("%s; this run is tried once more", line)

    def _ended(self, child: ChildProcess, reply: RunEnded) -> None:
        planned = self.busy.pop(child)
        self.idle.append(child)
        if not reply.is_result:
            self.failed.append(f"{planned.title}: {reply.error}")
            return
        write_result(self.results, result_of(planned, self._folder(planned), ended_by=reply.error))
        shutil.rmtree(self._folder(planned) / CHECKPOINTS, ignore_errors=True)
        self.done.add(planned.key)

    def _folder(self, planned: PlannedRun) -> Path:
        return self.out / "runs" / planned.key

    def _fraction(self) -> float:
        total = sum(each.rollouts for each in self.planned)
        made = sum(each.rollouts * self._share(each) for each in self.planned)
        return made / total if total else 1.0

    def _share(self, planned: PlannedRun) -> float:
        """Completed share of a run, by the rows of its metrics."""
        if planned.key in self.done:
            return 1.0
        metrics = self._folder(planned) / METRICS
        num_rows = metrics.read_bytes().count(b"\n") if metrics.is_file() else 0
        return min(num_rows / planned.run.num_steps, 1.0)

    def progress(self) -> LabProgress:
        return LabProgress(
            num_runs=len(self.planned),
            num_done=len(self.done),
            fraction=self._fraction(),
            fraction_at_start=self._at_start,
            elapsed_s=self.elapsed_s,
            failed=tuple(self.failed),
        )

    def close(self) -> None:
        for child in (*self.idle, *self.busy):
            child.close(limit_s=0.5)
