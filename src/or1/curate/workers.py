"""Workers for the batches of a stage: processes of this machine, or those of a cluster.

A batch needs nothing but the files of the work folder and leaves one file there. So the result
does not depend on where and in which order batches are processed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Protocol

import or1_verify
from or1.curate.store import Store
from or1.errors import RunFolderError
from or1.storage.provenance import package_versions

PACKAGES = ("rapidfuzz", "rensa", "xxhash")
"""Further packages whose version can change what is kept."""


def versions() -> dict[str, str]:
    """Versions that the result depends on, of this process."""
    return {"or1": or1_verify.__version__, **package_versions(PACKAGES)}


class Work(Protocol):
    """The work on each batch of a stage. Picklable: it is sent to the worker processes."""

    @property
    def stage(self) -> str: ...

    @property
    def suffix(self) -> str:
        """Of the file that the stage leaves for a batch."""
        ...

    @property
    def num_processes(self) -> int:
        """Processes that one worker starts for itself; 0 = it works alone."""
        ...

    def ready(self) -> contextlib.AbstractContextManager[Callable[[Store, int], None]]:
        """Set up once per process; yields a function that writes the file of one batch."""
        ...


class Workers(Protocol):
    """Does a work on many batches."""

    def run(self, work: Work, store: Store, parts: Sequence[int]) -> Generator[int, None, None]:
        """Yield each batch when its file is there, in any order; closed early, they stop.

        Raises:
            Or1Error: a worker could not do it, or the workers are lost; files that are there stay.
        """
        ...


class ProcessWorkers:
    """Processes of this machine. A work that starts processes of its own is done from this one."""

    def __init__(self, num_workers: int) -> None:
        self._num_workers = num_workers

    def run(self, work: Work, store: Store, parts: Sequence[int]) -> Generator[int, None, None]:
        if work.num_processes or self._num_workers == 1 or len(parts) == 1:
            with work.ready() as do:
                for part in parts:
                    do(store, part)
                    yield part
            return
        with ProcessPoolExecutor(self._num_workers, get_context("spawn"), _begin, (work,)) as executor:
            running = {executor.submit(_do, store, part): part for part in parts}
            try:
                for done in as_completed(running):
                    done.result()
                    yield running[done]
            except BrokenProcessPool as error:
                raise RunFolderError(
                    f"a worker of {work.stage} was killed, perhaps for want of memory: repeat the command, "
                    f"which resumes here, with num_workers below {self._num_workers}"
                ) from error
            except BaseException:
                executor.shutdown(cancel_futures=True)  # else leaving would finish every batch first
                raise


_of_process: Callable[[Store, int], None] | None = None
"""The function of this process for one batch, set up once for all of its batches."""
_until_exit = contextlib.ExitStack()


def _begin(work: Work) -> None:
    global _of_process
    _of_process = _until_exit.enter_context(work.ready())


def _do(store: Store, part: int) -> None:
    assert _of_process is not None, "_begin has run"
    _of_process(store, part)
