"""The batches of a curation over Ray Data: the same stages on every machine that sees the work folder.

Ray carries the number of a batch to a worker and back; records and decisions stay in files. An actor
prepares a stage once. A worker that dies is started again and its batch done again: its file is written whole
or not at all, and does not depend on the worker.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import ray
import ray.data
import ray.exceptions

from or1 import errors
from or1.cluster.connect import connection, nodes
from or1.cluster.host_actor import require_same_versions
from or1.curate.store import Store
from or1.curate.workers import Work, versions
from or1.errors import ClusterError, Or1Error

SHARED_FOLDER = "give --out on a folder that all machines of the cluster share under the same path"
_KINDS: Mapping[str, type[Or1Error]] = MappingProxyType(
    {
        name: kind
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, Or1Error)
    }
)


@dataclass(frozen=True)
class BatchReport:
    """Report of a worker on one batch."""

    part: int
    host: str
    kind: str = ""
    """Name of the error, empty if all went well."""
    error: str = ""


class RayWorkers:
    """`or1.curate.workers.Workers` on a Ray cluster."""

    def __init__(self, seen_within_s: float = 60.0) -> None:
        """Use the cluster that this process is connected to (`connected`).

        Args:
            seen_within_s: longest wait for a file of a worker to appear here [s]; shared folders cache for a
                while that a file is missing.
        """
        self._seen_within_s = seen_within_s

    def run(self, work: Work, store: Store, parts: Sequence[int]) -> Generator[int, None, None]:
        """See `or1.curate.workers.Workers`; as many workers as the cluster has processors for.

        Raises:
            ClusterError: the cluster was lost, or a machine sees another folder or has other versions.
            Or1Error: what a worker raised.
        """
        num_cpus = max(1, work.num_processes)
        most = _most_workers(work.stage, num_cpus)
        settings = {"work": work, "folder": store.folder.resolve(), "expected": _versions()}
        reports = ray.data.from_items([{"part": part} for part in parts], override_num_blocks=len(parts)).map(
            _Worker,
            fn_constructor_kwargs=settings,
            compute=ray.data.ActorPoolStrategy(size=min(most, len(parts))),
            num_cpus=num_cpus,
        )
        try:
            for row in reports.iter_rows():
                report = BatchReport(**row)
                if report.kind:
                    raise _KINDS[report.kind](report.error)
                self._wait_for(work, store, report)
                yield report.part
        except ray.exceptions.RayError as error:
            said = str(error).strip().splitlines()[-1]
            raise ClusterError(
                f"the Ray cluster failed in {work.stage} ({type(error).__name__}: {said}): "
                "start the same command again to resume"
            ) from error

    def _wait_for(self, work: Work, store: Store, report: BatchReport) -> None:
        end = time.monotonic() + self._seen_within_s
        path = store.path(work.stage, report.part, work.suffix)
        while not path.is_file():
            if time.monotonic() > end:
                raise ClusterError(f"{report.host} wrote {path}, which is not there: {SHARED_FOLDER}")
            time.sleep(0.1)


class _Worker:
    """Lives in an actor: what is prepared serves all of its batches."""

    def __init__(self, work: Work, folder: Path, expected: Mapping[str, str]) -> None:
        self._work = work
        self._store = Store(folder)
        self._expected = expected
        self._until_exit = contextlib.ExitStack()
        self._do: Callable[[Store, int], None] | None = None

    def __call__(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Do one batch. What or1 raises travels as words; anything else is a mistake and Ray's to report."""
        part, host = int(row["part"]), socket.gethostname()
        try:
            if self._do is None:
                self._do = self._ready(host)
            self._do(self._store, part)
        except Or1Error as error:
            return asdict(BatchReport(part, host, type(error).__name__, str(error)))
        return asdict(BatchReport(part, host))

    def _ready(self, host: str) -> Callable[[Store, int], None]:
        if not self._store.is_read:
            raise ClusterError(f"{host} does not see {self._store.folder}: {SHARED_FOLDER}")
        require_same_versions(host, _versions(), self._expected)
        return self._until_exit.enter_context(self._work.ready())


def _versions() -> dict[str, str]:
    """Without the packages of models: no stage here uses them, and their builds differ by machine."""
    return {name: version for name, version in versions().items() if name not in ("torch", "transformers")}


def _most_workers(stage: str, num_cpus: int) -> int:
    """Number of workers with `num_cpus` each that fit on the machines of the cluster."""
    sizes = [node.num_cpus for node in nodes()]
    most = sum(size // num_cpus for size in sizes)
    if most == 0:
        raise ClusterError(
            f"{stage} wants {num_cpus} processors for a worker, the largest machine of the cluster has "
            f"{max(sizes, default=0)}: set {stage}.num_workers lower"
        )
    return most


@contextlib.contextmanager
def connected(address: str) -> Iterator[RayWorkers]:
    """Workers of a cluster, as long as the connection lasts.

    Args:
        address: `host:port`, `auto` for the cluster that this machine belongs to, `local` to start one.

    Raises:
        ClusterError: there is none.
    """
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    with connection(f"ray_address {address!r}", "set ray_address=local", address=address):
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False  # each stage has a bar already
        yield RayWorkers()
