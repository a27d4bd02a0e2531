"""Processor time and waiting time of a process, and the limit on processor time."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1_verify import process_clock
from or1_verify.process_clock import CpuLimit, CpuTime, WaitClock, cpu_time

SECONDS = st.floats(0, 1e4)


@pytest.mark.parametrize(
    ("user_s", "system_s", "is_exceeded"),
    [(1.09, 0.0, False), (1.11, 0.0, True), (0.1, 6.8, False), (0.1, 7.0, True), (1.0, 5.9, False)],
)
def test_a_limit_is_close_on_user_time_and_wide_on_the_total(
    user_s: float, system_s: float, is_exceeded: bool
) -> None:
    """1 s of user time, known to 0.1 s; 2 x 1 + 5 s in all."""
    assert CpuLimit(1.0).exceeded_by(CpuTime(user_s, system_s)) == is_exceeded


@given(st.floats(0.01, 1e4), st.integers(1, 1 << 36))
def test_the_kernels_limit_is_behind_ours_though_ticks_run_ahead(user_s: float, memory_bytes: int) -> None:
    limit = CpuLimit(user_s, memory_bytes)
    assert limit.backstop_s > 1.2 * limit.total_s > limit.user_s


@given(SECONDS, SECONDS, st.lists(SECONDS, max_size=5))
def test_waiting_time_grows_by_no_more_than_wall_time(
    before_s: float, wall_s: float, gains: list[float]
) -> None:
    after_s = process_clock._waited(before_s, wall_s, gains)
    assert 0 <= after_s <= before_s + wall_s
    assert after_s >= before_s - max([*gains, 0.0]), "corrected further back than the longest queue"


@given(st.lists(st.floats(0.01, 5), min_size=1, max_size=20))
def test_a_thread_that_queues_has_not_waited(queued: list[float]) -> None:
    """It queues over several samples, which show nothing, and then the kernel adds the whole time."""
    waited_s = 0.0
    for seconds in queued[:-1]:
        waited_s = process_clock._waited(waited_s, seconds, [0.0])
    assert process_clock._waited(waited_s, queued[-1], [sum(queued)]) == pytest.approx(0.0, abs=1e-9)


@pytest.fixture
def started() -> Iterator[Callable[[str], int]]:
    children = []

    def start(source: str) -> int:
        child = subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE)
        children.append(child)
        assert child.stdout is not None
        child.stdout.readline()
        return child.pid

    yield start
    for child in children:
        child.kill()
        child.communicate()


def test_the_time_of_another_process_is_that_which_it_reads_itself(started: Callable[[str], int]) -> None:
    pid = started("print(flush=True)\nwhile True: sum(range(10_000))")
    while cpu_time(pid).total_s < 0.5:
        time.sleep(0.01)
    seen = cpu_time(pid)
    assert seen.user_s > 0.8 * seen.total_s


def test_an_ended_process_has_used_nothing() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert cpu_time(child.pid) == CpuTime(0.0, 0.0)


def test_a_process_that_sleeps_waits_and_one_that_computes_does_not(started: Callable[[str], int]) -> None:
    sleeper = started("import time\nprint(flush=True)\ntime.sleep(600)")
    computing = started("print(flush=True)\nwhile True: pass")
    clocks = [WaitClock(sleeper), WaitClock(computing)]
    began = time.monotonic()
    while cpu_time(computing).total_s < 1.0:
        time.sleep(0.05)
    slept, computed = (clock.sample() for clock in clocks)
    wall_s = time.monotonic() - began
    assert slept > 0.9 * wall_s
    assert computed < 0.1 * wall_s


def test_a_process_does_not_wait_while_the_one_beside_it_computes(started: Callable[[str], int]) -> None:
    sleeper = started("import time\nprint(flush=True)\ntime.sleep(600)")
    computing = started("print(flush=True)\nwhile True: pass")
    alone, beside = WaitClock(sleeper), WaitClock(sleeper)
    beside.sample(beside=computing)
    while cpu_time(computing).total_s < 1.0:
        time.sleep(0.05)
    assert alone.sample() > 0.9
    assert beside.sample(beside=computing) < 0.1 * alone.sample()


def test_time_can_be_left_out() -> None:
    clock = WaitClock(1 << 23)
    clock.skip(3600.0)
    assert clock.sample() == 0.0


def test_without_statistics_of_threads_the_processor_time_counts(
    started: Callable[[str], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = started("print(flush=True)\nwhile True: pass")

    def hidden(path: str) -> list[str]:
        raise FileNotFoundError(path)

    monkeypatch.setattr(process_clock.os, "listdir", hidden)
    clock = WaitClock(pid)
    monkeypatch.setattr(process_clock, "cpu_total_s", lambda _: 1e6)
    assert clock.sample() == 0.0
