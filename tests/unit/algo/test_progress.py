"""The state after a step: what counts, what resets, when a run is hopeless."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from or1.algo import after_step, fresh_state, mean_reward, raise_if_stuck, truncated_fraction
from or1.assemble.fork import way_back
from or1.config import RunConfig
from or1.errors import DivergedError, NonFiniteError, StarvedError
from or1.testing import make_group, make_problem, make_report, make_rollout
from or1.types import Finish, Group, RunState

SIGNAL = make_group((1.0, 0.0))
FLAT = make_group((0.0, 0.0))


def _run(**settings: object) -> RunConfig:
    stage = {"max_response_tokens": 8, "num_steps": 100, "switch": {"window": 2, "truncated_below": 0.1}}
    return RunConfig.model_validate(
        {
            "name": "t",
            "model": {"path": "m"},
            "data": [{"task": "arithmetic"}],
            "stages": [stage],
            **settings,
        }
    )


def test_the_fresh_state_starts_at_c_0() -> None:
    run = _run(entropy={"initial": 0.003})
    assert fresh_state(run).entropy.coefficient == 0.003
    assert fresh_state(_run()) == RunState()


def test_steps_count_turns_and_versions_count_updates() -> None:
    run, state = _run(), RunState()
    state = after_step(state, [SIGNAL], [SIGNAL], make_report(num_updates=4), run)
    assert (state.step, state.policy_version) == (1, 4)
    state = after_step(state, [FLAT], [], None, run)
    assert (state.step, state.policy_version) == (2, 4)
    state = after_step(state, [SIGNAL], [SIGNAL], make_report(num_updates=3, num_skipped=1), run)
    assert (state.step, state.policy_version, state.nonfinite_steps) == (3, 7, 0)


def test_entropy_control_sees_the_groups_that_were_dropped() -> None:
    kept = make_group((1.0, 0.0), entropy=0.1)
    dropped = make_group((1.0, 1.0), entropy=0.5, problem=make_problem(1))
    state = after_step(RunState(), [kept, dropped], [kept], make_report(), _run())
    # over the kept group alone e would be 0.1, below the target, and c would rise
    assert state.entropy.last_entropy == pytest.approx(0.3)
    assert state.entropy.coefficient == 0.0


def test_the_last_visit_counts() -> None:
    run, state = _run(), RunState()
    other = make_group((1.0, 1.0), problem=make_problem(1))
    state = after_step(state, [make_group((1.0, 1.0)), other], [], None, run)
    state = after_step(state, [make_group((1.0, 0.0, None))], [], None, run)
    assert state.pass_rates == {make_problem().id: 0.5, other.problem.id: 1.0}
    # one judged rollout is no visit
    state = after_step(state, [make_group((1.0, None))], [], None, run)
    assert state.pass_rates[make_problem().id] == 0.5


def test_history_is_one_entry_a_step_and_no_longer_than_the_rule_needs() -> None:
    run, state = _run(), RunState()
    for n in range(7):
        cut = range(n)
        state = after_step(state, [make_group([0.0] * 8, truncated=cut)], [], None, run)
    assert state.stage.truncated_fractions == (3 / 8, 4 / 8, 5 / 8, 6 / 8)
    assert state.stage.mean_rewards == (0.0,) * 4


def test_a_stage_without_a_rule_keeps_no_history() -> None:
    run = _run(stages=[{"max_response_tokens": 8, "num_steps": 5}])
    state = after_step(RunState(), [SIGNAL], [SIGNAL], make_report(), run)
    assert state.stage.truncated_fractions == state.stage.mean_rewards == ()


def test_shares_are_of_rollouts_and_without_what_was_lost() -> None:
    cut = make_group((0.0, 0.0, 0.0), truncated={0})
    lost = make_rollout(index=1, reward=None, finish=Finish.ABORTED)
    group = Group(problem=make_problem(), rollouts=(make_rollout(), lost))
    # 1 of 4; counting the lost one gives 1 of 5, a mean of groups 1 / 6
    rollouts = [*cut.rollouts, *group.rollouts]
    assert truncated_fraction(rollouts) == 0.25
    assert mean_reward(rollouts) == 0.25
    assert truncated_fraction([]) is None
    assert mean_reward(make_group((None, None)).rollouts) is None


def test_a_step_that_holds_nothing_leaves_no_entry() -> None:
    state = after_step(RunState(), [], [], None, _run())
    assert state.stage.truncated_fractions == state.stage.mean_rewards == ()
    assert (state.step, state.empty_steps) == (1, 1)


def test_a_run_starves_after_empty_steps_in_a_row() -> None:
    run, state = _run(max_empty_steps=3), RunState()
    for kept in ([], [], [SIGNAL], [], []):
        state = after_step(state, [SIGNAL], kept, make_report() if kept else None, run)
        raise_if_stuck(state, run)
    assert state.empty_steps == 2
    state = after_step(state, [FLAT], [], None, run)
    with pytest.raises(StarvedError, match="3 steps in a row, up to step 6") as caught:
        raise_if_stuck(state, run)
    assert caught.value.exit_code == 3


def test_a_run_stops_after_updates_that_were_not_finite() -> None:
    run, state = _run(max_nonfinite_steps=2), RunState()
    bad = make_report(num_updates=0, num_skipped=1)
    state = after_step(state, [SIGNAL], [SIGNAL], bad, run)
    # an empty step says nothing about the weights, a good one does
    assert after_step(state, [FLAT], [], None, run).nonfinite_steps == 1
    assert after_step(state, [SIGNAL], [SIGNAL], make_report(), run).nonfinite_steps == 0
    raise_if_stuck(state, run)
    state = after_step(state, [SIGNAL], [SIGNAL], bad, run)
    with pytest.raises(NonFiniteError, match="2 updates in a row, up to step 2"):
        raise_if_stuck(state, run)


def test_the_state_given_is_not_touched() -> None:
    before = replace(RunState(), pass_rates={"x": 1.0})
    after_step(before, [SIGNAL], [SIGNAL], make_report(), _run())
    assert before == replace(RunState(), pass_rates={"x": 1.0})


def test_weights_that_diverged_are_named_with_the_step() -> None:
    broken = replace(
        make_rollout(), behavior_logprobs=np.full(3, np.nan, dtype=np.float32), finish=Finish.ABORTED
    )
    group = Group(problem=make_problem(), rollouts=(broken, replace(broken, index=1)))
    state = RunState(step=1)
    with pytest.raises(DivergedError, match="diverged at step 2: none of its 2 rollouts") as caught:
        after_step(state, [group], [], None, _run())
    assert (caught.value.step, caught.value.exit_code) == (2, 3)
    half = replace(group, rollouts=(broken, make_rollout(index=1)))
    assert after_step(state, [half], [], None, _run()).step == 2
    assert after_step(state, [], [], None, _run()).step == 2


@pytest.mark.parametrize(
    ("steps", "part"), [((), "no checkpoint before"), ((4, 9, 10), "step_000004: or1 train")]
)
def test_the_way_back_ends_before_the_update_that_broke_the_weights(
    steps: tuple[int, ...], part: str, tmp_path: Path
) -> None:
    for step in steps:
        (tmp_path / f"checkpoints/step_{step:06d}").mkdir(parents=True)
    assert part in way_back(tmp_path, 10)
