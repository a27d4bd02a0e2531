"""Partial rollouts: responses that are resumed under other weights, and their versions."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from queue import Queue

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from or1 import algo
from or1.nn.decoder import Decoder
from or1.nn.kernels import EXACT, Kernels
from or1.rollout.ahead import AbandonCheck, OneStepAhead
from or1.rollout.collect import LocalCollector
from or1.rollout.local_engine import LocalEngine
from or1.testing import ExactVerifier, InlineVerifierPool
from or1.types import Problem, Rollout, RunState, SamplerState, Sampling, WeightHandle
from tests.runs import run_config
from tests.small import ENGINE_CONFIG, LetterTokenizer, make_decoder, make_problems

SAMPLING = Sampling(group_size=4, max_response_tokens=40, temperature=0.9, seed=3)


def published(version: int, kernels: Kernels = EXACT) -> tuple[WeightHandle, Decoder]:
    """Weights that differ from version to version, and a decoder with them."""
    decoder = make_decoder(ENGINE_CONFIG, kernels, scale=0.15, seed=version)
    return WeightHandle(version=version, ref=dict(decoder.named_parameters())), decoder


def engine_with(version: int, max_running: int = 16) -> LocalEngine:
    engine = LocalEngine(
        make_decoder(ENGINE_CONFIG, EXACT), LetterTokenizer(), max_running=max_running, max_prompt_tokens=64
    )
    engine.load(published(version)[0])
    return engine


def draw(engine: LocalEngine, switches: dict[int, WeightHandle]) -> dict[tuple[str, int], Rollout]:
    """All rollouts of one call; before decode step n the engine gets `switches[n]`."""
    num_steps = 0

    def check() -> None:
        nonlocal num_steps
        if num_steps in switches:
            engine.switch(switches[num_steps])
        num_steps += 1

    engine.check_with(check)
    return {(r.problem_id, r.index): r for r in engine.rollouts(make_problems(5), SAMPLING)}


def scored(decoder: Decoder, rollout: Rollout) -> np.ndarray:
    """Log-probability of each response token under these weights [L]."""
    tokens = torch.from_numpy(np.concatenate([rollout.prompt_tokens, rollout.response_tokens])).long()
    with torch.no_grad():
        logits = decoder.packed(tokens, [len(tokens)]) @ decoder.head_weight.t()
    start = len(rollout.prompt_tokens) - 1
    logprobs = torch.log_softmax(logits[start:-1].float() / SAMPLING.temperature, -1)
    return logprobs.gather(1, torch.from_numpy(rollout.response_tokens).long()[:, None])[:, 0].numpy()


@pytest.mark.parametrize("max_running", [3, 16])
@pytest.mark.parametrize("step", [0, 1, 13])
def test_the_same_weights_again_change_no_bit(step: int, max_running: int) -> None:
    whole = draw(engine_with(1, max_running), {})
    resumed = draw(engine_with(1, max_running), {step: replace(published(1)[0], version=2)})
    assert whole.keys() == resumed.keys()
    for key, rollout in whole.items():
        np.testing.assert_array_equal(rollout.response_tokens, resumed[key].response_tokens)
        np.testing.assert_array_equal(rollout.behavior_logprobs, resumed[key].behavior_logprobs)
    if step:
        assert any(len(r.version_spans) == 2 for r in resumed.values())


@settings(max_examples=6, deadline=None)
@given(
    steps=st.lists(st.integers(0, 45), min_size=1, max_size=3, unique=True), max_running=st.integers(2, 20)
)
def test_each_token_has_the_version_and_the_log_probability_of_the_weights_that_sampled_it(
    steps: Sequence[int], max_running: int
) -> None:
    versions = {step: version for version, step in enumerate(sorted(steps), 2)}
    rollouts = draw(engine_with(1, max_running), {s: published(v)[0] for s, v in versions.items()})
    assert len(rollouts) == 20
    decoders = {version: published(version)[1] for version in (1, *versions.values())}
    for rollout in rollouts.values():
        spans = rollout.version_spans or ((rollout.policy_version, 0),)
        assert spans[0] == (rollout.policy_version, 0)
        assert [v for v, _ in spans] == sorted({v for v, _ in spans})
        assert [n for _, n in spans] == sorted({n for _, n in spans})
        assert len(spans) <= 1 + len(steps)
        expected = np.zeros(len(rollout.response_tokens), np.float32)
        for version in set(rollout.versions_L.tolist()):
            mine = rollout.versions_L == version
            expected[mine] = scored(decoders[version], rollout)[mine]
        np.testing.assert_allclose(rollout.behavior_logprobs, expected, atol=5e-5)


class Stop:
    """A place in a call of `rollouts`: before decode step `step`; -1 = nowhere."""

    def __init__(self, step: int) -> None:
        self.step = step
        self.reached, self.switched = threading.Event(), threading.Event()


class Held(LocalEngine):
    """An engine whose calls wait, each at its stop, until weights are switched."""

    def __init__(self) -> None:
        super().__init__(make_decoder(ENGINE_CONFIG), LetterTokenizer(), max_running=16, max_prompt_tokens=64)
        self.stops: Queue[Stop] = Queue()
        self.stop = Stop(-1)
        self.num_steps = 0

    def switch(self, weights: WeightHandle) -> None:
        super().switch(weights)
        self.stop.switched.set()

    def rollouts(self, problems: Sequence[Problem], sampling: Sampling) -> Iterator[Rollout]:
        self.num_steps, self.stop = 0, self.stops.get(timeout=60)
        yield from super().rollouts(problems, sampling)
        self.stop.reached.set()  # it may have ended before

    def step(self) -> None:
        if self.num_steps == self.stop.step:
            self.stop.reached.set()
            assert self.stop.switched.wait(60)
        self.num_steps += 1


class InTurn:
    """Draws the same problems in each step."""

    def draw(
        self, state: SamplerState, solved: object, num_problems: int
    ) -> tuple[Sequence[Problem], SamplerState]:
        position = state.position + num_problems
        return make_problems(5)[:num_problems], replace(state, position=position)


def play(stops: Sequence[int], num_updates: Sequence[int]) -> Iterator[tuple[int, Rollout]]:
    """(step, rollout) of a run whose update n ends before decode step `stops[n]` of the step ahead of it."""
    stage = {"max_response_tokens": 30, "num_steps": len(stops), "num_problems": 3, "group_size": 2}
    rollout = {"max_staleness": 1, "partial": True}
    run = run_config(stages=[stage], rollout=rollout, loss={"importance_cap": 2.0})
    engine, state, check = Held(), RunState(), AbandonCheck(lambda: engine.step())
    engine.check_with(check)
    pool = InlineVerifierPool({"none": ExactVerifier()})
    inner = LocalCollector(engine, pool, InTurn(), LetterTokenizer(), seed=1, temperature=0.9)
    collector = OneStepAhead(inner, run, check, engine)
    engine.stops.put(Stop(-1))
    collector.load(published(0)[0])
    for stop, updates in zip(stops, num_updates, strict=True):
        current, state = algo.enter_stage(run, state)
        ahead = Stop(stop)
        engine.stops.put(ahead)
        groups, state = collector.collect(state, current)
        state = algo.after_rollouts(state, groups, run)
        state = replace(state, policy_version=state.policy_version + updates)
        if state.step < len(stops):
            assert ahead.reached.wait(60)
        collector.load(published(state.policy_version)[0])
        yield from ((state.step, rollout) for group in groups for rollout in group.rollouts)
    collector.close()


@settings(max_examples=6, deadline=None)
@given(
    delays=st.lists(st.integers(0, 40), min_size=4, max_size=4),
    num_updates=st.lists(st.integers(0, 3), min_size=4, max_size=4),
)
def test_no_token_is_more_than_one_step_old(delays: list[int], num_updates: list[int]) -> None:
    versions = np.cumsum([0, *num_updates])
    for step, rollout in play(delays, num_updates):
        newest, oldest = versions[step - 1], versions[max(0, step - 2)]
        assert set(rollout.versions_L.tolist()) <= {newest, oldest}
        assert len(rollout.version_spans) <= 2


def test_unfinished_responses_are_resumed_after_the_update() -> None:
    """Update 2 ends before decode step 5 of step 3: each longer response has 5 tokens of version 1."""
    third = [rollout for step, rollout in play([0, 5, 0], [1, 1, 1]) if step == 3]
    for rollout in third:
        is_longer = len(rollout.response_tokens) > 5
        assert rollout.version_spans == (((1, 0), (2, 5)) if is_longer else ())
        assert rollout.versions_L.tolist() == ([1] * 5 + [2] * 99)[: len(rollout.response_tokens)]
    assert any(rollout.version_spans for rollout in third)


def test_partial_rollouts_need_a_staleness() -> None:
    with pytest.raises(ValidationError, match=r"set rollout\.max_staleness = 1"):
        run_config(rollout={"partial": True})
    changes = {"rollout": {"partial": True, "max_staleness": 1}, "loss": {"importance_cap": 2.0}}
    with pytest.raises(ValidationError, match=r"set system\.deterministic = false"):
        run_config(**changes, system={"deterministic": True})


def test_an_engine_that_was_switched_between_calls_forgets_it_with_a_load() -> None:
    engine = engine_with(1)
    engine.switch(published(2)[0])
    engine.load(published(3)[0])
    assert {r.policy_version for r in draw(engine, {}).values()} == {3}
