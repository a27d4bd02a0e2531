"""Numbers of one step, as pure functions of what the step made. Keys and formulas: docs/metrics.md.

A number that has nothing to be a mean of is left out of the row: a missing measurement is not a zero.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from or1.config import StageConfig
from or1.types import DropReason, Finish, Group, Outcome, Rollout, RunState, Score, StepResult, UpdateReport

Value = float | int | str | list[int] | list[str]
Row = dict[str, Value]

NUM_BINS = 10


def mean(values: Iterable[float]) -> float | None:
    """Exactly rounded sum / count, so that the order of the values does not matter; None when there are none.

    >>> mean([1.0, 0.0, 0.0, 0.0])
    0.25
    """
    values = list(values)
    return math.fsum(values) / len(values) if values else None


def pass_rate_histogram(pass_rates: Iterable[float]) -> list[int]:
    """Counts in ten bins [0, 0.1) ... [0.9, 1]; the last one is closed. nan is not counted.

    >>> pass_rate_histogram([0.0, 0.3, 1.0, 1.0])
    [1, 0, 0, 1, 0, 0, 0, 0, 0, 2]
    """
    counts = [0] * NUM_BINS
    for rate in pass_rates:
        if not math.isnan(rate):
            # 0.7 may be stored a hair below: a rate on a bin's edge belongs to the bin above it.
            counts[min(NUM_BINS - 1, math.floor(rate * NUM_BINS + 1e-9))] += 1
    return counts


def step_metrics(
    result: StepResult, *, before: RunState, stage: StageConfig, entropy_target: float | None
) -> Row:
    """The row of one step for metrics.jsonl.

    Args:
        result: of the step; its state holds e_k and the counters.
        before: state at the beginning of the step, the stage entered: holds c_k.
        stage: response budget and sizes.
        entropy_target: [nats/token]; None when entropy is not controlled.
    """
    row: Row = {"step": result.state.step}
    row |= rollout_metrics(result.groups, before.policy_version)
    if result.state.entropy.last_entropy is not None:
        row["rollout/entropy_nats"] = result.state.entropy.last_entropy
    row |= control_metrics(result, before, stage, entropy_target)
    row |= train_metrics(result.report, result.state)
    return row


def rollout_metrics(groups: Sequence[Group], policy_version: int) -> Row:
    """What was sampled and how it was judged; no key for a mean over nothing."""
    rollouts = [r for g in groups for r in g.rollouts]
    judged = [r for r in rollouts if r.judged]
    row: Row = {
        "rollout/num_groups": len(groups),
        "rollout/num_rollouts": len(rollouts),
        "rollout/num_response_tokens": sum(len(r.response_tokens) for r in rollouts),
        "rollout/pass_rate_histogram": pass_rate_histogram(g.pass_rate for g in groups),
    }
    with_judged = [g for g in groups if any(r.judged for r in g.rollouts)]
    means = {
        "rollout/reward_mean": mean(r.reward for r in judged),
        "rollout/pass_rate_mean": mean(g.pass_rate for g in with_judged),
        "rollout/right_fraction": _share(judged, Outcome.RIGHT),
        "rollout/any_right_fraction": mean(
            any(_outcome(r) is Outcome.RIGHT for r in g.rollouts) for g in with_judged
        ),
        "rollout/truncated_fraction": mean(r.truncated for r in _ended(rollouts)),
        "rollout/no_answer_fraction": _share(judged, Outcome.NO_ANSWER),
        "rollout/not_judged_fraction": mean(not r.judged for r in rollouts),
    }
    row |= {k: v for k, v in means.items() if v is not None}
    row |= _lengths(_ended(rollouts))
    row |= _by_source(groups)
    row |= _by_reason(rollouts)
    if rollouts:
        row["rollout/staleness_max_updates"] = policy_version - min(r.policy_version for r in rollouts)
    return row


def _outcome(rollout: Rollout) -> Outcome:
    return Outcome.NOT_JUDGED if rollout.verdict is None else rollout.verdict.outcome


def _ended(rollouts: Iterable[Rollout]) -> list[Rollout]:
    """Without the aborted ones, from whose length nothing may be concluded."""
    return [r for r in rollouts if r.finish is not Finish.ABORTED]


def _share(rollouts: Sequence[Rollout], outcome: Outcome) -> float | None:
    return mean(_outcome(r) is outcome for r in rollouts)


def _lengths(rollouts: Sequence[Rollout]) -> Row:
    if not rollouts:
        return {}
    lengths = np.array([len(r.response_tokens) for r in rollouts])
    row: Row = {
        "rollout/response_tokens_mean": float(lengths.mean()),
        "rollout/response_tokens_p50": float(np.percentile(lengths, 50)),
        "rollout/response_tokens_p95": float(np.percentile(lengths, 95)),
        "rollout/response_tokens_max": int(lengths.max()),
    }
    judged = [(len(r.response_tokens), _outcome(r) is Outcome.RIGHT) for r in rollouts if r.judged]
    for name, wanted in (("right", True), ("wrong", False)):
        value = mean(n for n, right in judged if right is wanted)
        if value is not None:
            row[f"rollout/response_tokens_mean_{name}"] = value
    return row


def _by_source(groups: Sequence[Group]) -> Row:
    """Split by the problems' source; nothing when no problem names one."""
    by_source: dict[str, list[Rollout]] = defaultdict(list)
    for group in groups:
        if group.problem.source:
            by_source[group.problem.source] += group.rollouts
    row: Row = {}
    for source, rollouts in sorted(by_source.items()):
        means = {
            "reward_mean": mean(r.reward for r in rollouts if r.judged),
            "truncated_fraction": mean(r.truncated for r in _ended(rollouts)),
            "response_tokens_mean": mean(len(r.response_tokens) for r in _ended(rollouts)),
        }
        row |= {f"rollout/{k}/{source}": v for k, v in means.items() if v is not None}
    return row


