"""Advisories on the update: entropy, learning rate, mismatch of the engines, staleness, held-out score."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from statistics import fmean, linear_regression, median
from typing import Any

from or1.board.advisory import (
    MIN_STEPS,
    WINDOW,
    Advisory,
    RunEvidence,
    advisory_on,
    mean_of,
    percent,
    steps_text,
    values_of,
)
from or1.metric import key_of
from or1.tracking.metrics import (
    AVG_AT_K,
    AVG_AT_K_HIGH,
    AVG_AT_K_LOW,
    CLIP_FRACTION,
    ENTROPY,
    GRAD_NORM,
    REWARD_MEAN,
    OriginMetrics,
)
from or1.tracking.run_data import scores_compare
from or1.types import UpdateReport

STALENESS = key_of(OriginMetrics, "staleness_max")
MISMATCH_KL = key_of(UpdateReport, "mismatch_kl")
NUM_UPDATES = key_of(UpdateReport, "num_updates")
NUM_SKIPPED = key_of(UpdateReport, "num_skipped")

COLLAPSED = 0.5
"""Entropy below this share of its target is a collapse [dimensionless]."""
AHEAD = 0.25
"""Entropy whose trend falls below this share within `MIN_STEPS` steps is a collapse ahead."""
SPIKE, NUM_SPIKES = 5.0, 3
"""A gradient norm of this multiple of its median is a spike; this number of them is a sign."""
HIGH_CLIP_FRACTION = 0.1
REWARD_FALL, REWARD_FALL_SHARE = 0.1, 0.25
"""Fall of the mean reward from its best `MIN_STEPS` steps of the stage: absolute, and as a share of it."""
HIGH_MISMATCH_KL = 0.01
"""[nats/token]"""
STALE_STEPS = 2.0
"""Age of the oldest weights in a step, in steps."""


def entropy_collapse(evidence: RunEvidence) -> Advisory | None:
    """Entropy far below its target, or on its way there."""
    rows = [row for row in evidence.stage if ENTROPY in row][-MIN_STEPS:]
    if len(rows) < MIN_STEPS:
        return None
    entropies, target = values_of(rows, ENTROPY), float(evidence.settings["entropy.target"])
    at_end = fmean(entropies[-MIN_STEPS // 2 :])
    slope = linear_regression(range(MIN_STEPS), entropies).slope
    ahead = at_end + slope * MIN_STEPS
    if at_end >= target or not (at_end < COLLAPSED * target or ahead < AHEAD * target):
        return None
    return advisory_on(
        rows,
        name="entropy_collapse",
        title="entropy collapses" if at_end < COLLAPSED * target else "entropy collapse ahead",
        evidence=f"{entropies[0]:.3f} to {entropies[-1]:.3f} nats/token in {steps_text(rows)}, "
        f"{slope:+.4f} a step, target {target:g}",
        change=_entropy_remedy(evidence),
        metric=ENTROPY,
    )


def _entropy_remedy(evidence: RunEvidence) -> tuple[str, str, str]:
    settings = evidence.settings
    if settings["entropy.mode"] != "adaptive":
        return "entropy.mode", "adaptive", "the coefficient then rises while entropy is below its target"
    if settings["entropy.maximum"] is not None:
        value = f"{2 * settings['entropy.maximum']:g}"
        return "entropy.maximum", value, "the coefficient may rise above its present bound"
    return "entropy.delta", f"{2 * settings['entropy.delta']:g}", "the coefficient then rises twice as fast"


def learning_rate_high(evidence: RunEvidence) -> Advisory | None:
    """At least two signs of an update that is too large, in the last steps of the stage."""
    rows = evidence.last
    signs = [sign for sign in (_spikes(evidence), _clipped(rows), _fall(evidence), _skipped(rows)) if sign]
    if len(signs) < 2:
        return None
    rate = float(evidence.settings["optimizer.learning_rate"])
    return advisory_on(
        rows,
        name="learning_rate_high",
        title="the learning rate looks too high",
        evidence=f"{', '.join(signs)}, {steps_text(rows)}",
        change=(
            "optimizer.learning_rate",
            f"{rate / 3:.1g}",
            f"a third of {rate:g}; start from a checkpoint before the fall",
        ),
        metric=GRAD_NORM,
    )


def _spikes(evidence: RunEvidence) -> str | None:
    norms = [norm for norm in values_of(evidence.run.steps, GRAD_NORM) if not isnan(norm)]
    if len(norms) < MIN_STEPS:
        return None
    usual = median(norms)
    # nan counts: such a gradient is no smaller than a spike
    spikes = [norm for norm in values_of(evidence.last, GRAD_NORM) if not norm <= SPIKE * usual]
    if len(spikes) < NUM_SPIKES:
        return None
    return f"{len(spikes)} gradient norms above {SPIKE:g} times the median of {usual:.2g}"


def _clipped(rows: Sequence[Any]) -> str | None:
    share = mean_of(rows, CLIP_FRACTION)
    return None if share is None or share <= HIGH_CLIP_FRACTION else f"{percent(share)} of tokens clipped"


def _fall(evidence: RunEvidence) -> str | None:
    rewards = values_of(evidence.stage, REWARD_MEAN)
    if len(rewards) < 2 * MIN_STEPS:
        return None
    means = [fmean(rewards[at : at + MIN_STEPS]) for at in range(len(rewards) - MIN_STEPS + 1)]
    fall = max(means) - means[-1]
    if fall <= max(REWARD_FALL, REWARD_FALL_SHARE * max(means)):
        return None
    return f"mean reward fell from {max(means):.2f} to {means[-1]:.2f}"


def _skipped(rows: Sequence[Any]) -> str | None:
    skipped = sum(values_of(rows, NUM_SKIPPED))
    return f"{skipped:.0f} updates skipped as not finite" if skipped >= 2 else None


def mismatch_high(evidence: RunEvidence) -> Advisory | None:
    """Trainer and engine give the same tokens different probabilities."""
    rows = evidence.last
    kl = mean_of(rows, MISMATCH_KL)
    if kl is None or kl <= HIGH_MISMATCH_KL:
        return None
    if not _is_corrected(evidence):
        change = "loss.importance_cap", "2.0", "tokens are then weighted by the ratio of both probabilities"
    elif evidence.settings["model.dtype"] != "float32":
        change = "model.dtype", "float32", "both then compute with less rounding"
    else:
        change = "system.deterministic", "true", "both then compute every number the same way"
    return advisory_on(
        rows,
        name="mismatch_high",
        title="engine and trainer disagree",
        evidence=f"mismatch KL {kl:.3g} nats/token in {steps_text(rows)}, above {HIGH_MISMATCH_KL:g}",
        change=change,
        metric=MISMATCH_KL,
    )


def _is_corrected(evidence: RunEvidence) -> bool:
    """Whether the loss corrects for tokens of another policy."""
    settings = evidence.settings
    return settings["loss.importance_cap"] is not None or settings["loss.ratio_to"] == "behavior"


def staleness_high(evidence: RunEvidence) -> Advisory | None:
    """Rollouts are from weights that are more than two steps old."""
    rows = evidence.last
    age, updates = mean_of(rows, STALENESS), mean_of(rows, NUM_UPDATES)
    if age is None or updates is None or age <= STALE_STEPS * max(updates, 1.0):
        return None
    settings, minibatches = evidence.settings, f"{evidence.stage_key}.num_minibatches"
    if not _is_corrected(evidence):
        change = "loss.importance_cap", "2.0", "tokens of older weights are then corrected for"
    elif settings[minibatches] > 1:
        change = minibatches, "1", "fewer updates then lie between sampling and training"
    else:
        rate = f"{settings['optimizer.learning_rate'] / 2:.2g}"
        change = "optimizer.learning_rate", rate, "each update then changes the weights less"
    return advisory_on(
        rows,
        name="staleness_high",
        title="rollouts are from old weights",
        evidence=f"oldest weights {age:.1f} updates old, a step has {updates:.1f}, {steps_text(rows)}",
        change=change,
        metric=STALENESS,
    )


def heldout_falls(evidence: RunEvidence) -> Advisory | None:
    """The held-out score is below an earlier one, intervals apart, while the reward of training rises."""
    scores = evidence.run.scores
    if len(scores) < 2 or not scores_compare(scores):
        return None
    best, last = max(scores, key=lambda row: float(row[AVG_AT_K_LOW])), scores[-1]
    before = [row for row in evidence.run.steps if row["step"] <= best["step"]][-WINDOW // 2 :]
    after = evidence.last[-WINDOW // 2 :]
    rewards = [mean_of(rows, REWARD_MEAN, at_least=1) for rows in (before or after[:1], after)]
    if rewards[0] is None or rewards[1] is None or rewards[1] <= rewards[0]:
        return None
    if last[AVG_AT_K_HIGH] >= best[AVG_AT_K_LOW]:
        return None
    return Advisory(
        name="heldout_falls",
        title="the held-out score falls while the reward rises",
        evidence=f"avg@k {best[AVG_AT_K]:.3f} at step {best['step']}, {last[AVG_AT_K]:.3f} at step "
        f"{last['step']}, 95 % CIs apart; reward {rewards[0]:.2f} to {rewards[1]:.2f}",
        setting="loss.kl_coefficient",
        value=f"{2 * evidence.settings['loss.kl_coefficient'] or 1e-3:g}",
        reason=f"holds the model near its start; the checkpoint near step {best['step']} may be the better",
        metric=AVG_AT_K,
        first_step=best["step"],
        last_step=last["step"],
    )


TRAINING = (learning_rate_high, entropy_collapse, heldout_falls, mismatch_high, staleness_high)
