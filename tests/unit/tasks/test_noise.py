"""Label noise exchanges golds and nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from or1.tasks.noise import exchange_golds
from or1.testing import make_problem
from or1.types import Problem


def problems(num: int, num_values: int) -> list[Problem]:
    return [make_problem(number, gold=str(number % num_values)) for number in range(num)]


def changed(before: list[Problem], after: list[Problem]) -> set[str]:
    return {a.id for b, a in zip(before, after, strict=True) if a.gold != b.gold}


def test_the_share_asked_for_gets_another_gold() -> None:
    before = problems(200, 50)
    after = exchange_golds(before, 0.25, seed=1)
    # reshuffling golds at random would leave about one in fifty of the chosen with its own value
    assert len(changed(before, after)) == 50


@given(
    num=st.integers(0, 40),
    num_values=st.integers(1, 40),
    fraction=st.floats(0, 0.99),
    seed=st.integers(0, 99),
)
def test_golds_are_exchanged_and_all_else_stays(
    num: int, num_values: int, fraction: float, seed: int
) -> None:
    before = problems(num, num_values)
    after = exchange_golds(before, fraction, seed)
    assert Counter(p.gold for p in after) == Counter(p.gold for p in before), (
        "golds are exchanged, not made up"
    )
    assert [replace(a, gold=b.gold) for a, b in zip(after, before, strict=True)] == before, (
        "ids and order stay"
    )
    assert len(changed(before, after)) <= max(round(fraction * num), 2)


def test_the_choice_depends_on_ids_and_seed_alone() -> None:
    before = problems(100, 100)
    after = exchange_golds(before, 0.2, seed=1)
    backwards = exchange_golds(before[::-1], 0.2, seed=1)[::-1]
    assert after == backwards
    assert changed(before, after) != changed(before, exchange_golds(before, 0.2, seed=2))


def test_no_noise_is_no_change() -> None:
    before = problems(10, 10)
    assert exchange_golds(before, 0.0, seed=1) == before


def test_the_smallest_share_still_changes_two() -> None:
    before = problems(10, 10)
    assert len(changed(before, exchange_golds(before, 0.01, seed=1))) == 2
