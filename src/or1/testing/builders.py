"""Builders of small problems, rollouts, groups, reports and step results."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import fields

import numpy as np

from or1.types import (
    DroppedGroup,
    Finish,
    Float32,
    Gold,
    Group,
    Message,
    Outcome,
    Problem,
    Rollout,
    RunState,
    StageEnd,
    StepResult,
    TokenStatistics,
    UpdateReport,
    Verdict,
)


class InjectedFaultError(RuntimeError):
    """Raised by a fake at the place where a test lets it fail."""


def make_problem(number: int = 0, *, gold: Gold = "1", task: str = "exact", source: str = "") -> Problem:
    """A problem whose id depends on `number`."""
    return Problem.make(task, (Message(role="user", content=f"Problem {number}"),), gold, source)


def make_verdict(reward: float | None, finish: Finish = Finish.STOP) -> Verdict:
    """The verdict for a reward and a finish; a reward of None is not judged."""
    if reward is None:
        return Verdict(outcome=Outcome.NOT_JUDGED, reward=None, reason="injected")
    if finish is Finish.LENGTH:
        return Verdict(outcome=Outcome.TRUNCATED, reward=reward, reason="truncated")
    return Verdict(outcome=Outcome.RIGHT if reward == 1.0 else Outcome.WRONG, reward=reward)


def make_rollout(
    problem: Problem | None = None,
    index: int = 0,
    *,
    reward: float | None = 1.0,
    num_tokens: int = 3,
    logprob: float = -0.5,
    entropy: float | None = 0.5,
    finish: Finish = Finish.STOP,
    policy_version: int = 0,
) -> Rollout:
    """A judged rollout of `num_tokens` equal tokens."""
    return Rollout(
        problem_id=(problem or make_problem()).id,
        index=index,
        prompt_tokens=np.arange(1, 5, dtype=np.int32),
        response_tokens=np.full(num_tokens, 7 + index, dtype=np.int32),
        behavior_logprobs=np.full(num_tokens, logprob, dtype=np.float32),
        behavior_entropy=None if entropy is None else np.full(num_tokens, entropy, dtype=np.float32),
        finish=finish,
        policy_version=policy_version,
        verdict=make_verdict(reward, finish),
    )


def make_group(
    rewards: Sequence[float | None] = (1.0, 0.0),
    *,
    problem: Problem | None = None,
    truncated: Container[int] = (),
    num_tokens: Sequence[int] | int = 3,
    logprob: float = -0.5,
    entropy: float | None = 0.5,
) -> Group:
    """A group with these rewards; None is not judged; `truncated` are the indices of truncated rollouts."""
    problem = problem or make_problem()
    lengths = [num_tokens] * len(rewards) if isinstance(num_tokens, int) else num_tokens
    rollouts = tuple(
        make_rollout(
            problem,
            index,
            reward=reward,
            num_tokens=length,
            logprob=logprob,
            entropy=entropy,
            finish=Finish.LENGTH if index in truncated else Finish.STOP,
        )
        for index, (reward, length) in enumerate(zip(rewards, lengths, strict=True))
    )
    return Group(problem=problem, rollouts=rollouts)


def make_report(
    *,
    num_updates: int = 1,
    num_skipped: int = 0,
    num_tokens: int = 1,
    nonfinite_rollouts: tuple[str, ...] = (),
    hashes: Mapping[str, str] | None = None,
) -> UpdateReport:
    """A report of one on-policy update; statistics that are not named here are 0."""
    statistics = {f.name: 0.0 for f in fields(TokenStatistics)}
    statistics |= {"entropy": 0.5, "ratio_mean": 1.0, "ratio_max": 1.0}
    return UpdateReport(
        **statistics,
        grad_norm=1.0,
        learning_rate=1e-6,
        num_updates=num_updates,
        num_skipped=num_skipped,
        num_tokens=num_tokens,
        num_sequence_tokens=num_tokens,
        seconds=0.0,
        nonfinite_rollouts=nonfinite_rollouts,
        hashes=hashes or {},
    )


def make_result(
    groups: Sequence[Group] = (),
    *,
    kept: Sequence[Group] = (),
    advantages: Sequence[Float32] | None = None,
    dropped: Sequence[DroppedGroup] = (),
    alpha: float = 0.0,
    report: UpdateReport | None = None,
    state: RunState | None = None,
    stage_end: StageEnd | None = None,
) -> StepResult:
    """The result of a step, of the first one unless `state` says otherwise; advantages are 0 by default."""
    if advantages is None:
        advantages = [np.zeros(len(group.rollouts), np.float32) for group in kept]
    return StepResult(groups, kept, advantages, dropped, alpha, report, state or RunState(step=1), stage_end)
