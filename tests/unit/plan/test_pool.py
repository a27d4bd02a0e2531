"""The simulated pool against worked cases, a step-by-step pool, and what must hold for any lengths."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from or1.plan.hardware import EngineProfile
from or1.plan.pool import EngineCost, partial_rollout, simulate

FLAT = EngineCost(
    profile=EngineProfile(name="flat", start_s=1.0, per_sequence_s=0.5, bandwidth_fraction=0.5),
    bandwidth=1.0,
    weight_bytes=0.0,
    cache_bytes_per_token=0.0,
)
"""A step takes 1 s and 0.5 s for each running response."""
READING = EngineCost(
    profile=EngineProfile(name="reading", start_s=0.0, per_sequence_s=0.0, bandwidth_fraction=0.5),
    bandwidth=100.0,
    weight_bytes=500.0,
    cache_bytes_per_token=10.0,
    prompt_tokens=2,
)


def test_two_responses_of_one_engine() -> None:
    """Two steps of two (2 s each), then one of one (1.5 s)."""
    result = simulate([2, 3], 1, 2, FLAT)
    assert result.finished_s == (4.0, 5.5)
    assert (result.seconds, result.idle_share) == (5.5, 0.0)


def test_a_queue_fills_free_slots() -> None:
    """One slot: 2 x 1.5 s, then 3 x 1.5 s."""
    assert simulate([2, 3], 1, 1, FLAT).finished_s == (3.0, 7.5)


def test_the_cache_is_read_at_every_step_and_grows() -> None:
    """One response of 3 tokens behind a prompt of 2: (500 + 10 * (2, 3, 4)) / (0.5 * 100) s."""
    assert simulate([3], 1, 1, READING).seconds == pytest.approx((520 + 530 + 540) / 50)


def test_an_engine_without_work_is_idle() -> None:
    """A response of 1 token takes 1.5 s on one engine, one of 8 tokens 12 s on the other."""
    result = simulate([1, 8], 2, 4, FLAT)
    assert result.seconds == 12.0
    assert result.idle_share == pytest.approx((12.0 - 1.5) / 24.0)


def test_the_longest_first_ends_sooner() -> None:
    lengths = [2, 2, 2, 2, 8]
    assert simulate(lengths, 2, 1, FLAT).seconds == 18.0
    assert simulate(lengths, 2, 1, FLAT, expected=lengths).seconds == 12.0


def test_a_slow_engine_takes_longer() -> None:
    assert simulate([2], 1, 1, FLAT, speeds={0: 0.5}).seconds == 6.0


def test_responses_of_a_lost_engine_start_again_elsewhere() -> None:
    """Engine 0 is lost at 4 s with a response of 4 tokens: engine 1, free since 1.5 s, takes it."""
    result = simulate([4, 1], 2, 1, FLAT, failures={0: 4.0})
    assert result.finished_s == (10.0, 1.5)
    assert result.lost_tokens == 0, "no response ended on the lost engine, so no whole step of it is known"
    with pytest.raises(ValueError, match="every engine is lost"):
        simulate([4, 1], 1, 1, FLAT, failures={0: 4.0})


def step_by_step(lengths: list[int], num_engines: int, slots: int) -> list[float]:
    """The same pool with FLAT costs, one engine step after another."""
    queue = list(range(len(lengths)))
    engines: list[dict[int, int]] = [{} for _ in range(num_engines)]
    for _ in range(slots):
        for engine in engines:
            if queue:
                ticket = queue.pop(0)
                engine[ticket] = lengths[ticket]
    now, finished = [0.0] * num_engines, [0.0] * len(lengths)
    while any(engines):
        end, at = min((now[e] + 1.0 + 0.5 * len(engines[e]), e) for e in range(num_engines) if engines[e])
        now[at] = end
        for ticket in list(engines[at]):
            engines[at][ticket] -= 1
            if engines[at][ticket] == 0:
                del engines[at][ticket]
                finished[ticket] = end
        while queue and len(engines[at]) < slots:
            ticket = queue.pop(0)
            engines[at][ticket] = lengths[ticket]
    return finished


@settings(max_examples=150, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=14),
    num_engines=st.integers(1, 4),
    slots=st.integers(1, 4),
)
def test_events_give_the_seconds_of_single_steps(lengths: list[int], num_engines: int, slots: int) -> None:
    assert simulate(lengths, num_engines, slots, FLAT).finished_s == pytest.approx(
        step_by_step(lengths, num_engines, slots)
    )


def test_partial_rollouts_cost_what_the_engines_need_and_not_the_longest_response() -> None:
    """One engine, two responses of 1 and 3 tokens in a step: 4 tokens at 2 s for every pair, 4 s a step; a
    step that waits takes 2 + 2 * 1.5 s."""
    assert simulate([1, 3], 1, 2, FLAT).seconds == 5.0
    assert partial_rollout([1, 3], 1, FLAT, in_flight=1.0) == pytest.approx(4.0)


def test_partial_rollouts_of_equal_lengths_gain_nothing() -> None:
    assert partial_rollout([5] * 8, 2, FLAT, in_flight=1.0) == simulate([5] * 8, 2, 4, FLAT).seconds
