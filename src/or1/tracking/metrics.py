"""The metrics of a step and of an evaluation: declarations, each with the pure function that computes it.

Metrics of the update are declared in `types.UpdateReport`, of an evaluation in `types.Score`.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Annotated, Any

import numpy as np

from or1.algo import mean_reward, truncated_fraction
from or1.config import StageConfig
from or1.metric import Metric, Row, key_of, metrics_of, row_of
from or1.types import DropReason, Group, Outcome, Rollout, RunState, Score, StepResult, UpdateReport

NUM_BINS = 10
EVAL = "eval"
"""First part of the keys of a score (`types.Score.area`)."""
POLICY_VERSION = key_of(RunState, "policy_version")
CLIP_FRACTION = key_of(UpdateReport, "clip_fraction")
LOSS = key_of(UpdateReport, "loss")
GRAD_NORM = key_of(UpdateReport, "grad_norm")
LEARNING_RATE = key_of(UpdateReport, "learning_rate")
AVG_AT_K = key_of(Score, "mean")
AVG_AT_K_LOW = key_of(Score, "low")
AVG_AT_K_HIGH = key_of(Score, "high")
SAMPLES_PER_PROBLEM = key_of(Score, "samples_per_problem")
NUM_PROBLEMS = key_of(Score, "num_problems")
DATA_HASH = key_of(Score, "data_hash")


def mean(values: Iterable[float]) -> float | None:
    """Exactly rounded sum / count, so that the order of the values does not matter; None when there are none.

    >>> mean([1.0, 0.0, 0.0, 0.0])
    0.25
    """
    values = list(values)
    return fmean(values) if values else None


def pass_rate_histogram(pass_rates: Iterable[float]) -> tuple[int, ...]:
    """Counts in ten bins [0, 0.1) ... [0.9, 1]; the last one is closed. nan is not counted.

    >>> pass_rate_histogram([0.0, 0.3, 1.0, 1.0])
    (1, 0, 0, 1, 0, 0, 0, 0, 0, 2)
    """
    counts = [0] * NUM_BINS
    for rate in pass_rates:
        if not math.isnan(rate):
            # 0.7 may be stored a hair below: a rate on a bin's edge belongs to the bin above it.
            counts[min(NUM_BINS - 1, math.floor(rate * NUM_BINS + 1e-9))] += 1
    return tuple(counts)


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
    row |= row_of(_control(result, before, stage, entropy_target))
    row |= train_metrics(result.report, result.state)
    return row


def rollout_metrics(groups: Sequence[Group], policy_version: int) -> Row:
    """Sampling and verdicts."""
    rollouts = [r for g in groups for r in g.rollouts]
    ended = [r for r in rollouts if not r.aborted]
    row = row_of(_rollouts(groups, rollouts))
    if ended:
        row |= row_of(_lengths(ended))
    for source, of_source in sorted(_by_source(groups).items()):
        row |= row_of(_source(of_source), source)
    return row | row_of(_origin(rollouts, policy_version))


def train_metrics(report: UpdateReport | None, after: RunState) -> Row:
    """The update; only the counters when nothing was kept."""
    return row_of(after) | ({} if report is None else row_of(report))


def score_metrics(score: Score) -> Row:
    """The row of one evaluation for metrics.jsonl."""
    row: Row = {"step": score.step}
    return row | {key_in(score.area, key): value for key, value in row_of(score).items()}


def key_in(area: str, key: str) -> str:
    """The key of a score in another area.

    >>> key_in("eval_t0.6", "eval/avg_at_k")
    'eval_t0.6/avg_at_k'
    """
    return area + key.removeprefix(EVAL)


def area_of(row: Row) -> str:
    """The area of an evaluation's row: `eval`, or `eval_t0.6` at a further temperature."""
    end = AVG_AT_K.removeprefix(EVAL)
    return next(key.removesuffix(end) for key in row if key.endswith(end))


