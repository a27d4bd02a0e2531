"""The data of the report as JSON: what the page shows of each run, and what the live page polls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from or1.board.advisories import advise, recent_rollouts
from or1.board.arms import arms_json, seed_labels
from or1.board.panels import panels_of
from or1.board.values import number
from or1.board.words import sentences, tiles
from or1.config import RunConfig
from or1.recipes.load import FOLDER, list_recipes, load
from or1.recipes.schema import with_defaults
from or1.storage.run_folder import recorded_changes
from or1.storage.settings import flatten
from or1.tracking import metrics as keys
from or1.tracking.plot_comparison import labels
from or1.tracking.run_data import RunData, read_run, scores_compare
from or1.tracking.summary import summarize
from or1_verify import __version__


def report_data(folders: Sequence[Path], runs: Sequence[RunData] | None = None) -> dict[str, Any]:
    """Everything in the page but the rollouts.

    Args:
        folders: run folders, finished or not; at least one.
        runs: the rows of these folders; None = read them.

    Raises:
        RunFolderError: one of them is not a run folder.
    """
    runs = [read_run(folder) for folder in folders] if runs is None else runs
    summaries = [summarize(run) for run in runs]
    arms = arms_json(runs, summaries)
    of_seeds = seed_labels(arms, runs)
    names = [of_seeds.get(place, label) for place, label in enumerate(labels(folders, runs))]
    seen = set[str]().union(*map(_keys, runs))
    return {
        "kind": "runs",
        "version": __version__,
        "title": runs[0].config["name"] if len(runs) == 1 else f"{len(runs)} runs",
        "panels": panels_of(seen),
        "arms": arms,
        "comparable": _scores_compare(runs, is_paired=bool(arms)),
        "runs": [run_json(*each) for each in zip(folders, runs, summaries, names, strict=True)],
    }


def _scores_compare(runs: Sequence[RunData], *, is_paired: bool) -> bool:
    """Are the scores of all runs made on the same problems? Arms are compared at each seed."""
    by_seed: dict[object, list[RunData]] = defaultdict(list)
    for run in runs:
        by_seed[run.config["seed"] if is_paired else None].append(run)
    return all(scores_compare(row for run in some for row in run.scores) for some in by_seed.values())


def run_json(folder: Path, run: RunData, summary: dict[str, Any], label: str) -> dict[str, Any]:
    """One run of the page.

    Args:
        summary: of the run.
        label: its name where several runs are compared.
    """
    return {
        "name": run.config["name"],
        "folder": str(folder),
        "label": label,
        "finished": run.is_finished,
        "tiles": tiles(run, summary),
        "sentences": sentences(run, summary),
        "advisories": [
            asdict(a) | {"assignment": a.assignment} for a in advise(run, recent_rollouts(folder))
        ],
        "stages": summary["stages"],
        **_curves(run),
        "scores": [_score(row) for row in run.scores],
        "settings": _settings(run),
        "changes": recorded_changes(run.description["provenance"]),
        "provenance": [
            [key, value if isinstance(value, str | int | float) else str(value)]
            for key, value in flatten(run.description["provenance"]).items()
            if not key.startswith("changes") and not key.endswith(("mtime_ns", "num_bytes"))
        ],
    }


def _curves(run: RunData) -> dict[str, Any]:
    """`steps` [N] and `series`: key -> [N] numbers; null where a step lacks one or it is not finite."""
    shown = {curve["key"] for panel in panels_of(_keys(run)) for curve in panel["curves"]}
    timed: dict[int, dict[str, Any]] = {}
    for row in run.timings:
        timed.setdefault(row["step"], {}).update(row)
    rows = [row | timed.get(row["step"], {}) for row in run.steps]
    return {
        "steps": [row["step"] for row in rows],
        "series": {key: [number(row[key]) if key in row else None for row in rows] for key in sorted(shown)},
    }


def _keys(run: RunData) -> set[str]:
    return {key for row in (*run.steps, *run.timings) for key in row}


def _score(row: Mapping[str, Any]) -> dict[str, Any]:
    """An evaluation, without the prefix of its keys at the first temperature."""
    head = f"{keys.EVAL}/"
    return {
        key.removeprefix(head): number(value) if isinstance(value, int | float) else value
        for key, value in row.items()
    }


def _settings(run: RunData) -> dict[str, Any]:
    """The settings of a run beside those of the shipped recipe of its name, else beside the defaults."""
    name = run.config["name"]
    is_shipped = name in list_recipes(FOLDER)
    default = flatten(load(name).model_dump(mode="json") if is_shipped else with_defaults({}, RunConfig))
    own = flatten(run.config)
    return {
        "beside": f"recipe {name}" if is_shipped else "defaults",
        "rows": [
            {"key": key, "value": _text(own[key]), "default": _text(default[key]) if key in default else None}
            for key in sorted(own)
        ],
    }


def _text(value: Any) -> str:
    """
    >>> _text(None), _text(True), _text(0.1)
    ('null', 'true', '0.1')
    """
    names: Iterable[tuple[Any, str]] = ((None, "null"), (True, "true"), (False, "false"))
    return next((name for constant, name in names if value is constant), str(value))
