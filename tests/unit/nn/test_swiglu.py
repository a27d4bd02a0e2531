"""The gated unit beside the plain formula: values to the bit, gradients by finite differences.

Shape legend: T rows, I intermediate size.
"""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from or1.nn.swiglu import CPU_ROWS, swiglu


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("num_rows", [0, 1, CPU_ROWS, CPU_ROWS + 1, 3 * CPU_ROWS - 5])
def test_values_and_gradients_are_those_of_the_plain_formula(num_rows: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(num_rows)
    x = torch.randn(num_rows, 14, generator=generator).to(dtype).requires_grad_(True)
    up_weights = torch.randn(num_rows, 7, generator=generator).to(dtype)
    gate, up = x.chunk(2, -1)
    plain, fused = functional.silu(gate) * up, swiglu(x)
    assert torch.equal(plain, fused)
    assert torch.equal(plain, swiglu(x.detach()))
    (wanted,) = torch.autograd.grad((plain * up_weights).sum(), (x,))
    (got,) = torch.autograd.grad((fused * up_weights).sum(), (x,))
    torch.testing.assert_close(got, wanted, rtol=1e-6 if dtype == torch.float32 else 1e-2, atol=1e-7)


def test_gradcheck() -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(5, 6, dtype=torch.float64, generator=generator).requires_grad_(True)
    assert torch.autograd.gradcheck(swiglu, (x,))
