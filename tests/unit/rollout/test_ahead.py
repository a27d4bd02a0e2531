"""Sampling one step ahead: the weights of each step, resumes, and the work that runs side by side."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from or1 import algo
from or1.config import RunConfig, StageConfig
from or1.errors import Interrupted
from or1.rollout import kept_weights
from or1.rollout.ahead import AbandonCheck, AbandonedError, OneStepAhead
from or1.rollout.generate import never_interrupt
from or1.testing import make_group, make_problem, make_report
from or1.types import Group, RunState, SamplerState, WeightHandle
from tests.runs import run_config


@dataclass
class Sampled:
    """Arguments of one call of the inner collector."""

    step: int
    version: int
    weight: float
    budget: int


@dataclass
class Recorder:
    """Collector whose groups depend on step and weights, and that waits at a gate."""

    gate: threading.Event = field(default_factory=threading.Event)
    calls: list[Sampled] = field(default_factory=list)
    version: int = -1
    weights: dict[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.gate.set()

    def load(self, weights: WeightHandle) -> None:
        assert isinstance(weights.ref, dict)
        self.version, self.weights = weights.version, weights.ref

    def collect(self, state: RunState, stage: StageConfig) -> tuple[list[Group], RunState]:
        self.gate.wait(30)
        weight = float(self.weights["w"])
        call = Sampled(state.step + 1, self.version, weight, stage.max_response_tokens)
        self.calls.append(call)
        rewards = (1.0, float(weight % 2), 0.0, 1.0)
        group = make_group(rewards, problem=make_problem(state.sampler.position))
        rollouts = tuple(replace(r, policy_version=self.version) for r in group.rollouts)
        sampler = SamplerState(position=state.sampler.position + 1)
        return [Group(problem=group.problem, rollouts=rollouts)], replace(state, sampler=sampler)


class LiveWeights:
    """A trainer that changes one tensor in place, as the local backend does."""

    def __init__(self, updates: list[int]) -> None:
        self.updates = updates
        self.live = torch.zeros(())

    def publish(self, version: int) -> WeightHandle:
        return WeightHandle(version=version, ref={"w": self.live})

    def update(self, step: int) -> int:
        self.live.mul_(3).add_(step)  # a skipped update changes the version, not the number of steps
        return self.updates[(step - 1) % len(self.updates)]


@contextmanager
def ahead(run: RunConfig, inner: Recorder | None = None) -> Iterator[tuple[OneStepAhead, Recorder]]:
    inner = inner or Recorder()
    collector = OneStepAhead(inner, run, AbandonCheck(never_interrupt))
    try:
        yield collector, inner
    finally:
        inner.gate.set()
        collector.close()


def play(run: RunConfig, updates: list[int], stops: set[int], folder: Path) -> list[Sampled]:
    """The loop without a loss; after the steps in `stops` everything but the checkpoint is lost."""
    trainer, state, seen = LiveWeights(updates), algo.fresh_state(run), []
    while not algo.finished(run, state):
        with ahead(run) as (collector, inner):
            checkpoint = folder / str(state.step)
            if checkpoint.is_dir():
                collector.restore(checkpoint)
            collector.load(trainer.publish(state.policy_version))
            while not algo.finished(run, state):
                stage, state = algo.enter_stage(run, state)
                groups, state = collector.collect(state, stage)
                num_updates = trainer.update(state.step + 1)
                (call,) = (c for c in inner.calls if c.step == state.step + 1)
                assert {r.policy_version for g in groups for r in g.rollouts} == {call.version}
                seen.append(call)
                state = algo.after_step(state, groups, groups, make_report(num_updates=num_updates), run)
                collector.load(trainer.publish(state.policy_version))
                if state.step in stops:
                    (folder / str(state.step)).mkdir()
                    collector.save(folder / str(state.step))
                    break
    return seen


@settings(max_examples=40, deadline=None)
@given(
    updates=st.lists(st.integers(0, 4), min_size=1, max_size=5),
    stops=st.sets(st.integers(1, 9)),
    switch=st.booleans(),
)
def test_every_step_is_sampled_from_the_weights_before_the_update_of_the_step_before(
    updates: list[int], stops: set[int], switch: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Also across stages, and wherever the run was killed after a checkpoint."""
    rule: dict[str, Any] = {"window": 1, "min_steps": 2, "reward_plateau": 0.1} if switch else {}
    stages = [
        {"max_response_tokens": 8, "num_steps": 4, "group_size": 4, "num_problems": 3}
        | ({"switch": rule} if rule else {}),
        {"max_response_tokens": 16, "num_steps": 6, "group_size": 4, "num_problems": 3},
    ]
    run = run_config(stages=stages)
    seen = play(run, updates, stops, tmp_path_factory.mktemp("stopped"))
    assert seen == play(run, updates, set(), tmp_path_factory.mktemp("whole"))
    versions, weights = [0], [0.0]  # before each step
    for step in range(1, len(seen) + 1):
        versions.append(versions[-1] + updates[(step - 1) % len(updates)])
        weights.append(3 * weights[-1] + step)
    assert [c.step for c in seen] == list(range(1, len(seen) + 1))
    assert [c.version for c in seen] == [versions[max(0, c.step - 2)] for c in seen]
    assert [c.weight for c in seen] == [weights[max(0, c.step - 2)] for c in seen]
    assert [c.budget for c in seen] == sorted(c.budget for c in seen)
    assert {c.budget for c in seen} == {8, 16}


