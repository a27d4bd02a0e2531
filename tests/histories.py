"""Histories of runs: rows of real runs of the built-in model, with noise, and with planted changes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from or1.config import RunConfig
from or1.recipes.override import apply_value
from or1.storage.atomic import write_json
from or1.storage.jsonl import write_rows
from or1.storage.run_folder import CHECKPOINTS, CONFIG, METRICS, ROLLOUTS, TIMINGS
from or1.tracking.run_data import RunData

REAL = Path(__file__).parent / "golden" / "histories.json"
"""Rows of three real runs of the recipe tiny: the metrics that advisories read, four digits."""
NUM_HEALTHY = 10

SETTINGS: dict[str, Any] = {
    "name": "history",
    "model": {"path": "builtin:tiny"},
    "data": [{"task": "arithmetic"}],
    "stages": [
        {"max_response_tokens": 80, "num_steps": 40, "num_problems": 32},
        {"max_response_tokens": 160, "num_steps": 80, "num_problems": 32},
    ],
    "optimizer": {"learning_rate": 7e-4},
}
PROVENANCE = {"or1_version": "0", "commit": "c0ffee", "config_hash": "hash", "data_hash": "data"}
NOISY = (
    "rollout/reward_mean",
    "rollout/entropy_nats",
    "train/grad_norm",
    "rollout/response_tokens_mean_right",
)


def real(number: int) -> RunData:
    """A real run as its rows were logged."""
    columns = json.loads(REAL.read_text(encoding="utf-8"))[number]
    steps, timings = (
        [{"step": n + 1} | row for n, row in enumerate(_rows(columns[name]))] for name in ("steps", "timings")
    )
    config = RunConfig.model_validate(SETTINGS).model_dump(mode="json")
    scores = [
        row | {"eval/data_hash": "heldout", "eval/samples_per_problem": 4, "eval/num_problems": 128}
        for row in _rows(columns["scores"])
    ]
    return RunData(
        description={"config": config, "provenance": PROVENANCE}, steps=steps, scores=scores, timings=timings
    )


def _rows(columns: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def healthy(number: int) -> RunData:
    """Run 0 to 9: three real ones, and seven of them with noise of 5 % and slower machines."""
    if number < 3:
        return real(number)
    rng, run = random.Random(number), real(number % 3)
    steps = [row | {key: row[key] * rng.gauss(1, 0.05) for key in NOISY} for row in run.steps]
    slower = rng.uniform(1, 20)
    timings = [
        {key: value * slower if key != "step" else value for key, value in row.items()} for row in run.timings
    ]
    return replace(run, steps=steps, timings=timings)


def first_steps(run: RunData, num_steps: int) -> RunData:
    """The run as it was after this number of steps."""
    rows = (
        [row for row in some if row["step"] <= num_steps] for some in (run.steps, run.scores, run.timings)
    )
    return RunData(run.description, *rows)


def with_values(run: RunData, change: Callable[[int], Mapping[str, Any]], *, last: int = 25) -> RunData:
    """Other values in the last steps: `change` gives them, from the number 0 to `last` - 1 of the step."""
    first = len(run.steps) - last
    steps = [row | change(n - first) if n >= first else row for n, row in enumerate(run.steps)]
    return replace(run, steps=steps)


def with_seconds(run: RunData, **seconds: float) -> RunData:
    """Other seconds in all steps, by phase."""
    changed = {f"time/{name}_s": value for name, value in seconds.items()}
    return replace(run, timings=[row | changed for row in run.timings])


def with_settings(run: RunData, settings: Mapping[str, Any]) -> RunData:
    """Other settings, by dotted key."""
    config = json.loads(json.dumps(run.config))
    for key, value in settings.items():
        apply_value(config, key, value)
    return replace(run, description=run.description | {"config": config})


def write_folder(run: RunData, path: Path) -> Path:
    """A run folder of these rows, without checkpoints."""
    for name in (ROLLOUTS, CHECKPOINTS):
        (path / name).mkdir(parents=True, exist_ok=True)
    write_json(path / CONFIG, run.description)
    write_rows(path / METRICS, sorted([*run.steps, *run.scores], key=lambda row: row["step"]))
    write_rows(path / TIMINGS, run.timings)
    return path
