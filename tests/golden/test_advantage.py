"""Worked numbers of the group advantage, each beside the number that a likely bug would give."""

from __future__ import annotations

import math

import pytest

from or1.algo import advantages, group_advantages, split_by_signal
from or1.config import LossConfig
from or1.testing import make_group


def test_one_right_of_four() -> None:
    # mean 0.25, sample variance (0.75^2 + 3 * 0.25^2) / 3 = 0.25, std 0.5
    assert group_advantages((1.0, 0.0, 0.0, 0.0), eps=0.0) == (1.5, -0.5, -0.5, -0.5)
    # the population std is sqrt(3)/4, and would give the right one
    assert 0.75 / (math.sqrt(3) / 4) == pytest.approx(1.7320508)


def test_eps_is_added_to_the_std_and_not_to_the_variance() -> None:
    right = group_advantages((1.0, 0.0), eps=0.5)[0]
    std = math.sqrt(0.5)
    assert right == pytest.approx(0.5 / (std + 0.5), rel=1e-15)
    assert right != pytest.approx(0.5 / math.sqrt(0.5 + 0.5), rel=1e-3)


@pytest.mark.parametrize(("num_right", "size"), [(1, 2), (1, 16), (4, 16), (15, 16), (3, 8)])
def test_binary_rewards_follow_the_closed_form(num_right: int, size: int) -> None:
    """A(right) = sqrt((1 - p) / p) * sqrt((M - 1) / M), A(wrong) = -sqrt(p / (1 - p)) * sqrt((M - 1) / M)."""
    p, shrink = num_right / size, math.sqrt((size - 1) / size)
    values = group_advantages([1.0] * num_right + [0.0] * (size - num_right), eps=0.0)
    assert values[0] == pytest.approx(math.sqrt((1 - p) / p) * shrink, rel=1e-14)
    assert values[-1] == pytest.approx(-math.sqrt(p / (1 - p)) * shrink, rel=1e-14)


def test_fractional_rewards() -> None:
    # mean 0.5, deviations 0.5 0 0 -0.5, sample variance 0.5 / 3
    std = math.sqrt(0.5 / 3)
    expected = (0.5 / std, 0.0, 0.0, -0.5 / std)
    assert group_advantages((1.0, 0.5, 0.5, 0.0), eps=0.0) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("reward", [0.0, 1.0, 0.1])
def test_equal_rewards_give_exactly_zero(reward: float) -> None:
    # 0.1 three times has a mean that is not 0.1 in binary; without the guard the noise is blown up by 1 / eps
    assert group_advantages((reward,) * 3, eps=1e-6) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("rewards", [(), (1.0,)])
def test_a_group_without_a_baseline_is_refused(rewards: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="at least two"):
        group_advantages(rewards, eps=1e-6)


MIXED = make_group((1.0, 0.0, 0.0, 0.0), truncated={3})
"""One right, two wrong, one cut off."""


def _loss(mask: str) -> LossConfig:
    return LossConfig.model_validate({"advantage_eps": 0.0, "truncation_mask": mask})


def test_mask_none_counts_truncated_as_wrong() -> None:
    assert advantages([MIXED], _loss("none"))[0].tolist() == [1.5, -0.5, -0.5, -0.5]


def test_mask_before_takes_truncated_out_of_the_statistics() -> None:
    # (1, 0, 0): mean 1/3, sample variance (4/9 + 2/9) / 2 = 1/3, std 0.57735
    expected = [2 / math.sqrt(3), -1 / math.sqrt(3), -1 / math.sqrt(3), 0.0]
    assert advantages([MIXED], _loss("before"))[0].tolist() == pytest.approx(expected, rel=1e-6)


def test_mask_after_only_zeroes_truncated() -> None:
    assert advantages([MIXED], _loss("after"))[0].tolist() == [1.5, -0.5, -0.5, 0.0]


def test_mask_before_with_one_rollout_left_has_no_baseline() -> None:
    group = make_group((1.0, 0.0, 0.0), truncated={1, 2})
    assert advantages([group], _loss("before"))[0].tolist() == [0.0, 0.0, 0.0]
    kept, dropped = split_by_signal([group], _loss("before"))
    assert not kept
    assert [d.reason.value for d in dropped] == ["masked"]
    # the same group does carry a signal under the other two settings
    assert all(len(split_by_signal([group], _loss(m))[0]) == 1 for m in ("none", "after"))


def test_mask_before_with_equal_rewards_left() -> None:
    group = make_group((1.0, 1.0, 0.0), truncated={2})
    assert advantages([group], _loss("before"))[0].tolist() == [0.0, 0.0, 0.0]
    assert advantages([group], _loss("after"))[0].tolist() == pytest.approx([0.57735, 0.57735, 0.0], abs=1e-5)


def test_a_rollout_without_a_reward_is_never_a_zero() -> None:
    with pytest.raises(ValueError, match="no reward"):
        advantages([make_group((1.0, 0.0, None))], LossConfig())
