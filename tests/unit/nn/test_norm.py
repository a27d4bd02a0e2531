"""The norm and its written-out backward, and rotary positions, by numbers worked by hand."""

from __future__ import annotations

import math

import torch

from or1.nn.norm import rms_norm
from or1.nn.rope import rotate


def test_norm_by_hand() -> None:
    """(3, 4): mean square 12.5. Dividing by the length 5 instead of its mean would give 0.6 and 0.8."""
    got = rms_norm(torch.tensor([3.0, 4.0]), torch.tensor([1.0, 2.0]), 0.0)
    torch.testing.assert_close(got, torch.tensor([3.0, 8.0]) / math.sqrt(12.5))


def test_eps_is_added_to_the_mean_square() -> None:
    """Inside the root: 1 / sqrt(1 + 3); added outside it would give 1 / 4."""
    torch.testing.assert_close(rms_norm(torch.ones(1, 4), torch.ones(4), 3.0), torch.full((1, 4), 0.5))


def test_norm_gradients_pass_gradcheck() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 5, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a, b: rms_norm(a, b, 1e-3), (x, weight))


def test_norm_in_bfloat16_is_computed_in_float32() -> None:
    """A sum of squares kept in bfloat16 would stall at 256 ones: the norm of 4,096 ones would not be 1."""
    x = torch.ones(1, 4096, dtype=torch.bfloat16)
    torch.testing.assert_close(rms_norm(x, torch.ones(4096, dtype=torch.bfloat16), 0.0), x, rtol=0, atol=0)


def test_rotation_pairs_the_halves() -> None:
    """A quarter turn of pair (0, 2) takes (1, ., 0, .) to (0, ., 1, .); pairs (0, 1), (2, 3) would not."""
    turned = torch.tensor([[[0.0, 1.0, 0.0, 1.0], [-1.0, 0.0, 1.0, 0.0]]])
    got = rotate(torch.tensor([[[1.0, 5.0, 0.0, 6.0]]]), turned)
    torch.testing.assert_close(got, torch.tensor([[[0.0, 5.0, 1.0, 6.0]]]))