def _by_reason(rollouts: Sequence[Rollout]) -> Row:
    counts: Counter[str] = Counter()
    for rollout in rollouts:
        outcome, verdict = _outcome(rollout), rollout.verdict
        reason = (verdict.reason if verdict else "") or "no_reason"
        if outcome in (Outcome.NOT_JUDGED, Outcome.WRONG):
            counts[f"rollout/{outcome.value}_by_reason/{reason}"] += 1
    return dict(sorted(counts.items()))


def control_metrics(
    result: StepResult, before: RunState, stage: StageConfig, entropy_target: float | None
) -> Row:
    """Entropy control, filter and stage."""
    num_groups, kept, after = len(result.groups), result.kept, result.state
    row: Row = {
        "entropy/alpha": result.alpha,
        "entropy/coefficient": before.entropy.coefficient,
        "filter/kept_groups": len(kept),
        "filter/solved_problems": len(after.solved),
        "stage/index": before.stage.index,
        "stage/step": after.step - before.stage.first_step,
        "stage/max_response_tokens": stage.max_response_tokens,
    }
    if entropy_target is not None:
        row["entropy/target"] = entropy_target
    if num_groups:
        reasons = Counter(d.reason for d in result.dropped)
        row["filter/kept_fraction"] = len(kept) / num_groups
        row |= {f"filter/{reason.value}_fraction": reasons[reason] / num_groups for reason in DropReason}
    if result.stage_end is not None:
        row["stage/ended_by"] = result.stage_end.value
    return row


def train_metrics(report: UpdateReport | None, after: RunState) -> Row:
    """The update; only the counters when nothing was kept."""
    row: Row = {
        "train/policy_version": after.policy_version,
        "train/empty_steps": after.empty_steps,
        "train/nonfinite_steps": after.nonfinite_steps,
    }
    if report is None:
        return row
    row |= {
        "train/loss": report.loss,
        "train/policy_loss": report.policy_loss,
        "train/entropy_nats": report.entropy,
        "train/clip_fraction": report.clip_fraction,
        "train/ratio_mean": report.ratio_mean,
        "train/ratio_max": report.ratio_max,
        "train/mismatch_kl_nats": report.mismatch_kl,
        "train/mismatch_max_nats": report.mismatch_max,
        "train/grad_norm": report.grad_norm,
        "train/learning_rate": report.learning_rate,
        "train/num_updates": report.num_updates,
        "train/num_skipped": report.num_skipped,
        "train/num_response_tokens": report.num_tokens,
        "train/num_sequence_tokens": report.num_sequence_tokens,
    }
    if report.nonfinite_rollouts:
        row["train/nonfinite_rollouts"] = list(report.nonfinite_rollouts)
    if report.kl_to_reference is not None:
        row["train/kl_to_reference_nats"] = report.kl_to_reference
    return row


def score_metrics(score: Score) -> Row:
    """The row of one evaluation for metrics.jsonl."""
    numbers: Row = {
        "avg_at_k": score.mean,
        "avg_at_k_low": score.low,
        "avg_at_k_high": score.high,
        "samples_per_problem": score.samples_per_problem,
        "num_problems": score.num_problems,
        "truncated_fraction": score.truncated_fraction,
        "no_answer_fraction": score.no_answer_fraction,
        "response_tokens_mean": score.response_tokens_mean,
        "data_hash": score.data_hash,
    }
    families = {
        "avg_at_k": score.by_source,
        "truncated_fraction": score.truncated_by_source,
        "response_tokens_mean": score.tokens_by_source,
    }
    for name, by_source in families.items():
        numbers |= {f"{name}/{source}": value for source, value in sorted(by_source.items())}
    return {"step": score.step} | {f"{score.area}/{name}": value for name, value in numbers.items()}


def timing_metrics(
    result: StepResult,
    phases_s: Mapping[str, float],
    step_s: float,
) -> Row:
    """The row of one step for timings.jsonl, but for memory and time of day.

    Args:
        phases_s: wall time by phase name [s].
        step_s: wall time of the whole step [s].
    """
    rollouts, report = [r for g in result.groups for r in g.rollouts], result.report
    tokens = sum(len(r.response_tokens) for r in rollouts)
    row: Row = {"step": result.state.step, "time/step_s": step_s}
    row |= {f"time/{name}_s": seconds for name, seconds in phases_s.items()}
    row["time/verify_s"] = math.fsum(r.verdict.seconds for r in rollouts if r.verdict)
    rates = {"response": (tokens, step_s)}
    if "rollout" in phases_s:
        rates["rollout"] = (tokens, phases_s["rollout"])
    if report is not None:
        rates["update"] = (report.num_sequence_tokens, report.seconds)
    row |= {f"throughput/{k}_tokens_per_s": n / s for k, (n, s) in rates.items() if s > 0}
    return row
