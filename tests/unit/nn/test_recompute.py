"""Activations computed again in the backward pass: the same bits, fewer of them kept."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from or1.nn.decoder import Decoder
from tests.unit.nn.test_shared_prompt import deep_decoder


def gradients(decoder: Decoder, *, recompute: bool) -> tuple[list[Tensor], int]:
    """Gradients of a sum of squares, and the elements that autograd kept for them."""
    decoder.recompute = recompute
    kept = 0

    def count(tensor: Tensor) -> Tensor:
        nonlocal kept
        kept += tensor.numel()
        return tensor

    tokens_T = torch.arange(60) % 13
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        loss = decoder.packed(tokens_T, [25, 35]).square().sum()
    return list(torch.autograd.grad(loss, list(decoder.parameters()))), kept


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_same_gradient_from_fewer_kept_elements(dtype: torch.dtype) -> None:
    decoder = deep_decoder(4, 2, dtype)
    plain, kept_plain = gradients(decoder, recompute=False)
    again, kept_again = gradients(decoder, recompute=True)
    assert all(torch.equal(a, b) for a, b in zip(plain, again, strict=True))
    assert kept_again < kept_plain / 3
