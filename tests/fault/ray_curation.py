"""A curation of mathematics and programs: `FOLDER OUT ENGINE [FAULT]`.

FAULT is KILL (in every stage a worker ends itself once, as `kill -9` would, with a file half written) or
BLIND (workers do not see the work folder).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from or1.cli.curate import _workers
from or1.curate.curate import curate
from or1.curate.store import Store
from or1.curate.workers import Work, Workers
from or1.errors import Or1Error
from tests.unit.curate.corpus import Silent, config, plain


@dataclass(frozen=True)
class Dying:
    """Another work, whose first process to reach the second batch dies there."""

    work: Work
    marks: Path

    @property
    def stage(self) -> str:
        return self.work.stage

    @property
    def suffix(self) -> str:
        return self.work.suffix

    @property
    def num_processes(self) -> int:
        return self.work.num_processes

    @contextlib.contextmanager
    def ready(self) -> Iterator[Callable[[Store, int], None]]:
        with self.work.ready() as do:

            def die_once(store: Store, part: int) -> None:
                mark = self.marks / f"{self.stage}.died"
                if part == 1 and not mark.exists():
                    mark.touch()
                    (store.folder / self.stage).mkdir(exist_ok=True)
                    (store.folder / self.stage / f".{part:06d}.{self.suffix}.1.part").write_bytes(b"half")
                    os.kill(os.getpid(), signal.SIGKILL)
                do(store, part)

            yield die_once


class DyingWorkers:
    """Hands every work on as one that kills a worker."""

    def __init__(self, workers: Workers, marks: Path) -> None:
        self.workers = workers
        self.marks = marks

    def run(self, work: Work, store: Store, parts: Sequence[int]) -> Generator[int, None, None]:
        yield from self.workers.run(Dying(work, self.marks), store, parts)


class BlindWorkers:
    """Sends workers to a folder that is not there, as on a machine that does not share it."""

    def __init__(self, workers: Workers) -> None:
        self.workers = workers

    def run(self, work: Work, store: Store, parts: Sequence[int]) -> Generator[int, None, None]:
        yield from self.workers.run(work, Store(store.folder / "elsewhere"), parts)


def main() -> None:
    folder, out, engine = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    benchmarks = [{"name": "exam", "path": "exam.jsonl"}]
    sources = [
        plain("first", "first.jsonl"),
        plain("second", "second.jsonl"),
        plain("programs", "programs.jsonl", task="code"),
    ]
    wanted = config(folder, *sources, benchmarks=benchmarks, engine=engine, ray_address="local")
    try:
        with _workers(wanted) as workers:
            fault = sys.argv[4] if len(sys.argv) > 4 else ""
            if fault == "KILL":
                workers = DyingWorkers(workers, folder)
            elif fault == "BLIND":
                workers = BlindWorkers(workers)
            curate(wanted, out, Silent(), workers=workers)
    except Or1Error as error:
        sys.exit(f"or1: {error}")


if __name__ == "__main__":
    main()