def score_from(row: Mapping[str, Any]) -> Score:
    """The evaluation that `score_metrics` made the row of, without its seconds; area `eval` only.

    Raises:
        KeyError: the row is not of an evaluation.
    """
    values: dict[str, Any] = {}
    for name, metric in metrics_of(Score).items():
        head, family, _ = metric.key.partition("{")
        if family:
            values[name] = {key.removeprefix(head): row[key] for key in row if key.startswith(head)}
        else:
            values[name] = row[metric.key]
    return Score(step=row["step"], **values)


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutMetrics:
    """The rollouts of one step: counts, verdicts, lengths. A mean over nothing is None."""

    num_groups: Annotated[int, Metric("rollout/num_groups", "groups", "problems rolled out in this step")]
    num_rollouts: Annotated[int, Metric("rollout/num_rollouts", "rollouts", "rollouts of all groups")]
    num_response_tokens: Annotated[
        int, Metric("rollout/num_response_tokens", "tokens", "response tokens of all rollouts")
    ]
    pass_rate_histogram: Annotated[
        tuple[int, ...],
        Metric("rollout/pass_rate_histogram", "groups", "groups in ten bins [0, 0.1) ... [0.9, 1]"),
    ]
    reward_mean: Annotated[float | None, Metric("rollout/reward_mean", "reward", "mean over judged rollouts")]
    pass_rate_mean: Annotated[
        float | None,
        Metric("rollout/pass_rate_mean", "fraction", "mean over groups of each group's mean reward"),
    ]
    right_fraction: Annotated[
        float | None, Metric("rollout/right_fraction", "fraction", "outcome right / judged")
    ]
    any_right_fraction: Annotated[
        float | None,
        Metric(
            "rollout/any_right_fraction", "fraction", "groups with a right rollout / groups with a judged one"
        ),
    ]
    truncated_fraction: Annotated[
        float | None,
        Metric("rollout/truncated_fraction", "fraction", "finish = length / rollouts that were not aborted"),
    ]
    no_answer_fraction: Annotated[
        float | None, Metric("rollout/no_answer_fraction", "fraction", "outcome no_answer / judged")
    ]
    not_judged_fraction: Annotated[
        float | None, Metric("rollout/not_judged_fraction", "fraction", "not judged / all rollouts")
    ]


NUM_GROUPS = key_of(RolloutMetrics, "num_groups")
NUM_RESPONSE_TOKENS = key_of(RolloutMetrics, "num_response_tokens")
REWARD_MEAN = key_of(RolloutMetrics, "reward_mean")
TRUNCATED_FRACTION = key_of(RolloutMetrics, "truncated_fraction")


def _rollouts(groups: Sequence[Group], rollouts: Sequence[Rollout]) -> RolloutMetrics:
    judged = [r for r in rollouts if r.judged]
    with_judged = [g for g in groups if any(r.judged for r in g.rollouts)]
    return RolloutMetrics(
        num_groups=len(groups),
        num_rollouts=len(rollouts),
        num_response_tokens=sum(len(r.response_tokens) for r in rollouts),
        pass_rate_histogram=pass_rate_histogram(g.pass_rate for g in groups),
        reward_mean=mean_reward(rollouts),
        pass_rate_mean=mean(g.pass_rate for g in with_judged),
        right_fraction=_share(judged, Outcome.RIGHT),
        any_right_fraction=mean(any(_outcome(r) is Outcome.RIGHT for r in g.rollouts) for g in with_judged),
        truncated_fraction=truncated_fraction(rollouts),
        no_answer_fraction=_share(judged, Outcome.NO_ANSWER),
        not_judged_fraction=mean(not r.judged for r in rollouts),
    )


def _outcome(rollout: Rollout) -> Outcome:
    return Outcome.NOT_JUDGED if rollout.verdict is None else rollout.verdict.outcome


