"""The order of requests: nothing lost, groups together while there are any, longest expected first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from or1.rollout.request_queue import RequestQueue, longest_first


@given(
    sizes=st.lists(st.integers(1, 5), max_size=6),
    num_engines=st.integers(1, 4),
    turns=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 6)), max_size=60),
)
def test_every_ticket_is_given_once_and_groups_stay_together(
    sizes: list[int], num_engines: int, turns: list[tuple[int, int]]
) -> None:
    ends = [sum(sizes[: n + 1]) for n in range(len(sizes))]
    groups = [list(range(end - size, end)) for size, end in zip(sizes, ends, strict=True)]
    group_of = {ticket: n for n, group in enumerate(groups) for ticket in group}
    queue = RequestQueue(groups, num_engines)
    holders: dict[int, set[int]] = {n: set() for n in range(len(groups))}
    given_out: list[int] = []
    for engine, room in [*turns, *((n % num_engines, 9) for n in range(60))]:
        waiting_before = set(group_of) - set(given_out)
        taken = queue.take(engine % num_engines, room)
        assert len(taken) <= room
        assert len({group_of[ticket] for ticket in taken}) <= 1, "one group at a time"
        assert taken or not waiting_before, "an engine with room gets a request while one waits"
        for ticket in taken:
            holders[group_of[ticket]].add(engine % num_engines)
        given_out += taken
        if waiting_before - set(taken) and {n for n in holders if not holders[n]}:
            assert all(len(held) <= 1 for held in holders.values()), "split only when no whole group is left"
    assert sorted(given_out) == sorted(group_of)


def test_single_requests_go_to_another_engine_at_the_end() -> None:
    queue = RequestQueue([[0, 1, 2, 3], [4, 5]], 2)
    assert queue.take(0, 1) == [0]
    assert queue.take(1, 8) == [4, 5]
    assert queue.take(1, 8) == [3]  # from the back of engine 1's group
    assert queue.take(0, 2) == [1, 2]
    assert queue.take(0, 2) == queue.take(1, 2) == []


def test_longest_expected_first() -> None:
    lengths = {"a": 100.0, "b": 900.0, "d": 200.0}
    # c is not known and counts as the mean of a, b and d: 400
    assert longest_first(["a", "b", "c", "d"], lengths) == [1, 2, 3, 0]
    assert longest_first(["a", "b", "c"], {}) == [0, 1, 2]
    assert longest_first([], lengths) == []
