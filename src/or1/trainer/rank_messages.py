"""Messages between the driver of the trainer and the processes of its ranks. All are pickled: both ends are
or1, and every process is a child of the driver's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from or1.errors import Or1Error
from or1.trainer.fsdp_rank import RankSettings


def saved_marker(scratch: Path, rank: int) -> Path:
    """The file that a rank makes when it has saved, with the error or empty: the channel has one reader, and
    another thread of the driver waits."""
    return scratch / f"saved-{rank}"


@dataclass(frozen=True, slots=True)
class StartRank:
    """The first message: join the group and build the rank."""

    settings: RankSettings
    rank: int
    num_ranks: int
    scratch: str
    """Folder of the group: the file by which the ranks find each other, logs, published weights."""


@dataclass(frozen=True, slots=True)
class RankCall:
    """Run a method of the rank."""

    method: str
    argument: Any


@dataclass(frozen=True, slots=True)
class StopUpdate:
    """Leave the update at hand if it has changed no weight; no answer follows."""


@dataclass(frozen=True, slots=True)
class RankProgress:
    """A sign of life."""

    work: str


@dataclass(frozen=True, slots=True)
class RankReturned:
    """The call has ended."""

    value: Any


@dataclass(frozen=True, slots=True)
class RankFailed:
    """The rank raised an error and ends."""

    reason: str
    error: Or1Error | None
    """An error for the user, such as a full disk; None for any other."""
