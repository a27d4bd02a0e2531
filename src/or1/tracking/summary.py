"""summary.json of a run, made from its other files."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from or1.storage.atomic import write_json
from or1.storage.run_folder import SUMMARY
from or1.tracking.metrics import mean
from or1.tracking.run_data import RunData, read_run

EDGE_STEPS = 5
"""Steps averaged at the start and the end of a run or stage [steps]."""


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
    steps of the first stage. entropy_nats: mean over the last fifth of the steps. seconds: sums over the run
    by phase; verify is worker time that overlaps with the
    rollout, so the phases do not add up to the total.
    """
    provenance = run.description["provenance"]
    stages = run.stages()
    first_stage = [r for r in run.steps if r["stage/index"] == 0]
    truncated = [r["rollout/truncated_fraction"] for r in first_stage if "rollout/truncated_fraction" in r]
    _, rewards = run.series("rollout/reward_mean")
    return {
        "name": run.config["name"],
        "num_steps": len(run.steps),
        "num_updates": run.steps[-1]["train/policy_version"] if run.steps else 0,
        "stages": [asdict(s) for s in stages],
        "heldout": _heldout(run),
        "reward": {"first_steps": _edge(rewards[:EDGE_STEPS]), "last_steps": _edge(rewards[-EDGE_STEPS:])},
        "truncated_fraction": {
            "first_stage_first_steps": _edge(truncated[:EDGE_STEPS]),
            "first_stage_last_steps": _edge(truncated[-EDGE_STEPS:]),
        },
        "entropy_nats": _entropy(run),
        "seconds": _seconds(run),
        "num_response_tokens": sum(r["rollout/num_response_tokens"] for r in run.steps),
        "peak_memory_bytes": max(
            (r["memory/peak_bytes"] for r in run.timings if "memory/peak_bytes" in r), default=None
        ),
        "config_hash": provenance["config_hash"],
        "data_hash": provenance["data_hash"],
        "commit": provenance["commit"],
        "or1_version": provenance["or1_version"],
    }


def _edge(values: list[float]) -> float | None:
    return _finite(mean(values))


def _finite(value: float | None) -> float | None:
    """null for nan and the infinities, which JSON does not have."""
    return value if value is not None and math.isfinite(value) else None


def _heldout(run: RunData) -> dict[str, Any] | None:
    if not run.scores:
        return None
    before, after = (_score(run.scores[i]) for i in (0, -1))
    same = [before[k] == after[k] for k in ("data_hash", "samples_per_problem", "num_problems")]
    return {
        "before": before,
        "after": after,
        "gain": after["avg_at_k"] - before["avg_at_k"],
        "comparable": all(same),
    }


def _score(row: dict[str, Any]) -> dict[str, Any]:
    return {"step": row["step"]} | {
        k.removeprefix("eval/"): v for k, v in row.items() if k.startswith("eval/")
    }


def _entropy(run: RunData) -> dict[str, float | None]:
    _, entropies = run.series("rollout/entropy_nats")
    _, targets = run.series("entropy/target")
    num_last = max(1, len(entropies) // 5)
    return {
        "first_steps": _edge(entropies[:EDGE_STEPS]),
        "last_fifth": _edge(entropies[-num_last:]),
        "target": targets[-1] if targets else None,
    }


def _seconds(run: RunData) -> dict[str, float]:
    """Sums by phase, and the total: steps, time between them, first and last evaluation."""
    keys = {k for r in run.timings for k in r if k.startswith("time/")} - {"time/unix_s", "time/step_s"}
    sums = {k.removeprefix("time/").removesuffix("_s"): run.timing_sum(k) for k in sorted(keys)}
    gaps_after = {r["step"] - 1 for r in run.timings if "time/between_s" in r}
    evaluations = [r for r in run.timings if "time/evaluation_s" in r and r["step"] not in gaps_after]
    outside = math.fsum(r["time/evaluation_s"] for r in evaluations)
    return {**sums, "total": run.timing_sum("time/step_s") + run.timing_sum("time/between_s") + outside}
