"""What every Collector promises, over the local one, its wrappers, and the one with a list."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from dataclasses import replace

import pytest

from or1.algo import split_by_signal
from or1.config import LossConfig, StageConfig
from or1.protocols import Collector
from or1.rollout.ahead import AbandonCheck, OneStepAhead
from or1.rollout.collect import LocalCollector, OversampleCollector, RefillCollector
from or1.rollout.generate import never_interrupt
from or1.testing import (
    CharTokenizer,
    ExactVerifier,
    InlineVerifierPool,
    ListCollector,
    Scripted,
    ScriptedEngine,
    make_group,
    make_problem,
)
from or1.types import Problem, Rollout, RunState, SamplerState, WeightHandle
from tests.runs import run_config

STAGE = StageConfig(max_response_tokens=6, num_steps=9, num_problems=4, group_size=3)
PROBLEMS = [make_problem(n) for n in range(60)]
LOSS = LossConfig()


class InOrder:
    def draw(
        self, state: SamplerState, solved: Set[str], num_problems: int
    ) -> tuple[list[Problem], SamplerState]:
        drawn, position = [], state.position
        while len(drawn) < num_problems:
            if PROBLEMS[position].id not in solved:
                drawn.append(PROBLEMS[position])
            position += 1
        return drawn, SamplerState(position=position)


def _script(problem: Problem, index: int) -> Scripted:
    """Every third problem is right throughout, others once; some rollouts are lost or cut off."""
    number = int(problem.prompt[0].content.split()[1])
    if number % 3 == 0:
        return Scripted("1")
    return (Scripted("1"), Scripted("much too long"), Scripted("2", lost=number % 4 == 0))[index]


def _shuffled(rollouts: list[Rollout]) -> list[Rollout]:
    return sorted(rollouts, key=lambda r: (r.index, r.problem_id))


def _local() -> Collector:
    return LocalCollector(
        ScriptedEngine(_script, order=_shuffled),
        InlineVerifierPool({"exact": ExactVerifier()}, block=3),
        InOrder(),
        CharTokenizer(),
        seed=1,
        temperature=1.0,
    )


def _oversample() -> Collector:
    return OversampleCollector(_local(), factor=2.0, loss=LOSS)


def _refill() -> Collector:
    return RefillCollector(_local(), max_refills=3, loss=LOSS, num_available=len(PROBLEMS))


def _both() -> Collector:
    return RefillCollector(_oversample(), max_refills=3, loss=LOSS, num_available=len(PROBLEMS))


def _ahead() -> Collector:
    return OneStepAhead(_both(), run_config(), AbandonCheck(never_interrupt))


def _list() -> Collector:
    steps = [[make_group((1.0, 0.0, 0.0), problem=PROBLEMS[4 * s + n]) for n in range(4)] for s in range(3)]
    return ListCollector(steps)


MAKERS: dict[str, Callable[[], Collector]] = {
    "local": _local,
    "oversample": _oversample,
    "refill": _refill,
    "refill of oversample": _both,
    "one step ahead": _ahead,
    "list": _list,
}


@pytest.fixture(params=MAKERS)
def collector(request: pytest.FixtureRequest) -> Iterator[Collector]:
    made = MAKERS[request.param]()
    made.load(WeightHandle(version=0, ref={}))
    yield made
    if isinstance(made, OneStepAhead):
        made.close()


def test_groups_are_whole_and_in_drawn_order(collector: Collector) -> None:
    groups, _ = collector.collect(RunState(), STAGE)
    numbers = [int(g.problem.prompt[0].content.split()[1]) for g in groups]
    assert numbers == sorted(set(numbers))
    for group in groups:
        assert [r.index for r in group.rollouts] == [0, 1, 2]
        assert {r.problem_id for r in group.rollouts} == {group.problem.id}
        assert all(r.verdict is not None for r in group.rollouts)


def test_a_step_never_has_more_signals_than_problems_asked_for(collector: Collector) -> None:
    groups, _ = collector.collect(RunState(), STAGE)
    assert 1 <= len(split_by_signal(groups, LOSS)[0]) <= STAGE.num_problems


def test_collectors_that_look_for_signals_find_them() -> None:
    for maker in (_oversample, _refill, _both):
        groups, _ = _loaded(maker).collect(RunState(), STAGE)
        assert len(split_by_signal(groups, LOSS)[0]) == STAGE.num_problems
    assert len(split_by_signal(_loaded(_local).collect(RunState(), STAGE)[0], LOSS)[0]) == 2


def _loaded(maker: Callable[[], Collector]) -> Collector:
    made = maker()
    made.load(WeightHandle(version=0, ref={}))
    return made


def test_only_the_sampler_and_pass_rates_of_the_state_move(collector: Collector) -> None:
    before = RunState(step=0, policy_version=5, solved=frozenset({PROBLEMS[50].id}), pass_rates={"x": 0.5})
    _, after = collector.collect(before, STAGE)
    assert after.sampler.position >= 4
    assert after.pass_rates["x"] == 0.5
    assert replace(after, sampler=before.sampler, pass_rates=before.pass_rates) == before


def test_a_repeated_step_is_the_same_step(collector: Collector) -> None:
    _, state = collector.collect(RunState(), STAGE)
    state = replace(state, step=1)
    first, again = (collector.collect(state, STAGE) for _ in range(2))
    assert first[1] == again[1]
    for left, right in zip(first[0], again[0], strict=True):
        assert left.problem == right.problem
        for a, b in zip(left.rollouts, right.rollouts, strict=True):
            assert (a.verdict, a.finish) == (b.verdict, b.finish)
            assert a.response_tokens.tolist() == b.response_tokens.tolist()


def test_steps_that_follow_draw_other_problems(collector: Collector) -> None:
    first, state = collector.collect(RunState(), STAGE)
    second, _ = collector.collect(replace(state, step=1), STAGE)
    assert not {g.problem.id for g in first} & {g.problem.id for g in second}


def test_solved_problems_are_not_drawn() -> None:
    for maker in (_local, _oversample, _refill, _both):
        solved = frozenset(p.id for p in PROBLEMS[1:9])
        groups, _ = _loaded(maker).collect(RunState(solved=solved), STAGE)
        assert not {g.problem.id for g in groups} & solved
