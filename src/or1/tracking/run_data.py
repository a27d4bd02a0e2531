"""A run folder read back: the rows of its files, for the summary, the plot and the report."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from or1.storage.jsonl import read_rows
from or1.storage.run_folder import METRICS, TIMINGS, RunFolder
from or1.tracking.metrics import mean


@dataclass(frozen=True, slots=True)
class StageSpan:
    """The steps that a stage took."""

    index: int
    max_response_tokens: int
    first_step: int
    last_step: int
    ended_by: str
    """num_steps, truncated_below, reward_plateau; `unfinished` when the run stands inside it."""


@dataclass(frozen=True, slots=True)
class RunData:
    """Rows of a run in order of steps."""

    description: dict[str, Any]
    """config.json: `config` and `provenance`."""
    steps: list[dict[str, Any]]
    """metrics.jsonl: rows of steps."""
    scores: list[dict[str, Any]]
    """metrics.jsonl: rows of evaluations."""
    timings: list[dict[str, Any]]

    @property
    def config(self) -> dict[str, Any]:
        return dict(self.description["config"])

    def series(self, key: str) -> tuple[list[int], list[float]]:
        """(steps, values) of a number, where a step has it."""
        rows = [r for r in self.steps if key in r]
        return [r["step"] for r in rows], [float(r[key]) for r in rows]

    def timing_sum(self, key: str) -> float:
        return math.fsum(r[key] for r in self.timings if key in r)

    def stages(self) -> list[StageSpan]:
        """The stages begun so far, in order."""
        spans = []
        for index, stage in enumerate(self.config["stages"]):
            rows = [r for r in self.steps if r["stage/index"] == index]
            if rows:
                is_last_begun = rows[-1] is self.steps[-1]
                ended_by = _ended_by(stage, rows, is_over=not is_last_begun)
                first, last = rows[0]["step"], rows[-1]["step"]
                spans.append(StageSpan(index, stage["max_response_tokens"], first, last, ended_by))
        return spans


def _ended_by(stage: dict[str, Any], rows: list[dict[str, Any]], *, is_over: bool) -> str:
    """What ended a stage, from the same numbers that its rule saw."""
    if len(rows) >= stage["num_steps"]:
        return "num_steps"
    rule = stage["switch"]
    if rule is not None and len(rows) >= rule["min_steps"]:
        truncated = [r["rollout/truncated_fraction"] for r in rows if "rollout/truncated_fraction" in r]
        recent = mean(truncated[-rule["window"] :])
        is_short = (
            rule["truncated_below"] is not None and recent is not None and len(truncated) >= rule["window"]
        )
        if is_short and recent is not None and recent < rule["truncated_below"]:
            return "truncated_below"
        if is_over or _is_flat(rule, rows):
            return "reward_plateau"
    return "unfinished"


def _is_flat(rule: dict[str, Any], rows: list[dict[str, Any]]) -> bool:
    rewards = [r["rollout/reward_mean"] for r in rows if "rollout/reward_mean" in r]
    window, bound = rule["window"], rule["reward_plateau"]
    if bound is None or len(rewards) < 2 * window:
        return False
    last, before = mean(rewards[-window:]), mean(rewards[-2 * window : -window])
    return last is not None and before is not None and last - before < bound


def read_run(folder: Path) -> RunData:
    """Read a run folder.

    Raises:
        RunFolderError: it is no run folder.
    """
    rows = list(read_rows(folder / METRICS))
    return RunData(
        description=RunFolder.read(folder),
        steps=[r for r in rows if "stage/index" in r],
        scores=[r for r in rows if "eval/avg_at_k" in r],
        timings=list(read_rows(folder / TIMINGS)),
    )
