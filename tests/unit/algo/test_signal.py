"""Which groups are kept, and why the others are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1.algo import advantages, split_by_signal
from or1.algo.advantage import group_advantages
from or1.config import LossConfig
from or1.testing import make_group, make_problem
from or1.types import DropReason, Outcome

REWARDS = st.lists(st.sampled_from([0.0, 0.5, 1.0, None]), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("rewards", "reason"),
    [
        ((1.0, 1.0, 1.0), DropReason.ALL_RIGHT),
        ((0.0, 0.0, 0.0), DropReason.ALL_WRONG),
        ((0.5, 0.5), DropReason.ALL_EQUAL),
        ((1.0, None, None), DropReason.TOO_FEW_JUDGED),
        ((None, None), DropReason.TOO_FEW_JUDGED),
        ((1.0, 1.0, None), DropReason.ALL_RIGHT),
    ],
)
def test_reasons(rewards: tuple[float | None, ...], reason: DropReason) -> None:
    group = make_group(rewards)
    kept, dropped = split_by_signal([group], LossConfig())
    assert kept == []
    assert [(d.group, d.reason) for d in dropped] == [(group, reason)]


def test_a_rollout_that_was_not_judged_leaves_its_group() -> None:
    kept, _ = split_by_signal([make_group((1.0, None, 0.0))], LossConfig())
    assert [[r.index for r in g.rollouts] for g in kept] == [[0, 2]]
    # as a wrong answer it would give (1.15, -0.58, -0.58)
    assert advantages(kept, LossConfig(advantage_eps=0.0))[0].tolist() == pytest.approx(
        [0.70711, -0.70711], abs=1e-5
    )


def test_rejection_off_keeps_every_group_with_a_baseline() -> None:
    groups = [make_group((0.0, 0.0)), make_group((1.0, 0.0)), make_group((1.0, None))]
    kept, dropped = split_by_signal(groups, LossConfig(reject_zero_advantage=False))
    assert [g.rewards_M for g in kept] == [(0.0, 0.0), (1.0, 0.0)]
    assert [d.reason for d in dropped] == [DropReason.TOO_FEW_JUDGED]


@given(st.lists(REWARDS, max_size=6))
def test_every_group_is_kept_or_dropped_in_order(rewards: list[list[float | None]]) -> None:
    groups = [make_group(r, problem=make_problem(n)) for n, r in enumerate(rewards)]
    kept, dropped = split_by_signal(groups, LossConfig())
    order = {g.problem.id: n for n, g in enumerate(groups)}
    places = [order[g.problem.id] for g in kept], [order[d.group.problem.id] for d in dropped]
    assert sorted(places[0] + places[1]) == list(range(len(groups)))
    assert all(p == sorted(p) for p in places)
    assert all(a.any() for a in advantages(kept, LossConfig()))


@given(REWARDS, st.integers(min_value=0, max_value=6))
def test_adding_rollouts_that_were_not_judged_changes_nothing(
    rewards: list[float | None], num_more: int
) -> None:
    before, after = (
        split_by_signal([make_group(r)], LossConfig()) for r in (rewards, rewards + [None] * num_more)
    )
    assert [d.reason for d in before[1]] == [d.reason for d in after[1]]
    assert [a.tolist() for a in advantages(before[0], LossConfig())] == [
        a.tolist() for a in advantages(after[0], LossConfig())
    ]
    assert all(
        r.verdict is not None and r.verdict.outcome is not Outcome.NOT_JUDGED
        for g in after[0]
        for r in g.rollouts
    )


def test_rewards_that_differ_by_rounding_are_no_signal() -> None:
    """Their std of 4e-17 is nothing beside eps = 1e-6; with a smaller eps they would be advantages of 1."""
    rewards = (0.1 + 0.2, 0.3, 0.3)
    assert rewards[0] != rewards[1]
    assert group_advantages(rewards, eps=0.0) == (0.0, 0.0, 0.0)
    assert group_advantages((0.3, 0.3, 0.3001), eps=0.0)[2] == pytest.approx(2 / 3**0.5)
