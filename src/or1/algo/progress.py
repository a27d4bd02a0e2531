"""The state of the run from one step to the next, without tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from or1.algo.entropy import step_entropy, update_coefficient
from or1.algo.stage import with_step
from or1.config import RunConfig
from or1.errors import DivergedError, NonFiniteError, StarvedError
from or1.types import EntropyState, Group, RunState, UpdateReport


def fresh_state(run: RunConfig) -> RunState:
    """The state before the first step: with the entropy coefficient c_0."""
    return RunState(entropy=EntropyState(coefficient=run.entropy.initial))


def after_step(
    state: RunState,
    groups: Sequence[Group],
    kept: Sequence[Group],
    report: UpdateReport | None,
    run: RunConfig,
) -> RunState:
    """The state after a step.

    A step counts with or without an update; the policy version counts optimizer updates. The entropy
    controller, the pass rates and the history of the stage use all rollouts of the step, not only those of
    the kept groups.

    Args:
        state: before the step, with the sampler already advanced.
        groups: all groups of the step.
        kept: those that were trained on; without one the step is an empty step.
        report: of the update; None if there was none.
        run: entropy settings and stages.

    Raises:
        DivergedError: no rollout of the step has finite log-probabilities.
        NonFiniteError: see `step_entropy`.
    """
    _raise_if_diverged(state.step + 1, groups)
    num_updates = 0 if report is None else report.num_updates
    return replace(
        after_rollouts(state, groups, run),
        policy_version=state.policy_version + num_updates,
        entropy=update_coefficient(state.entropy, step_entropy(groups), run.entropy),
        empty_steps=0 if kept else state.empty_steps + 1,
        nonfinite_steps=_nonfinite_steps(state, report),
    )


def after_rollouts(state: RunState, groups: Sequence[Group], run: RunConfig) -> RunState:
    """The part of `after_step` that the rollouts alone decide: the step, pass rates and the stage's history.

    It is all that the problems and the response budget of the next step depend on.
    """
    return replace(
        state,
        step=state.step + 1,
        pass_rates=with_pass_rates(state.pass_rates, groups),
        stage=with_step(state.stage, groups, run.stages[state.stage.index]),
    )


def raise_if_stuck(state: RunState, run: RunConfig) -> None:
    """Raise if more steps would be useless. Not part of `after_step`: the last step is logged first.

    Raises:
        StarvedError: `max_empty_steps` steps in a row had no group to train on.
        NonFiniteError: `max_nonfinite_steps` updates in a row were skipped whole.
    """
    if state.empty_steps >= run.max_empty_steps:
        raise StarvedError(
            f"{state.empty_steps} steps in a row, up to step {state.step}, had no group to train on "
            "(metrics.jsonl counts the reasons): choose problems that fit the ability of the model, "
            "or raise group_size or max_empty_steps"
        )
    if state.nonfinite_steps >= run.max_nonfinite_steps:
        raise NonFiniteError(
            f"{state.nonfinite_steps} updates in a row, up to step {state.step}, had a loss or gradient that "
            "is not finite (metrics.jsonl names the rollouts): lower optimizer.learning_rate or set "
            "model.dtype to float32"
        )


def _raise_if_diverged(step: int, groups: Sequence[Group]) -> None:
    rollouts = [r for g in groups for r in g.rollouts]
    if rollouts and not any(np.isfinite(r.behavior_logprobs).all() for r in rollouts):
        raise DivergedError(
            f"the weights diverged at step {step}: none of its {len(rollouts):,} rollouts has finite "
            "log-probabilities",
            step=step,
        )


def with_pass_rates(pass_rates: Mapping[str, float], groups: Sequence[Group]) -> dict[str, float]:
    """Pass rates by problem, updated by these groups as the last visit.

    A group with fewer than two judged rollouts is not a visit: else a failing verifier could make a problem
    count as solved.
    """
    visits = {g.problem.id: g.pass_rate for g in groups if sum(r.judged for r in g.rollouts) >= 2}
    return {**pass_rates, **visits}


def _nonfinite_steps(state: RunState, report: UpdateReport | None) -> int:
    """A step without an update gives no evidence about the weights: the count stays."""
    if report is None:
        return state.nonfinite_steps
    if report.num_skipped > 0 and report.num_updates == 0:
        return state.nonfinite_steps + 1
    return 0
