"""Causal attention of packed sequences by plain matrix products, where sequences may share a prompt.

Made for CPUs, whose stock kernel is slow in the backward: queries go in blocks against all keys up to the
block's end, scores and softmax in float32 or wider, products with the weights in the model's type. A response
attends to its prompt's keys and values, which are computed once for all responses of the prompt.

Shape legend: T packed tokens in the plan's order, S sequences of a bucket, L its longest, P its longest
prompt, W = P + L keys, H query heads, G key-value heads, R = H / G query heads that share a key-value head, D
head size, N tokens of a bucket, B = S * G products, Q rows of a product's queries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

MAX_PADDING = 0.15
"""A bucket's shortest sequence is at most this share shorter than its longest [fraction]."""
BLOCK = 64
"""Queries of one block [tokens]: long enough for the products, short enough to leave most masked keys out."""
BUCKET_SCORES = 1 << 20
"""Scores of one block of a bucket [elements]: 4 MB stay in cache."""
KEEP_KEYS = 1024
"""Up to so many keys the weights are kept for the backward [tokens]; beyond it they are recomputed."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Sequences of similar length, next to each other in the plan's order."""

    first: int
    """Row of its first token."""
    num_tokens: int
    num_sequences: int
    length: int
    """L"""
    prompt: int
    """P; 0 when its sequences have no shared prompt."""
    query_rows: Tensor | None
    """Row of each padded place [S * L]; None when all lengths are equal."""
    real_places: Tensor | None
    """Padded place of each token [N]; None when all lengths are equal."""
    prompt_rows: Tensor | None
    """Row of each prompt place [S * P], prompts flush right; None without prompts."""
    dead_SP: Tensor | None
    """Prompt places in front of a shorter prompt; None when all prompts are equally long."""

    @property
    def rows(self) -> slice:
        return slice(self.first, self.first + self.num_tokens)

    def blocks(self) -> Iterator[tuple[int, int]]:
        for start in range(0, self.length, BLOCK):
            yield start, min(start + BLOCK, self.length)

    def queries(self, x_THD: Tensor) -> Tensor:
        """[S * L, H, D]; places behind a sequence repeat its last token."""
        return x_THD[self.rows] if self.query_rows is None else x_THD.index_select(0, self.query_rows)

    def keys(self, x_TGD: Tensor) -> Tensor:
        """[S * G, W, D]: the prompt's rows, then the sequence's own."""
        own = self.queries(x_TGD).unflatten(0, (self.num_sequences, self.length))
        if self.prompt_rows is not None:
            shared = x_TGD.index_select(0, self.prompt_rows).unflatten(0, (self.num_sequences, self.prompt))
            own = torch.cat([shared, own], 1)
        return own.transpose(1, 2).reshape(-1, self.prompt + self.length, x_TGD.shape[-1])

    def real(self, x: Tensor) -> Tensor:
        """Padded places [S * L, ...] back to tokens [N, ...]."""
        return x if self.real_places is None else x.index_select(0, self.real_places)


class SharedPromptPlan:
    """Where each packed token goes. Built once for a forward pass and used by every layer.

    Args:
        lengths: tokens of each sequence, each at least 1, in packed order.
        parents: for each sequence the index of the sequence that is its prompt, or -1 for none. A prompt has
        none. num_heads: H, for the size of buckets. device: where the index tensors are to lie.

    Raises:
        ValueError: an empty sequence, or a prompt with a prompt.
    """

    def __init__(
        self, lengths: Sequence[int], parents: Sequence[int], num_heads: int, device: torch.device
    ) -> None:
        lengths_S, parents_S = np.asarray(lengths, dtype=np.int64), np.asarray(parents, dtype=np.int64)
        if lengths_S.size == 0 or lengths_S.min() < 1:
            raise ValueError(f"lengths {list(lengths)[:8]}: every sequence needs at least one token")
        has_parent_S = parents_S >= 0
        if (parents_S[parents_S[has_parent_S]] >= 0).any():
            raise ValueError("a prompt cannot have a prompt")
        prompts_S = np.where(has_parent_S, lengths_S[parents_S], 0)
        sorted_S = np.lexsort((lengths_S, has_parent_S))
        offsets_S = np.empty_like(lengths_S)
        offsets_S[sorted_S] = np.cumsum(lengths_S[sorted_S]) - lengths_S[sorted_S]
        starts_S = np.cumsum(lengths_S) - lengths_S
        inside_T = np.arange(lengths_S.sum()) - np.repeat(starts_S, lengths_S)
        rank_T = inside_T + np.repeat(offsets_S, lengths_S)
        order_T = np.empty_like(rank_T)
        order_T[rank_T] = np.arange(rank_T.size)
        positions_T = (inside_T + np.repeat(prompts_S, lengths_S))[order_T]
        self.num_tokens = int(rank_T.size)
        self.num_positions = int(positions_T.max()) + 1
        self.order_T = torch.from_numpy(order_T).to(device)
        """Packed place of each token in the plan's order."""
        self.rank_T = torch.from_numpy(rank_T).to(device)
        """Place in the plan's order of each packed token."""
        self.positions_T = torch.from_numpy(positions_T).to(device)
        """Position of each token behind its prompt's beginning, in the plan's order."""
        self.buckets: list[Bucket] = []
        start = 0
        while start < sorted_S.size:
            chosen = _next_bucket(sorted_S[start:], lengths_S, prompts_S, num_heads)
            self.buckets.append(_bucket(chosen, lengths_S, offsets_S, prompts_S, parents_S, device))
            start += chosen.size


