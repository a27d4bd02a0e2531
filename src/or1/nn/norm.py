"""Root-mean-square norm with the backward written out: one pass instead of the five that autograd records."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """`x / sqrt(mean(x^2) + eps) * weight` over the last axis, the mean in float32 or wider; differentiable.

    Args:
        x: [..., C].
        weight: [C].
        eps: added to the mean square.

    >>> rms_norm(torch.tensor([[3.0, 4.0]]), torch.tensor([1.0, 2.0]), 0.0)
    tensor([[0.8485, 2.2627]])
    """
    if not torch.is_grad_enabled():
        return _normed(x, weight, eps)[0]
    out: Tensor = _RmsNorm.apply(x, weight, eps)
    return out


def _normed(x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """The result, and 1 / root mean square [..., 1]."""
    wide = torch.promote_types(x.dtype, torch.float32)
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=wide)
    inverse = torch.addcmul(length.new_full((), eps), length, length, value=1.0 / x.shape[-1]).rsqrt_()
    return (x.to(wide) * inverse).to(x.dtype) * weight, inverse


class _RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        out, inverse = _normed(x, weight, eps)
        ctx.save_for_backward(x, weight, inverse)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight, inverse = ctx.saved_tensors
        normed = x.to(inverse.dtype) * inverse
        grad = grads[0].to(inverse.dtype)
        grad_weight = (grad * normed).sum(tuple(range(x.dim() - 1))).to(weight.dtype)
        scaled = grad * weight
        along = (scaled * normed).mean(-1, keepdim=True)
        grad_x = torch.addcmul(scaled, normed, along, value=-1.0).mul_(inverse)
        return grad_x.to(x.dtype), grad_weight, None
