"""How a decoder computes: the operations that exist more than once, as one value.

`EXACT` gives a token the same bits in every batch, packed or cached; `FAST` is for speed. Another
attention (for context parallelism, for a GPU) is one more function: `replace(FAST, attend_packed=...)`.
Shape letters: see `or1.nn`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from or1.nn.attention import attend_fused, attend_packed_exact
from or1.nn.block_attention import attend_blocks
from or1.nn.cache import CachedAttention
from or1.nn.cached_attention import exact_cached, fast_cached
from or1.nn.head import HeadLogits, head_logits
from or1.nn.linear import ROWS_PER_TILE, linear_rows
from or1.nn.packed_plan import PackedPlan

Linear = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""(inputs [..., K], weight [O, K], bias [O] or None) -> [..., O]."""
AttendPacked = Callable[[Tensor, Tensor, PackedPlan, int], Tensor]
"""(rotated queries and keys [T, H + G, D], values [T, G, D], plan, H) -> [T, H * D]."""
MakeCachedAttention = Callable[[torch.dtype, torch.device], CachedAttention]
"""(type, device) of keys and values -> attention of the decode steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernels:
    """The operations of a decoder and its head."""

    linear: Linear
    attend_packed: AttendPacked
    cached_attention: MakeCachedAttention
    head_logits: HeadLogits
    rows_per_tile: int
    """Rows of a forward pass are filled up to a multiple of this, so that no element-wise kernel sees an odd
    tail; 1 = never [rows]."""
    shares_prompts: bool
    """Whether `attend_packed` takes plans with shared prompts."""


def _attend_packed(qk_THD: Tensor, v_TGD: Tensor, plan: PackedPlan, num_heads: int) -> Tensor:
    attend = attend_blocks if plan.shares_prompts else attend_fused
    return attend(qk_THD, v_TGD, plan, num_heads)


FAST = Kernels(
    linear=functional.linear,
    attend_packed=_attend_packed,
    cached_attention=fast_cached,
    head_logits=head_logits,
    rows_per_tile=1,
    shares_prompts=True,
)
EXACT = Kernels(
    linear=linear_rows,
    attend_packed=attend_packed_exact,
    cached_attention=exact_cached,
    head_logits=linear_rows,
    rows_per_tile=ROWS_PER_TILE,
    shares_prompts=False,
)
"""Every row by the same sequence of operations in `Decoder.packed` and `Decoder.cached`: the same bits,
slower."""
