"""Advisories on the rollouts: truncation, groups without signal, verdicts, suspicions of reward hacking."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Any

from or1.board.advisory import (
    MIN_STEPS,
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
    REWARD_MEAN,
    TRUNCATED_FRACTION,
    ControlMetrics,
    LengthMetrics,
    OriginMetrics,
    RolloutMetrics,
)
from or1.tracking.timings import Timings
from or1.types import DropReason, Outcome

KEPT_FRACTION = key_of(ControlMetrics, "kept_fraction")
DROPPED = key_of(ControlMetrics, "dropped_fraction")
NOT_JUDGED_FRACTION = key_of(RolloutMetrics, "not_judged_fraction")
NUM_ROLLOUTS = key_of(RolloutMetrics, "num_rollouts")
NOT_JUDGED_BY_REASON = key_of(OriginMetrics, "not_judged")
LENGTH_RIGHT = key_of(LengthMetrics, "mean_right")
EVENTS = key_of(Timings, "events")

TRUNCATED, STARVING_KEPT = 0.5, 0.5
"""Truncated share above and kept share below which truncation starves the signal."""
FEW_KEPT = 0.15
"""Kept share below which most rollouts are wasted."""
MANY_NOT_JUDGED = 0.05
MANY_FAILURES = 0.02
"""Failures of workers per rollout."""
SHORTER, REWARD_RISE = 0.4, 0.1
"""Length of correct responses as a share of the earlier length, and the rise of the reward meanwhile."""
SAME_TEXT, SAME_TEXT_GOLDS = 0.05, 3
"""Share of the correct responses with one text, and number of different answers that it was correct for."""
MAX_OVERSAMPLE = 4.0

# retries: a worker ended or exceeded a limit; quarantined: an answer that broke workers before
_FAILURES = ("retries", "quarantined")
_MEMORY = ("memory", "memory_limit", "out_of_memory")


def truncation_starves(evidence: RunEvidence) -> Advisory | None:
    """Most responses are cut off and few groups have a signal."""
    rows = evidence.stage[-MIN_STEPS:]
    truncated, kept = mean_of(rows, TRUNCATED_FRACTION), mean_of(rows, KEPT_FRACTION)
    if truncated is None or kept is None or truncated <= TRUNCATED or kept >= STARVING_KEPT:
        return None
    key = f"{evidence.stage_key}.max_response_tokens"
    budget = int(evidence.settings[key])
    later = [stage["max_response_tokens"] for stage in evidence.run.config["stages"]]
    larger = [tokens for tokens in later if tokens > budget]
    return advisory_on(
        rows,
        name="truncation_starves",
        title="truncation removes the signal",
        evidence=f"{percent(truncated)} of responses cut off at {budget:,} tokens, {percent(kept)} of groups "
        f"kept, {steps_text(rows)}",
        change=(key, str(min([2 * budget, *larger])), "more responses then reach their answer"),
        metric=TRUNCATED_FRACTION,
    )


def no_signal(evidence: RunEvidence) -> Advisory | None:
    """Most groups are all correct or all incorrect."""
    rows = evidence.last
    kept = mean_of(rows, KEPT_FRACTION)
    if kept is None or kept >= FEW_KEPT:
        return None
    right, wrong = (
        mean_of(rows, DROPPED.format(reason=reason.value), at_least=1) or 0.0
        for reason in (DropReason.ALL_RIGHT, DropReason.ALL_WRONG)
    )
    if right >= wrong:
        oversample = float(evidence.settings["rollout.oversample"])
        wanted = min(MAX_OVERSAMPLE, 1 / max(kept, 1 / MAX_OVERSAMPLE)) * oversample
        reason = "groups with a signal then fill the step; or use harder data"
        change = "rollout.oversample", f"{wanted:g}", reason
    else:
        key = f"{evidence.stage_key}.group_size"
        size = 2 * int(evidence.settings[key])
        reason = "a larger group has a correct response more often; or use easier data"
        change = key, str(size), reason
    return advisory_on(
        rows,
        name="no_signal",
        title="few groups have a signal",
        evidence=f"{percent(kept)} of groups kept, {percent(right)} all correct, {percent(wrong)} all "
        f"incorrect, {steps_text(rows)}",
        change=change,
        metric=KEPT_FRACTION,
    )


def not_judged(evidence: RunEvidence) -> Advisory | None:
    """Many rollouts have no verdict, so they teach nothing."""
    rows = evidence.last
    share = mean_of(rows, NOT_JUDGED_FRACTION, at_least=1)
    if share is None or share <= MANY_NOT_JUDGED:
        return None
    reasons = sums_of(rows, NOT_JUDGED_BY_REASON).most_common(2)
    if reasons and any(word in reasons[0][0] for word in _MEMORY):
        size = 2 * int(evidence.settings["verify.worker_memory_bytes"])
        change = "verify.worker_memory_bytes", str(size), "workers then end less often"
    else:
        limit = 2 * float(evidence.settings["verify.time_limit_s"])
        change = (
            "verify.time_limit_s",
            f"{limit:g}",
            "slow answers are then judged; or1 rollouts shows details",
        )
    return advisory_on(
        rows,
        name="not_judged",
        title="many rollouts are not judged",
        evidence=f"{percent(share)} in {steps_text(rows)}; reasons: "
        + ", ".join(f"{reason} {count:,}" for reason, count in reasons),
        change=change,
        metric=NOT_JUDGED_FRACTION,
    )


def verifier_fails(evidence: RunEvidence) -> Advisory | None:
    """Workers of the verifier often end or exceed a limit."""
    rows = evidence.last
    events = sums_of(evidence.last_timings, EVENTS)
    failures, num_rollouts = sum(events[name] for name in _FAILURES), sum(values_of(rows, NUM_ROLLOUTS))
    if len(rows) < MIN_STEPS or failures <= MANY_FAILURES * num_rollouts:
        return None
    limit = 2 * float(evidence.settings["verify.time_limit_s"])
    return advisory_on(
        rows,
        name="verifier_fails",
        title="the verifier fails often",
        evidence=", ".join(f"{events[name]:,} {name}" for name in _FAILURES)
        + f" for {num_rollouts:,.0f} rollouts, {steps_text(rows)}",
        change=(
            "verify.time_limit_s",
            f"{limit:g}",
            "fewer answers then exceed the limit; or1 rollouts shows the reasons",
        ),
        metric=EVENTS.format(event="retries"),
    )


def sums_of(rows: Iterable[Mapping[str, Any]], family: str) -> Counter[str]:
    """Sum of each member of a family of counts, such as `verify/{event}`."""
    head = family.partition("{")[0]
    sums: Counter[str] = Counter()
    for row in rows:
        for key, value in row.items():
            if key.startswith(head):
                sums[key.removeprefix(head)] += int(value)
    return sums


def short_right(evidence: RunEvidence) -> Advisory | None:
    """Correct responses became much shorter while the reward rose: perhaps answers without reasoning."""
    rows = [row for row in evidence.run.steps if LENGTH_RIGHT in row and REWARD_MEAN in row]
    if len(rows) < 2 * MIN_STEPS:
        return None
    before, after = rows[:MIN_STEPS], rows[-MIN_STEPS:]
    lengths = [fmean(values_of(some, LENGTH_RIGHT)) for some in (before, after)]
    rewards = [fmean(values_of(some, REWARD_MEAN)) for some in (before, after)]
    if lengths[1] >= SHORTER * lengths[0] or rewards[1] - rewards[0] < REWARD_RISE:
        return None
    return _hacking(
        "short_right",
        "correct responses became short",
        f"{lengths[0]:,.0f} to {lengths[1]:,.0f} tokens while the reward rose from {rewards[0]:.2f} to "
        f"{rewards[1]:.2f}, {steps_text([before[0], after[-1]])}",
        LENGTH_RIGHT,
        (before[0]["step"], after[-1]["step"]),
    )


def repeated_texts(evidence: RunEvidence) -> Advisory | None:
    """One text was counted correct for problems with different answers."""
    right = [row for row in evidence.rollouts if row["outcome"] == Outcome.RIGHT]
    golds: dict[str, set[str]] = defaultdict(set)
    counts: Counter[str] = Counter()
    for row in right:
        text = " ".join(row["response"].split())
        counts[text] += 1
        golds[text].add(row["gold"])
    for text, count in counts.most_common():
        if count <= SAME_TEXT * len(right):
            return None
        if len(golds[text]) >= SAME_TEXT_GOLDS:
            steps = sorted({row["step"] for row in right})
            return _hacking(
                "repeated_texts",
                "one text is correct for different answers",
                f"{count:,} of {len(right):,} correct responses are {json.dumps(text[:40])}, for "
                f"{len(golds[text]):,} different answers, {steps_text([{'step': s} for s in steps])}",
                REWARD_MEAN,
                (steps[0], steps[-1]),
            )
    return None


def _hacking(name: str, title: str, evidence: str, metric: str, steps: tuple[int, int]) -> Advisory:
    return Advisory(
        name=name,
        title=title,
        evidence=evidence,
        setting="verify.second_opinion_fraction",
        value="0.1",
        reason="another verifier judges a tenth of the answers; read some with or1 rollouts RUN --right",
        metric=metric,
        first_step=steps[0],
        last_step=steps[1],
    )


ROLLOUTS = (repeated_texts, short_right, truncation_starves, no_signal)
VERIFIER = (not_judged, verifier_fails)
