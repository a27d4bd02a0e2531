"""The time budget of a problem: each run is added, and a run near the limit is measured again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from or1_verify.code.launch import TimeBudget, limits_of
from or1_verify.code.outcome import FailedTest, failure_of
from or1_verify.process_clock import CpuTime
from or1_verify.sandbox import Ending, Execution


def execution(user_s: float, *, near_limit: bool = False, waited_s: float = 0.0) -> Execution:
    return Execution(
        ending=Ending.CPU_LIMIT if near_limit or user_s > 6 else Ending.EXITED,
        exit_code=0,
        signal=None,
        stdout=b"",
        stderr=b"",
        cpu=CpuTime(user_s, 0.25),
        wall_s=9.5,
        waited_s=waited_s,
        peak_memory_bytes=None,
        near_limit=near_limit,
    )


def measured(budget: TimeBudget, *runs: Execution) -> tuple[FailedTest | None, int]:
    """The failed test and the number of runs that were not needed."""
    left: Iterator[Execution] = iter(runs)

    def run() -> FailedTest | None:
        budget.add(next(left))
        return None

    failure = budget.measured(3, run)
    return failure, len(list(left))


def test_a_run_near_the_limit_is_measured_again_and_the_second_run_decides() -> None:
    budget = TimeBudget(300.0)
    assert measured(budget, execution(6.5, near_limit=True), execution(5.5)) == (None, 0)
    assert (budget.user_s, budget.system_s) == (5.5, 0.25), "the first run is not counted"


def test_two_runs_near_the_limit_are_over_it() -> None:
    slow = execution(6.5, near_limit=True)
    failure, _ = measured(TimeBudget(300.0), slow, slow, execution(1.0))
    assert failure is not None
    assert (failure.index, failure.reason) == (3, "time_limit")


@pytest.mark.parametrize("user_s", [1.0, 7.5])
def test_a_clear_time_is_measured_once(user_s: float) -> None:
    failure, num_unused = measured(TimeBudget(300.0), execution(user_s), execution(1.0))
    assert num_unused == 1
    assert (failure is not None) == (user_s > 6)


def test_the_times_are_in_the_detail() -> None:
    assert failure_of(0, execution(7.5)).detail == (
        "cpu_limit after 7.50 s of user time, 0.25 s of system time, 9.50 s of wall time"
    )


@pytest.mark.parametrize(
    ("run", "is_spent"),
    [
        (execution(5.0), False),
        (execution(5.5), True),
        (execution(0.0, waited_s=31.0), False),
        (execution(0.0, waited_s=34.0), True),
    ],
)
def test_user_time_and_waiting_time_of_all_tests_are_limited(run: Execution, is_spent: bool) -> None:
    """Two runs: at most 10.5 s of user time, six times as much waiting."""
    budget = TimeBudget(10.5)
    budget.add(run)
    budget.add(run)
    assert budget.is_spent == is_spent


def test_a_program_may_wait_six_times_as_long_as_it_may_compute() -> None:
    assert limits_of(6.0, 1 << 30).wall_limit_s == 41.0
