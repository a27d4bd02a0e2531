"""Drawing tokens: each draw is a pure function of the rollout and the position, not of the rest of the batch.

A rollout has a 64-bit key from (seed, problem id, index); the uniform number of response token p is a hash
of key and p. So a response is the same for any batch size, any order of arrival, and after a resume,
without any generator state. Shape letters: see `or1.nn`.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

GOLDEN_GAMMA = 0x9E3779B97F4A7C15
MIX_1 = 0xBF58476D1CE4E5B9
MIX_2 = 0x94D049BB133111EB
"""Constants of SplitMix64. Source: Steele, Lea, Flood, Fast splittable pseudorandom generators, 2014."""
UNIFORM_BITS = 24
"""Random bits of a uniform number: all that float32 holds below 1."""


def rollout_key(seed: int, problem_id: str, index: int) -> int:
    """64-bit key of a rollout, as a signed integer."""
    digest = hashlib.blake2b(f"{seed}/{problem_id}/{index}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def uniforms(keys_B: Tensor, positions_B: Tensor) -> Tensor:
    """Uniform numbers in [0, 1) [B]: SplitMix64 of each key, `positions_B + 1` steps on.

    Args:
        keys_B: from `rollout_key`, int64.
        positions_B: index of the response token to draw, int64.
    """
    bits = keys_B + (positions_B + 1) * _signed(GOLDEN_GAMMA)
    bits = (bits ^ _shift(bits, 30)) * _signed(MIX_1)
    bits = (bits ^ _shift(bits, 27)) * _signed(MIX_2)
    bits = bits ^ _shift(bits, 31)
    return _shift(bits, 64 - UNIFORM_BITS).to(torch.float32) * 2.0**-UNIFORM_BITS


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _shift(bits_B: Tensor, count: int) -> Tensor:
    """Logical right shift; torch's own keeps the sign."""
    return (bits_B >> count) & ((1 << (64 - count)) - 1)


def draw(probs_BV: Tensor, uniforms_B: Tensor) -> Tensor:
    """Token whose interval of the cumulative distribution holds the uniform number [B].

    Never a token of probability 0, where one has more: the uniform number is below 1, and its product
    with the total, which may round up to a tiny total, is kept below it.
    """
    cumulative_BV = probs_BV.cumsum(-1)
    total = cumulative_BV[:, -1:]
    target = torch.minimum(uniforms_B[:, None] * total, torch.nextafter(total, torch.zeros_like(total)))
    tokens_B = torch.searchsorted(cumulative_BV, target, right=True).squeeze(1)
    return tokens_B.clamp_(max=probs_BV.shape[1] - 1)


def apply_top_k_top_p(probs_BV: Tensor, top_k: int | None, top_p: float) -> Tensor:
    """Zero all but the `top_k` likeliest tokens, and of these all that `top_p` does not need. Not
    renormalised.

    Equal probabilities are ranked by token id. For evaluation: training needs the whole distribution.

    Args:
        probs_BV: probabilities; returned as they are when nothing is restricted.
        top_k: None = any number of tokens.
        top_p: 1 = all of the probability [fraction].
    """
    if top_p >= 1.0 and top_k is None:
        return probs_BV
    sorted_BV, order_BV = probs_BV.sort(dim=-1, descending=True, stable=True)
    if top_k is not None:
        sorted_BV[:, top_k:] = 0.0
    if top_p < 1.0:
        total = sorted_BV.sum(-1, keepdim=True)
        before_BV = sorted_BV.cumsum(-1) - sorted_BV
        sorted_BV[before_BV >= top_p * total] = 0.0
    return torch.zeros_like(probs_BV).scatter_(1, order_BV, sorted_BV)
