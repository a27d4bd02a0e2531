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
    out: Tensor = _RmsNorm.apply(x, weight, eps)
    return out


class _RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        wide = torch.promote_types(x.dtype, torch.float32)
        x_wide = x.to(wide)
        rms = torch.linalg.vector_norm(x_wide, dim=-1, keepdim=True).square_().div_(x.shape[-1]).add_(eps).rsqrt_()
        ctx.save_for_backward(x, weight, rms)
        return (x_wide * rms).to(x.dtype) * weight

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight, rms = ctx.saved_tensors
        normed = x.to(rms.dtype) * rms
        grad = grads[0].to(rms.dtype)
        grad_weight = (grad * normed).sum(tuple(range(x.dim() - 1))).to(weight.dtype)
        scaled = grad * weight
        along = (scaled * normed).mean(-1, keepdim=True)
        grad_x = torch.addcmul(scaled, normed, along, value=-1.0).mul_(rms)
        return grad_x.to(x.dtype), grad_weight, None
