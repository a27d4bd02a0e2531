"""Placement: every process has a machine, no GPU is given twice, and a smaller cluster gets a smaller run."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1.cluster.nodes import Demand, Node, place, reduced
from or1.errors import ClusterError


def node(number: int, num_gpus: int = 0) -> Node:
    return Node(
        id=f"id{number}", address=f"10.0.0.{number}", name=f"host{number}", num_cpus=4, num_gpus=num_gpus
    )


def demand(num_ranks: int, num_engines: int, **changes: bool | int) -> Demand:
    common = Demand(
        num_ranks=num_ranks, num_engines=num_engines, gpus_per_engine=1, uses_gpus=True, colocated=False
    )
    return replace(common, **changes)  # type: ignore[arg-type]


def names(nodes: tuple[Node, ...]) -> list[int]:
    return [int(each.name.removeprefix("host")) for each in nodes]


def test_neighbouring_ranks_share_a_machine_and_engines_take_turns() -> None:
    found = place([node(1, 8), node(2, 8), node(3, 8)], demand(12, 3, gpus_per_engine=4))
    assert names(found.ranks) == [1] * 8 + [2] * 4
    assert names(found.engines) == [2, 3, 3]  # host 2 has four GPUs left, host 1 none
    assert names(found.verifiers) == [1, 2, 3]


def test_colocated_engines_use_the_gpus_of_the_ranks() -> None:
    found = place([node(1, 4), node(2, 4)], demand(8, 4, gpus_per_engine=2, colocated=True))
    assert names(found.ranks) == [1] * 4 + [2] * 4
    assert sorted(names(found.engines)) == [1, 1, 2, 2]


def test_an_engine_never_lies_on_two_machines() -> None:
    with pytest.raises(ClusterError, match=r"3 GPU of host1, 3 GPU of host2: lower system\.num_ranks"):
        place([node(1, 3), node(2, 3)], demand(1, 1, gpus_per_engine=4))


def test_without_gpus_ranks_and_engines_share_out_the_machines() -> None:
    machines = [node(n) for n in (1, 2, 3, 4)]
    apart = place(machines, demand(4, 4, uses_gpus=False))
    assert (names(apart.ranks), names(apart.engines)) == ([1, 1, 2, 2], [3, 4, 3, 4])
    together = place(machines[:2], demand(4, 3, uses_gpus=False, colocated=True))
    assert (names(together.ranks), names(together.engines)) == ([1, 1, 2, 2], [1, 2, 1])
    alone = place(machines[:1], demand(2, 2, uses_gpus=False))
    assert (names(alone.ranks), names(alone.engines)) == ([1, 1], [1, 1])


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=5),
    st.integers(0, 20),
    st.integers(1, 10),
    st.sampled_from([1, 2, 4]),
    st.booleans(),
)
def test_no_gpu_is_given_twice(
    gpus: list[int], num_ranks: int, num_engines: int, size: int, colocated: bool
) -> None:
    machines = [node(n, count) for n, count in enumerate(gpus)]
    wanted = demand(num_ranks, num_engines, gpus_per_engine=size, colocated=colocated)
    try:
        found = place(machines, wanted)
    except ClusterError:
        return
    assert (len(found.ranks), len(found.engines)) == (num_ranks, num_engines)
    of_ranks, of_engines = Counter(found.ranks), Counter(found.engines)
    for each in machines:
        ranks, engines = of_ranks[each], size * of_engines[each]
        used = max(ranks, engines) if colocated else ranks + engines
        assert used <= each.num_gpus


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=5),
    st.integers(1, 10),
    st.integers(1, 8),
    st.sampled_from([1, 2]),
)
def test_what_is_left_gets_as_much_as_fits(gpus: list[int], groups: int, num_engines: int, step: int) -> None:
    machines = [node(n, count) for n, count in enumerate(gpus)]
    wanted = demand(groups * step, num_engines, ranks_step=step)
    if sum(gpus) < step + 1:
        with pytest.raises(ClusterError):
            reduced(machines, wanted)
        return
    smaller = reduced(machines, wanted)
    place(machines, smaller)
    assert smaller.num_ranks % step == 0
    assert 0 < smaller.num_ranks <= wanted.num_ranks
    assert 0 < smaller.num_engines <= num_engines
    if groups * step + num_engines <= sum(gpus):
        assert smaller == wanted


def test_a_machine_lost_costs_both_their_share() -> None:
    smaller = reduced([node(1, 8), node(2, 8)], demand(16, 8))
    # 24 GPUs were in use, 16 are left: two thirds of each
    assert (smaller.num_ranks, smaller.num_engines) == (10, 5)


def test_no_machine_is_an_error() -> None:
    with pytest.raises(ClusterError, match="no machine left"):
        place([], demand(1, 1))
