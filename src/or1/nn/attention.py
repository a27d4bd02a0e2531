"""Causal attention inside each packed sequence.

Sequences are put in order of length and cut into buckets of similar length; a bucket is computed as one
padded batch. Padding stands behind each sequence, where the causal mask hides it, and costs at most
`MAX_PADDING` of the attention.

Shape legend: T packed tokens in order of length, S sequences of a bucket, L its longest, H query heads, G
key-value heads, R = H / G query heads that share a key-value head, D head size, W keys padded to whole
tiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from or1.nn.linear import padded_rows

MAX_PADDING = 0.15
"""A bucket's shortest sequence is at most this share shorter than its longest [fraction]."""
KEYS_PER_TILE = 128
"""Keys summed together in exact attention [keys]; tiles are added one after another, so that the number of
tiles behind the last live key changes nothing."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Sequences of similar length, next to each other in the order of length."""

    first: int
    """Row of its first token."""
    num_tokens: int
    lengths: tuple[int, ...]
    padded_SL: Tensor | None
    """Row of each padded place, relative to `first`; None when all lengths are equal."""
    real_N: Tensor | None
    """Padded place of each token; None when all lengths are equal."""

    @property
    def length(self) -> int:
        return self.lengths[-1]

    def pad(self, x_TXD: Tensor) -> Tensor:
        """Rows of this bucket as [S, X, L, D]."""
        rows = x_TXD[self.first : self.first + self.num_tokens]
        if self.padded_SL is not None:
            rows = rows.index_select(0, self.padded_SL)
        return rows.reshape(len(self.lengths), self.length, *rows.shape[1:]).transpose(1, 2)

    def unpad(self, x_SHLD: Tensor) -> Tensor:
        """[S, H, L, D] back to rows [num_tokens, H * D]."""
        rows = x_SHLD.transpose(1, 2).reshape(len(self.lengths) * self.length, -1)
        return rows if self.real_N is None else rows.index_select(0, self.real_N)


class PackedPlan:
    """Where each packed token goes. Built once for a forward pass and used by every layer.

    Args:
        lengths: tokens of each sequence, in packed order.
        device: where the index tensors are to lie.
    """

    def __init__(self, lengths: Sequence[int], device: torch.device) -> None:
        if len(lengths) == 0 or min(lengths) < 1:
            raise ValueError(f"lengths {list(lengths)[:8]}: every sequence needs at least one token")
        lengths_S = np.asarray(lengths, dtype=np.int64)
        starts_S = np.cumsum(lengths_S) - lengths_S
        by_length_S = np.argsort(lengths_S, kind="stable")
        sorted_S = lengths_S[by_length_S]
        offsets_S = np.cumsum(sorted_S) - sorted_S
        positions_T = np.arange(lengths_S.sum()) - np.repeat(offsets_S, sorted_S)
        order_T = positions_T + np.repeat(starts_S[by_length_S], sorted_S)
        rank_T = np.empty_like(order_T)
        rank_T[order_T] = np.arange(order_T.size)
        self.num_tokens = int(lengths_S.sum())
        self.max_length = int(sorted_S[-1])
        self.order_T = torch.from_numpy(order_T).to(device)
        """Packed place of each token in the order of length."""
        self.rank_T = torch.from_numpy(rank_T).to(device)
        """Place in the order of length of each packed token."""
        self.positions_T = torch.from_numpy(positions_T).to(device)
        """Position of each token inside its sequence, in the order of length."""
        self.buckets = tuple(_buckets(sorted_S, device))


def _buckets(sorted_S: np.ndarray, device: torch.device) -> list[Bucket]:
    buckets, first_row, start = [], 0, 0
    while start < sorted_S.size:
        longest = sorted_S[start] / (1.0 - MAX_PADDING)
        stop = int(np.searchsorted(sorted_S, longest, side="right"))
        buckets.append(_bucket(first_row, sorted_S[start:stop], device))
        first_row += buckets[-1].num_tokens
        start = stop
    return buckets


def _bucket(first: int, lengths_S: np.ndarray, device: torch.device) -> Bucket:
    num_tokens, longest = int(lengths_S.sum()), int(lengths_S[-1])
    lengths = tuple(int(length) for length in lengths_S)
    if lengths[0] == longest:
        return Bucket(first, num_tokens, lengths, None, None)
    offsets_S = np.cumsum(lengths_S) - lengths_S
    inside_SL = np.arange(longest)[None, :]
    padded_SL = offsets_S[:, None] + np.minimum(inside_SL, lengths_S[:, None] - 1)
    real_N = np.flatnonzero((inside_SL < lengths_S[:, None]).ravel())
    return Bucket(
        first,
        num_tokens,
        lengths,
        torch.from_numpy(padded_SL.ravel()).to(device),
        torch.from_numpy(real_N).to(device),
    )


