"""Advisories on seconds: a slow verifier, engines that wait, time outside of rollout and update."""

from __future__ import annotations

from math import fsum

from or1.board.advisory import MIN_STEPS, Advisory, RunEvidence, advisory_on, percent, steps_text, values_of
from or1.metric import key_of
from or1.tracking.timings import BETWEEN_S, EVALUATION_S, PHASE_S, STEP_S, Timings

VERIFY_S = key_of(Timings, "verify_s")
ROLLOUT_S, UPDATE_S, PUBLISH_S = (PHASE_S.format(phase=name) for name in ("rollout", "update", "publish"))

BUSY_WORKERS = 0.7
"""Worker time / (number of workers x rollout time) above which the verifier holds the rollout back."""
MOSTLY_OUTSIDE = 0.5
"""Share of the wall time outside of rollout and update."""
MOSTLY_ROLLOUT = 0.8
"""Share of the step in rollout, while GPUs of the trainer wait."""


def verifier_slow(evidence: RunEvidence) -> Advisory | None:
    """The workers of the verifier are busy for most of the rollout."""
    seconds = _sums(evidence, VERIFY_S, ROLLOUT_S)
    workers = int(evidence.settings["verify.num_workers"])
    if seconds is None or not seconds[ROLLOUT_S]:
        return None
    busy = seconds[VERIFY_S] / (workers * seconds[ROLLOUT_S])
    if busy <= BUSY_WORKERS:
        return None
    return advisory_on(
        evidence.last,
        name="verifier_slow",
        title="the verifier is slow",
        evidence=f"{workers} workers are busy for {percent(busy)} of the rollout, "
        f"{steps_text(evidence.last)}",
        change=("verify.num_workers", str(2 * workers), "answers are then judged while others are sampled"),
        metric=VERIFY_S,
    )


def mostly_outside(evidence: RunEvidence) -> Advisory | None:
    """Most time is neither rollout nor update: evaluation, checkpoints, publishing of weights."""
    seconds = _sums(evidence, STEP_S, ROLLOUT_S, UPDATE_S, PUBLISH_S, BETWEEN_S, EVALUATION_S)
    total = 0.0 if seconds is None else seconds[STEP_S] + seconds[BETWEEN_S]
    if seconds is None or not total:
        return None
    outside = 1 - (seconds[ROLLOUT_S] + seconds[UPDATE_S]) / total
    if outside <= MOSTLY_OUTSIDE:
        return None
    in_step = seconds[ROLLOUT_S] + seconds[UPDATE_S] + seconds[PUBLISH_S]
    evaluation = min(seconds[EVALUATION_S], seconds[BETWEEN_S])  # that after the last step is in no gap
    parts = {
        "evaluation": evaluation,
        "checkpoints": seconds[BETWEEN_S] - evaluation,
        "publish": seconds[PUBLISH_S],
        "logs": seconds[STEP_S] - in_step,
    }
    largest = max(parts, key=lambda name: parts[name])
    num_problems = f"{evidence.stage_key}.num_problems"
    setting, reason = {
        "evaluation": ("evaluation.every", "fewer evaluations"),
        "checkpoints": ("checkpoint.every", "fewer checkpoints"),
        "publish": (num_problems, "more work for each publication of the weights"),
        "logs": ("tracking.rollouts_every", "fewer files of rollouts"),
    }[largest]
    every = int(evidence.settings[setting] or len(evidence.last))
    return advisory_on(
        evidence.last,
        name="mostly_outside",
        title="the machine is mostly idle",
        evidence=f"{percent(outside)} of {total:,.0f} s outside of rollout and update; "
        + ", ".join(f"{name} {value:,.0f} s" for name, value in parts.items())
        + f", {steps_text(evidence.last)}",
        change=(setting, str(2 * every), reason),
        metric=BETWEEN_S,
    )


def trainer_waits(evidence: RunEvidence) -> Advisory | None:
    """GPUs of the trainer wait while engines on other GPUs sample."""
    seconds = _sums(evidence, STEP_S, ROLLOUT_S)
    gpus = evidence.run.config["rollout"]["vllm"]["gpus"]
    if seconds is None or not gpus or not seconds[STEP_S]:
        return None
    share = seconds[ROLLOUT_S] / seconds[STEP_S]
    if share <= MOSTLY_ROLLOUT:
        return None
    engines = int(evidence.settings["rollout.num_engines"])
    return advisory_on(
        evidence.last,
        name="trainer_waits",
        title="the trainer mostly waits",
        evidence=f"rollout takes {percent(share)} of the step on {engines} engines, "
        f"{steps_text(evidence.last)}",
        change=("rollout.num_engines", str(engines + 1), "another GPU that samples"),
        metric=ROLLOUT_S,
    )


def _sums(evidence: RunEvidence, *keys: str) -> dict[str, float] | None:
    """Seconds of the last steps by key; None from too few steps."""
    rows = evidence.last_timings
    if len(values_of(rows, STEP_S)) < MIN_STEPS:
        return None
    return {key: fsum(values_of(rows, key)) for key in keys}


MACHINE = (verifier_slow, mostly_outside, trainer_waits)
