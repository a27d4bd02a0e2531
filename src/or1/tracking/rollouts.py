"""Rollouts on disk: one parquet file per step, one row per rollout. Nothing in them is read from a clock.

Shape legend: Lp prompt tokens, L response tokens.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from or1.errors import RunFolderError, first_line
from or1.protocols import Tokenizer, response_text
from or1.storage.atomic import fsync_folder, fsync_tree, guard_writes, recover, replacing
from or1.storage.run_folder import ROLLOUTS
from or1.types import Float32, Group, Problem

PATTERN = "step_*.parquet"
PROMPT, ADVANTAGE = "prompt", "advantage"
"""Columns; folders of earlier versions lack them."""


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
    """The question of the user: the last turn of the prompt."""
    return problem.prompt[-1].content if problem.prompt else ""


def steps_with_rollouts(folder: Path) -> list[int]:
    """Steps of a run folder that have a rollout file, in order."""
    return sorted(step_of(path) for path in (folder / ROLLOUTS).glob(PATTERN))


def read_rollouts(folder: Path, step: int, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """The rollouts of one step of a run folder, one row a rollout.

    Args:
        columns: those to read; None = all.

    Raises:
        RunFolderError: the step has no file of rollouts.
    """
    path = folder / ROLLOUTS / file_name(step)
    if not path.is_file():
        steps = steps_with_rollouts(folder)
        known = f"there are {len(steps):,} from step {steps[0]} to {steps[-1]}" if steps else "there are none"
        raise RunFolderError(
            f"{folder} has no rollouts of step {step}: {known} (tracking.rollouts_every and rollouts_keep)"
        )
    with _readable(path):
        table = pq.read_table(path, columns=list(columns) if columns else None)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def count_rollouts(folder: Path, step: int) -> int:
    """Rows in the file of a step.

    Raises:
        RunFolderError: it is damaged.
    """
    path = folder / ROLLOUTS / file_name(step)
    with _readable(path):
        return int(pq.read_metadata(path).num_rows)


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn the errors of reading a rollout file into one line.

    Raises:
        RunFolderError: it is damaged.
    """
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise RunFolderError(
            f"{path} is damaged ({first_line(error)}): remove it; that step then has no rollouts"
        ) from error


def advantage_of_each(kept: Sequence[Group], advantages: Sequence[Float32]) -> dict[tuple[str, int], float]:
    """(problem id, index) -> advantage of the rollouts that were trained on.

    Args:
        kept: groups that were trained on.
        advantages: of their rollouts, for each group [M].
    """
    return {
        (rollout.problem_id, rollout.index): float(advantage)
        for group, advantages_M in zip(kept, advantages, strict=True)
        for rollout, advantage in zip(group.rollouts, advantages_M, strict=True)
    }


def rollout_table(
    step: int,
    groups: Sequence[Group],
    tokenizer: Tokenizer,
    *,
    token_numbers: bool,
    advantages: Mapping[tuple[str, int], float],
) -> pa.Table:
    """One row per rollout, in drawn order.

    Args:
        advantages: of the rollouts that were trained on (`advantage_of_each`); null for the others.
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
        PROMPT: pa.array(_prompts(groups, tokenizer), pa.string()),
        "gold": pa.array([json.dumps(p.gold, ensure_ascii=False) for p, _ in pairs], pa.string()),
        "response": pa.array([response_text(tokenizer, r) for r in rollouts], pa.string()),
        "outcome": pa.array([v.outcome.value if v else None for v in verdicts], pa.string()),
        "reward": pa.array([v.reward if v else None for v in verdicts], pa.float64()),
        ADVANTAGE: pa.array([advantages.get((r.problem_id, r.index)) for r in rollouts], pa.float32()),
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


def _prompts(groups: Sequence[Group], tokenizer: Tokenizer) -> list[str]:
    """The prompt of each rollout, decoded once for equal prompts of a group."""
    texts: list[str] = []
    for group in groups:
        decoded: dict[bytes, str] = {}
        for tokens in (rollout.prompt_tokens for rollout in group.rollouts):
            key = tokens.tobytes()
            if key not in decoded:
                decoded[key] = tokenizer.decode_prompt(tokens)
            texts.append(decoded[key])
    return texts


def _lists(arrays: Sequence[np.ndarray[Any, Any] | None], dtype: type[np.generic]) -> pa.ListArray:
    """Ragged arrays as one arrow column; None is null."""
    lengths = [0 if a is None else len(a) for a in arrays]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    flat = [np.asarray(a, dtype) for a in arrays if a is not None]
    values = np.concatenate(flat) if flat else np.zeros(0, dtype)
    missing = pa.array([a is None for a in arrays], pa.bool_())
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values), mask=missing)


class RolloutFiles:
    """The rollout files of a run: one every `every` steps; the last `keep` are kept."""

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
        """Write the file of a step, whole or not at all, and delete the oldest ones.

        Raises:
            RunFolderError: the disk is full or the folder cannot be written.
        """
        path = self._folder / file_name(step)
        # Durable only at the next checkpoint: a flush in each step would cost time and save nothing.
        with guard_writes(self._folder), replacing(path, durable=False) as part:
            pq.write_table(table, part, compression="zstd")
        self._unsynced.append(path)
        self._prune()

    def _prune(self) -> None:
        """Keep the newest files only.

        A run that is cut back to a checkpoint and resumes ends with the same files as one that was never cut:
        it repeats every step that had a file when the older files were deleted.
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
                    fsync_tree(path)
            if self._unsynced:
                fsync_folder(self._folder)
        self._unsynced.clear()

    def cut(self, step: int) -> None:
        """Delete the files after `step`, and the unfinished ones of a killed process."""
        with guard_writes(self._folder):
            recover(self._folder)
            for path in self._folder.glob(PATTERN):
                if step_of(path) > step:
                    path.unlink()
        self._prune()
