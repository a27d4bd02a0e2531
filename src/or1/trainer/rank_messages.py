"""Messages between the driver of the trainer and the processes of its ranks."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from or1 import errors
from or1.config import OptimizerConfig
from or1.errors import Or1Error, first_line
from or1.nn.config import SHAPES
from or1.trainer.fsdp_rank import RankSettings
from or1.trainer.rank_plan import UPDATES, RankOutcome, RankReport, RankUpdate

METHODS = frozenset({"update", "publish", "begin_save", "load"})
"""Of `FsdpRank`, which the driver calls."""
START_LIMIT_S = 900.0
"""Longest silence of all ranks while they start: imports, and the model's first tensor [s]; the limit of a
step if that is longer."""


def saved_marker(scratch: Path, rank: int) -> Path:
    """The file that a rank makes when it has saved, with the error or empty: the channel has one reader, and
    another thread of the driver waits."""
    return scratch / f"saved-{rank}"


def saved_text(error: BaseException | None) -> str:
    """The content of a `saved_marker`: the number of an error of the file system, or 0, and its line; empty
    where the rank has saved.

    >>> saved_text(ValueError("no such type"))
    '0 ValueError: no such type'
    """
    if error is None:
        return ""
    number = error.errno or 0 if isinstance(error, OSError) else 0
    return f"{number} {type(error).__name__}: {first_line(error)}"


def saved_error(rank: int, text: str) -> OSError:
    """The error of a rank again, from `saved_text`.

    >>> saved_error(1, "28 OSError: No space left on device")
    OSError(28, 'training rank 1: OSError: No space left on device')
    """
    number, _, line = text.partition(" ")
    return OSError(int(number) or errno.EIO, f"training rank {rank}: {line}")


@dataclass(frozen=True, slots=True)
class StartRank:
    """The first message: join the group and build the rank."""

    settings: RankSettings
    rank: int
    num_ranks: int
    scratch: str
    """Folder of the group: logs, published weights."""
    store: str
    """By it the ranks find each other: the path of a file, or `tcp://HOST:PORT`."""


@dataclass(frozen=True, slots=True)
class RankCall:
    """Run a method of the rank."""

    method: str
    """One of `METHODS`."""
    argument: RankUpdate | Path

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"a rank has no method {self.method!r} to call")


@dataclass(frozen=True, slots=True)
class StopUpdate:
    """Leave the update at hand if it has changed no weight; no answer follows."""


@dataclass(frozen=True, slots=True)
class RankReturned:
    """The call has ended."""

    value: Any


@dataclass(frozen=True, slots=True)
class RankFailed:
    """The rank raised an error and ends."""

    reason: str
    """Its type and its first line."""
    user_error: str | None
    """Name of the type of an error for the user, such as a full disk; None for any other."""
    text: str
    """The whole message of that error."""

    @classmethod
    def of(cls, error: Exception) -> RankFailed:
        """The report of an error that a rank raised."""
        names = [each.__name__ for each in type(error).__mro__ if each in _USER_ERRORS.values()]
        return cls(f"{type(error).__name__}: {first_line(error)}", next(iter(names), None), str(error))

    @property
    def error(self) -> Or1Error | None:
        """The error for the user again."""
        return None if self.user_error is None else _USER_ERRORS[self.user_error](self.text)


_USER_ERRORS: dict[str, type[Or1Error]] = {
    each.__name__: each
    for each in (
        errors.ConfigError,
        errors.ModelError,
        errors.RunFolderError,
        errors.CheckpointError,
        errors.OutOfMemoryError,
        Or1Error,
    )
}
"""Errors that cross by their names, the most general last."""
REQUESTS = (StartRank, RankSettings, OptimizerConfig, *SHAPES, RankCall, StopUpdate, *UPDATES)
"""The types of which messages to a rank are made."""
REPLIES = (RankReturned, RankFailed, RankReport, RankOutcome)
"""The types of which its replies are made."""
