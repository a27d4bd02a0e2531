"""Stages of growing response budget: when one ends, and what is dropped on entering the next.

Source: paper 3.1 (online filter), 3.2.2 (stages), tables 10-12 (schedules by step).
The switch by rule is ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from or1.config import RunConfig, StageConfig, SwitchRule
from or1.types import RunState, StageProgress


def enter_stage(run: RunConfig, state: RunState) -> tuple[StageConfig, RunState]:
    """The stage of the coming step, and the state as that stage finds it.

    Called at every turn of the loop. While the current stage goes on, the state comes back as it is. When it
    is over the next one begins: progress starts anew, problems that were right in all rollouts of their last
    visit join `solved` if the new stage filters, and pass rates are forgotten, for they were measured at the
    old budget.

    Raises:
        ValueError: the run is finished, so there is no coming step.
    """
    if finished(run, state):
        raise ValueError(f"the run is finished: step {state.step} ended its last stage")
    stage = run.stages[state.stage.index]
    if not _over(stage, state):
        return stage, state
    index = state.stage.index + 1
    stage = run.stages[index]
    solved = state.solved
    if stage.online_filter:
        solved |= {problem_id for problem_id, rate in state.pass_rates.items() if rate == 1.0}
    progress = StageProgress(index=index, first_step=state.step)
    return stage, replace(state, stage=progress, pass_rates={}, solved=solved)


def finished(run: RunConfig, state: RunState) -> bool:
    """Is the last stage over, by its number of steps or by its rule?"""
    is_last = state.stage.index == len(run.stages) - 1
    return is_last and _over(run.stages[-1], state)


def _over(stage: StageConfig, state: RunState) -> bool:
    num_steps = state.step - state.stage.first_step
    if num_steps >= stage.num_steps:
        return True
    if stage.switch is None or num_steps < stage.switch.min_steps:
        return False
    return switch_holds(stage.switch, state.stage)


def switch_holds(rule: SwitchRule, progress: StageProgress) -> bool:
    """Does either condition of the rule hold over its window? A window that is not yet full holds nothing.

    >>> rule = SwitchRule(window=2, truncated_below=0.1)
    >>> switch_holds(rule, StageProgress(truncated_fractions=(0.3, 0.08, 0.1)))
    True
    """
    window = rule.window
    truncated, rewards = progress.truncated_fractions, progress.mean_rewards
    is_short, is_flat = False, False
    if rule.truncated_below is not None and len(truncated) >= window:
        is_short = _mean(truncated[-window:]) < rule.truncated_below
    if rule.reward_plateau is not None and len(rewards) >= 2 * window:
        gain = _mean(rewards[-window:]) - _mean(rewards[-2 * window : -window])
        is_flat = gain < rule.reward_plateau
    return is_short or is_flat


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
