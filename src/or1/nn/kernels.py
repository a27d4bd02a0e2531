"""How a decoder computes: the operations that exist more than once, as one value.

`EXACT` gives a token the same bits in every batch, packed or cached; `FAST` is for speed. Another
attention (for context parallelism, for a GPU) is one more function: `replace(FAST, attend_packed=...)`.
Shape letters: see `or1.nn`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from or1.nn.attention import attend_fused, attend_packed_exact
from or1.nn.block_attention import attend_blocks
from or1.nn.cache import Cache
from or1.nn.cached_attention import exact_cache, fast_cache
from or1.nn.config import ModelShape
from or1.nn.head import HeadLogits, KnownIds, head_logits
from or1.nn.linear import ROWS_PER_TILE, linear_rows
from or1.nn.packed_plan import PackedPlan
from or1.nn.varlen_attention import attend_varlen, capability_of, has_flash

Linear = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""(inputs [..., K], weight [O, K], bias [O] or None) -> [..., O]."""
AttendPacked = Callable[[Tensor, Tensor, PackedPlan, int], Tensor]
"""(rotated queries and keys [T, H + G, D], values [T, G, D], plan, H) -> [T, H * D]."""
MakeCache = Callable[[ModelShape, int, int, torch.dtype, torch.device, int | None], Cache]
"""(shape, sequences, positions of each, type, device, most memory [bytes] or None) -> an empty cache with its
attention. Less memory than wanted gives room for fewer positions at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernels:
    """The operations of a decoder and its head."""

    linear: Linear
    attend_packed: AttendPacked
    new_cache: MakeCache
    head_logits: HeadLogits
    rows_per_tile: int
    """Rows of a forward pass are filled up to a multiple of this, so that no element-wise kernel sees an odd
    tail; 1 = never [rows]."""
    shares_prompts: bool
    """Whether `attend_packed` takes plans with shared prompts."""


def for_ids(kernels: Kernels, num_ids: int, vocab_size: int) -> Kernels:
    """The kernels of a model whose tokenizer has `num_ids` ids: as they are, where the embedding has no more
    rows."""
    if num_ids >= vocab_size:
        return kernels
    return replace(kernels, head_logits=KnownIds(kernels.head_logits, num_ids))


def choose_packed(
    dtype: torch.dtype, head_size: int, capability: tuple[int, int] | None, *, shares_prompts: bool
) -> AttendPacked:
    """The fastest attention of packed sequences.

    Args:
        dtype: of queries, keys and values.
        head_size: D.
        capability: compute capability of the GPU; None on a CPU.
        shares_prompts: the plan has sequences that continue a shared prompt.
    """
    if shares_prompts:
        return attend_blocks
    return attend_varlen if has_flash(dtype, head_size, capability) else attend_fused


def shares_prompts_on(device: torch.device, kernels: Kernels) -> bool:
    """Whether a prompt is computed once for all its responses in an update.

    Only on a CPU, and not with exact kernels. Variable-length kernels give every sequence its own keys, so on
    a GPU a shared prompt would need `attend_blocks`, whose plain products write every score to memory. That
    costs more than computing the prompts again, for responses are many times longer than prompts.
    """
    return device.type == "cpu" and kernels.shares_prompts


def _attend_packed(qk_THD: Tensor, v_TGD: Tensor, plan: PackedPlan, num_heads: int) -> Tensor:
    attend = choose_packed(
        qk_THD.dtype, qk_THD.shape[-1], capability_of(qk_THD.device), shares_prompts=plan.shares_prompts
    )
    return attend(qk_THD, v_TGD, plan, num_heads)


FAST = Kernels(
    linear=functional.linear,
    attend_packed=_attend_packed,
    new_cache=fast_cache,
    head_logits=head_logits,
    rows_per_tile=1,
    shares_prompts=True,
)
EXACT = Kernels(
    linear=linear_rows,
    attend_packed=attend_packed_exact,
    new_cache=exact_cache,
    head_logits=linear_rows,
    rows_per_tile=ROWS_PER_TILE,
    shares_prompts=False,
)
"""Every row by the same sequence of operations in `Decoder.packed` and `Decoder.cached`: the same bits,
slower."""


def kernels_of(num_ids: int, vocab_size: int, *, exact: bool) -> Kernels:
    """EXACT or FAST for a model whose tokenizer has `num_ids` ids."""
    return for_ids(EXACT if exact else FAST, num_ids, vocab_size)