def _share(rollouts: Sequence[Rollout], outcome: Outcome) -> float | None:
    return mean(_outcome(r) is outcome for r in rollouts)


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthMetrics:
    """Response lengths of one step, over the rollouts that were not aborted."""

    mean: Annotated[
        float, Metric("rollout/response_tokens_mean", "tokens", "mean length, aborted ones left out")
    ]
    median: Annotated[float, Metric("rollout/response_tokens_p50", "tokens", "median length, interpolated")]
    p95: Annotated[float, Metric("rollout/response_tokens_p95", "tokens", "95th percentile, interpolated")]
    longest: Annotated[int, Metric("rollout/response_tokens_max", "tokens", "largest length")]
    mean_right: Annotated[
        float | None, Metric("rollout/response_tokens_mean_right", "tokens", "mean length of the right ones")
    ]
    mean_wrong: Annotated[
        float | None,
        Metric(
            "rollout/response_tokens_mean_wrong",
            "tokens",
            "mean of the other judged ones, truncated included",
        ),
    ]


RESPONSE_TOKENS_MEAN = key_of(LengthMetrics, "mean")
RESPONSE_TOKENS_MEAN_RIGHT = key_of(LengthMetrics, "mean_right")


def _lengths(rollouts: Sequence[Rollout]) -> LengthMetrics:
    lengths = np.array([len(r.response_tokens) for r in rollouts])
    judged = [(len(r.response_tokens), _outcome(r) is Outcome.RIGHT) for r in rollouts if r.judged]
    return LengthMetrics(
        mean=float(lengths.mean()),
        median=float(np.percentile(lengths, 50)),
        p95=float(np.percentile(lengths, 95)),
        longest=int(lengths.max()),
        mean_right=mean(length for length, is_right in judged if is_right),
        mean_wrong=mean(length for length, is_right in judged if not is_right),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceMetrics:
    """The rollouts of one step whose problems are from one source."""

    reward_mean: Annotated[
        float | None,
        Metric(f"{REWARD_MEAN}/{{source}}", "reward", "mean reward of one source"),
    ]
    truncated_fraction: Annotated[
        float | None,
        Metric(f"{TRUNCATED_FRACTION}/{{source}}", "fraction", "truncated share of one source"),
    ]
    length_mean: Annotated[
        float | None,
        Metric(f"{RESPONSE_TOKENS_MEAN}/{{source}}", "tokens", "mean response length of one source"),
    ]


def _by_source(groups: Sequence[Group]) -> dict[str, list[Rollout]]:
    """Source -> rollouts; problems without a source are left out."""
    by_source: dict[str, list[Rollout]] = defaultdict(list)
    for group in groups:
        if group.problem.source:
            by_source[group.problem.source] += group.rollouts
    return by_source


def _source(rollouts: Sequence[Rollout]) -> SourceMetrics:
    return SourceMetrics(
        reward_mean=mean_reward(rollouts),
        truncated_fraction=truncated_fraction(rollouts),
        length_mean=mean(len(r.response_tokens) for r in rollouts if not r.aborted),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginMetrics:
    """Reasons of the verdicts, age of the weights."""

    not_judged: Annotated[
        Mapping[str, int],
        Metric("rollout/not_judged_by_reason/{reason}", "rollouts", "not judged, by the verdict's reason"),
    ]
    wrong: Annotated[
        Mapping[str, int],
        Metric("rollout/wrong_by_reason/{reason}", "rollouts", "outcome wrong, by the verdict's reason"),
    ]
    staleness_max: Annotated[
        int | None,
        Metric("rollout/staleness_max_updates", "updates", "the step's policy version minus the oldest used"),
    ]
    staleness_mean: Annotated[
        float | None,
        Metric(
            "rollout/staleness_mean_updates",
            "updates",
            "the step's policy version minus the one that sampled a response token, mean over the tokens",
        ),
    ]


def _origin(rollouts: Sequence[Rollout], policy_version: int) -> OriginMetrics:
    return OriginMetrics(
        not_judged=_reasons(rollouts, Outcome.NOT_JUDGED),
        wrong=_reasons(rollouts, Outcome.WRONG),
        staleness_max=policy_version - min(r.policy_version for r in rollouts) if rollouts else None,
        staleness_mean=_staleness_mean(rollouts, policy_version),
    )


def _staleness_mean(rollouts: Sequence[Rollout], policy_version: int) -> float | None:
    num_tokens = sum(len(r.response_tokens) for r in rollouts)
    total = sum(int((policy_version - r.versions_L).sum()) for r in rollouts)
    return total / num_tokens if num_tokens else None


def _reasons(rollouts: Sequence[Rollout], outcome: Outcome) -> dict[str, int]:
    """Reason -> number of rollouts with this outcome, sorted by reason."""
    verdicts = [r.verdict for r in rollouts if _outcome(r) is outcome]
    counts = Counter((v.reason if v else "") or "no_reason" for v in verdicts)
    return dict(sorted(counts.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlMetrics:
    """Entropy control, filter and stage of one step."""

    entropy: Annotated[
        float | None,
        Metric(
            "rollout/entropy_nats",
            "nats/token",
            "e_k: token mean over all rollouts (`algo/entropy.step_entropy`)",
        ),
    ]
    alpha: Annotated[
        float, Metric("entropy/alpha", "1", "bonus in this step's loss: c_k if the gate is open, else 0")
    ]
    coefficient: Annotated[float, Metric("entropy/coefficient", "1", "c_k, before its change after the step")]
    num_kept: Annotated[int, Metric("filter/kept_groups", "groups", "groups that give a gradient")]
    num_solved: Annotated[int, Metric("filter/solved_problems", "problems", "excluded by the online filter")]
    stage_index: Annotated[int, Metric("stage/index", "1", "stage, from 0")]
    stage_step: Annotated[int, Metric("stage/step", "steps", "step inside the stage, from 1")]
    max_response_tokens: Annotated[int, Metric("stage/max_response_tokens", "tokens", "response budget T")]
    entropy_target: Annotated[
        float | None, Metric("entropy/target", "nats/token", "target of the entropy control")
    ]
    kept_fraction: Annotated[float | None, Metric("filter/kept_fraction", "fraction", "kept / all groups")]
    dropped_fraction: Annotated[
        Mapping[str, float],
        Metric(
            "filter/{reason}_fraction", "fraction", "dropped / all groups, by the reason (`types.DropReason`)"
        ),
    ]
    stage_end: Annotated[
        str | None,
        Metric("stage/ended_by", "text", "in the last row of a stage, why it ended (`types.StageEnd`)"),
    ]


ENTROPY = key_of(ControlMetrics, "entropy")
ENTROPY_TARGET = key_of(ControlMetrics, "entropy_target")
ALPHA = key_of(ControlMetrics, "alpha")
KEPT_GROUPS = key_of(ControlMetrics, "num_kept")
STAGE_INDEX = key_of(ControlMetrics, "stage_index")
STAGE_STEP = key_of(ControlMetrics, "stage_step")
STAGE_END = key_of(ControlMetrics, "stage_end")
MAX_RESPONSE_TOKENS = key_of(ControlMetrics, "max_response_tokens")


def _control(
    result: StepResult, before: RunState, stage: StageConfig, entropy_target: float | None
) -> ControlMetrics:
    num_groups, num_kept, after = len(result.groups), len(result.kept), result.state
    reasons = Counter(d.reason for d in result.dropped)
    return ControlMetrics(
        entropy=after.entropy.last_entropy,
        alpha=result.alpha,
        coefficient=before.entropy.coefficient,
        num_kept=num_kept,
        num_solved=len(after.solved),
        stage_index=before.stage.index,
        stage_step=after.step - before.stage.first_step,
        max_response_tokens=stage.max_response_tokens,
        entropy_target=entropy_target,
        kept_fraction=num_kept / num_groups if num_groups else None,
        dropped_fraction={r.value: reasons[r] / num_groups for r in DropReason} if num_groups else {},
        stage_end=result.stage_end,
    )
