"""What every Tracker promises, over the run folder's and the one in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from or1.config import StageConfig
from or1.protocols import Tracker
from or1.storage.jsonl import read_rows
from or1.testing import InjectedFaultError, MemoryTracker, make_group, make_report, make_result
from or1.tracking.tracker import RunTracker
from or1.types import RunState
from tests.runs import open_tracker, run_config, score_of

STAGE = StageConfig(max_response_tokens=8, num_steps=9)
Told = Callable[[], tuple[list[int], list[int]]]
"""Steps and score steps that are recorded."""


@pytest.fixture(params=["run folder", "memory"])
def tracked(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Tracker, Told]]:
    tracker: MemoryTracker | RunTracker
    if request.param == "memory":
        memory = tracker = MemoryTracker()

        def told() -> tuple[list[int], list[int]]:
            return [s.result.state.step for s in memory.steps if s.result], [s.step for s in memory.scores]
    else:
        tracker = open_tracker(tmp_path, run_config())

        def told() -> tuple[list[int], list[int]]:
            rows = list(read_rows(tmp_path / "metrics.jsonl"))
            return (
                [r["step"] for r in rows if "stage/index" in r],
                [r["step"] for r in rows if "eval/avg_at_k" in r],
            )

    yield tracker, told
    tracker.close()


def step(tracker: Tracker, number: int, *, fails: bool = False) -> None:
    """Turn `number` of the loop, counted from 1."""
    before, after = RunState(step=number - 1), RunState(step=number, policy_version=number)
    with tracker.step(before, STAGE) as log:
        with log.phase("rollout"):
            groups = [make_group()]
        with log.phase("update"):
            report = make_report()
        log.step(make_result(groups, kept=groups, report=report, state=after))
        if fails:
            raise InjectedFaultError("after the report, before the end of the step")


def test_steps_and_scores_are_recorded_in_order(tracked: tuple[Tracker, Told]) -> None:
    tracker, told = tracked
    tracker.score(score_of(0))
    step(tracker, 1)
    step(tracker, 2)
    tracker.score(score_of(2))
    assert told() == ([1, 2], [0, 2])


def test_a_step_that_fails_is_not_recorded(tracked: tuple[Tracker, Told]) -> None:
    tracker, told = tracked
    step(tracker, 1)
    with pytest.raises(InjectedFaultError):
        step(tracker, 2, fails=True)
    assert told() == ([1], [])
    step(tracker, 2)
    assert told() == ([1, 2], [])


def test_cutting_goes_back_to_where_the_offsets_were_taken(tracked: tuple[Tracker, Told]) -> None:
    tracker, told = tracked
    step(tracker, 1)
    tracker.score(score_of(1))
    offsets = tracker.offsets()
    step(tracker, 2)
    tracker.score(score_of(2))
    tracker.cut(offsets, 1)
    assert told() == ([1], [1])
    step(tracker, 2)
    assert told() == ([1, 2], [1])


def test_scores_of_the_checkpoint_are_kept_until_another_row(tracked: tuple[Tracker, Told]) -> None:
    """A checkpoint is saved before it is evaluated: only its own scores, directly behind it, belong to it."""
    tracker, told = tracked
    step(tracker, 1)
    offsets = tracker.offsets()
    tracker.score(score_of(1))
    assert (tracker.scored(1), tracker.scored(0)) == ({"eval"}, set())
    step(tracker, 2)
    tracker.score(score_of(2))
    tracker.cut(offsets, 1)
    assert told() == ([1], [1])
    tracker.cut(offsets, 0)
    assert told() == ([1], [])
    assert tracker.scored(1) == set()


def test_offsets_are_numbers_that_do_not_change_by_asking(tracked: tuple[Tracker, Told]) -> None:
    tracker, _ = tracked
    step(tracker, 1)
    first = dict(tracker.offsets())
    assert all(isinstance(v, int) and v > 0 for k, v in first.items() if k != "scores")
    assert dict(tracker.offsets()) == first
    step(tracker, 2)
    assert all(tracker.offsets()[k] > v for k, v in first.items() if k != "scores")


def test_cutting_at_nothing_empties_it(tracked: tuple[Tracker, Told]) -> None:
    tracker, told = tracked
    step(tracker, 1)
    tracker.score(score_of(1))
    tracker.cut(dict.fromkeys(tracker.offsets(), 0), 0)
    assert told() == ([], [])


def test_a_step_without_an_update_is_recorded(tracked: tuple[Tracker, Told]) -> None:
    tracker, told = tracked
    with tracker.step(RunState(), STAGE) as log:
        log.step(make_result([make_group([0.0, 0.0])], state=RunState(step=1, empty_steps=1)))
    assert told() == ([1], [])
