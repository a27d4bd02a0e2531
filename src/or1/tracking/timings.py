"""Metrics that a clock or a counter of the machine gives: the rows of timings.jsonl."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from or1.metric import Metric, key_of
from or1.types import StepResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """Times, throughputs, memory and events: not reproducible, so they have a file of their own."""

    step_s: Annotated[float | None, Metric("time/step_s", "s", "wall time of the step")] = None
    phases_s: Annotated[
        Mapping[str, float], Metric("time/{phase}_s", "s", "wall time of a phase: rollout, update, publish")
    ] = field(default_factory=dict)
    verify_s: Annotated[
        float | None,
        Metric("time/verify_s", "s", "worker time, sum over verdicts; overlaps with the rollout"),
    ] = None
    response_tokens_per_s: Annotated[
        float | None,
        Metric(
            "throughput/response_tokens_per_s", "tokens/s", "response tokens of all rollouts / time/step_s"
        ),
    ] = None
    rollout_tokens_per_s: Annotated[
        float | None,
        Metric(
            "throughput/rollout_tokens_per_s", "tokens/s", "response tokens of all rollouts / time/rollout_s"
        ),
    ] = None
    update_tokens_per_s: Annotated[
        float | None,
        Metric("throughput/update_tokens_per_s", "tokens/s", "sequence tokens / seconds inside the update"),
    ] = None
    between_s: Annotated[
        float | None, Metric("time/between_s", "s", "since the step before: evaluation, checkpoint")
    ] = None
    events: Annotated[
        Mapping[str, int],
        Metric("verify/{event}", "events", "since the row before: `cache_hits`, `alarms`, `retries`, ..."),
    ] = field(default_factory=dict)
    peak_bytes: Annotated[
        int | None,
        Metric("memory/peak_bytes", "bytes", "largest resident size of the training process so far"),
    ] = None
    peak_device_bytes: Annotated[
        int | None,
        Metric("memory/peak_device_bytes", "bytes", "largest memory on the GPU so far; absent without one"),
    ] = None
    evaluation_s: Annotated[float | None, Metric("time/evaluation_s", "s", "one evaluation")] = None
    unix_s: Annotated[float, Metric("time/unix_s", "s", "time of day when the row was written")]


STEP_S = key_of(Timings, "step_s")
PHASE_S = key_of(Timings, "phases_s")
BETWEEN_S = key_of(Timings, "between_s")
EVALUATION_S = key_of(Timings, "evaluation_s")
UNIX_S = key_of(Timings, "unix_s")
PEAK_BYTES = key_of(Timings, "peak_bytes")
PEAK_DEVICE_BYTES = key_of(Timings, "peak_device_bytes")
RESPONSE_TOKENS_PER_S = key_of(Timings, "response_tokens_per_s")


def phases_of(keys: Iterable[str]) -> dict[str, str]:
    """Name -> key of every time but the step's total and the time of day, in the order of the keys.

    >>> phases_of(["step", "time/step_s", "time/rollout_s", "time/between_s"])
    {'rollout': 'time/rollout_s', 'between': 'time/between_s'}
    """
    head, tail = PHASE_S.split("{phase}")
    times = (key for key in keys if key.startswith(head) and key not in (STEP_S, UNIX_S))
    return {key.removeprefix(head).removesuffix(tail): key for key in times}


def step_timings(result: StepResult, phases_s: Mapping[str, float], step_s: float, unix_s: float) -> Timings:
    """The timings that follow from the result of a step and its phases.

    Args:
        phases_s: wall time by phase name [s].
        step_s: wall time of the whole step [s].
        unix_s: time of day [s].
    """
    rollouts, report = [r for g in result.groups for r in g.rollouts], result.report
    num_tokens = sum(len(r.response_tokens) for r in rollouts)
    return Timings(
        step_s=step_s,
        phases_s=phases_s,
        verify_s=math.fsum(r.verdict.seconds for r in rollouts if r.verdict),
        response_tokens_per_s=_rate(num_tokens, step_s),
        rollout_tokens_per_s=_rate(num_tokens, phases_s["rollout"]) if "rollout" in phases_s else None,
        update_tokens_per_s=_rate(report.num_sequence_tokens, report.seconds) if report else None,
        unix_s=unix_s,
    )


def _rate(count: int, seconds: float) -> float | None:
    return count / seconds if seconds > 0 else None
