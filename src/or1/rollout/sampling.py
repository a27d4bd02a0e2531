"""Drawing tokens: each draw is a pure function of the rollout and the position, not of the rest of the batch.

A rollout has a 64-bit key from (seed, problem id, index); the uniform number of response token p is a hash
of key and p. So a response is the same for any number of slots, any order of arrival, and after a resume,
without any generator state.

Shape legend: B rows, V vocabulary.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

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

    Never a token of probability 0, where one has more: the uniform number is below 1, and what it is worth is
    kept below the total, to which it may round where that is tiny.
    """
    cumulative_BV = probs_BV.cumsum(-1)
    total = cumulative_BV[:, -1:]
    target = torch.minimum(uniforms_B[:, None] * total, torch.nextafter(total, torch.zeros_like(total)))
    tokens_B = torch.searchsorted(cumulative_BV, target, right=True).squeeze(1)
    return tokens_B.clamp_(max=probs_BV.shape[1] - 1)


@dataclass(frozen=True, slots=True)
class Restriction:
    """Sampling from the likeliest tokens only. For evaluation: training needs the whole distribution."""

    top_p: float = 1.0
    top_k: int | None = None

    @property
    def is_active(self) -> bool:
        return self.top_p < 1.0 or self.top_k is not None

    def apply(self, probs_BV: Tensor) -> Tensor:
        """Zero what is not among the `top_k` likeliest, nor needed to reach `top_p`. Not renormalised.

        Equal probabilities are ranked by token id.
        """
        if not self.is_active:
            return probs_BV
        sorted_BV, order_BV = probs_BV.sort(dim=-1, descending=True, stable=True)
        if self.top_k is not None:
            sorted_BV[:, self.top_k :] = 0.0
        if self.top_p < 1.0:
            total = sorted_BV.sum(-1, keepdim=True)
            before_BV = sorted_BV.cumsum(-1) - sorted_BV
            sorted_BV[before_BV >= self.top_p * total] = 0.0
        return torch.zeros_like(probs_BV).scatter_(1, order_BV, sorted_BV)
