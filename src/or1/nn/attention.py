"""Causal attention inside each packed sequence: by the stock kernel, and exactly.

Exact attention gives a row the same bits for any number of rows, sequences and keys beside it. Shape
letters: see `or1.nn`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from or1.nn.linear import padded_rows
from or1.nn.packed_plan import Bucket, PackedPlan

KEYS_PER_TILE = 128
"""Keys summed together in exact attention [keys]; tiles are added one after another, so that the number of
tiles behind the last live key changes nothing."""


def attend_fused(qk_THD: Tensor, v_TGD: Tensor, plan: PackedPlan, num_heads: int) -> Tensor:
    """Causal attention of every packed sequence to itself, by torch's fused kernel. Differentiable.

    Args:
        qk_THD: rotated queries, then keys [T, H + G, D], in the plan's order.
        v_TGD: values [T, G, D].
        plan: of whole sequences.
        num_heads: H.

    Returns:
        [T, H * D].
    """
    outs = []
    for bucket in plan.buckets:
        qk_SHLD, v_SGLD = _padded(bucket, qk_THD), _padded(bucket, v_TGD)
        k_SGLD = qk_SHLD[:, num_heads:]
        if k_SGLD.is_cuda:  # the kernels that take float32 need one key head for each query head
            shared = num_heads // k_SGLD.shape[1]
            k_SGLD, v_SGLD = (x.repeat_interleave(shared, 1) for x in (k_SGLD, v_SGLD))
        out_SHLD = functional.scaled_dot_product_attention(
            qk_SHLD[:, :num_heads], k_SGLD, v_SGLD, is_causal=True, enable_gqa=True
        )
        outs.append(_tokens(bucket, out_SHLD))
    return torch.cat(outs)


def attend_packed_exact(qk_THD: Tensor, v_TGD: Tensor, plan: PackedPlan, num_heads: int) -> Tensor:
    """As `attend_fused`, by the operations of `attend_exact`. Rows behind the plan's tokens stay zero.

    Raises:
        ValueError: the plan shares prompts.
    """
    if plan.shares_prompts:
        raise ValueError("exact attention takes whole sequences: pack them without shared prompts")
    num_rows, num_kv_heads = qk_THD.shape[0], v_TGD.shape[1]
    outs = []
    for bucket in plan.buckets:
        qk_SHLD, v_SGLD = _padded(bucket, qk_THD), _padded(bucket, v_TGD)
        num_sequences, _, length, head_size = qk_SHLD.shape
        shared = num_heads // num_kv_heads
        q_AQD = qk_SHLD[:, :num_heads].reshape(num_sequences * num_kv_heads, shared * length, head_size)
        k_AWD, v_AWD = (
            functional.pad(x.flatten(0, 1), (0, 0, 0, whole_tiles(length) - length))
            for x in (qk_SHLD[:, num_heads:], v_SGLD)
        )
        last_key = torch.arange(length, device=q_AQD.device).repeat(shared)[None]
        out_AQD = attend_exact(q_AQD, k_AWD, v_AWD, last_key)
        outs.append(_tokens(bucket, out_AQD.reshape(num_sequences, num_heads, length, head_size)))
    out = torch.cat(outs)
    return functional.pad(out, (0, 0, 0, num_rows - out.shape[0]))


def _padded(bucket: Bucket, x_THD: Tensor) -> Tensor:
    """Rows of a bucket as [S, H, L, D]."""
    return bucket.pad(x_THD).unflatten(0, (bucket.num_sequences, bucket.length)).transpose(1, 2)


def _tokens(bucket: Bucket, x_SHLD: Tensor) -> Tensor:
    """[S, H, L, D] back to the bucket's rows [num_tokens, H * D]."""
    return bucket.unpad(x_SHLD.transpose(1, 2).reshape(bucket.num_sequences * bucket.length, -1))


def whole_tiles(num_keys: int) -> int:
    """`num_keys` rounded up to whole tiles of keys."""
    return -(-num_keys // KEYS_PER_TILE) * KEYS_PER_TILE


def attend_exact(q_AQD: Tensor, k_AWD: Tensor, v_AWD: Tensor, last_key_AQ: Tensor) -> Tensor:
    """Attention whose rows are the same bits for any number of rows, batches, and keys behind the live ones.

    Rows are filled up to whole tiles, keys are summed tile by tile, and a tile without live keys adds exact
    zeros.

    Args:
        q_AQD: queries, A independent products of Q rows.
        k_AWD: keys, W a multiple of `KEYS_PER_TILE`.
        v_AWD: values; dead keys and values are finite.
        last_key_AQ: largest key index that each query may see, [A, Q] or [1, Q].

    Returns:
        [A, Q, D].
    """
    num_rows, num_keys = q_AQD.shape[1], k_AWD.shape[1]
    missing = padded_rows(num_rows) - num_rows
    q_AQD = functional.pad(q_AQD, (0, 0, 0, missing))
    last_key_AQ = functional.pad(last_key_AQ, (0, missing))
    scores_AQW = torch.bmm(q_AQD, k_AWD.transpose(1, 2)) * q_AQD.shape[-1] ** -0.5
    dead_AQW = torch.arange(num_keys, device=q_AQD.device) > last_key_AQ[:, :, None]
    scores_AQW = scores_AQW.masked_fill(dead_AQW, -torch.inf)
    weights_AQW = (scores_AQW - scores_AQW.detach().amax(-1, keepdim=True)).exp()
    total: Tensor | None = None
    mixed: Tensor | None = None
    for start in range(0, num_keys, KEYS_PER_TILE):
        tile = slice(start, start + KEYS_PER_TILE)
        weights = weights_AQW[:, :, tile].contiguous()
        tile_total, tile_mixed = weights.sum(-1, keepdim=True), torch.bmm(weights, v_AWD[:, tile])
        total = tile_total if total is None else total + tile_total
        mixed = tile_mixed if mixed is None else mixed + tile_mixed
    if total is None or mixed is None:
        raise ValueError("attention needs at least one tile of keys")
    return (mixed / total)[:, :num_rows]
