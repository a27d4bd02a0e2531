"""The shares of ranks: costs by hand, rounds of similar cost, every microbatch once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1.config import LossConfig
from or1.trainer.packing import MicrobatchArrays, pack_arrays, trained_rollouts
from or1.trainer.rank_plan import cost_of, deal
from tests.small import make_batch, small_config


def make_microbatch(
    lengths: tuple[int, ...], num_targets: int, parents: tuple[int, ...] | None = None
) -> MicrobatchArrays:
    return MicrobatchArrays(
        tokens_T=np.zeros(sum(lengths), dtype=np.int64),
        lengths=lengths,
        parents=parents,
        predictors_N=np.zeros(num_targets, dtype=np.int64),
        targets_N=np.zeros(num_targets, dtype=np.int64),
        advantages_N=np.zeros(num_targets),
        weights_N=np.zeros(num_targets),
        behavior_logprobs_N=np.zeros(num_targets, dtype=np.float32),
        names=(f"{lengths}/{num_targets}",),
    )


def test_a_cost_by_hand() -> None:
    # One layer, C = 16, H = 2, G = 1, D = 8, I = 24, V = 17. A token: queries and output 2 x 16 x 16, keys
    # and values 2 x 16 x 8, feed-forward 3 x 16 x 24. A pair of tokens: 2 x 16, for scores and values.
    per_token, per_pair, per_target = 512 + 256 + 1152, 32, 17 * 16
    whole = make_microbatch((6, 4), 3)
    assert cost_of(whole, small_config()) == 10 * per_token + (18 + 8) * per_pair + 3 * per_target
    # Prompt of 6, then 4 tokens that see it: 4 x 6 pairs more.
    shared = make_microbatch((6, 4), 3, parents=(-1, 0))
    assert cost_of(shared, small_config()) == 10 * per_token + (18 + 8 + 24) * per_pair + 3 * per_target


def test_rounds_have_microbatches_of_similar_cost() -> None:
    # In their order the rounds would be (1, 9), (2, 8), (3): the slowest sum to 20, not to 9 + 3 + 1.
    microbatches = [make_microbatch((length,), 1) for length in (1, 9, 2, 8, 3)]
    shares = deal(microbatches, 2, small_config())
    assert [[m.lengths[0] for m in share.microbatches] for share in shares] == [[9, 2, 1], [8, 3, 1]]
    assert [share.num_real for share in shares] == [3, 2]


@given(
    st.integers(1, 6), st.integers(1, 5), st.integers(0, 20), st.integers(4, 40), st.sampled_from((1, 2, 4))
)
def test_every_rollout_counts_once_on_equally_busy_ranks(
    num_groups: int, num_ranks: int, seed: int, limit: int, multiple: int
) -> None:
    rollouts = trained_rollouts(*make_batch(num_groups, seed))
    packed = pack_arrays(rollouts, limit, LossConfig(), share_prompts=True, multiple=multiple)
    shares = deal(packed, num_ranks, small_config())
    counted = [name for s in shares for m in s.microbatches[: s.num_real] for name in m.names]
    assert sorted(counted) == sorted(rollout.name for rollout in rollouts)
    assert {len(share.microbatches) for share in shares} == {-(-len(packed) // num_ranks)}
    weight = sum(m.weights_N.sum() for s in shares for m in s.microbatches[: s.num_real])
    assert weight == pytest.approx(1.0)
