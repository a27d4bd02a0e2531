"""Reads the rows of a run folder, for the summary, the plot and the report."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from or1.storage.jsonl import read_rows
from or1.storage.run_folder import METRICS, TIMINGS, RunFolder
from or1.tracking.metrics import (
    AVG_AT_K,
    DATA_HASH,
    NUM_PROBLEMS,
    SAMPLES_PER_PROBLEM,
    STAGE_END,
    STAGE_INDEX,
)

UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class StageSpan:
    """The steps of one stage."""

    index: int
    max_response_tokens: int
    first_step: int
    last_step: int
    ended_by: str
    """A value of `StageEnd`; `unfinished` if the stage has not ended."""


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
        """(steps, values) of a metric, over the steps that have it."""
        rows = [r for r in self.steps if key in r]
        return [r["step"] for r in rows], [float(r[key]) for r in rows]

    @property
    def is_finished(self) -> bool:
        """Whether its last stage has ended."""
        spans = self.stages()
        num_stages = len(self.config["stages"])
        return bool(spans) and len(spans) == num_stages and spans[-1].ended_by != UNFINISHED

    def timing_sum(self, key: str) -> float:
        return math.fsum(r[key] for r in self.timings if key in r)

    def stages(self) -> list[StageSpan]:
        """The stages begun so far, in order."""
        spans = []
        for index, stage in enumerate(self.config["stages"]):
            rows = [r for r in self.steps if r[STAGE_INDEX] == index]
            if rows:
                first, last = rows[0], rows[-1]
                ended_by = last.get(STAGE_END, UNFINISHED)
                spans.append(
                    StageSpan(index, stage["max_response_tokens"], first["step"], last["step"], ended_by)
                )
        return spans


def scores_compare(rows: Iterable[Mapping[str, Any]]) -> bool:
    """Were all scores made on the same problems, with the same number of samples?

    Args:
        rows: of evaluations.
    """
    made_on = {(row[DATA_HASH], row[SAMPLES_PER_PROBLEM], row[NUM_PROBLEMS]) for row in rows}
    return len(made_on) <= 1


def read_run(folder: Path) -> RunData:
    """Read a run folder.

    Raises:
        RunFolderError: it is not a run folder.
    """
    description = RunFolder.read(folder)
    return run_data(description, read_rows(folder / METRICS), read_rows(folder / TIMINGS))


def run_data(
    description: dict[str, Any], metrics: Iterable[dict[str, Any]], timings: Iterable[dict[str, Any]]
) -> RunData:
    """The rows of a run, sorted by kind.

    Args:
        description: config.json.
        metrics: rows of metrics.jsonl.
        timings: rows of timings.jsonl.
    """
    rows = list(metrics)
    return RunData(
        description=description,
        steps=[r for r in rows if STAGE_INDEX in r],
        scores=[r for r in rows if AVG_AT_K in r],
        timings=list(timings),
    )
