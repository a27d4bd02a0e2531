"""Where each token of a packed forward pass goes, and which sequences are computed together.

Sequences are put in order of length and cut into buckets of similar length; a bucket is computed as one
padded batch. Padding stands behind each sequence, where the causal mask hides it, and costs at most
`MAX_PADDING` of the attention. A sequence may continue a shared prompt, which is a sequence of its own.
Shape letters: see `or1.nn`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

MAX_PADDING = 0.15
"""A bucket's shortest sequence is at most this fraction shorter than its longest [fraction]."""
BLOCK = 64
"""Queries of one block [tokens]: long enough for the products, short enough to leave most masked keys out."""
BUCKET_SCORES = 1 << 20
"""Scores of one block of a bucket with shared prompts [elements]: 4 MB stay in cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Sequences of similar length, next to each other in the plan's order."""

    first: int
    """Row of its first token."""
    num_tokens: int
    num_sequences: int
    length: int
    """L"""
    prompt_length: int
    """P; 0 when its sequences have no shared prompt."""
    padded_rows: Tensor | None
    """Row of each padded position [S * L]; None when all lengths are equal."""
    real_positions: Tensor | None
    """Padded position of each token [num_tokens]; None when all lengths are equal."""
    prompt_rows: Tensor | None
    """Row of each prompt position [S * P], prompts flush right; None without prompts."""
    dead_SP: Tensor | None
    """Prompt positions in front of a shorter prompt; None when all prompts are equally long."""

    @property
    def rows(self) -> slice:
        return slice(self.first, self.first + self.num_tokens)

    def pad(self, x_TGD: Tensor) -> Tensor:
        """Rows of the bucket at its padded positions [S * L, G, D]; those behind a sequence repeat its
        last token."""
        return x_TGD[self.rows] if self.padded_rows is None else x_TGD.index_select(0, self.padded_rows)

    def unpad(self, x: Tensor) -> Tensor:
        """Padded positions [S * L, ...] back to tokens [num_tokens, ...]."""
        return x if self.real_positions is None else x.index_select(0, self.real_positions)


class PackedPlan:
    """Where each packed token goes. Built once for a forward pass and used by every layer.

    Args:
        lengths: tokens of each sequence, each at least 1, in packed order.
        parents: index of the sequence that is each one's prompt, or -1 for none; a prompt has no prompt.
            None: every sequence is whole.
        num_heads: H; bounds the size of buckets with shared prompts.
        device: of the index tensors.

    Raises:
        ValueError: an empty sequence, a prompt with a prompt, or not one parent for each sequence.
    """

    def __init__(
        self, lengths: Sequence[int], parents: Sequence[int] | None, num_heads: int, device: torch.device
    ) -> None:
        lengths_S = np.asarray(lengths, dtype=np.int64)
        if lengths_S.size == 0 or lengths_S.min() < 1:
            raise ValueError(f"lengths {list(lengths)[:8]}: every sequence needs at least one token")
        if parents is not None and len(parents) != len(lengths):
            raise ValueError(f"{len(parents)} parents for {len(lengths)} sequences: give one each")
        parents_S = np.full_like(lengths_S, -1) if parents is None else np.asarray(parents, dtype=np.int64)
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
        self.shares_prompts = parents is not None
        self.num_tokens = int(rank_T.size)
        self.num_positions = int(positions_T.max()) + 1
        self.order_T = torch.from_numpy(order_T).to(device)
        """Packed position of each token in the plan's order."""
        self.rank_T = torch.from_numpy(rank_T).to(device)
        """Position in the plan's order of each packed token."""
        self.positions_T = torch.from_numpy(positions_T).to(device)
        """Position of each token in its sequence, counted from the start of its prompt, in the plan's
        order."""
        self.longest = int(lengths_S.max())
        """Tokens of the longest sequence, without its prompt."""
        self._num_heads, self._device = num_heads, device
        self._lengths_S, self._prompts_S, self._parents_S = lengths_S, prompts_S, parents_S
        self._sorted_S, self._offsets_S = sorted_S, offsets_S

    @cached_property
    def bounds_S(self) -> Tensor:
        """First row of each sequence in the plan's order, then the number of rows [S + 1], int32: the form
        that variable-length kernels take."""
        bounds_S = np.append(self._offsets_S[self._sorted_S], self.num_tokens)
        return torch.from_numpy(bounds_S.astype(np.int32)).to(self._device)

    @cached_property
    def buckets(self) -> list[Bucket]:
        """Runs of sequences that are computed as one padded batch."""
        buckets: list[Bucket] = []
        max_scores = BUCKET_SCORES // self._num_heads if self.shares_prompts else None
        start = 0
        while start < self._sorted_S.size:
            chosen_S = _next_bucket(self._sorted_S[start:], self._lengths_S, self._prompts_S, max_scores)
            buckets.append(
                _bucket(
                    chosen_S,
                    self._lengths_S,
                    self._offsets_S,
                    self._prompts_S,
                    self._parents_S,
                    self._device,
                )
            )
            start += chosen_S.size
        return buckets


def _next_bucket(
    rest_S: np.ndarray, lengths: np.ndarray, prompts: np.ndarray, max_scores: int | None
) -> np.ndarray:
    """As many of the next sequences as are similar in length and, for one head, have few scores together."""
    lengths_S, prompts_S = lengths[rest_S], prompts[rest_S]
    has_prompt_S = prompts_S > 0
    fits_S = (lengths_S <= lengths_S[0] / (1.0 - MAX_PADDING)) & (has_prompt_S == has_prompt_S[0])
    if max_scores is not None:
        keys_S = np.maximum.accumulate(prompts_S) + lengths_S
        fits_S &= np.arange(1, rest_S.size + 1) * np.minimum(lengths_S, BLOCK) * keys_S <= max_scores
    return rest_S[: max(1, int(np.argmin(fits_S)) if not fits_S.all() else fits_S.size)]


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
    length, prompt_length = int(lengths_S.max()), int(prompts_S.max())
    padded_rows = real_positions = prompt_rows = dead_SP = None
    if lengths_S.min() < length:
        inside_SL = np.arange(length)[None, :]
        padded_rows = tensor((offsets_S[:, None] + np.minimum(inside_SL, lengths_S[:, None] - 1)).ravel())
        real_positions = tensor(np.flatnonzero((inside_SL < lengths_S[:, None]).ravel()))
    if prompt_length:
        inside_SP = np.arange(prompt_length)[None, :] - (prompt_length - prompts_S)[:, None]
        prompt_rows = tensor((offsets[parents[chosen_S]][:, None] + np.maximum(inside_SP, 0)).ravel())
        dead_SP = tensor(inside_SP < 0) if prompts_S.min() < prompt_length else None
    return Bucket(
        first=int(offsets_S[0]),
        num_tokens=int(lengths_S.sum()),
        num_sequences=chosen_S.size,
        length=length,
        prompt_length=prompt_length,
        padded_rows=padded_rows,
        real_positions=real_positions,
        prompt_rows=prompt_rows,
        dead_SP=dead_SP,
    )
