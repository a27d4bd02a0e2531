"""The place inside a step where two runs differ: rollout and position, or metrics of the update."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from or1.storage.jsonl import read_rows
from or1.storage.run_folder import METRICS
from or1.tracking.metrics import STAGE_INDEX
from or1.tracking.rollouts import PROMPT, read_rollouts, steps_with_rollouts

COLUMNS = {
    "problem_ids": "problem_id",
    "prompt_tokens": PROMPT,
    "sampled_tokens": "response_tokens",
    "behavior_logprobs": "behavior_logprobs",
    "rewards": "reward",
}
"""Column of fingerprints.jsonl -> column of the rollout files that shows the same quantity."""
MAX_METRICS, MAX_TEXT = 4, 20
"""Most metrics, and most characters of a text, in a detail."""
_TRAIN = "train/"


def first_rollout(folders: tuple[Path, Path], step: int, fingerprint: str) -> str:
    """The first rollout that differs, with both values; empty where a run has no rollout file of the step.

    Args:
        fingerprint: column of fingerprints.jsonl.
    """
    if not all(step in steps_with_rollouts(folder) for folder in folders):
        return ""
    column = COLUMNS[fingerprint]
    left, right = (read_rollouts(folder, step) for folder in folders)
    for number, (old, new) in enumerate(zip(left, right, strict=False), start=1):
        if column in old and column in new and old[column] != new[column]:
            place = f"rollout {number:,} of {len(left):,} ({old['problem_id']}/{old['index']})"
            return f"{place}: {_values(column, old[column], new[column])}"
    if len(left) != len(right):
        return _both("number of rollouts", len(left), len(right))
    return ""


def _values(column: str, old: Any, new: Any) -> str:
    """A list or a prompt is shown where it begins to differ."""
    if not isinstance(old, list | str) or not isinstance(new, list | str):
        return _both(column, old, new)
    at = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), None)
    if at is None:
        return _both(f"length of {column}", len(old), len(new))
    if isinstance(old, list):
        return _both(f"{column}[{at}]", old[at], new[at])
    return _both(f"{column} from character {at}", old[at : at + MAX_TEXT], new[at : at + MAX_TEXT])


def _both(name: str, old: object, new: object) -> str:
    return f"{name} is {old!r} in the first run, {new!r} in the second"


def metrics_that_differ(folders: tuple[Path, Path], step: int) -> str:
    """Metrics of the update that differ, with both values; empty where all that is logged is equal."""
    old, new = (_update(folder, step) for folder in folders)
    keys = [key for key in old if key in new and old[key] != new[key]]
    return "; ".join(_both(key, old[key], new[key]) for key in keys[:MAX_METRICS])


def _update(folder: Path, step: int) -> Mapping[str, Any]:
    rows = (row for row in read_rows(folder / METRICS) if row["step"] == step and STAGE_INDEX in row)
    return {key: value for row in rows for key, value in row.items() if key.startswith(_TRAIN)}
