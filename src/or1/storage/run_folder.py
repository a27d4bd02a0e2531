"""The folder of a training run.

RUN/config.json         "config": all settings; "provenance": version, commit, hashes, packages
RUN/metrics.jsonl       one row per step, one row per evaluation; nothing read from a clock
RUN/timings.jsonl       seconds, throughputs, memory of the same steps
RUN/fingerprints.jsonl  hashes of the inputs and outputs of each step
RUN/rollouts/           step_000012.parquet: one row per rollout
RUN/checkpoints/        step_000020/: whole states
RUN/tensorboard/        a view of the rows
RUN/summary.json        made from the files above
RUN/lock                held while a run has the folder open; names its process
"""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from or1.errors import RunFolderError
from or1.storage.atomic import guard_writes
from or1.storage.folder import Folder
from or1.storage.settings import differing_keys, require_same

logger = logging.getLogger(__name__)

CONFIG = "config.json"
METRICS, TIMINGS, FINGERPRINTS = "metrics.jsonl", "timings.jsonl", "fingerprints.jsonl"
ROLLOUTS, CHECKPOINTS, TENSORBOARD = "rollouts", "checkpoints", "tensorboard"
SUMMARY = "summary.json"

FREE_FLOOR_BYTES = 64 << 20
"""Least free disk space to start with, before any checkpoint says how large one is [bytes]."""
FREE_FACTOR = 1.1
"""Free space required, in sizes of the last checkpoint [dimensionless]."""

_STEP = re.compile(rb'\{"step": (\d+)[,}]')
"""Begin of a row of metrics."""

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
"""Settings that may change when a run resumes: its views, its checkpoints, its workers, never its numbers."""


class RunFolder(Folder):
    """An open run folder, made by `RunFolder.open`."""

    FILE = CONFIG
    KIND = "a run folder"
    BEFORE = ("reward-*.py", "__pycache__")  # a reward function of a notebook

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

        def describe(found: dict[str, Any] | None) -> Mapping[str, Any]:
            with guard_writes(path):
                for name in (ROLLOUTS, CHECKPOINTS):
                    (path / name).mkdir(exist_ok=True)
            require_free(path, last_checkpoint_bytes(path / CHECKPOINTS), free_bytes)
            if found is None:
                return description
            _require_same_run(path, found, json.loads(json.dumps(description)))
            _refuse_lost_checkpoints(path, found["config"]["checkpoint"]["every"])
            return found

        return cls.hold(path, describe)

    @classmethod
    def check(cls, found: dict[str, Any]) -> None:
        if not (isinstance(found["config"], dict) and isinstance(found["provenance"]["data_hash"], str)):
            raise ValueError("config or provenance has the wrong type")

    @property
    def checkpoints(self) -> Path:
        return self.path / CHECKPOINTS


def _require_same_run(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuse other settings and other problems; warn about other versions."""
    old, new = (d["config"] | {"data_hash": d["provenance"]["data_hash"]} for d in (found, wanted))
    require_same(
        old,
        new,
        may_change=FREE_KEYS,
        holder=f"{path} belongs to a run with other settings or other data",
        remedy="choose another folder with --out, or repeat the settings it was started with",
    )
    changed = differing_keys(found["provenance"], wanted["provenance"])
    changed = [k for k in changed if k != "config_hash"]
    if changed:
        logger.warning("%s was started with another %s: numbers may differ", path, ", ".join(changed))


def _refuse_lost_checkpoints(path: Path, every: int | None) -> None:
    """A run that starts again from step 0 empties its files: not where it once had a checkpoint."""
    if every is None or any((path / CHECKPOINTS).glob("step_*")):
        return
    rows = (path / METRICS).read_bytes().splitlines() if (path / METRICS).is_file() else []
    last = next((int(found[1]) for row in reversed(rows) if (found := _STEP.match(row))), 0)
    if last > every:
        raise RunFolderError(
            f"{path} has metrics up to step {last} and no checkpoint: put its checkpoints back, choose "
            "another folder with --out, or delete this one"
        )


def last_checkpoint_bytes(checkpoints: Path) -> int:
    """Size of the newest checkpoint [bytes]; 0 when there is none."""
    steps = sorted(p for p in checkpoints.glob("step_*") if p.is_dir())
    return sum(f.stat().st_size for f in steps[-1].rglob("*") if f.is_file()) if steps else 0


def require_free(path: Path, checkpoint_bytes: int, free_bytes: Callable[[Path], int] | None = None) -> None:
    """Refuse to continue where the next checkpoint would not fit.

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
