"""The result of a run: one small JSON file, from which all statistics, tables and pictures are made."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from or1.config import Config
from or1.errors import DataError
from or1.lab.experiment import ExperimentConfig, StatisticConfig, resolve
from or1.lab.matrix import PlannedRun, key_of_run
from or1.storage.atomic import guard_writes, replacing
from or1.tracking import metrics as keys
from or1.tracking.entropy_metrics import PASS_AT, PREDICTED_CHANGE
from or1.tracking.run_data import RunData, read_run
from or1.tracking.timings import STEP_S

DIGITS = 5
"""Significant digits of a number in a result."""

_SERIES = {
    "entropy": keys.ENTROPY,
    "reward": keys.REWARD_MEAN,
    "truncated": keys.TRUNCATED_FRACTION,
    "response_tokens": keys.RESPONSE_TOKENS_MEAN,
    "step_tokens": keys.NUM_RESPONSE_TOKENS,
    "alpha": keys.ALPHA,
    "clip_fraction": keys.CLIP_FRACTION,
    "kept_groups": keys.KEPT_GROUPS,
    "predicted_change": PREDICTED_CHANGE,
    "pass_at_4": f"{PASS_AT}4",
}
"""Series of a result -> metric of a run."""


class ScorePoint(Config):
    """A held-out score."""

    step: int
    mean: float
    low: float
    high: float


class RunResult(Config):
    """The numbers of a run that has ended."""

    key: str
    """Of the run: `key_of_run`."""
    seed: int
    quick: bool
    """Few steps, to look at: never part of an outcome."""
    commit: str
    ended_by: str = ""
    """Error after which its training could not continue; empty for a finished run."""
    num_steps: int
    """Steps of the finished run; of one that could not continue, those that it should have made."""
    seconds: float
    """Time of its steps [s]."""
    scores: tuple[ScorePoint, ...]
    series: dict[str, tuple[float | None, ...]]
    """Name -> value of each step; null where a step has none."""

    def points(self, name: str) -> Iterator[tuple[int, float]]:
        """(step, value) of a series where it has a value; none where the result is older than the series."""
        if name == "score":
            yield from ((score.step, score.mean) for score in self.scores)
        elif name == "reward_untruncated":
            truncated = dict(self.points("truncated"))
            for step, reward in self.points("reward"):
                if truncated[step] < 1:
                    yield step, reward / (1 - truncated[step])
        elif name in self.series:
            values = enumerate(self.series[name], 1)
            yield from ((step, value) for step, value in values if value is not None)


Runs = Mapping[str, Sequence[RunResult]]
"""Name of an arm -> its runs, in the order of their seeds."""


def value_of(result: RunResult, statistic: StatisticConfig) -> float | None:
    """The statistic of a run; None where no step in its range has a value."""
    first, last = (share * result.num_steps for share in (statistic.start, statistic.end))
    values = [v for step, v in result.points(statistic.series) if first - 1e-9 <= step <= last + 1e-9]
    if not values or (statistic.reduce == "spread" and len(values) < 2):
        return None
    match statistic.reduce:
        case "mean":
            return statistics.fmean(values)
        case "sum":
            return math.fsum(values)
        case "spread":
            return statistics.stdev(values)


def differences(
    first: Sequence[RunResult],
    second: Sequence[RunResult],
    statistic: StatisticConfig,
    reference: StatisticConfig | None = None,
) -> list[float]:
    """First minus second run, for each seed that has both values.

    Args:
        first: in the order of the differences.
        second: in any order.
        statistic: number of each run.
        reference: number of the second runs; None = the same.
    """
    others = {run.seed: value_of(run, reference or statistic) for run in second}
    pairs = [(value_of(run, statistic), others.get(run.seed)) for run in first]
    return [a - b for a, b in pairs if a is not None and b is not None]


def result_of(planned: PlannedRun, folder: Path, *, ended_by: str = "") -> RunResult:
    """The result of a run from its folder.

    Args:
        planned: the run.
        folder: its run folder.
        ended_by: error after which it could not continue.

    Raises:
        RunFolderError: it is not a run folder.
    """
    run = read_run(folder)
    return RunResult(
        key=planned.key,
        seed=planned.run.seed,
        quick=planned.quick,
        commit=run.description["provenance"]["commit"],
        ended_by=ended_by,
        num_steps=planned.run.num_steps if ended_by else len(run.steps),
        seconds=_rounded(run.timing_sum(STEP_S)),
        scores=tuple(_score(row) for row in run.scores),
        series={name: _values(run, key) for name, key in _SERIES.items()},
    )


def _score(row: Mapping[str, Any]) -> ScorePoint:
    mean, low, high = (_rounded(row[key]) for key in (keys.AVG_AT_K, keys.AVG_AT_K_LOW, keys.AVG_AT_K_HIGH))
    return ScorePoint(step=row["step"], mean=mean, low=low, high=high)


def _values(run: RunData, key: str) -> tuple[float | None, ...]:
    return tuple(_rounded(row[key]) if key in row and math.isfinite(row[key]) else None for row in run.steps)


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def path_of(results: Path, key: str) -> Path:
    return results / f"{key}.json"


def write_result(results: Path, result: RunResult) -> None:
    """Write a result, one line for each of its parts.

    Raises:
        RunFolderError: the folder cannot be written.
    """
    with guard_writes(results):
        results.mkdir(parents=True, exist_ok=True)
        with replacing(path_of(results, result.key)) as part:
            part.write_text(_text(result.model_dump(mode="json")), encoding="utf-8")


def _text(table: Mapping[str, Any]) -> str:
    series = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in table["series"].items())
    lines = [f"{json.dumps(key)}: {json.dumps(each)}" for key, each in table.items() if key != "series"]
    return "{\n" + ",\n".join([*lines, f'"series": {{\n{series}\n}}']) + "\n}\n"


def read_results(results: Path) -> dict[str, RunResult]:
    """Key -> result, of all files of the folder; empty where it does not exist.

    Raises:
        DataError: a file is damaged.
    """
    return {result.key: result for result in map(_read, files_of(results))}


def files_of(results: Path) -> list[Path]:
    """The files of a folder of results; none where it does not exist."""
    return sorted(results.glob("*.json"))


def runs_of(experiment: ExperimentConfig, results: Mapping[str, RunResult], *, quick: bool) -> Runs:
    """The runs of each arm that have results."""
    seeds = sorted({result.seed for result in results.values()})
    keys = {
        arm.name: [key_of_run(resolve(experiment, arm, seed, quick=quick)) for seed in seeds]
        for arm in experiment.arms
    }
    return {name: [results[key] for key in each if key in results] for name, each in keys.items()}


def have_results(results: Path, planned: Iterable[PlannedRun]) -> set[str]:
    """Keys of the runs whose result is there."""
    return {each.key for each in planned if path_of(results, each.key).is_file()}


def _read(path: Path) -> RunResult:
    try:
        return RunResult.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise DataError(f"{path} is damaged ({first}): delete it, and or1 lab run makes it again") from error
