"""Over-sampling and refill: which groups make the step, and that no rollout is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from or1.algo import split_by_signal
from or1.config import LossConfig, StageConfig
from or1.rollout.collect import OversampleCollector, RefillCollector
from or1.testing import make_group, make_problem
from or1.types import Group, RunState, SamplerState, WeightHandle

LOSS = LossConfig()


class Stream:
    """Collector whose problems come one after the other; `pattern` says which have a signal."""

    def __init__(self, pattern: str) -> None:
        self._groups = [
            make_group((1.0, 0.0) if mark == "s" else (1.0, 1.0), problem=make_problem(n))
            for n, mark in enumerate(pattern)
        ]
        self.asked: list[int] = []
        self.solved: list[frozenset[str]] = []
        self.versions: list[int] = []

    def load(self, weights: WeightHandle) -> None:
        self.versions.append(weights.version)

    def collect(self, state: RunState, stage: StageConfig) -> tuple[list[Group], RunState]:
        self.asked.append(stage.num_problems)
        self.solved.append(state.solved)
        start = state.sampler.position
        end = start + stage.num_problems
        sampler = SamplerState(position=end)
        return self._groups[start:end], replace(state, sampler=sampler)


def _stage(num_problems: int, num_minibatches: int = 1) -> StageConfig:
    return StageConfig(
        max_response_tokens=8,
        num_steps=1,
        num_problems=num_problems,
        group_size=2,
        num_minibatches=num_minibatches,
    )


def _numbers(groups: Sequence[Group]) -> list[int]:
    return [int(g.problem.prompt[0].content.split()[1]) for g in groups]


def test_oversampling_ends_where_it_has_enough() -> None:
    stream = Stream("-s-ss-s-")
    groups, state = OversampleCollector(stream, factor=2.0, loss=LOSS).collect(RunState(), _stage(3))
    # six drawn, the third signal is the fifth; choosing by signal alone would leave out 0 and 2
    assert _numbers(groups) == [0, 1, 2, 3, 4]
    assert len(split_by_signal(groups, LOSS)[0]) == 3
    assert stream.asked == [6]
    assert state.sampler.position == 6
    # the group after the cut has been seen: solved, and known to be
    assert state.pass_rates == {make_problem(5).id: 1.0}


def test_oversampling_with_too_few_signals_is_the_whole_draw() -> None:
    groups, state = OversampleCollector(Stream("-s----"), factor=2.0, loss=LOSS).collect(
        RunState(), _stage(3)
    )
    assert _numbers(groups) == [0, 1, 2, 3, 4, 5]
    assert state.pass_rates == {}


@pytest.mark.parametrize(
    ("factor", "num_problems", "num_drawn"),
    [(1.0, 10, 10), (1.1, 50, 55), (1.12, 25, 28), (1.05, 10, 11), (1.25, 10, 13), (3.0, 10, 30)],
)
def test_the_draw_is_rounded_up_and_not_by_rounding_errors(
    factor: float, num_problems: int, num_drawn: int
) -> None:
    # 1.1 * 50 is 55.00000000000001
    stream = Stream("s" * 60)
    collector = OversampleCollector(stream, factor=factor, loss=LOSS)
    groups, _ = collector.collect(RunState(), _stage(num_problems))
    assert stream.asked == [num_drawn]
    assert len(groups) == num_problems


@pytest.mark.parametrize(("num_available", "num_drawn"), [(100, 6), (7, 5), (4, 3)])
def test_oversampling_takes_what_is_left_near_the_end_of_the_data(num_available: int, num_drawn: int) -> None:
    stream = Stream("-" * 10)
    collector = OversampleCollector(stream, factor=2.0, loss=LOSS, num_available=num_available)
    collector.collect(RunState(solved=frozenset({"a", "b"})), _stage(3))
    # with fewer than the stage asks for, it is the sampler that says so
    assert stream.asked == [num_drawn]


def test_oversampling_goes_by_the_mask() -> None:
    """A group whose rewards differ only on truncated rollouts is no signal under mask `before`."""

    class Cut(Stream):
        def collect(self, state: RunState, stage: StageConfig) -> tuple[list[Group], RunState]:
            groups, state = super().collect(state, stage)
            masked = make_group((1.0, 0.0), truncated={1}, problem=groups[0].problem)
            return [masked, *groups[1:]], state

    for mask, expected in (("none", [0]), ("before", [0, 1])):
        loss = LossConfig.model_validate({"truncation_mask": mask})
        groups, _ = OversampleCollector(Cut("ss"), factor=2.0, loss=loss).collect(RunState(), _stage(1))
        assert _numbers(groups) == expected


def test_refill_draws_what_is_missing_and_returns_every_group() -> None:
    stream = Stream("s--s-ss-")
    collector = RefillCollector(stream, max_refills=5, loss=LOSS, num_available=100)
    before = RunState(solved=frozenset({"old"}))
    groups, state = collector.collect(before, _stage(4))
    # s--s: two missing; -s: one missing; s: none
    assert stream.asked == [4, 2, 1]
    assert _numbers(groups) == [0, 1, 2, 3, 4, 5, 6]
    assert len(split_by_signal(groups, LOSS)[0]) == 4
    # no problem comes twice in a step, and the filter is afterwards what it was
    assert stream.solved[0] == {"old"}
    assert stream.solved[2] == {"old", *(make_problem(n).id for n in range(6))}
    assert state == replace(before, sampler=SamplerState(position=7))


def test_refill_stops_at_its_cap() -> None:
    stream = Stream("-" * 40)
    groups, _ = RefillCollector(stream, max_refills=2, loss=LOSS, num_available=100).collect(
        RunState(), _stage(4)
    )
    assert stream.asked == [4, 4, 4]
    assert len(groups) == 12


def test_refill_does_nothing_when_nothing_is_missing() -> None:
    stream = Stream("ssss")
    RefillCollector(stream, max_refills=2, loss=LOSS, num_available=100).collect(RunState(), _stage(4))
    assert stream.asked == [4]


def test_refill_stops_when_the_data_is_used_up() -> None:
    stream = Stream("-" * 10)
    collector = RefillCollector(stream, max_refills=9, loss=LOSS, num_available=7)
    groups, _ = collector.collect(RunState(solved=frozenset({"old"})), _stage(4))
    # seven there are, one is solved: four, then two, then none
    assert stream.asked == [4, 2]
    assert len(groups) == 6


def test_minibatches_do_not_stand_in_the_way_of_a_small_round() -> None:
    stream = Stream("sss-s")
    groups, _ = RefillCollector(stream, max_refills=1, loss=LOSS, num_available=9).collect(
        RunState(), _stage(4, 4)
    )
    assert stream.asked == [4, 1]
    assert len(split_by_signal(groups, LOSS)[0]) == 4


def test_wrappers_pass_weights_on_and_can_be_combined() -> None:
    stream = Stream("-s--sss-s")
    inner = OversampleCollector(stream, factor=1.5, loss=LOSS)
    collector = RefillCollector(inner, max_refills=1, loss=LOSS, num_available=100)
    collector.load(WeightHandle(version=7, ref=None))
    assert stream.versions == [7]
    groups, state = collector.collect(RunState(), _stage(4))
    # 6 drawn for 4: three signals by the end; 2 drawn for 1: cut after the first
    assert stream.asked == [6, 2]
    assert _numbers(groups) == [0, 1, 2, 3, 4, 5, 6]
    assert len(split_by_signal(groups, LOSS)[0]) == 4
    assert state.pass_rates == {make_problem(7).id: 1.0}
