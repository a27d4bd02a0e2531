"""Rollouts on disk: one parquet file a step, one row a rollout. Nothing in them is read from a clock.

Shape legend: Lp prompt tokens, L response tokens.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from or1.protocols import Tokenizer, response_text
from or1.storage.folder import guard_writes
from or1.types import Group, Problem

PATTERN = "step_*.parquet"


def file_name(step: int) -> str:
    """
    >>> file_name(12)
    'step_000012.parquet'
    """
    return f"step_{step:06d}.parquet"


def step_of(path: Path) -> int:
    """The step in a name made by `file_name`."""
    return int(path.stem.removeprefix("step_"))


def question(problem: Problem) -> str:
    """What the user asks: the last turn of the prompt."""
    return problem.prompt[-1].content if problem.prompt else ""


def rollout_table(
    step: int, groups: Sequence[Group], tokenizer: Tokenizer, *, token_numbers: bool
) -> pa.Table:
    """One row a rollout, in drawn order.

    Args:
        token_numbers: with `behavior_logprobs` and `behavior_entropy`, [L] lists [nats].
    """
    pairs = [(g.problem, r) for g in groups for r in g.rollouts]
    rollouts = [r for _, r in pairs]
    verdicts = [r.verdict for r in rollouts]
    columns: dict[str, Any] = {
        "step": pa.array([step] * len(pairs), pa.int32()),
        "problem_id": pa.array([r.problem_id for r in rollouts], pa.string()),
        "source": pa.array([p.source for p, _ in pairs], pa.string()),
        "index": pa.array([r.index for r in rollouts], pa.int32()),
        "question": pa.array([question(p) for p, _ in pairs], pa.string()),
        "gold": pa.array([json.dumps(p.gold, ensure_ascii=False) for p, _ in pairs], pa.string()),
        "response": pa.array([response_text(tokenizer, r) for r in rollouts], pa.string()),
        "outcome": pa.array([v.outcome.value if v else None for v in verdicts], pa.string()),
        "reward": pa.array([v.reward if v else None for v in verdicts], pa.float64()),
        "reason": pa.array([v.reason if v else None for v in verdicts], pa.string()),
        "detail": pa.array([v.detail if v else None for v in verdicts], pa.string()),
        "finish": pa.array([r.finish.value for r in rollouts], pa.string()),
        "policy_version": pa.array([r.policy_version for r in rollouts], pa.int64()),
        "response_tokens": _lists([r.response_tokens for r in rollouts], np.int32),
    }
    if token_numbers:
        columns["behavior_logprobs"] = _lists([r.behavior_logprobs for r in rollouts], np.float32)
        columns["behavior_entropy"] = _lists([r.behavior_entropy for r in rollouts], np.float32)
    return pa.table(columns)


def _lists(arrays: Sequence[np.ndarray[Any, Any] | None], dtype: type[np.generic]) -> pa.ListArray:
    """Ragged arrays as one arrow column; None is null."""
    lengths = [0 if a is None else len(a) for a in arrays]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    flat = [np.asarray(a, dtype) for a in arrays if a is not None]
    values = np.concatenate(flat) if flat else np.zeros(0, dtype)
    missing = pa.array([a is None for a in arrays], pa.bool_())
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values), mask=missing)


class RolloutFiles:
    """The rollout files of a run: writes every so many steps, keeps the last so many."""

    def __init__(self, folder: Path, *, every: int, keep: int | None) -> None:
        """
        Args:
            every: steps between files [steps].
            keep: files kept, the newest; None = all.
        """
        self._folder = folder
        self._every = every
        self._keep = keep
        self._unsynced: list[Path] = []

    def due(self, step: int) -> bool:
        return step % self._every == 0

    def write(self, step: int, table: pa.Table) -> None:
        """Write the file of a step, whole or not at all, and let go of the oldest.

        Raises:
            RunFolderError: the disk is full or the folder cannot be written.
        """
        path = self._folder / file_name(step)
        partial = path.with_suffix(".tmp")
        with guard_writes(self._folder):
            try:
                pq.write_table(table, partial, compression="zstd")
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)
        self._unsynced.append(path)
        self._prune()

    def _prune(self) -> None:
        """Keep the newest files only.

        A run that is cut back to a checkpoint and goes on ends with the same files as one that was never cut:
        it passes again through every step that had a file when the older ones were let go.
        """
        if self._keep is not None:
            with guard_writes(self._folder):
                for path in sorted(self._folder.glob(PATTERN))[: -self._keep]:
                    path.unlink()

    def sync(self) -> None:
        """Make the files written since the last call durable."""
        with guard_writes(self._folder):
            for path in self._unsynced:
                if path.exists():
                    with path.open("rb") as file:
                        os.fsync(file.fileno())
        self._unsynced.clear()

    def cut(self, step: int) -> None:
        """Delete the files after `step` and what a killed process left half written."""
        with guard_writes(self._folder):
            for path in self._folder.glob("*.tmp"):
                path.unlink()
            for path in self._folder.glob(PATTERN):
                if step_of(path) > step:
                    path.unlink()
        self._prune()
