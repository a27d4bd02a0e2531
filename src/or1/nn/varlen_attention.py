"""Attention by torch's variable-length FlashAttention kernels, on a GPU: no padding, no mask.

Shape letters: see `or1.nn`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from or1.nn.packed_plan import PackedPlan

FLASH_CAPABILITY = (8, 0)
"""Least compute capability of the kernels: Ampere."""
FLASH_TYPES = (torch.bfloat16, torch.float16)
FLASH_HEAD_SIZES = range(8, 257, 8)


def has_flash(dtype: torch.dtype, head_size: int, capability: tuple[int, int] | None) -> bool:
    """Whether the kernels take this type and head size on a GPU of this compute capability (None: a CPU)."""
    return (
        capability is not None
        and capability >= FLASH_CAPABILITY
        and dtype in FLASH_TYPES
        and head_size in FLASH_HEAD_SIZES
    )


@cache
def capability_of(device: torch.device) -> tuple[int, int] | None:
    """Compute capability of a GPU; None for a CPU."""
    return torch.cuda.get_device_capability(device) if device.type == "cuda" else None


def varlen_attn(*tensors: Any, **settings: Any) -> Tensor:
    """torch's function of this name, imported when first called: with it comes torch.compile, which takes
    seconds to import and which a CPU does not need."""
    from torch.nn.attention.varlen import varlen_attn as attend

    out_THD = attend(*tensors, **settings)
    assert isinstance(out_THD, Tensor)
    return out_THD


def attend_varlen(qk_THD: Tensor, v_TGD: Tensor, plan: PackedPlan, num_heads: int) -> Tensor:
    """Causal attention of every packed sequence to itself. Differentiable. As `attend_fused`."""
    out_THD = varlen_attn(
        qk_THD[:, :num_heads],
        qk_THD[:, num_heads:],
        v_TGD,
        plan.bounds_S,
        plan.bounds_S,
        plan.longest,
        plan.longest,
        window_size=(-1, 0),
        enable_gqa=True,
    )
    return out_THD.flatten(1)