def _next_bucket(
    rest_S: np.ndarray, lengths_S: np.ndarray, prompts_S: np.ndarray, num_heads: int
) -> np.ndarray:
    """As many of the next sequences as are similar in length and small together."""
    lengths, has_prompt = lengths_S[rest_S], prompts_S[rest_S] > 0
    fits = (lengths <= lengths[0] / (1.0 - MAX_PADDING)) & (has_prompt == has_prompt[0])
    keys = np.maximum.accumulate(prompts_S[rest_S]) + lengths
    fits &= np.arange(1, rest_S.size + 1) * num_heads * np.minimum(lengths, BLOCK) * keys <= BUCKET_SCORES
    return rest_S[: max(1, int(np.argmin(fits)) if not fits.all() else fits.size)]


def _bucket(
    chosen_S: np.ndarray,
    lengths: np.ndarray,
    offsets: np.ndarray,
    prompts: np.ndarray,
    parents: np.ndarray,
    device: torch.device,
) -> Bucket:
    def tensor(values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).to(device)

    lengths_S, offsets_S, prompts_S = lengths[chosen_S], offsets[chosen_S], prompts[chosen_S]
    length, prompt = int(lengths_S.max()), int(prompts_S.max())
    query_rows = real_places = prompt_rows = dead_SP = None
    if lengths_S.min() < length:
        inside_SL = np.arange(length)[None, :]
        query_rows = tensor((offsets_S[:, None] + np.minimum(inside_SL, lengths_S[:, None] - 1)).ravel())
        real_places = tensor(np.flatnonzero((inside_SL < lengths_S[:, None]).ravel()))
    if prompt:
        inside_SP = np.arange(prompt)[None, :] - (prompt - prompts_S)[:, None]
        prompt_rows = tensor((offsets[parents[chosen_S]][:, None] + np.maximum(inside_SP, 0)).ravel())
        dead_SP = tensor(inside_SP < 0) if prompts_S.min() < prompt else None
    return Bucket(
        first=int(offsets_S[0]),
        num_tokens=int(lengths_S.sum()),
        num_sequences=chosen_S.size,
        length=length,
        prompt=prompt,
        query_rows=query_rows,
        real_places=real_places,
        prompt_rows=prompt_rows,
        dead_SP=dead_SP,
    )


def attend_blocks(qk_THD: Tensor, v_TGD: Tensor, plan: SharedPromptPlan, num_heads: int) -> Tensor:
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


def _heads_apart(x_NHD: Tensor, num_sequences: int, num_kv_heads: int) -> Tensor:
    """[S * L, H, D] -> [S * G, L * R, D]: row l * R + r of product (s, g)."""
    x = x_NHD.unflatten(0, (num_sequences, -1)).unflatten(2, (num_kv_heads, -1)).transpose(1, 2)
    return x.reshape(num_sequences * num_kv_heads, -1, x_NHD.shape[-1])


