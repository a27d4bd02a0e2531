"""summary.json of a run, made from its other files."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from or1.storage.atomic import write_json
from or1.storage.run_folder import SUMMARY
from or1.tracking import metrics as keys
from or1.tracking.entropy_metrics import CHANGE, PASS_AT, PREDICTED_CHANGE
from or1.tracking.entropy_prediction import compare_changes
from or1.tracking.metrics import mean
from or1.tracking.run_data import RunData, read_run, scores_compare
from or1.tracking.timings import BETWEEN_S, EVALUATION_S, PEAK_BYTES, STEP_S, phases_of

EDGE_STEPS = 5
"""Most steps averaged at the start and the end of a run or stage [steps]."""


def write_summary(folder: Path) -> dict[str, Any]:
    """Write summary.json of a run folder, finished or not, and return its content.

    Raises:
        RunFolderError: it is not a run folder, or it cannot be written.
    """
    summary = summarize(read_run(folder))
    write_json(folder / SUMMARY, summary)
    return summary


def summarize(run: RunData) -> dict[str, Any]:
    """The content of summary.json; null where a run has no data yet.

    heldout: first and last score with their 95 % intervals, `gain` their difference, `comparable` when both
    are over the same problems with the same k. truncated_fraction: mean over the first and over the last 5
    steps of the first stage. entropy_nats: mean over the last fifth of the steps. entropy_prediction:
    predicted change of the entropy against the measured one. pass_at: by k. seconds: sums over the run by
    phase; verify is worker time that overlaps with the rollout, so the phases do not add up to the total.
    """
    provenance = run.description["provenance"]
    stages = run.stages()
    first_stage = [r for r in run.steps if r[keys.STAGE_INDEX] == 0]
    truncated = [r[keys.TRUNCATED_FRACTION] for r in first_stage if keys.TRUNCATED_FRACTION in r]
    _, rewards = run.series(keys.REWARD_MEAN)
    return {
        "name": run.config["name"],
        "num_steps": len(run.steps),
        "num_updates": run.steps[-1][keys.POLICY_VERSION] if run.steps else 0,
        "stages": [asdict(s) for s in stages],
        "heldout": _heldout(run),
        "reward": _edges(rewards),
        "truncated_fraction": {f"first_stage_{edge}": value for edge, value in _edges(truncated).items()},
        "entropy_nats": _entropy(run),
        "entropy_prediction": _prediction(run),
        "pass_at": _support(run),
        "seconds": _seconds(run),
        "num_response_tokens": sum(r[keys.NUM_RESPONSE_TOKENS] for r in run.steps),
        "peak_memory_bytes": max((r[PEAK_BYTES] for r in run.timings if PEAK_BYTES in r), default=None),
        "config_hash": provenance["config_hash"],
        "data_hash": provenance["data_hash"],
        "commit": provenance["commit"],
        "or1_version": provenance["or1_version"],
    }


def _edges(values: list[float]) -> dict[str, float | None]:
    """Means over the first and over the last steps, which are apart: of 3 steps the first and the last."""
    size = max(1, min(EDGE_STEPS, len(values) // 2))
    return {"first_steps": _edge(values[:size]), "last_steps": _edge(values[-size:])}


def _edge(values: list[float]) -> float | None:
    return _finite(mean(values))


def _finite(value: float | None) -> float | None:
    """null for nan and the infinities, which JSON does not have."""
    return value if value is not None and math.isfinite(value) else None


def _heldout(run: RunData) -> dict[str, Any] | None:
    if not run.scores:
        return None
    before, after = run.scores[0], run.scores[-1]
    return {
        "before": _score(before),
        "after": _score(after),
        "gain": after[keys.AVG_AT_K] - before[keys.AVG_AT_K],
        "comparable": scores_compare([before, after]),
    }


def _score(row: dict[str, Any]) -> dict[str, Any]:
    head = f"{keys.EVAL}/"
    return {"step": row["step"]} | {k.removeprefix(head): v for k, v in row.items() if k.startswith(head)}


def _entropy(run: RunData) -> dict[str, float | None]:
    _, entropies = run.series(keys.ENTROPY)
    _, targets = run.series(keys.ENTROPY_TARGET)
    num_last = max(1, len(entropies) // 5)
    return {
        "first_steps": _edges(entropies)["first_steps"],
        "last_fifth": _edge(entropies[-num_last:]),
        "target": targets[-1] if targets else None,
    }


def _prediction(run: RunData) -> dict[str, float | None]:
    """Share of the steps whose predicted change has the sign of the measured one; their correlation.

    The change by the update of step k is in the row of step k + 1. Steps without a change are left out. A
    sign that is always the same agrees in falling_fraction of the steps, or in the rest: compare with that.
    """
    changes = dict(zip(*run.series(CHANGE), strict=True))
    predictions = zip(*run.series(PREDICTED_CHANGE), strict=True)
    pairs = [(p, changes[step + 1]) for step, p in predictions if changes.get(step + 1)]
    found = compare_changes(pairs)
    return {
        "num_steps": found.num_pairs,
        "falling_fraction": _finite(found.falling),
        "sign_agreement": _finite(found.same_sign),
        "correlation": _finite(found.correlation),
    }


def _support(run: RunData) -> dict[str, dict[str, float | None]]:
    """pass@k over the first and over the last steps, by k."""
    keys_found = sorted({key for row in run.steps for key in row if key.startswith(PASS_AT)})
    values = {key.removeprefix(PASS_AT): run.series(key)[1] for key in keys_found}
    return {k: _edges(of_k) for k, of_k in sorted(values.items(), key=lambda item: int(item[0]))}


def _seconds(run: RunData) -> dict[str, float]:
    """Sums by phase, and the total: steps, time between them, first and last evaluation."""
    phases = phases_of(sorted({key for row in run.timings for key in row}))
    sums = {name: run.timing_sum(key) for name, key in phases.items()}
    gaps_after = {r["step"] - 1 for r in run.timings if BETWEEN_S in r}
    evaluations = [r for r in run.timings if EVALUATION_S in r and r["step"] not in gaps_after]
    outside = math.fsum(r[EVALUATION_S] for r in evaluations)
    return {**sums, "total": run.timing_sum(STEP_S) + run.timing_sum(BETWEEN_S) + outside}