def test_the_next_step_is_sampled_while_the_trainer_updates() -> None:
    run, trainer = run_config(), LiveWeights([1])
    with ahead(run) as (collector, inner):
        collector.load(trainer.publish(0))
        inner.gate.set()
        groups, state = collector.collect(RunState(), run.stages[0])
        # step 2 may have ended already: hold the sampling of step 3, and update meanwhile
        state = algo.after_rollouts(state, groups, run)
        trainer.update(1)
        collector.load(trainer.publish(1))
        while len(inner.calls) < 2:
            pass
        inner.gate.clear()
        groups, state = collector.collect(state, run.stages[0])
        trainer.update(2)
        assert [c.step for c in inner.calls] == [1, 2]
        inner.gate.set()
        state = algo.after_rollouts(state, groups, run)
        collector.load(trainer.publish(2))
        collector.collect(state, run.stages[0])
        assert inner.calls[2] == Sampled(step=3, version=1, weight=1.0, budget=8)


def test_an_evaluation_between_steps_uses_the_latest_weights() -> None:
    run, trainer = run_config(), LiveWeights([1])
    with ahead(run) as (collector, inner):
        collector.load(trainer.publish(0))
        groups, state = collector.collect(RunState(), run.stages[0])
        trainer.update(1)
        collector.load(trainer.publish(1))
        collector.settle()
        assert len(inner.calls) == 2  # nothing is sampled beside the evaluation
        assert (inner.version, float(inner.weights["w"])) == (1, 1.0)
        state = algo.after_rollouts(state, groups, run)
        collector.collect(state, run.stages[0])
        assert [(c.step, c.version) for c in inner.calls[:2]] == [(1, 0), (2, 0)]


def test_closing_ends_the_sampling_that_no_step_needs() -> None:
    check = AbandonCheck(never_interrupt)
    ended: list[str] = []
    started = threading.Event()

    class Endless(Recorder):
        def collect(self, state: RunState, stage: StageConfig) -> tuple[list[Group], RunState]:
            if state.step == 0:
                return super().collect(state, stage)
            started.set()
            try:
                while True:
                    check()
            except AbandonedError:
                ended.append("abandoned")
                raise

    run = run_config()
    collector = OneStepAhead(Endless(), run, check)
    collector.load(LiveWeights([1]).publish(0))
    collector.collect(RunState(), run.stages[0])
    assert started.wait(30)
    collector.close()
    assert ended == ["abandoned"]


def test_a_stop_signal_that_the_sampling_sees_is_raised_by_the_step_that_needs_it() -> None:
    class Stopped(Recorder):
        def collect(self, state: RunState, stage: StageConfig) -> tuple[list[Group], RunState]:
            if state.step == 1:
                raise Interrupted("interrupted")
            return super().collect(state, stage)

    run = run_config()
    with ahead(run, Stopped()) as (collector, _):
        collector.load(LiveWeights([1]).publish(0))
        groups, state = collector.collect(RunState(), run.stages[0])
        collector.load(LiveWeights([1]).publish(1))
        with pytest.raises(Interrupted):
            collector.collect(algo.after_rollouts(state, groups, run), run.stages[0])


def test_a_published_file_is_kept_after_the_trainer_deletes_it(tmp_path: Path) -> None:
    path = tmp_path / "weights-3.safetensors"
    path.write_bytes(b"three")
    kept = kept_weights.keep(WeightHandle(version=3, ref=path))
    path.unlink()
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    kept_weights.save(kept, folder)
    kept_weights.drop(kept)
    loaded = kept_weights.load(folder)
    assert loaded is not None
    assert (loaded.version, Path(str(loaded.ref)).read_bytes()) == (3, b"three")
    kept_weights.drop(loaded)  # a file of the checkpoint stays
    assert kept_weights.load(folder) == loaded
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint"]


def test_nothing_kept_is_nothing_loaded(tmp_path: Path) -> None:
    assert kept_weights.load(tmp_path) is None


def test_stale_rollouts_need_the_correction() -> None:
    with pytest.raises(ValidationError, match=r"max_staleness = 1 .* set loss.importance_cap, such as 2\.0"):
        run_config(rollout={"max_staleness": 1})
    for correction in ({"importance_cap": 2.0}, {"ratio_to": "behavior"}):
        assert run_config(rollout={"max_staleness": 1}, loss=correction).rollout.max_staleness == 1
