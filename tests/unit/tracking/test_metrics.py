"""Each formula by a hand-worked number, beside the number that a likely mistake would give."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1.config import StageConfig
from or1.metric import row_of
from or1.testing import make_group, make_problem, make_report, make_result, make_rollout
from or1.tracking.metrics import (
    pass_rate_histogram,
    rollout_metrics,
    score_from,
    score_metrics,
    step_metrics,
    train_metrics,
)
from or1.tracking.timings import step_timings
from or1.types import (
    DroppedGroup,
    DropReason,
    EntropyState,
    Finish,
    Group,
    Outcome,
    Rollout,
    RunState,
    StageProgress,
    Verdict,
)
from tests.runs import groups_of, score_of

STAGE = StageConfig(max_response_tokens=8, num_steps=4)


def judged(reward: float | None, outcome: Outcome, reason: str, num_tokens: int, index: int) -> Rollout:
    rollout = make_rollout(index=index, num_tokens=num_tokens)
    verdict = Verdict(outcome=outcome, reward=reward, reason=reason, seconds=0.5)
    return replace(rollout, verdict=verdict)


def test_reward_counts_every_judged_rollout_once_and_pass_rate_every_group_once() -> None:
    groups = [make_group([1.0, 1.0, None, None]), make_group([1.0, 0.0, 0.0, 0.0])]
    row = rollout_metrics(groups, 0)
    assert row["rollout/reward_mean"] == 3 / 6  # not 3/8: what was not judged is no zero
    assert row["rollout/pass_rate_mean"] == (1.0 + 0.25) / 2  # not 0.5: that weighs rollouts
    assert row["rollout/not_judged_fraction"] == 2 / 8
    assert row["rollout/any_right_fraction"] == 1.0


def test_right_is_the_outcome_and_not_a_positive_reward() -> None:
    half = judged(0.5, Outcome.WRONG, "half_the_tests", 4, 0)
    row = rollout_metrics([Group(problem=make_problem(), rollouts=(half,))], 0)
    assert row["rollout/reward_mean"] == 0.5
    assert row["rollout/right_fraction"] == 0.0
    assert row["rollout/wrong_by_reason/half_the_tests"] == 1


def test_truncated_share_and_lengths_leave_aborted_rollouts_out() -> None:
    group = make_group([0.0, 1.0, None], truncated={0}, num_tokens=[8, 4, 99])
    aborted = replace(group.rollouts[2], finish=Finish.ABORTED)
    group = replace(group, rollouts=(*group.rollouts[:2], aborted))
    row = rollout_metrics([group], 0)
    assert row["rollout/truncated_fraction"] == 0.5  # 1/3 with the aborted one
    assert row["rollout/response_tokens_mean"] == 6.0  # 37 with it
    assert row["rollout/response_tokens_max"] == 8
    assert row["rollout/num_response_tokens"] == 111  # they were generated all the same


def test_lengths_by_verdict_and_percentiles() -> None:
    group = make_group([1.0, 1.0, 0.0, 0.0, None], truncated={3}, num_tokens=[2, 4, 10, 20, 1000])
    row = rollout_metrics([group], 0)
    assert row["rollout/response_tokens_mean_right"] == 3.0
    assert (
        row["rollout/response_tokens_mean_wrong"] == 15.0
    )  # truncated ones too; not the one without a verdict
    assert row["rollout/response_tokens_p50"] == 10.0
    assert row["rollout/response_tokens_p95"] == pytest.approx(804.0)  # 20 + 0.8 * 980, interpolated


def test_by_source_splits_and_unnamed_sources_give_no_key() -> None:
    groups = [
        make_group([1.0, 1.0], problem=make_problem(1, source="gsm8k"), num_tokens=2),
        make_group([0.0, 1.0], problem=make_problem(2, source="made"), num_tokens=6, truncated={0}),
        make_group([0.0, 0.0], problem=make_problem(3)),
    ]
    row = rollout_metrics(groups, 0)
    assert row["rollout/reward_mean/gsm8k"] == 1.0
    assert row["rollout/reward_mean/made"] == 0.5
    assert row["rollout/truncated_fraction/made"] == 0.5
    assert row["rollout/response_tokens_mean/made"] == 6.0
    assert "rollout/reward_mean/" not in row


def test_failures_are_counted_by_reason() -> None:
    rollouts = (
        judged(None, Outcome.NOT_JUDGED, "worker_lost", 1, 0),
        judged(None, Outcome.NOT_JUDGED, "worker_lost", 1, 1),
        judged(0.0, Outcome.WRONG, "time_limit", 1, 2),
        judged(0.0, Outcome.NO_ANSWER, "no_box", 1, 3),
        replace(make_rollout(index=4), verdict=None),
    )
    row = rollout_metrics([Group(problem=make_problem(), rollouts=rollouts)], 0)
    reasons = {k: v for k, v in row.items() if "_by_reason/" in k}
    assert reasons == {
        "rollout/not_judged_by_reason/no_reason": 1,
        "rollout/not_judged_by_reason/worker_lost": 2,
        "rollout/wrong_by_reason/time_limit": 1,
    }
    assert row["rollout/no_answer_fraction"] == 0.5


def test_no_rollouts_give_counts_and_no_means() -> None:
    row = rollout_metrics([], 0)
    assert row == {
        "rollout/num_groups": 0,
        "rollout/num_rollouts": 0,
        "rollout/num_response_tokens": 0,
        "rollout/pass_rate_histogram": [0] * 10,
    }


def test_staleness_is_that_of_the_oldest_and_its_mean_one_over_tokens() -> None:
    rollouts = (
        make_rollout(index=0, policy_version=5, num_tokens=9),
        make_rollout(index=1, policy_version=3, num_tokens=1),
    )
    row = rollout_metrics([Group(problem=make_problem(), rollouts=rollouts)], 7)
    assert row["rollout/staleness_max_updates"] == 4
    assert row["rollout/staleness_mean_updates"] == 2.2  # over rollouts it would be 3


@pytest.mark.parametrize(
    ("right", "of", "bin_"), [(7, 10, 7), (3, 10, 3), (6, 20, 3), (29, 50, 5), (1, 1, 9)]
)
def test_a_rate_on_an_edge_belongs_to_the_bin_above(right: int, of: int, bin_: int) -> None:
    counts = pass_rate_histogram([sum([1.0] * right) / of])
    assert counts.index(1) == bin_


@given(st.lists(st.floats(0, 1) | st.just(float("nan")), max_size=50))
def test_the_histogram_counts_every_rate_once(rates: list[float]) -> None:
    assert sum(pass_rate_histogram(rates)) == sum(r == r for r in rates)


@given(st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_the_order_of_groups_changes_nothing(step: int, rng: random.Random) -> None:
    groups = groups_of(step, num_groups=5)
    shuffled = list(groups)
    rng.shuffle(shuffled)
    assert rollout_metrics(shuffled, 0) == rollout_metrics(groups, 0)


def test_control_shows_the_coefficient_used_and_not_the_next_one() -> None:
    before = RunState(
        step=11, entropy=EntropyState(coefficient=0.01), stage=StageProgress(index=1, first_step=8)
    )
    after = replace(
        before, step=12, entropy=EntropyState(coefficient=0.015, last_entropy=0.1), solved=frozenset("ab")
    )
    kept, dropped = [make_group()], [DroppedGroup(group=make_group(), reason=DropReason.ALL_WRONG)] * 3
    result = make_result([make_group()] * 4, kept=kept, dropped=dropped, alpha=0.01, state=after)
    row = step_metrics(result, before=before, stage=STAGE, entropy_target=0.2)
    assert row["entropy/coefficient"] == 0.01
    assert row["stage/step"] == 4
    assert row["stage/index"] == 1
    assert row["filter/kept_fraction"] == 0.25
    assert row["filter/all_wrong_fraction"] == 0.75
    assert row["filter/all_right_fraction"] == 0.0
    assert row["filter/solved_problems"] == 2
    assert row["entropy/target"] == 0.2
    assert "entropy/target" not in step_metrics(result, before=before, stage=STAGE, entropy_target=None)


def test_a_step_row_has_the_state_after_and_this_steps_entropy() -> None:
    before = RunState(step=3, policy_version=3)
    after = replace(before, step=4, policy_version=5, entropy=EntropyState(last_entropy=0.25), empty_steps=1)
    result = make_result([make_group()], state=after)
    row = step_metrics(result, before=before, stage=STAGE, entropy_target=None)
    assert row["step"] == 4
    assert row["rollout/entropy_nats"] == 0.25
    assert row["train/policy_version"] == 5
    assert row["train/empty_steps"] == 1
    assert "train/loss" not in row  # no update: absent, not zero


def test_skipped_minibatches_name_their_rollouts() -> None:
    row = train_metrics(make_report(num_skipped=1, nonfinite_rollouts=("a/0", "b/3")), RunState())
    assert row["train/nonfinite_rollouts"] == ["a/0", "b/3"]
    assert "train/nonfinite_rollouts" not in train_metrics(make_report(), RunState())


def test_every_number_of_the_report_is_logged_under_its_own_key() -> None:
    keys = {
        "loss": "loss", "policy_loss": "policy_loss", "entropy": "entropy_nats",
        "kl_to_reference": "kl_to_reference_nats", "clip_fraction": "clip_fraction",
        "ratio_mean": "ratio_mean", "ratio_max": "ratio_max", "mismatch_kl": "mismatch_kl_nats",
        "mismatch_max": "mismatch_max_nats",
        "grad_norm": "grad_norm", "learning_rate": "learning_rate", "num_updates": "num_updates",
        "num_skipped": "num_skipped", "num_tokens": "num_response_tokens",
        "num_sequence_tokens": "num_sequence_tokens",
    }  # fmt: skip
    numbers = {name: number for number, name in enumerate(keys, start=1)}
    row = train_metrics(replace(make_report(), **numbers), RunState())  # type: ignore[arg-type]
    assert {name: row[f"train/{key}"] for name, key in keys.items()} == numbers


def test_throughputs_divide_tokens_by_their_own_seconds() -> None:
    groups = [make_group([1.0, 0.0], num_tokens=[30, 10])]
    report = replace(make_report(), num_sequence_tokens=100, seconds=4.0)
    phases_s = {"rollout": 2.0, "update": 5.0}
    row = row_of(step_timings(make_result(groups, report=report), phases_s, 8.0, unix_s=0.0))
    assert row["throughput/rollout_tokens_per_s"] == 20.0
    assert row["throughput/response_tokens_per_s"] == 5.0
    assert row["throughput/update_tokens_per_s"] == 25.0  # inside the update, not 20.0 of the phase around it
    assert row["time/update_s"] == 5.0


def test_verify_seconds_are_summed_over_all_verdicts() -> None:
    rollouts = tuple(judged(1.0, Outcome.RIGHT, "", 1, i) for i in range(3))
    group = Group(problem=make_problem(), rollouts=(*rollouts, replace(make_rollout(), verdict=None)))
    assert step_timings(make_result([group]), {}, 1.0, unix_s=0.0).verify_s == 1.5


def test_no_time_gives_no_throughput() -> None:
    row = row_of(step_timings(make_result([make_group()]), {"rollout": 0.0}, 0.0, unix_s=0.0))
    assert not [k for k in row if k.startswith("throughput/")]


def test_score_row() -> None:
    row = score_metrics(score_of(4))
    assert (row["step"], row["eval/avg_at_k"], row["eval/avg_at_k/made"]) == (4, 0.5, 0.5)
    assert (row["eval/avg_at_k_low"], row["eval/avg_at_k_high"]) == (0.4, 0.6)
    assert row["eval/samples_per_problem"] == 2
    assert not [k for k in row if k.startswith("time/")]
    assert score_from(row) == replace(score_of(4), seconds=0.0)


def test_numbers_are_plain_so_that_json_takes_them() -> None:
    row = rollout_metrics(groups_of(1), 0)
    assert not [k for k, v in row.items() if isinstance(v, np.generic)]
