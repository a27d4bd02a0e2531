"""What every RolloutEngine promises, and every Generator, over the scripted engine and or1's own."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from or1.models import model_folder
from or1.nn.kernels import EXACT
from or1.nn.load import load_model, read_shape
from or1.nn.tokenizer import load_tokenizer
from or1.nn.weights import load_decoder
from or1.protocols import Generator, RolloutEngine, Tokenizer
from or1.rollout.generate import EngineGenerator
from or1.rollout.local_engine import LocalEngine
from or1.testing import CharTokenizer, Scripted, ScriptedEngine, make_problem
from or1.types import Finish, Problem, Rollout, Sampling, WeightHandle
from tests.shared_pools import shared_fakes, shared_local, shared_vllm

PROBLEMS = [make_problem(n) for n in range(5)]
SAMPLING = Sampling(group_size=3, max_response_tokens=24, seed=11)


@dataclass(frozen=True)
class Subject:
    engine: RolloutEngine
    generator: Generator
    tokenizer: Tokenizer
    ref: object
    """Weights that the engine can load."""


def _scripted() -> Subject:
    def script(problem: Problem, index: int) -> Scripted:
        return Scripted("x" * (8 * index + int(problem.id[:1], 16)))

    engine = ScriptedEngine(script, order=lambda rollouts: reversed(rollouts))
    return Subject(engine, EngineGenerator(engine, CharTokenizer()), CharTokenizer(), "weights")


def _local() -> Subject:
    folder = model_folder("builtin:tiny")
    decoder = load_decoder(folder, dtype=torch.float32, kernels=EXACT)
    tokenizer = load_tokenizer(folder)
    # fewer rows than rollouts, so that rollouts take over the rows of those that finished
    engine = LocalEngine(decoder, tokenizer, max_running=4)
    weights = {name: parameter.detach() for name, parameter in decoder.named_parameters()}
    return Subject(engine, EngineGenerator(engine, tokenizer), tokenizer, weights)


def _processes() -> Subject:
    engine = shared_fakes()
    return Subject(engine, EngineGenerator(engine, CharTokenizer()), CharTokenizer(), 0.5)


def _vllm(num_engines: int) -> Subject:
    engine = shared_vllm(num_engines)
    folder = model_folder("builtin:tiny")
    weights = load_decoder(folder, dtype=torch.float32).named_parameters()
    tokenizer = load_tokenizer(folder)
    ref = {name: parameter.detach() for name, parameter in weights}
    return Subject(engine, EngineGenerator(engine, tokenizer), tokenizer, ref)


def _local_processes() -> Subject:
    here, engine = _local(), shared_local()
    return replace(here, engine=engine, generator=EngineGenerator(engine, here.tokenizer))


def _transformers() -> Subject:
    folder = Path(model_folder("builtin:tiny"))
    model = load_model(folder, read_shape(folder, "transformers"), dtype=torch.float32)
    tokenizer = load_tokenizer(folder)
    engine = LocalEngine(model, tokenizer, max_running=4)
    weights = {name: parameter.detach() for name, parameter in model.named_parameters()}
    return Subject(engine, EngineGenerator(engine, tokenizer), tokenizer, weights)


MAKERS: dict[str, Callable[[], Subject]] = {
    "scripted": _scripted,
    "local": _local,
    "processes": _processes,
    "2 local": _local_processes,
    "1 vllm": partial(_vllm, 1),
    "2 vllm": partial(_vllm, 2),
    "transformers": _transformers,
}


@pytest.fixture(params=MAKERS)
def subject(request: pytest.FixtureRequest) -> Subject:
    made = MAKERS[request.param]()
    made.engine.load(WeightHandle(version=6, ref=made.ref))
    return made


def _by_key(rollouts: list[Rollout]) -> dict[tuple[str, int], Rollout]:
    return {(r.problem_id, r.index): r for r in rollouts}


def test_every_rollout_once_and_without_a_verdict(subject: Subject) -> None:
    rollouts = list(subject.engine.rollouts(PROBLEMS, SAMPLING))
    assert sorted((r.problem_id, r.index) for r in rollouts) == sorted(
        (p.id, i) for p, i in itertools.product(PROBLEMS, range(3))
    )
    assert all(r.verdict is None and r.policy_version == 6 for r in rollouts)


def test_numbers_go_with_tokens(subject: Subject) -> None:
    prompts = {p.id: subject.tokenizer.encode_prompt(p.prompt).tolist() for p in PROBLEMS}
    for rollout in subject.engine.rollouts(PROBLEMS, SAMPLING):
        num_tokens = len(rollout.response_tokens)
        assert rollout.prompt_tokens.tolist() == prompts[rollout.problem_id]
        assert rollout.response_tokens.dtype == rollout.prompt_tokens.dtype == np.int32
        assert rollout.behavior_logprobs.dtype == np.float32
        assert rollout.behavior_logprobs.shape == (num_tokens,)
        assert np.isfinite(rollout.behavior_logprobs).all()
        assert (rollout.behavior_logprobs <= 0).all()
        if rollout.behavior_entropy is not None:
            assert rollout.behavior_entropy.shape == (num_tokens,)
            assert rollout.behavior_entropy.dtype == np.float32
            assert np.isfinite(rollout.behavior_entropy).all()
            assert (rollout.behavior_entropy >= -1e-6).all()


@pytest.mark.parametrize("budget", [1, 5, 24])
def test_the_budget_holds_and_only_what_it_cut_is_truncated(subject: Subject, budget: int) -> None:
    sampling = replace(SAMPLING, max_response_tokens=budget)
    rollouts = list(subject.engine.rollouts(PROBLEMS, sampling))
    for rollout in rollouts:
        assert 1 <= len(rollout.response_tokens) <= budget
        assert rollout.finish in (Finish.STOP, Finish.LENGTH)
        if rollout.finish is Finish.LENGTH:
            assert len(rollout.response_tokens) == budget
    if budget == 1:
        assert any(r.finish is Finish.LENGTH for r in rollouts)


def test_a_rollout_depends_on_seed_problem_and_index_alone(subject: Subject) -> None:
    together = _by_key(list(subject.engine.rollouts(PROBLEMS, SAMPLING)))
    for problems in (PROBLEMS[::-1], PROBLEMS[2:3], PROBLEMS):
        for rollout in subject.engine.rollouts(problems, SAMPLING):
            twin = together[rollout.problem_id, rollout.index]
            assert rollout.response_tokens.tolist() == twin.response_tokens.tolist()
            assert rollout.behavior_logprobs.tolist() == twin.behavior_logprobs.tolist()
            assert rollout.finish is twin.finish


def test_a_larger_group_begins_with_the_smaller_one(subject: Subject) -> None:
    larger = _by_key(list(subject.engine.rollouts(PROBLEMS[:2], replace(SAMPLING, group_size=5))))
    for rollout in subject.engine.rollouts(PROBLEMS[:2], SAMPLING):
        twin = larger[rollout.problem_id, rollout.index]
        assert rollout.response_tokens.tolist() == twin.response_tokens.tolist()


def test_a_call_that_is_abandoned_leaves_no_trace(subject: Subject) -> None:
    whole = _by_key(list(subject.engine.rollouts(PROBLEMS, SAMPLING)))
    started = subject.engine.rollouts(PROBLEMS, SAMPLING)
    next(started)
    del started
    again = _by_key(list(subject.engine.rollouts(PROBLEMS, SAMPLING)))
    assert {k: r.response_tokens.tolist() for k, r in again.items()} == {
        k: r.response_tokens.tolist() for k, r in whole.items()
    }


def test_versions_follow_the_weights(subject: Subject) -> None:
    subject.engine.load(WeightHandle(version=9, ref=subject.ref))
    assert {r.policy_version for r in subject.engine.rollouts(PROBLEMS[:1], SAMPLING)} == {9}


def test_texts_are_the_rollouts_decoded(subject: Subject) -> None:
    rollouts = _by_key(list(subject.engine.rollouts(PROBLEMS, SAMPLING)))
    texts = list(subject.generator.generate(PROBLEMS, SAMPLING))
    assert sorted((t.problem_id, t.index) for t in texts) == sorted(rollouts)
    for text in texts:
        twin = rollouts[text.problem_id, text.index]
        prefix = subject.tokenizer.response_prefix(twin.prompt_tokens)
        assert text.text == prefix + subject.tokenizer.decode(twin.response_tokens)
        assert (text.finish, text.num_tokens) == (twin.finish, len(twin.response_tokens))


def test_no_problem_no_rollout(subject: Subject) -> None:
    assert list(subject.engine.rollouts([], SAMPLING)) == []


@pytest.mark.parametrize("name", ["local", "processes", "2 local", "1 vllm", "2 vllm"])
def test_other_seeds_say_other_things(name: str) -> None:
    """Only of engines that sample; a script says what it says."""
    subject = MAKERS[name]()
    subject.engine.load(WeightHandle(version=6, ref=subject.ref))
    said = [_by_key(list(subject.engine.rollouts(PROBLEMS, replace(SAMPLING, seed=seed)))) for seed in (1, 2)]
    num_alike = sum(
        said[0][key].response_tokens.tolist() == said[1][key].response_tokens.tolist() for key in said[0]
    )
    assert num_alike < len(said[0]) / 2
    # and so do the members of a group
    for problem in PROBLEMS:
        group = {tuple(said[0][problem.id, i].response_tokens.tolist()) for i in range(3)}
        assert len(group) > 1


def test_close_can_be_repeated(subject: Subject) -> None:
    subject.engine.close()
    subject.engine.close()


def test_engines_in_processes_of_their_own_sample_the_same_tokens() -> None:
    """Half of all keys are negative: without the sign every second rollout has other tokens."""
    here, apart = _local(), _local_processes()
    found = []
    for subject in (here, apart):
        subject.engine.load(WeightHandle(version=6, ref=subject.ref))
        found.append(_by_key(list(subject.engine.rollouts(PROBLEMS, SAMPLING))))
    assert found[0].keys() == found[1].keys()
    for key, rollout in found[0].items():
        assert np.array_equal(rollout.response_tokens, found[1][key].response_tokens)
        assert np.array_equal(rollout.behavior_logprobs, found[1][key].behavior_logprobs)
