"""A run's folder: created, locked for one run, tied to one configuration.

RUN/config.json         "config": all settings; "provenance": version, commit, hashes, packages
RUN/metrics.jsonl       one row a step, one row an evaluation; nothing read from a clock
RUN/timings.jsonl       seconds, throughputs, memory of the same steps
RUN/fingerprints.jsonl  hashes of what went in and what came out of each step
RUN/rollouts/           step_000012.parquet: one row a rollout
RUN/checkpoints/        step_000020/: whole states
RUN/tensorboard/        a view of the rows
RUN/summary.json        made from the files above
RUN/lock                held while a run has the folder; says by which process
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import logging
import os
import shutil
import socket
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from or1.errors import RunFolderError

logger = logging.getLogger(__name__)

CONFIG, LOCK = "config.json", "lock"
METRICS, TIMINGS, FINGERPRINTS = "metrics.jsonl", "timings.jsonl", "fingerprints.jsonl"
ROLLOUTS, CHECKPOINTS, TENSORBOARD = "rollouts", "checkpoints", "tensorboard"
SUMMARY = "summary.json"

FREE_FLOOR_BYTES = 64 << 20
"""Least free disk space to start with, before any checkpoint says how large one is [bytes]."""
FREE_FACTOR = 1.1
"""Free space asked for, in sizes of the last checkpoint [dimensionless]."""

FREE_KEYS = frozenset(
    {
        "tracking.console",
        "tracking.tensorboard",
        "tracking.wandb_project",
        "checkpoint.every",
        "checkpoint.keep",
        "verify.num_workers",
    }
)
"""Settings that may change when a run goes on: who watches, how often it is saved, never its numbers."""

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
_NOT_WRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM}


@contextlib.contextmanager
def guard_writes(path: Path) -> Iterator[None]:
    """Turn the failure of a write below `path` into one line that says what to do.

    Raises:
        RunFolderError: disk full, folder read-only or gone, or any other failure of the file system.
    """
    try:
        yield
    except OSError as error:
        raise RunFolderError(_write_failure(path, error)) from error


def _write_failure(path: Path, error: OSError) -> str:
    if error.errno in _DISK_FULL:
        return (
            f"disk full while writing {path}: make room and repeat the same command; "
            "it goes on from what is complete"
        )
    if error.errno in _NOT_WRITABLE:
        return f"{path} cannot be written ({error.strerror}): choose another folder with --out"
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.ESTALE):
        return f"{path} has vanished or is no folder ({error.strerror}): choose another folder with --out"
    return f"{path} cannot be written: {error}"


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Leaves of a nested configuration by dotted key; list entries by index.

    >>> flatten({"a": {"b": 1}, "stages": [{"n": 2}]})
    {'a.b': 1, 'stages.0.n': 2}
    """
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, list | tuple):
            value = {str(i): entry for i, entry in enumerate(value)}
        if isinstance(value, Mapping) and value:
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def differing_keys(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Dotted keys with different values, or on one side only, sorted."""
    old_flat, new_flat = flatten(old), flatten(new)
    only_one = old_flat.keys() ^ new_flat.keys()
    changed = {k for k in old_flat.keys() & new_flat.keys() if old_flat[k] != new_flat[k]}
    return sorted(only_one | changed)


def _boot_id() -> str:
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else "unknown"


class FolderLock:
    """One run per folder. The lock dies with the process that holds it, so a stale one cannot exist.

    flock belongs to the open file, which a forked child would share and keep alive after its parent was
    killed: children therefore close their copy as soon as they are forked.
    """

    _held: ClassVar[weakref.WeakSet[FolderLock]] = weakref.WeakSet()

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            RunFolderError: another process, or another run in this one, holds it.
        """
        self._fd: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._fd, 4096, 0).decode(errors="replace").strip() or "an unknown process"
            self.close()
            raise RunFolderError(
                f"{path.parent} is in use by {holder}: wait for it, or choose another folder with --out"
            ) from error
        text = f"process {os.getpid()} on {socket.gethostname()} (boot {_boot_id()})\n"
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, text.encode(), 0)
        self._held.add(self)

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    @classmethod
    def close_in_child(cls) -> None:
        """After a fork, in the child: let go of every lock of the parent (which keeps it)."""
        for lock in list(cls._held):
            lock.close()


os.register_at_fork(after_in_child=FolderLock.close_in_child)


