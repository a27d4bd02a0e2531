"""Linear layers whose every output row is the same bits, whatever other rows are computed beside it.

A matrix library picks its kernel by the shape of the product, and kernels add in different orders. Here
each product has one shape: rows go through in tiles of `ROWS_PER_TILE`, the last tile filled up with zeros.
Inside a tile every row is summed over K in the same order, so a token's numbers do not depend on how many
tokens stand beside it: a decode step of three sequences and a packed pass over sixteen thousand tokens agree
bit for bit. Shape letters: see `or1.nn`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

ROWS_PER_TILE = 64
"""Rows of one product [rows]. With MKL all multiples of 16 give equal bits; one fixed shape needs no such
property."""


def padded_rows(num_rows: int) -> int:
    """`num_rows` rounded up to whole tiles.

    >>> padded_rows(1), padded_rows(64), padded_rows(65)
    (64, 64, 128)
    """
    return -(-num_rows // ROWS_PER_TILE) * ROWS_PER_TILE


def linear_rows(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`x @ weight.T + bias` with row-invariant bits; differentiable.

    The gradients are plain products: reproducible for the same call, but not row-invariant.

    Args:
        x: [..., K].
        weight: [O, K], same dtype as x.
        bias: [O] or None.

    Returns:
        [..., O].
    """
    rows = x.reshape(-1, x.shape[-1])
    out = _LinearRows.apply(rows, weight)
    if bias is not None:
        out = out + bias
    return out.view(*x.shape[:-1], weight.shape[0])


class _LinearRows(torch.autograd.Function):
    """Forward in fixed tiles, backward in one product each."""

    @staticmethod
    def forward(ctx: Any, x_NK: Tensor, weight_OK: Tensor) -> Tensor:
        ctx.save_for_backward(x_NK, weight_OK)
        num_rows = x_NK.shape[0]
        x_NK = x_NK.contiguous()
        missing = padded_rows(num_rows) - num_rows
        if missing:
            x_NK = functional.pad(x_NK, (0, 0, 0, missing))
        out_NO = x_NK.new_empty(x_NK.shape[0], weight_OK.shape[0])
        weight_KO = weight_OK.t()
        for start in range(0, x_NK.shape[0], ROWS_PER_TILE):
            tile = slice(start, start + ROWS_PER_TILE)
            torch.mm(x_NK[tile], weight_KO, out=out_NO[tile])
        return out_NO[:num_rows]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x_NK, weight_OK = ctx.saved_tensors
        grad_NO = grads[0]
        grad_x = grad_NO @ weight_OK if ctx.needs_input_grad[0] else None
        grad_weight = grad_NO.t() @ x_NK if ctx.needs_input_grad[1] else None
        return grad_x, grad_weight
