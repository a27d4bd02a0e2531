"""The row-invariant product: the same bits for a row whatever stands beside it, and ordinary gradients.

Shape legend: N rows, K input features, O output features.
"""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from or1.nn.linear import linear_rows


@settings(max_examples=40)
@given(
    num_rows=st.integers(1, 300),
    first=st.integers(0, 250),
    count=st.integers(1, 100),
    sizes=st.sampled_from([(48, 80), (128, 101), (512, 128), (7, 3)]),
)
def test_a_row_does_not_depend_on_its_neighbours(
    num_rows: int, first: int, count: int, sizes: tuple[int, int]
) -> None:
    generator = torch.Generator().manual_seed(num_rows)
    x_NK = torch.randn(num_rows, sizes[0], generator=generator)
    weight_OK = torch.randn(sizes[1], sizes[0], generator=generator)
    first = min(first, num_rows - 1)
    part = linear_rows(x_NK[first : first + count], weight_OK)
    assert torch.equal(part, linear_rows(x_NK, weight_OK)[first : first + count])


def test_values_and_gradients_are_those_of_the_plain_product() -> None:
    generator = torch.Generator().manual_seed(0)
    x, weight, bias = (
        torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True)
        for shape in ((2, 70, 9), (5, 9), (5,))
    )
    out = linear_rows(x, weight, bias)
    expected = x @ weight.t() + bias
    torch.testing.assert_close(out, expected, rtol=1e-13, atol=1e-13)
    seen = torch.randn(out.shape, generator=generator, dtype=torch.float64)
    ours = torch.autograd.grad(out, (x, weight, bias), seen)
    theirs = torch.autograd.grad(expected, (x, weight, bias), seen)
    for got, wanted in zip(ours, theirs, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)
