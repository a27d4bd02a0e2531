"""Stages of growing response budget: the end of a stage, and the problems dropped on entry to the next.

Source: paper 3.1 (online filter), 3.2.2 (stages), tables 10-12 (schedules by step).
The switch by rule is an addition of or1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from or1.algo.rollouts import mean_reward, truncated_fraction
from or1.config import RunConfig, StageConfig, SwitchRule
from or1.types import Group, RunState, StageEnd, StageProgress


def enter_stage(run: RunConfig, state: RunState) -> tuple[StageConfig, RunState]:
    """The stage of the next step, and the state at its start.

    Called before every step. While the current stage continues, the state is returned unchanged. After its
    end the next stage begins: its progress is empty, problems that were correct in all rollouts of their last
    visit are added to `solved` if the new stage filters, and pass rates are deleted, because they were
    measured at the old budget.

    Raises:
        ValueError: the run is finished, so there is no next step.
    """
    if finished(run, state):
        raise ValueError(f"the run is finished: step {state.step} ended its last stage")
    stage = run.stages[state.stage.index]
    if end_of_stage(stage, state) is None:
        return stage, state
    index = state.stage.index + 1
    stage = run.stages[index]
    solved = state.solved
    if stage.online_filter:
        solved |= {problem_id for problem_id, rate in state.pass_rates.items() if rate == 1.0}
    progress = StageProgress(index=index, first_step=state.step)
    return stage, replace(state, stage=progress, pass_rates={}, solved=solved)


def finished(run: RunConfig, state: RunState) -> bool:
    """Whether the last stage has ended, by its number of steps or by its rule."""
    is_last = state.stage.index == len(run.stages) - 1
    return is_last and end_of_stage(run.stages[-1], state) is not None


def end_of_stage(stage: StageConfig, state: RunState) -> StageEnd | None:
    """The reason why the current stage is over after this state's last step; None while it continues.

    Args:
        stage: the current stage, number `state.stage.index` of the run.
        state: after a step.
    """
    num_steps = state.step - state.stage.first_step
    if num_steps >= stage.num_steps:
        return StageEnd.NUM_STEPS
    if stage.switch is None or num_steps < stage.switch.min_steps:
        return None
    return switch_holds(stage.switch, state.stage)


def switch_holds(rule: SwitchRule, progress: StageProgress) -> StageEnd | None:
    """The first condition of the rule that holds over its window; None if neither does.

    A condition cannot hold before its window is full.

    >>> rule = SwitchRule(window=2, truncated_below=0.1)
    >>> switch_holds(rule, StageProgress(truncated_fractions=(0.3, 0.08, 0.1)))
    <StageEnd.TRUNCATED_BELOW: 'truncated_below'>
    """
    window = rule.window
    truncated, rewards = progress.truncated_fractions, progress.mean_rewards
    is_full = len(truncated) >= window
    if rule.truncated_below is not None and is_full and fmean(truncated[-window:]) < rule.truncated_below:
        return StageEnd.TRUNCATED_BELOW
    if rule.reward_plateau is not None and len(rewards) >= 2 * window:
        gain = fmean(rewards[-window:]) - fmean(rewards[-2 * window : -window])
        if gain < rule.reward_plateau:
            return StageEnd.REWARD_PLATEAU
    return None


def with_step(progress: StageProgress, groups: Sequence[Group], stage: StageConfig) -> StageProgress:
    """The history with the numbers of one more step; the last `2 * window` stay, which is all that
    `switch_holds` uses."""
    num_kept = 0 if stage.switch is None else 2 * stage.switch.window
    rollouts = [r for g in groups for r in g.rollouts]
    return replace(
        progress,
        truncated_fractions=_tail(progress.truncated_fractions, truncated_fraction(rollouts), num_kept),
        mean_rewards=_tail(progress.mean_rewards, mean_reward(rollouts), num_kept),
    )


def _tail(history: tuple[float, ...], value: float | None, num_kept: int) -> tuple[float, ...]:
    longer = history if value is None else (*history, value)
    return longer[max(0, len(longer) - num_kept) :]