def _heads_together(x_BQD: Tensor, num_sequences: int, num_heads: int) -> Tensor:
    """[S * G, L * R, D] -> [S * L, H, D]."""
    num_kv_heads, size = x_BQD.shape[0] // num_sequences, x_BQD.shape[-1]
    x = x_BQD.view(num_sequences, num_kv_heads, -1, num_heads // num_kv_heads, size).transpose(1, 2)
    return x.reshape(-1, num_heads, size)


class _Scores:
    """Attention weights of one bucket, block by block."""

    def __init__(self, bucket: Bucket, q_BQD: Tensor, k_BWD: Tensor, shared: int) -> None:
        wide = torch.promote_types(q_BQD.dtype, torch.float32)
        self._bucket, self._shared, self._dtype = bucket, shared, q_BQD.dtype
        self._q_BQD = q_BQD.to(wide) * q_BQD.shape[-1] ** -0.5
        self._k_BDW = k_BWD.to(wide).transpose(1, 2)
        size = min(BLOCK, bucket.length)
        future = torch.ones(size, size, dtype=torch.bool, device=q_BQD.device).triu(1)
        self._future = future.repeat_interleave(shared, 0)

    def weights(self, start: int, stop: int) -> Tensor:
        """softmax of the block's scores [B, Q, P + stop], in the model's type."""
        bucket, shared = self._bucket, self._shared
        scores = torch.bmm(
            self._q_BQD[:, start * shared : stop * shared], self._k_BDW[:, :, : bucket.prompt + stop]
        )
        size = stop - start
        scores[:, :, bucket.prompt + start :].masked_fill_(self._future[: size * shared, :size], -torch.inf)
        if bucket.dead_SP is not None:
            in_prompt = scores.unflatten(0, (bucket.num_sequences, -1))[..., : bucket.prompt]
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
            q_BQD = _heads_apart(bucket.queries(qk_THD[:, :num_heads]), bucket.num_sequences, v_TGD.shape[1])
            v_BWD = bucket.keys(v_TGD)
            scores = _Scores(bucket, q_BQD, bucket.keys(qk_THD[:, num_heads:]), shared)
            mixed = torch.empty_like(q_BQD)
            for start, stop in bucket.blocks():
                weights = scores.weights(start, stop)
                values = v_BWD[:, : bucket.prompt + stop]
                mixed[:, start * shared : stop * shared] = torch.bmm(weights, values)
                if needs_grad and bucket.prompt + bucket.length <= KEEP_KEYS:
                    kept.append(weights)
            out_THD[bucket.rows] = bucket.real(_heads_together(mixed, bucket.num_sequences, num_heads))
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
            grad_q_NHD = bucket.real(_heads_together(grad_q, bucket.num_sequences, num_heads))
            grad_qk_THD[bucket.rows, :num_heads] = grad_q_NHD
            for total_TGD, part_BWD in ((grad_k_TGD, grad_k), (grad_v_TGD, grad_v)):
                part = part_BWD.unflatten(0, (-1, num_kv_heads)).transpose(1, 2)
                total_TGD[bucket.rows] += bucket.real(part[:, bucket.prompt :].flatten(0, 1))
                if bucket.prompt_rows is not None:
                    total_TGD.index_add_(0, bucket.prompt_rows, part[:, : bucket.prompt].flatten(0, 1))
        grad_qk_THD[:, num_heads:] = grad_k_TGD
        return grad_qk_THD, grad_v_TGD.to(v_TGD.dtype), None, None


def _bucket_backward(
    bucket: Bucket, q_THD: Tensor, k_TGD: Tensor, v_TGD: Tensor, grad_THD: Tensor, kept: Iterator[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of padded queries [B, L * R, D], keys and values [B, W, D]."""
    num_kv_heads, shared = v_TGD.shape[1], q_THD.shape[1] // v_TGD.shape[1]
    q_BQD = _heads_apart(bucket.queries(q_THD), bucket.num_sequences, num_kv_heads)
    k_BWD, v_BWD = bucket.keys(k_TGD), bucket.keys(v_TGD)
    grad_places = grad_THD[bucket.rows]
    if bucket.real_places is not None:
        # Places behind a sequence repeat its last token and must not count it again.
        zeros = grad_THD.new_zeros(bucket.num_sequences * bucket.length, *grad_THD.shape[1:])
        grad_places = zeros.index_copy_(0, bucket.real_places, grad_places)
    grad_BQD = _heads_apart(grad_places, bucket.num_sequences, num_kv_heads)
    grad_q = torch.empty_like(q_BQD)
    wide = torch.promote_types(q_BQD.dtype, torch.float32)
    grad_k, grad_v = (torch.zeros(k_BWD.shape, dtype=wide, device=k_BWD.device) for _ in "kv")
    scores = None if bucket.prompt + bucket.length <= KEEP_KEYS else _Scores(bucket, q_BQD, k_BWD, shared)
    for start, stop in bucket.blocks():
        weights = next(kept) if scores is None else scores.weights(start, stop)
        rows, keys = slice(start * shared, stop * shared), slice(0, bucket.prompt + stop)
        grad_v[:, keys] += torch.bmm(weights.transpose(1, 2), grad_BQD[:, rows])
        grad_weights = torch.bmm(grad_BQD[:, rows], v_BWD[:, keys].transpose(1, 2))
        grad_scores = torch._softmax_backward_data(grad_weights, weights, -1, weights.dtype)
        grad_q[:, rows] = torch.bmm(grad_scores, k_BWD[:, keys])
        grad_k[:, keys] += torch.bmm(grad_scores.transpose(1, 2), q_BQD[:, rows])
    scale = q_BQD.shape[-1] ** -0.5
    return grad_q.mul_(scale), grad_k.mul_(scale), grad_v
