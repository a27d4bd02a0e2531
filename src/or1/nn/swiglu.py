"""The gated unit of the feed-forward block, with its backward written out: silu(gate) * up.

Shape letters: see `or1.nn`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

CPU_ROWS = 512
"""Rows handled together on a CPU [rows]: intermediate results stay in cache.

Autograd's own backward reads and writes memory once for each operation and keeps two more results."""


def swiglu(gate_up: Tensor) -> Tensor:
    """silu(gate) * up; differentiable. Each row is computed by itself.

    Args:
        gate_up: gate in the first half of the last axis, up in the second [T, 2 * I].

    Returns:
        [T, I].

    Source: N. Shazeer, "GLU variants improve transformer", arXiv 2002.05202.

    >>> swiglu(torch.tensor([[0.0, 100.0, 3.0, 4.0]]))
    tensor([[  0., 400.]])
    """
    if not (torch.is_grad_enabled() and gate_up.requires_grad):
        gate, up = gate_up.chunk(2, -1)
        return functional.silu(gate) * up
    out: Tensor = _Swiglu.apply(gate_up)
    return out


def _parts(gate_up: Tensor) -> range:
    rows = CPU_ROWS if gate_up.device.type == "cpu" else max(1, gate_up.shape[0])
    return range(0, gate_up.shape[0], rows)


class _Swiglu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate_up: Tensor) -> Tensor:
        ctx.save_for_backward(gate_up)
        size = gate_up.shape[1] // 2
        out = gate_up.new_empty(gate_up.shape[0], size)
        parts = _parts(gate_up)
        for start in parts:
            rows = slice(start, start + parts.step)
            torch.mul(functional.silu(gate_up[rows, :size]), gate_up[rows, size:], out=out[rows])
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (gate_up,) = ctx.saved_tensors
        size = gate_up.shape[1] // 2
        out = torch.empty_like(gate_up)
        parts = _parts(gate_up)
        for start in parts:
            rows = slice(start, start + parts.step)
            gate, up, grad = gate_up[rows, :size], gate_up[rows, size:], grads[0][rows]
            torch.mul(grad, functional.silu(gate), out=out[rows, size:])
            out[rows, :size] = torch.ops.aten.silu_backward(grad * up, gate)
        return out