def attend_packed(qk_THD: Tensor, v_TGD: Tensor, plan: PackedPlan, num_heads: int) -> Tensor:
    """Causal attention of every packed sequence to itself. Differentiable.

    Args:
        qk_THD: rotated queries, then keys [T, H + G, D], in the plan's order of length.
        v_TGD: values [T, G, D].
        plan: from the lengths of the sequences.
        num_heads: H.

    Returns:
        [T, H * D].
    """
    outs = []
    for bucket in plan.buckets:
        qk_SHLD, v_SGLD = bucket.pad(qk_THD), bucket.pad(v_TGD)
        out = functional.scaled_dot_product_attention(
            qk_SHLD[:, :num_heads], qk_SHLD[:, num_heads:], v_SGLD, is_causal=True, enable_gqa=True
        )
        outs.append(bucket.unpad(out))
    return torch.cat(outs)


def attend_packed_exact(qk_THD: Tensor, v_TGD: Tensor, plan: PackedPlan, num_heads: int) -> Tensor:
    """As `attend_packed`, by the operations of `attend_exact`. Rows behind the plan's tokens stay zero."""
    num_rows, num_kv_heads = qk_THD.shape[0], v_TGD.shape[1]
    outs = []
    for bucket in plan.buckets:
        qk_SHLD, v_SGLD = bucket.pad(qk_THD), bucket.pad(v_TGD)
        num_sequences, _, length, head_size = qk_SHLD.shape
        shared = num_heads // num_kv_heads
        q = qk_SHLD[:, :num_heads].reshape(num_sequences * num_kv_heads, shared * length, head_size)
        k, v = (
            functional.pad(x.flatten(0, 1), (0, 0, 0, whole_tiles(length) - length))
            for x in (qk_SHLD[:, num_heads:], v_SGLD)
        )
        last_key = torch.arange(length, device=q.device).repeat(shared)[None]
        out = attend_exact(q, k, v, last_key)
        outs.append(bucket.unpad(out.reshape(num_sequences, num_heads, length, head_size)))
    out_TX = torch.cat(outs)
    return functional.pad(out_TX, (0, 0, 0, num_rows - out_TX.shape[0]))


def whole_tiles(num_keys: int) -> int:
    """`num_keys` rounded up to whole tiles of keys."""
    return -(-num_keys // KEYS_PER_TILE) * KEYS_PER_TILE


def attend_exact(q_BND: Tensor, k_BWD: Tensor, v_BWD: Tensor, last_key_BN: Tensor) -> Tensor:
    """Attention whose rows are the same bits for any number of rows, batches, and keys behind the live ones.

    Rows are filled up to whole tiles, keys are summed tile by tile, and a tile without live keys adds exact
    zeros.

    Args:
        q_BND: queries, B independent batches of N rows.
        k_BWD: keys, W a multiple of `KEYS_PER_TILE`.
        v_BWD: values; dead keys and values are finite.
        last_key_BN: largest key index each query may see, [B, N] or [1, N].

    Returns:
        [B, N, D].
    """
    num_rows, num_keys = q_BND.shape[1], k_BWD.shape[1]
    missing = padded_rows(num_rows) - num_rows
    q_BND = functional.pad(q_BND, (0, 0, 0, missing))
    last_key_BN = functional.pad(last_key_BN, (0, missing))
    scores_BNW = torch.bmm(q_BND, k_BWD.transpose(1, 2)) * q_BND.shape[-1] ** -0.5
    dead_BNW = torch.arange(num_keys, device=q_BND.device) > last_key_BN[:, :, None]
    scores_BNW = scores_BNW.masked_fill(dead_BNW, -torch.inf)
    weights_BNW = (scores_BNW - scores_BNW.detach().amax(-1, keepdim=True)).exp()
    total: Tensor | None = None
    mixed: Tensor | None = None
    for start in range(0, num_keys, KEYS_PER_TILE):
        tile = slice(start, start + KEYS_PER_TILE)
        weights = weights_BNW[:, :, tile].contiguous()
        tile_total, tile_mixed = weights.sum(-1, keepdim=True), torch.bmm(weights, v_BWD[:, tile])
        total = tile_total if total is None else total + tile_total
        mixed = tile_mixed if mixed is None else mixed + tile_mixed
    if total is None or mixed is None:
        raise ValueError("attention needs at least one tile of keys")
    return (mixed / total)[:, :num_rows]
