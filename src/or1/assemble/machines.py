"""Where the parts of a run are made: on this machine, or on those of a cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from or1.assemble.backends import BackendFactory, backend_factory
from or1.assemble.engines import EngineFactory, engine_factory
from or1.config import RunConfig
from or1_verify.pool.workers import MakeWorkers, WorkerPool


@dataclass(frozen=True, slots=True, kw_only=True)
class Machines:
    """The makers of the parts that have processes of their own."""

    run: RunConfig
    """The settings, with numbers of ranks and engines that fit the machines."""
    make_backend: BackendFactory
    make_engine: EngineFactory
    make_workers: MakeWorkers = WorkerPool
    """Of the verifier pool."""
    num_gpus: int | None = None
    """Of all machines; None = those of this one."""


MachinesFor = Callable[[RunConfig], AbstractContextManager[Machines]]
"""The machines for one start of a run."""


@contextlib.contextmanager
def this_machine_alone(run: RunConfig) -> Iterator[Machines]:
    """The makers that the settings name.

    Raises:
        ConfigError: there is none of a name.
    """
    yield Machines(
        run=run,
        make_backend=backend_factory(run.system.backend),
        make_engine=engine_factory(run.rollout.engine),
    )
