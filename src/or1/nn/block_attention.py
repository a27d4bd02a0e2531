"""Causal attention of packed sequences by plain matrix products, where sequences may share a prompt.

Made for CPUs, whose stock kernel is slow in the backward: queries go in blocks against all keys up to the
block's end, scores and softmax in float32 or wider, products with the weights in the model's type. A response
attends to its prompt's keys and values, which are computed once for all responses of the prompt. Shape
letters: see `or1.nn`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from or1.memory import KEEP_KEYS
from or1.nn.packed_plan import BLOCK, Bucket, PackedPlan


def attend_blocks(qk_THD: Tensor, v_TGD: Tensor, plan: PackedPlan, num_heads: int) -> Tensor:
    """Causal attention of every sequence to its prompt and itself. Differentiable.

    Args:
        qk_THD: rotated queries, then keys [T, H + G, D], in the plan's order.
        v_TGD: values [T, G, D].
        plan: from lengths and prompts of the sequences.
        num_heads: H.

    Returns:
        [T, H * D].
    """
    out: Tensor = _BlockAttention.apply(qk_THD, v_TGD, plan.buckets, num_heads)
    return out


def _blocks(bucket: Bucket) -> Iterator[tuple[int, int]]:
    """Start and stop of each block of queries."""
    for start in range(0, bucket.length, BLOCK):
        yield start, min(start + BLOCK, bucket.length)


def _keys(bucket: Bucket, x_TGD: Tensor) -> Tensor:
    """[S * G, W, D]: the prompt's rows, then the sequence's own."""
    own = bucket.pad(x_TGD).unflatten(0, (bucket.num_sequences, bucket.length))
    if bucket.prompt_rows is not None:
        prompt = x_TGD.index_select(0, bucket.prompt_rows)
        own = torch.cat([prompt.unflatten(0, (bucket.num_sequences, bucket.prompt_length)), own], 1)
    return own.transpose(1, 2).reshape(-1, bucket.prompt_length + bucket.length, x_TGD.shape[-1])


def _heads_apart(x_NHD: Tensor, num_sequences: int, num_kv_heads: int) -> Tensor:
    """[S * L, H, D] -> [S * G, L * R, D]: row l * R + r of product (s, g)."""
    x = x_NHD.unflatten(0, (num_sequences, -1)).unflatten(2, (num_kv_heads, -1)).transpose(1, 2)
    return x.reshape(num_sequences * num_kv_heads, -1, x_NHD.shape[-1])


def _heads_together(x_AQD: Tensor, num_sequences: int, num_heads: int) -> Tensor:
    """[S * G, L * R, D] -> [S * L, H, D]."""
    num_kv_heads, size = x_AQD.shape[0] // num_sequences, x_AQD.shape[-1]
    x = x_AQD.view(num_sequences, num_kv_heads, -1, num_heads // num_kv_heads, size).transpose(1, 2)
    return x.reshape(-1, num_heads, size)


class _Scores:
    """Attention weights of one bucket, block by block."""

    def __init__(self, bucket: Bucket, q_AQD: Tensor, k_AWD: Tensor, shared: int) -> None:
        wide = torch.promote_types(q_AQD.dtype, torch.float32)
        self._bucket, self._shared, self._dtype = bucket, shared, q_AQD.dtype
        self._q_AQD = q_AQD.to(wide) * q_AQD.shape[-1] ** -0.5
        self._k_ADW = k_AWD.to(wide).transpose(1, 2)
        size = min(BLOCK, bucket.length)
        future = torch.ones(size, size, dtype=torch.bool, device=q_AQD.device).triu(1)
        self._future = future.repeat_interleave(shared, 0)

    def weights(self, start: int, stop: int) -> Tensor:
        """softmax of the block's scores [A, Q, P + stop], in the model's type."""
        bucket, shared = self._bucket, self._shared
        scores = torch.bmm(
            self._q_AQD[:, start * shared : stop * shared], self._k_ADW[:, :, : bucket.prompt_length + stop]
        )
        size = stop - start
        scores[:, :, bucket.prompt_length + start :].masked_fill_(
            self._future[: size * shared, :size], -torch.inf
        )
        if bucket.dead_SP is not None:
            in_prompt = scores.unflatten(0, (bucket.num_sequences, -1))[..., : bucket.prompt_length]
            in_prompt.masked_fill_(bucket.dead_SP[:, None, None, :], -torch.inf)
        return torch.softmax(scores, -1).to(self._dtype)


class _BlockAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, qk_THD: Tensor, v_TGD: Tensor, buckets: list[Bucket], num_heads: int) -> Tensor:
        shared = num_heads // v_TGD.shape[1]
        out_THD = qk_THD.new_empty(qk_THD.shape[0], num_heads, qk_THD.shape[-1])
        kept: list[Tensor] = []
        needs_grad = ctx.needs_input_grad[0] or ctx.needs_input_grad[1]
        for bucket in buckets:
            q_AQD = _heads_apart(bucket.pad(qk_THD[:, :num_heads]), bucket.num_sequences, v_TGD.shape[1])
            v_AWD = _keys(bucket, v_TGD)
            scores = _Scores(bucket, q_AQD, _keys(bucket, qk_THD[:, num_heads:]), shared)
            mixed = torch.empty_like(q_AQD)
            for start, stop in _blocks(bucket):
                weights = scores.weights(start, stop)
                values = v_AWD[:, : bucket.prompt_length + stop]
                mixed[:, start * shared : stop * shared] = torch.bmm(weights, values)
                if needs_grad and bucket.prompt_length + bucket.length <= KEEP_KEYS:
                    kept.append(weights)
            out_THD[bucket.rows] = bucket.unpad(_heads_together(mixed, bucket.num_sequences, num_heads))
        if needs_grad:
            ctx.save_for_backward(qk_THD, v_TGD, *kept)
        ctx.buckets, ctx.num_heads = buckets, num_heads
        return out_THD.flatten(1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        qk_THD, v_TGD, *kept = ctx.saved_tensors
        num_heads, num_kv_heads = ctx.num_heads, v_TGD.shape[1]
        wide = torch.promote_types(qk_THD.dtype, torch.float32)
        grad_THD = grads[0].unflatten(1, (num_heads, -1))
        grad_qk_THD = torch.empty_like(qk_THD)
        # Siblings add to the keys and values of one prompt: gathered in full precision, rounded once.
        grad_k_TGD, grad_v_TGD = (torch.zeros(v_TGD.shape, dtype=wide, device=v_TGD.device) for _ in "kv")
        remaining = iter(kept)
        for bucket in ctx.buckets:
            grad_q, grad_k, grad_v = _bucket_backward(
                bucket, qk_THD[:, :num_heads], qk_THD[:, num_heads:], v_TGD, grad_THD, remaining
            )
            grad_q_NHD = bucket.unpad(_heads_together(grad_q, bucket.num_sequences, num_heads))
            grad_qk_THD[bucket.rows, :num_heads] = grad_q_NHD
            for total_TGD, part_AWD in ((grad_k_TGD, grad_k), (grad_v_TGD, grad_v)):
                part = part_AWD.unflatten(0, (-1, num_kv_heads)).transpose(1, 2)
                total_TGD[bucket.rows] += bucket.unpad(part[:, bucket.prompt_length :].flatten(0, 1))
                if bucket.prompt_rows is not None:
                    total_TGD.index_add_(0, bucket.prompt_rows, part[:, : bucket.prompt_length].flatten(0, 1))
        grad_qk_THD[:, num_heads:] = grad_k_TGD
        return grad_qk_THD, grad_v_TGD.to(v_TGD.dtype), None, None


def _bucket_backward(
    bucket: Bucket, q_THD: Tensor, k_TGD: Tensor, v_TGD: Tensor, grad_THD: Tensor, kept: Iterator[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of padded queries [A, L * R, D], keys and values [A, W, D]."""
    num_kv_heads, shared = v_TGD.shape[1], q_THD.shape[1] // v_TGD.shape[1]
    q_AQD = _heads_apart(bucket.pad(q_THD), bucket.num_sequences, num_kv_heads)
    k_AWD, v_AWD = _keys(bucket, k_TGD), _keys(bucket, v_TGD)
    grad_padded = grad_THD[bucket.rows]
    if bucket.real_positions is not None:
        # Positions behind a sequence repeat its last token and must not count it again.
        zeros = grad_THD.new_zeros(bucket.num_sequences * bucket.length, *grad_THD.shape[1:])
        grad_padded = zeros.index_copy_(0, bucket.real_positions, grad_padded)
    grad_AQD = _heads_apart(grad_padded, bucket.num_sequences, num_kv_heads)
    grad_q = torch.empty_like(q_AQD)
    wide = torch.promote_types(q_AQD.dtype, torch.float32)
    grad_k, grad_v = (torch.zeros(k_AWD.shape, dtype=wide, device=k_AWD.device) for _ in "kv")
    scores = (
        None if bucket.prompt_length + bucket.length <= KEEP_KEYS else _Scores(bucket, q_AQD, k_AWD, shared)
    )
    for start, stop in _blocks(bucket):
        weights = next(kept) if scores is None else scores.weights(start, stop)
        rows, keys = slice(start * shared, stop * shared), slice(0, bucket.prompt_length + stop)
        grad_v[:, keys] += torch.bmm(weights.transpose(1, 2), grad_AQD[:, rows])
        grad_weights = torch.bmm(grad_AQD[:, rows], v_AWD[:, keys].transpose(1, 2))
        grad_scores = torch._softmax_backward_data(grad_weights, weights, -1, weights.dtype)
        grad_q[:, rows] = torch.bmm(grad_scores, k_AWD[:, keys])
        grad_k[:, keys] += torch.bmm(grad_scores.transpose(1, 2), q_AQD[:, rows])
    scale = q_AQD.shape[-1] ** -0.5
    return grad_q.mul_(scale), grad_k.mul_(scale), grad_v
