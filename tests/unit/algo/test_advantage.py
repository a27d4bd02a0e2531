"""What holds for the advantages of any group."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1.algo import advantages, group_advantages
from or1.config import LossConfig
from or1.testing import make_group

EPS = 1e-6
REWARDS = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]), min_size=2, max_size=16)
MASKS = st.sampled_from(["none", "before", "after"])


@given(REWARDS)
def test_they_sum_to_zero(rewards: list[float]) -> None:
    assert abs(math.fsum(group_advantages(rewards, EPS))) < 1e-12 * len(rewards)


@given(REWARDS)
def test_they_are_standardised(rewards: list[float]) -> None:
    values = group_advantages(rewards, eps=0.0)
    spread = sum(a * a for a in values) / (len(rewards) - 1)
    assert spread == pytest.approx(0.0 if len(set(rewards)) == 1 else 1.0, rel=1e-12)


@given(REWARDS, st.randoms(use_true_random=False))
def test_permuting_the_rollouts_permutes_the_advantages(rewards: list[float], rng: Random) -> None:
    order = list(range(len(rewards)))
    rng.shuffle(order)
    values = group_advantages(rewards, EPS)
    assert group_advantages([rewards[i] for i in order], EPS) == tuple(values[i] for i in order)


@given(REWARDS, st.sampled_from([0.5, 2.0, 8.0]), st.sampled_from([-1.0, 0.0, 3.0]))
def test_shift_and_scale_of_the_reward_change_nothing(
    rewards: list[float], scale: float, shift: float
) -> None:
    moved = group_advantages([scale * r + shift for r in rewards], eps=0.0)
    assert moved == pytest.approx(group_advantages(rewards, eps=0.0), rel=1e-9, abs=1e-12)


@given(REWARDS)
def test_a_better_reward_never_has_a_lower_advantage(rewards: list[float]) -> None:
    paired = sorted(zip(rewards, group_advantages(rewards, EPS), strict=True))
    values = [a for _, a in paired]
    assert values == sorted(values)


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.booleans()), min_size=2, max_size=12), MASKS)
def test_masked_rollouts_get_zero_and_others_are_not_disturbed(
    rollouts: list[tuple[float, bool]], mask: str
) -> None:
    rewards = [0.0 if cut else r for r, cut in rollouts]
    truncated = {i for i, (_, cut) in enumerate(rollouts) if cut}
    loss = LossConfig.model_validate({"truncation_mask": mask})
    values = advantages([make_group(rewards, truncated=truncated)], loss)[0]
    assert values.dtype == np.float32
    ended = [i for i in range(len(rewards)) if i not in truncated]
    if mask != "none":
        assert all(values[i] == 0.0 for i in truncated)
    if mask == "before" and len(ended) >= 2:
        alone = advantages([make_group([rewards[i] for i in ended])], LossConfig())[0]
        assert values[ended].tolist() == alone.tolist()
    if mask == "after":
        whole = advantages([make_group(rewards)], LossConfig())[0]
        assert values[ended].tolist() == whole[ended].tolist()
