"""The first step and phase in which two runs differ, and the settings and the environment that differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from or1.board.diff_detail import first_rollout, metrics_that_differ
from or1.config import RunConfig
from or1.errors import ConfigError
from or1.recipes.schema import with_defaults
from or1.setting import NOT_SET, Change
from or1.storage.jsonl import read_rows
from or1.storage.run_folder import (
    COMPARED_ELSEWHERE,
    FINGERPRINTS,
    MODEL,
    ORIGIN,
    RunFolder,
    model_differences,
    recorded_changes,
)
from or1.storage.settings import differing_keys, flatten


class Phase(Enum):
    """A quantity of a step, in order from cause to effect; the value is its column in fingerprints.jsonl."""

    DATA = "problem_ids"
    PROMPT_TOKENS = "prompt_tokens"
    SAMPLED_TOKENS = "sampled_tokens"
    LOG_PROBS = "behavior_logprobs"
    REWARD = "rewards"
    GRADIENT = "gradient"
    WEIGHTS = "weights"

    @property
    def words(self) -> str:
        """In text: "sampled tokens", "log-probs"."""
        return "log-probs" if self is Phase.LOG_PROBS else self.name.lower().replace("_", " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDifference:
    """One step that differs."""

    step: int
    phases: Sequence[Phase]
    """All that differ, first the cause."""
    detail: str = ""
    """Place of the difference inside the step, as far as the files show it; else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDifference:
    """Two runs compared."""

    names: tuple[str, str]
    """Folders as they were given."""
    compared: tuple[int, int]
    """First and last step that both runs have."""
    last_steps: tuple[int, int]
    """Last step of each run."""
    steps: Sequence[StepDifference]
    """Steps that differ, among those that both have."""
    not_compared: Sequence[Phase]
    """Phases of which one of the runs has no hashes."""
    settings: Sequence[Change]
    environment: Sequence[Change]
    """Commit, versions, hashes of data and of the files of the start model."""
    notes: Sequence[str]
    """Changes of settings in the course of a run, and the checkpoint from which one started."""

    @property
    def is_equal(self) -> bool:
        """No step differs, and both have the same steps."""
        return not self.steps and self.last_steps[0] == self.last_steps[1]


def compare_runs(folders: tuple[Path, Path]) -> RunDifference:
    """Compare two run folders, finished or not.

    Raises:
        RunFolderError: one of them is not a run folder.
        DataError: a fingerprint row is damaged.
        ConfigError: the runs have no step in common.
    """
    old, new = (RunFolder.read(folder) for folder in folders)
    left, right = (_fingerprints(folder) for folder in folders)
    common = sorted(left.keys() & right.keys())
    if not common:
        raise ConfigError(
            f"{_extent(folders[0], left)} and {_extent(folders[1], right)}: no step in common, "
            "compare runs that share steps"
        )
    skipped = [phase for phase in Phase if not (_has(left, phase) and _has(right, phase))]
    phases = [phase for phase in Phase if phase not in skipped]
    steps = [
        StepDifference(step=step, phases=found)
        for step in common
        if (found := [phase for phase in phases if _differs(left[step], right[step], phase)])
    ]
    if steps:
        steps[0] = _with_detail(folders, steps[0])
    sides = (old["provenance"], new["provenance"])
    return RunDifference(
        names=(str(folders[0]), str(folders[1])),
        compared=(common[0], common[-1]),
        last_steps=(max(left), max(right)),
        steps=steps,
        not_compared=skipped,
        settings=_changes(*(with_defaults(each["config"], RunConfig) for each in (old, new))),
        environment=_environment(*sides),
        notes=[
            note for folder, side in zip(folders, sides, strict=True) for note in _notes(str(folder), side)
        ],
    )


def _fingerprints(folder: Path) -> dict[int, dict[str, Any]]:
    return {row["step"]: row for row in read_rows(folder / FINGERPRINTS)}


def _extent(folder: Path, rows: Mapping[int, Any]) -> str:
    return f"{folder} has steps {min(rows)} to {max(rows)}" if rows else f"{folder} has no steps yet"


def _has(rows: Mapping[int, Mapping[str, Any]], phase: Phase) -> bool:
    return any(phase.value in row for row in rows.values())


def _differs(left: Mapping[str, Any], right: Mapping[str, Any], phase: Phase) -> bool:
    """A hash that one side lacks, in a run that has it in other steps, differs: there was no update."""
    return left.get(phase.value) != right.get(phase.value)


def _with_detail(folders: tuple[Path, Path], found: StepDifference) -> StepDifference:
    cause = found.phases[0]
    if cause in (Phase.GRADIENT, Phase.WEIGHTS):
        detail = metrics_that_differ(folders, found.step)
    else:
        detail = first_rollout(folders, found.step, cause.value)
    return StepDifference(step=found.step, phases=found.phases, detail=detail)


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    sides = flatten(old), flatten(new)
    return [
        Change(key=key, old=sides[0].get(key, NOT_SET), new=sides[1].get(key, NOT_SET))
        for key in differing_keys(old, new)
    ]


def _environment(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    kept = COMPARED_ELSEWHERE - {"data_hash"}
    found = _changes(*({key: value for key, value in side.items() if key not in kept} for side in (old, new)))
    if MODEL in old and MODEL in new:
        found += model_differences(old[MODEL], new[MODEL])
    return found


def _notes(name: str, provenance: Mapping[str, Any]) -> list[str]:
    notes = []
    if ORIGIN in provenance:
        origin = provenance[ORIGIN]
        notes.append(f"{name} starts from {origin['run']} at step {origin['step']}")
    for change in recorded_changes(provenance):
        arrow = Change(key=change["setting"], old=change["from"], new=change["to"]).arrow
        notes.append(f"{name} changed {arrow} after step {change['step']}")
    return notes
