"""Splitting groups into minibatches, and deriving seeds."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1.algo import derive_seed
from or1.algo.split_evenly import split_evenly


@given(st.integers(min_value=0, max_value=300), st.integers(min_value=1, max_value=40))
def test_every_group_once_in_order_and_near_equal(num_groups: int, num_minibatches: int) -> None:
    runs = split_evenly(num_groups, num_minibatches)
    assert len(runs) == num_minibatches
    assert list(itertools.chain.from_iterable(runs)) == list(range(num_groups))
    sizes = [len(r) for r in runs]
    assert max(sizes) - min(sizes) <= 1
    assert sizes == sorted(sizes, reverse=True)


def test_no_small_remainder() -> None:
    # minibatches of a fixed 64 would be 64, 64 and 2: three updates instead of four
    assert [len(r) for r in split_evenly(130, 4)] == [33, 33, 32, 32]


def test_fewer_groups_than_minibatches() -> None:
    assert split_evenly(2, 3) == [range(0, 1), range(1, 2), range(2, 2)]


@pytest.mark.parametrize(("num_groups", "num_minibatches"), [(-1, 1), (4, 0)])
def test_a_split_without_groups_or_minibatches_is_refused(num_groups: int, num_minibatches: int) -> None:
    with pytest.raises(ValueError, match="cannot split"):
        split_evenly(num_groups, num_minibatches)


def test_a_seed_is_the_same_on_every_machine() -> None:
    # frozen: a run's problems and rollouts follow from these
    assert derive_seed(1, "rollout", 0) == SEED_OF_STEP_0
    assert derive_seed(1, "rollout", 1) != SEED_OF_STEP_0


SEED_OF_STEP_0 = 493774179168664955


@given(st.lists(st.tuples(st.integers(0, 99), st.sampled_from(["a", "b"]), st.integers(0, 99)), unique=True))
def test_seeds_fit_63_bits_and_differ(asked: list[tuple[int, str, int]]) -> None:
    seeds = [derive_seed(*a) for a in asked]
    assert all(0 <= s < 1 << 63 for s in seeds)
    assert len(set(seeds)) == len(asked)


def test_parts_are_not_run_together() -> None:
    assert derive_seed(1, "a", 12) != derive_seed(1, "a", 1, 2)
    assert derive_seed(1, "a", "1") != derive_seed(1, "a", 1)
