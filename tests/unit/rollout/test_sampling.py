"""Drawing tokens: the hash, the inverse distribution, top-p and top-k.

Shape legend: B rows, V vocabulary.
"""

from __future__ import annotations

import math

import torch
from hypothesis import example, given
from hypothesis import strategies as st

from or1.rollout.sampling import apply_top_k_top_p, draw, rollout_key, uniforms

PROBS = torch.tensor([[0.5, 0.0, 0.25, 0.125, 0.125]])


def split_mix(state: int) -> int:
    """SplitMix64 in Python's own integers: the next output after `state`."""
    mask = (1 << 64) - 1
    z = (state + 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


def test_the_reference_generator_gives_its_known_first_output() -> None:
    assert split_mix(0) == 0xE220A8397B1DCDAF


@given(key=st.integers(-(1 << 63), (1 << 63) - 1), position=st.integers(0, 40_000))
def test_uniforms_are_split_mix(key: int, position: int) -> None:
    got = uniforms(torch.tensor([key]), torch.tensor([position]))
    state = (key + position * 0x9E3779B97F4A7C15) % (1 << 64)
    assert float(got) == (split_mix(state) >> 40) / (1 << 24)


def test_uniforms_are_even_within_a_rollout_and_across_rollouts() -> None:
    """Chi-square over 64 cells, 16,384 numbers, along positions of one key and along keys of one position."""
    keys = torch.tensor([rollout_key(1, "p", i) for i in range(16_384)])
    count = torch.arange(16_384)
    for numbers in (uniforms(keys[:1].expand(16_384), count), uniforms(keys, torch.zeros_like(count))):
        cells = torch.bincount((numbers * 64).long(), minlength=64).double()
        statistic = float(((cells - 256) ** 2 / 256).sum())
        assert abs(statistic - 63) < 6 * math.sqrt(2 * 63)


def test_keys_differ_in_every_ingredient() -> None:
    keys = {rollout_key(seed, problem, i) for seed in (1, 2) for problem in ("a", "b") for i in range(50)}
    assert len(keys) == 200


def test_draw_is_the_inverse_distribution() -> None:
    """Edges belong to the token above them, and a token of probability 0 has no interval."""
    numbers = torch.tensor([0.0, 0.499, 0.5, 0.749, 0.75, 0.874, 0.875, 1 - 2**-24])
    tokens = draw(PROBS.expand(8, 5).contiguous(), numbers)
    assert tokens.tolist() == [0, 0, 2, 2, 3, 3, 4, 4]


@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 30.0))
@example(seed=186, scale=30.0)  # a total below the smallest normal number, to which the product rounds
def test_no_token_of_probability_zero_is_drawn(seed: int, scale: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    probs_BV = torch.softmax(torch.randn(50, 33, generator=generator) * scale, -1)
    probs_BV[:, 20:] = 0.0
    probs_BV[:, 3] = 0.0
    numbers_B = torch.rand(50, generator=generator)
    numbers_B[:10] = 1 - 2**-24
    numbers_B[10:20] = 0.0
    drawn = probs_BV.gather(1, draw(probs_BV, numbers_B)[:, None]).squeeze(1)
    assert bool((drawn > 0)[probs_BV.sum(-1) > 0].all())


def test_draws_follow_the_distribution() -> None:
    num_draws = 40_000
    keys = torch.tensor([rollout_key(5, "p", i) for i in range(num_draws)])
    tokens = draw(PROBS.expand(num_draws, 5).contiguous(), uniforms(keys, torch.zeros_like(keys)))
    shares = torch.bincount(tokens, minlength=5).double() / num_draws
    for share, probability in zip(shares.tolist(), PROBS[0].tolist(), strict=True):
        assert abs(share - probability) <= 5 * math.sqrt(probability * (1 - probability) / num_draws)


def test_top_k_keeps_the_k_likeliest_and_the_first_of_equals() -> None:
    assert apply_top_k_top_p(PROBS.clone(), 3, 1.0).tolist() == [[0.5, 0.0, 0.25, 0.125, 0.0]]


def test_top_p_keeps_the_token_that_crosses_the_bound() -> None:
    """0.5 + 0.25 reaches 0.6; stopping before the crossing token would keep 0.5 alone."""
    assert apply_top_k_top_p(PROBS.clone(), None, 0.6).tolist() == [[0.5, 0.0, 0.25, 0.0, 0.0]]
    assert apply_top_k_top_p(PROBS.clone(), None, 0.5).tolist() == [[0.5, 0.0, 0.0, 0.0, 0.0]]


def test_top_p_is_measured_on_what_top_k_left() -> None:
    """Of 0.5 and 0.25 the first has two thirds: 0.66 needs it alone, 0.67 both."""
    assert apply_top_k_top_p(PROBS.clone(), 2, 0.66).tolist() == [[0.5, 0.0, 0.0, 0.0, 0.0]]
    assert apply_top_k_top_p(PROBS.clone(), 2, 0.67).tolist() == [[0.5, 0.0, 0.25, 0.0, 0.0]]
