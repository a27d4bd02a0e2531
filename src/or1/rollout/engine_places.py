"""The machines of rollout engines: this one, or those of a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from or1.processes.launch import Launch, LocalProcess
from or1.processes.shared_memory import shared_folder


class EnginePlaces(Protocol):
    """Where each engine of a pool runs. Engines are counted from 0."""

    @property
    def scratch(self) -> Path:
        """A folder in memory, on each of the machines."""
        ...

    def launch(self, engine: int) -> Launch:
        """Starts processes on the machine of an engine."""
        ...

    def environment(self, engine: int) -> Mapping[str, str]:
        """Variables of the process of an engine that its machine decides, such as its GPUs."""
        ...

    def num_beside(self, engine: int) -> int:
        """Engines on the machine of this one, which share its processors."""
        ...

    def spread(self, path: Path) -> None:
        """Bring a file of this machine to the same path on all machines of engines, within a time limit.

        Raises:
            ClusterError: a machine did not take it.
        """
        ...

    def deliver(self, path: Path) -> Path:
        """Bring published weights to all machines of engines, within a time limit; the path under which
        engines find them. Those delivered before are deleted there.

        Raises:
            ClusterError: a machine did not take them.
        """
        ...


class EnginesHere:
    """`EnginePlaces` on this machine.

    Args:
        num_engines: of the pool.
    """

    def __init__(self, num_engines: int) -> None:
        self._num_engines = num_engines
        self.scratch = shared_folder("or1-engines-")

    def launch(self, engine: int) -> Launch:
        return LocalProcess

    def environment(self, engine: int) -> Mapping[str, str]:
        return {}

    def num_beside(self, engine: int) -> int:
        return self._num_engines

    def spread(self, path: Path) -> None:
        """It is here."""

    def deliver(self, path: Path) -> Path:
        return path
