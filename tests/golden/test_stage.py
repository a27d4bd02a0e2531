"""Stages by step as in the paper's tables, by rule, and the online filter, in small runs written out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from or1.algo import after_step, end_of_stage, enter_stage, finished, fresh_state, switch_holds
from or1.config import RunConfig, SwitchRule
from or1.testing import make_group, make_problem, make_report
from or1.types import Group, RunState, StageEnd, StageProgress


def _run(*stages: dict[str, object], **settings: object) -> RunConfig:
    return RunConfig.model_validate(
        {"name": "t", "model": {"path": "m"}, "data": [{"task": "arithmetic"}], "stages": stages, **settings}
    )


def _stage(budget: int, num_steps: int, **settings: object) -> dict[str, object]:
    return {"max_response_tokens": budget, "num_steps": num_steps, **settings}


def _budgets(run: RunConfig, groups_by_step: list[list[Group]]) -> tuple[list[int], RunState]:
    """Budget of each step until the run is finished, and the last state."""
    state, budgets = fresh_state(run), []
    while not finished(run, state):
        stage, state = enter_stage(run, state)
        groups = groups_by_step[min(state.step, len(groups_by_step) - 1)]
        budgets.append(stage.max_response_tokens)
        state = after_step(state, groups, groups, make_report(), run)
    return budgets, state


SIGNAL = make_group((1.0, 0.0))


def test_stages_by_step_last_exactly_their_steps() -> None:
    run = _run(_stage(8, 3), _stage(16, 2), _stage(16, 1), _stage(32, 1))
    budgets, state = _budgets(run, [[SIGNAL]])
    assert budgets == [8, 8, 8, 16, 16, 16, 32]
    assert (state.stage.index, state.stage.first_step, state.step) == (3, 6, 7)


def test_math_7b_switches_at_the_steps_of_table_10() -> None:
    run = _run(_stage(8192, 740), _stage(16384, 1000), _stage(32768, 340), _stage(32768, 80))
    budgets, state = _budgets(run, [[SIGNAL]])
    first_steps = [budgets.index(b) for b in (8192, 16384, 32768)]
    assert first_steps == [0, 740, 1740]
    assert state.stage == StageProgress(index=3, first_step=2080)
    assert state.step == 2160


def _truncated(share: float) -> list[Group]:
    """One group of ten of which so many are cut off."""
    num_cut = round(10 * share)
    return [make_group([0.0] * 10, truncated=range(num_cut))]


def test_truncated_share_ends_a_stage() -> None:
    rule = {"window": 2, "min_steps": 3, "truncated_below": 0.2}
    run = _run(_stage(8, 10, switch=rule), _stage(16, 1))
    shares = [0.0, 0.4, 0.3, 0.2, 0.1, 0.1]
    # means over two from min_steps on: .35 after step 2, .25, .15 after step 4; a mean over the whole stage
    # would be .2 there and go on
    budgets, _ = _budgets(run, [_truncated(s) for s in shares])
    assert budgets == [8] * 5 + [16]


def test_reward_plateau_ends_a_stage() -> None:
    rule = {"window": 2, "min_steps": 1, "reward_plateau": 0.125}
    run = _run(_stage(8, 20, switch=rule), _stage(16, 1))
    eighths = [0, 2, 4, 6, 6, 6, 6]
    groups = [[make_group([1.0] * n + [0.0] * (8 - n))] for n in eighths]
    # gain of the last two steps on the two before, from step 3 on: .5, .375, .125 (not less than .125), 0
    budgets, _ = _budgets(run, groups)
    assert budgets == [8] * 7 + [16]


def test_a_rule_never_acts_before_min_steps_nor_on_a_window_that_is_not_full() -> None:
    rule = SwitchRule(window=3, min_steps=1, truncated_below=0.5)
    assert switch_holds(rule, StageProgress(truncated_fractions=(0.0, 0.0))) is None
    assert switch_holds(rule, StageProgress(truncated_fractions=(0.0, 0.0, 0.0))) is StageEnd.TRUNCATED_BELOW
    run = _run(_stage(8, 10, switch=rule.model_dump() | {"min_steps": 6}), _stage(16, 1))
    budgets, _ = _budgets(run, [_truncated(0.0)])
    assert budgets == [8] * 6 + [16]


def test_a_bound_is_strict() -> None:
    rule = SwitchRule(window=1, truncated_below=0.25)
    assert switch_holds(rule, StageProgress(truncated_fractions=(0.25,))) is None
    assert switch_holds(rule, StageProgress(truncated_fractions=(0.2499,))) is StageEnd.TRUNCATED_BELOW


def test_the_reason_of_an_end_is_the_first_of_steps_truncation_and_reward() -> None:
    rule = {"window": 1, "min_steps": 1, "truncated_below": 0.5, "reward_plateau": 0.125}
    stage = _run(_stage(8, 3, switch=rule)).stages[0]
    flat, short = (0.5, 0.5), (0.0, 0.0)
    cases = [
        (2, StageProgress(mean_rewards=(0.0, 0.5), truncated_fractions=(0.9, 0.9)), None),
        (2, StageProgress(mean_rewards=flat, truncated_fractions=(0.9, 0.9)), StageEnd.REWARD_PLATEAU),
        (2, StageProgress(mean_rewards=flat, truncated_fractions=short), StageEnd.TRUNCATED_BELOW),
        (3, StageProgress(mean_rewards=flat, truncated_fractions=short), StageEnd.NUM_STEPS),
    ]
    for step, progress, reason in cases:
        assert end_of_stage(stage, RunState(step=step, stage=progress)) is reason


def test_a_rule_on_the_last_stage_ends_the_run() -> None:
    run = _run(_stage(8, 10, switch={"window": 1, "min_steps": 2, "truncated_below": 0.5}))
    budgets, _ = _budgets(run, [_truncated(0.0)])
    assert budgets == [8, 8]


def test_the_new_stage_does_not_see_the_old_stages_history() -> None:
    rule = {"window": 1, "min_steps": 1, "truncated_below": 0.2}
    run = _run(_stage(8, 10, switch=rule), _stage(16, 5, switch=rule))
    # were the 0.0 of step 0 carried over, the second stage would end at once
    budgets, _ = _budgets(run, [_truncated(0.0), _truncated(0.9)])
    assert budgets == [8, 16, 16, 16, 16, 16]


def test_online_filter_drops_what_was_solved_at_its_last_visit() -> None:
    a, b, c, d = (make_problem(n) for n in range(4))
    first = [make_group((1.0, 1.0), problem=a), make_group((1.0, 1.0), problem=b)]
    second = [
        make_group((1.0, 0.0), problem=b),
        make_group((1.0, 1.0), problem=c),
        # fifteen of sixteen is not all
        make_group((0.0, *[1.0] * 15), problem=d),
    ]
    for is_on, solved in ((True, {a.id, c.id}), (False, set())):
        run = _run(_stage(8, 2), _stage(16, 1, online_filter=is_on))
        state = fresh_state(run)
        for groups in (first, second):
            _, state = enter_stage(run, state)
            # nothing leaves before the stage is over
            assert state.solved == frozenset()
            state = after_step(state, groups, groups, make_report(), run)
        _, state = enter_stage(run, state)
        assert state.solved == solved
        assert state.pass_rates == {}
        assert enter_stage(run, state)[1] is state


def test_a_problem_whose_rollouts_could_not_be_judged_is_not_solved() -> None:
    lucky = make_group((1.0, None, None, None), problem=make_problem(1))
    run = _run(_stage(8, 1), _stage(16, 1))
    state = after_step(fresh_state(run), [lucky], [], None, run)
    assert enter_stage(run, state)[1].solved == frozenset()


def test_solved_problems_stay_solved_in_later_stages() -> None:
    run = _run(_stage(8, 1), _stage(16, 1))
    state = replace(fresh_state(run), solved=frozenset({"old"}))
    state = after_step(state, [make_group((1.0, 1.0))], [], None, run)
    assert enter_stage(run, state)[1].solved == {"old", make_problem().id}


def test_a_finished_run_has_no_stage_to_enter() -> None:
    run = _run(_stage(8, 1))
    state = after_step(fresh_state(run), [SIGNAL], [SIGNAL], make_report(), run)
    assert finished(run, state)
    with pytest.raises(ValueError, match="finished"):
        enter_stage(run, state)