class RunFolder:
    """An open run folder: `RunFolder.open` opens it, `close` or the end of a `with` unlocks it."""

    def __init__(self, path: Path, lock: FolderLock, description: Mapping[str, Any]) -> None:
        self.path = path
        self.description = description
        self._lock = lock

    @classmethod
    def open(
        cls,
        path: Path,
        description: Mapping[str, Any],
        *,
        free_bytes: Callable[[Path], int] | None = None,
    ) -> RunFolder:
        """Create or reopen the folder, lock it, and check that it belongs to this run and has room.

        Args:
            path: the folder; parents are made.
            description: as `or1.storage.provenance.describe` makes it: `config` and `provenance`, both JSON.
            free_bytes: free space at a path [bytes]; None asks the file system.

        Raises:
            RunFolderError: in use, of another configuration or other data, not writable, or nearly full.
        """
        with guard_writes(path):
            path.mkdir(parents=True, exist_ok=True)
            for name in (ROLLOUTS, CHECKPOINTS):
                (path / name).mkdir(exist_ok=True)
            lock = FolderLock(path / LOCK)
        try:
            require_free(path, last_checkpoint_bytes(path / CHECKPOINTS), free_bytes)
            cls._tie(path, description)
        except BaseException:
            lock.close()
            raise
        return cls(path, lock, description)

    @staticmethod
    def _tie(path: Path, description: Mapping[str, Any]) -> None:
        """Write config.json, or compare with the one that is there."""
        wanted = json.loads(json.dumps(description))
        if not (path / CONFIG).exists():
            with guard_writes(path):
                write_json(path / CONFIG, wanted)
            return
        found = read_description(path)
        keys = [k for k in differing_keys(found["config"], wanted["config"]) if k not in FREE_KEYS]
        old_data, new_data = (d["provenance"]["data_hash"] for d in (found, wanted))
        if old_data != new_data:
            keys.append("data (the problems themselves)")
        if keys:
            shown = ", ".join(keys[:8]) + (f" and {len(keys) - 8} more" if len(keys) > 8 else "")
            raise RunFolderError(
                f"{path} belongs to a run with other settings; these differ: {shown}. "
                "Choose another folder with --out, or repeat the settings it was started with"
            )
        changed = differing_keys(found["provenance"], wanted["provenance"])
        changed = [k for k in changed if k != "config_hash"]
        if changed:
            logger.warning("%s was started with another %s: numbers may differ", path, ", ".join(changed))

    @property
    def metrics(self) -> Path:
        return self.path / METRICS

    @property
    def checkpoints(self) -> Path:
        return self.path / CHECKPOINTS

    def close(self) -> None:
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def read_description(path: Path) -> dict[str, Any]:
    """config.json of a run folder: `config` and `provenance`.

    Raises:
        RunFolderError: there is none, or it is damaged.
    """
    try:
        found = json.loads((path / CONFIG).read_text())
        if not (isinstance(found["config"], dict) and isinstance(found["provenance"]["data_hash"], str)):
            raise ValueError("config or provenance has the wrong type")
    except FileNotFoundError as error:
        raise RunFolderError(f"{path} is not a run folder: it holds no {CONFIG}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise RunFolderError(f"{path / CONFIG} is damaged ({error}): choose another --out") from error
    return dict(found)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file so that a reader finds the old one or the new one, never a part."""
    partial = path.with_name(path.name + ".tmp")
    with partial.open("w") as file:
        json.dump(content, file, indent=2, ensure_ascii=False, allow_nan=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    fsync_folder(path.parent)


def fsync_folder(path: Path) -> None:
    """Make renames and deletions inside a folder durable."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def last_checkpoint_bytes(checkpoints: Path) -> int:
    """Size of the newest checkpoint [bytes]; 0 when there is none."""
    steps = sorted(p for p in checkpoints.glob("step_*") if p.is_dir() and p.suffix == "")
    return sum(f.stat().st_size for f in steps[-1].rglob("*") if f.is_file()) if steps else 0


def require_free(path: Path, checkpoint_bytes: int, free_bytes: Callable[[Path], int] | None = None) -> None:
    """Refuse to go on where the next checkpoint would not fit.

    Raises:
        RunFolderError: less free than 1.1 x the last checkpoint, or than the floor of 64 MiB.
    """
    needed = max(FREE_FLOOR_BYTES, int(FREE_FACTOR * checkpoint_bytes))
    with guard_writes(path):
        free = free_bytes(path) if free_bytes else shutil.disk_usage(path).free
    if free < needed:
        raise RunFolderError(
            f"disk nearly full: {path} has {free / 1e6:,.0f} MB free and needs {needed / 1e6:,.0f} MB "
            "for the next checkpoint: make room or choose another folder with --out"
        )
