"""What every Generator promises, over engines and over a server."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import torch

from or1.config import EndpointConfig
from or1.models import model_folder
from or1.nn.kernels import EXACT
from or1.nn.tokenizer import load_tokenizer
from or1.nn.weights import load_decoder
from or1.protocols import Generator
from or1.rollout.endpoint import EndpointGenerator
from or1.rollout.generate import EngineGenerator
from or1.rollout.local_engine import LocalEngine
from or1.testing import (
    SERVED_MODEL,
    CharTokenizer,
    ChatReply,
    ChatRequest,
    ChatServer,
    Scripted,
    ScriptedEngine,
    make_problem,
)
from or1.types import Finish, Problem, Sampling, Text, WeightHandle
from tests.shared_pools import shared_vllm

PROBLEMS = [make_problem(n) for n in range(5)]
SAMPLING = Sampling(group_size=3, max_response_tokens=24, seed=11)


@contextlib.contextmanager
def _engine() -> Iterator[Generator]:
    def script(problem: Problem, index: int) -> Scripted:
        return Scripted("x" * (8 * index + int(problem.id[:1], 16)))

    engine = ScriptedEngine(script, order=lambda rollouts: reversed(rollouts))
    engine.load(WeightHandle(version=0, ref=None))
    yield EngineGenerator(engine, CharTokenizer())


@contextlib.contextmanager
def _local() -> Iterator[Generator]:
    folder = model_folder("builtin:tiny")
    decoder = load_decoder(folder, dtype=torch.float32, kernels=EXACT)
    tokenizer = load_tokenizer(folder)
    with contextlib.closing(LocalEngine(decoder, tokenizer, max_running=4)) as engine:
        yield EngineGenerator(engine, tokenizer)


def _said(request: ChatRequest) -> ChatReply:
    """What a deterministic model would say: a function of prompt and seed, cut at the budget."""
    digest = hashlib.sha256(f"{request.question}{request.body['seed']}".encode()).hexdigest()
    text, budget = digest[: int(digest[:2], 16) % 40], request.body["max_tokens"]
    if len(text) + 1 > budget:
        return ChatReply(text=text[:budget], finish_reason="length")
    return ChatReply(text=text, num_tokens=len(text) + 1)


@contextlib.contextmanager
def _endpoint() -> Iterator[Generator]:
    with ChatServer(_said) as server:
        yield EndpointGenerator(EndpointConfig(url=server.url, model=SERVED_MODEL, max_concurrency=4))


@contextlib.contextmanager
def _vllm() -> Iterator[Generator]:
    folder = model_folder("builtin:tiny")
    engine = shared_vllm(1)
    weights = load_decoder(folder, dtype=torch.float32).named_parameters()
    engine.load(WeightHandle(version=1, ref={name: each.detach() for name, each in weights}))
    yield EngineGenerator(engine, load_tokenizer(folder))


MAKERS: dict[str, Callable[[], contextlib.AbstractContextManager[Generator]]] = {
    "scripted engine": _engine,
    "local engine": _local,
    "endpoint": _endpoint,
    "vllm": _vllm,
}


@pytest.fixture(params=MAKERS)
def generator(request: pytest.FixtureRequest) -> Iterator[Generator]:
    with MAKERS[request.param]() as made:
        yield made


def _by_key(texts: Iterator[Text]) -> dict[tuple[str, int], Text]:
    listed = list(texts)
    by_key = {(t.problem_id, t.index): t for t in listed}
    assert len(by_key) == len(listed), "a text came twice"
    return by_key


def test_every_text_once(generator: Generator) -> None:
    texts = _by_key(generator.generate(PROBLEMS, SAMPLING))
    assert texts.keys() == {(p.id, i) for p, i in itertools.product(PROBLEMS, range(3))}


@pytest.mark.parametrize("budget", [1, 5, 24])
def test_the_budget_holds_and_only_what_it_cut_is_truncated(generator: Generator, budget: int) -> None:
    texts = list(generator.generate(PROBLEMS, replace(SAMPLING, max_response_tokens=budget)))
    for text in texts:
        assert 1 <= text.num_tokens <= budget
        assert text.finish in (Finish.STOP, Finish.LENGTH)
        if text.finish is Finish.LENGTH:
            assert text.num_tokens == budget
    if budget == 1:
        assert any(t.finish is Finish.LENGTH for t in texts)


def test_a_text_depends_on_seed_problem_and_index_alone(generator: Generator) -> None:
    together = _by_key(generator.generate(PROBLEMS, SAMPLING))
    for problems in (PROBLEMS[::-1], PROBLEMS[2:3], PROBLEMS):
        for key, text in _by_key(generator.generate(problems, SAMPLING)).items():
            assert text == together[key]


def test_a_larger_group_begins_with_the_smaller_one(generator: Generator) -> None:
    larger = _by_key(generator.generate(PROBLEMS[:2], replace(SAMPLING, group_size=5)))
    smaller = _by_key(generator.generate(PROBLEMS[:2], SAMPLING))
    assert smaller == {key: text for key, text in larger.items() if key[1] < 3}


def test_a_call_that_is_abandoned_leaves_no_trace(generator: Generator) -> None:
    whole = _by_key(generator.generate(PROBLEMS, SAMPLING))
    started = generator.generate(PROBLEMS, SAMPLING)
    next(started)
    del started
    assert _by_key(generator.generate(PROBLEMS, SAMPLING)) == whole


def test_no_problem_no_text(generator: Generator) -> None:
    assert list(generator.generate([], SAMPLING)) == []


@pytest.mark.parametrize("name", ["local engine", "endpoint", "vllm"])
def test_other_seeds_say_other_things(name: str) -> None:
    """Only of generators that sample; a script says what it says."""
    with MAKERS[name]() as generator:
        said = [_by_key(generator.generate(PROBLEMS, replace(SAMPLING, seed=seed))) for seed in (1, 2)]
    assert sum(said[0][key].text == said[1][key].text for key in said[0]) < len(said[0]) / 2
    for problem in PROBLEMS:
        assert len({said[0][problem.id, i].text for i in range(3)}) > 1
