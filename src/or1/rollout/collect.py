"""Collectors: sample the problems of a step and judge the rollouts, at the same time.

Over-sampling and refill are collectors that wrap a collector; the loop does not depend on them. A collector
returns the whole step: entropy, pass rates and the truncated fraction come from every returned group, and the
groups with a signal are trained on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import replace
from itertools import product
from typing import Protocol

import numpy as np

from or1 import algo
from or1.config import LossConfig, StageConfig
from or1.errors import StarvedError
from or1.protocols import (
    NO_PROGRESS,
    Collector,
    Progress,
    RolloutEngine,
    Tokenizer,
    VerifierPool,
    response_text,
)
from or1.rollout.generate import never_interrupt
from or1.rollout.judged import SampleKey, judged, requested
from or1.types import (
    Answer,
    Finish,
    Group,
    Problem,
    Rollout,
    RunState,
    SamplerState,
    Sampling,
    Verdict,
    WeightHandle,
)


class Sampler(Protocol):
    """Draws the problems of each step."""

    def draw(
        self, state: SamplerState, solved: Set[str], num_problems: int
    ) -> tuple[Sequence[Problem], SamplerState]:
        """The next problems, all different and none of them solved, and the new state of the sampler."""
        ...


class LocalCollector:
    """Collector over one engine and one verifier pool.

    Args:
        engine: samples rollouts, in any order.
        pool: judges them, in any order.
        sampler: draws the problems.
        tokenizer: decodes the responses for the verifiers.
        seed: the run's seed.
        temperature: divides the logits.
        check: called for each rollout before it is judged; may raise to end the run in the middle of a step.
        progress: called for each rollout that was sampled, in each round of a step.
    """

    def __init__(
        self,
        engine: RolloutEngine,
        pool: VerifierPool,
        sampler: Sampler,
        tokenizer: Tokenizer,
        *,
        seed: int,
        temperature: float,
        check: Callable[[], None] = never_interrupt,
        progress: Progress = NO_PROGRESS,
    ) -> None:
        self._engine = engine
        self._pool = pool
        self._sampler = sampler
        self._tokenizer = tokenizer
        self._seed = seed
        self._temperature = temperature
        self._check = check
        self._progress = progress
        self._version = 0

    def load(self, weights: WeightHandle) -> None:
        self._engine.load(weights)
        self._version = weights.version

    def collect(self, state: RunState, stage: StageConfig) -> tuple[list[Group], RunState]:
        """Whole groups in the order drawn, rollouts by index, whatever order they finished in.

        A rollout that the engine did not return is replaced by an empty one with ABORTED; one that the pool
        did not return keeps its tokens. Both are NOT_JUDGED (`rollout_lost`, `verdict_lost`).

        Raises:
            ValueError: the sampler drew a problem twice.
            StarvedError: fewer problems are unsolved than a step draws.
            RuntimeError: engine or pool returned a rollout that was not requested, or one twice.
        """
        try:
            problems, sampler_state = self._sampler.draw(state.sampler, state.solved, stage.num_problems)
        except StarvedError as error:
            key = f"stages.{state.stage.index}"
            raise StarvedError(
                f"{error}: repeat the command with --accept-changes and --set {key}.online_filter=false, or "
                f"with a lower {key}.num_problems"
            ) from error
        sampling = Sampling(
            temperature=self._temperature,
            group_size=stage.group_size,
            max_response_tokens=stage.max_response_tokens,
            seed=algo.derive_seed(self._seed, "rollout", state.step),
        )
        by_id = {p.id: p for p in problems}
        if len(by_id) != len(problems):
            raise ValueError(f"the sampler drew {len(problems)} problems of which {len(by_id)} are different")
        self._progress.start("rollouts", dict.fromkeys(by_id, sampling.group_size))
        rollouts: dict[SampleKey, Rollout] = {}
        for rollout, verdict in judged(self._answers(by_id, sampling), self._pool, self._progress):
            rollouts[rollout.problem_id, rollout.index] = replace(rollout, verdict=verdict)
        groups = [self._group(p, sampling.group_size, rollouts) for p in problems]
        return groups, replace(state, sampler=sampler_state)

    def _answers(self, by_id: dict[str, Problem], sampling: Sampling) -> Iterator[tuple[Rollout, Answer]]:
        keys = product(by_id, range(sampling.group_size))
        for rollout in requested(self._engine.rollouts(list(by_id.values()), sampling), keys):
            self._check()
            self._progress.advance(rollout.problem_id, len(rollout.response_tokens))
            yield (
                rollout,
                Answer(
                    problem=by_id[rollout.problem_id],
                    index=rollout.index,
                    text=response_text(self._tokenizer, rollout),
                    finish=rollout.finish,
                ),
            )

    def _group(self, problem: Problem, group_size: int, rollouts: dict[SampleKey, Rollout]) -> Group:
        return Group(
            problem=problem,
            rollouts=tuple(
                rollouts.get((problem.id, index)) or self._lost(problem, index) for index in range(group_size)
            ),
        )

    def _lost(self, problem: Problem, index: int) -> Rollout:
        return Rollout(
            problem_id=problem.id,
            index=index,
            prompt_tokens=self._tokenizer.encode_prompt(problem.prompt),
            response_tokens=np.zeros(0, dtype=np.int32),
            behavior_logprobs=np.zeros(0, dtype=np.float32),
            behavior_entropy=None,
            finish=Finish.ABORTED,
            policy_version=self._version,
            verdict=Verdict.not_judged("rollout_lost"),
        )


class OversampleCollector:
    """Draws `factor` times as many problems and cuts the step after enough groups with a signal.

    The step is the shortest prefix of the drawn groups that contains `num_problems` groups with a signal, or
    all groups. A prefix is an unbiased sample of the problems, which a selection of groups with a signal is
    not: entropy and truncated fraction keep their meaning. The groups after the cut are not trained on; their
    pass rates are recorded in the state.

    Args:
        inner: samples and judges the groups.
        factor: problems drawn per problem of the stage, >= 1 [dimensionless].
        loss: defines which groups have a signal.
        num_available: problems in the training data. If fewer are left, fewer are drawn, but never fewer than
            the stage's number. None = unlimited.
    """

    def __init__(
        self, inner: Collector, *, factor: float, loss: LossConfig, num_available: int | None = None
    ) -> None:
        self._inner = inner
        self._factor = factor
        self._loss = loss
        self._num_available = num_available

    def load(self, weights: WeightHandle) -> None:
        self._inner.load(weights)

    def collect(self, state: RunState, stage: StageConfig) -> tuple[list[Group], RunState]:
        # rounded first: 1.1 * 50 is slightly more than 55 in binary, and would give 56
        num_drawn = math.ceil(round(self._factor * stage.num_problems, 6))
        if self._num_available is not None:
            num_left = self._num_available - len(state.solved)
            num_drawn = max(stage.num_problems, min(num_drawn, num_left))
        groups, state = self._inner.collect(state, _drawing(stage, num_drawn))
        num_signals, end = 0, 0
        while end < len(groups) and num_signals < stage.num_problems:
            num_signals += _num_signals(groups[end : end + 1], self._loss)
            end += 1
        noted = algo.with_pass_rates(state.pass_rates, groups[end:])
        return groups[:end], replace(state, pass_rates=noted)


class RefillCollector:
    """Draws more problems while fewer than `num_problems` groups have a signal.

    A round draws as many problems as groups with a signal are missing, so there are never more than
    `num_problems` of them, and every sampled group is returned. A problem is drawn at most once in a step:
    its rollouts would be the same again.

    Args:
        inner: samples and judges the groups.
        max_refills: rounds after the first [rounds].
        loss: defines which groups have a signal.
        num_available: problems in the training data; a round draws no more than are left.
    """

    def __init__(self, inner: Collector, *, max_refills: int, loss: LossConfig, num_available: int) -> None:
        self._inner = inner
        self._max_refills = max_refills
        self._loss = loss
        self._num_available = num_available

    def load(self, weights: WeightHandle) -> None:
        self._inner.load(weights)

    def collect(self, state: RunState, stage: StageConfig) -> tuple[list[Group], RunState]:
        solved = state.solved
        groups, state = self._inner.collect(state, stage)
        for _ in range(self._max_refills):
            closed = solved | {g.problem.id for g in groups}
            missing = stage.num_problems - _num_signals(groups, self._loss)
            num_drawn = min(missing, self._num_available - len(closed))
            if num_drawn <= 0:
                break
            more, state = self._inner.collect(replace(state, solved=closed), _drawing(stage, num_drawn))
            groups = [*groups, *more]
        return groups, replace(state, solved=solved)


def _num_signals(groups: Sequence[Group], loss: LossConfig) -> int:
    return len(algo.split_by_signal(groups, loss)[0])


def _drawing(stage: StageConfig, num_problems: int) -> StageConfig:
    """The stage with another number of problems; a collector does not use `num_minibatches`."""
    return StageConfig.model_validate(
        {**stage.model_dump(), "num_problems": num_problems, "num_minibatches": 1}
    )
