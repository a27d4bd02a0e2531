"""Attention kernels on a CUDA device beside the same operation in float64, and which kernel is chosen."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend

from or1.nn.attention import attend_fused
from or1.nn.packed_plan import PackedPlan
from or1.nn.paged_cache import PAGE, attend_pages_gathered, attend_pages_varlen, gathered_operands
from or1.nn.varlen_attention import attend_varlen, capability_of, has_flash
from or1.trainer.adamw8 import AdamW8

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

LENGTHS = [700, 3, 129, 64, 1]
HEADS, GROUPS, SIZE = 12, 2, 128


def need_flash() -> None:
    if not has_flash(torch.bfloat16, SIZE, capability_of(torch.device("cuda"))):
        pytest.skip("this GPU has no FlashAttention")


def packed_operands(dtype: torch.dtype) -> tuple[Tensor, Tensor, PackedPlan]:
    generator = torch.Generator("cuda").manual_seed(0)
    num_tokens = sum(LENGTHS)
    qk = torch.randn(num_tokens, HEADS + GROUPS, SIZE, generator=generator, device="cuda").to(dtype)
    v = torch.randn(num_tokens, GROUPS, SIZE, generator=generator, device="cuda").to(dtype)
    return qk, v, PackedPlan(LENGTHS, None, HEADS, torch.device("cuda"))


def test_packed_values_and_gradients_are_those_of_float64() -> None:
    need_flash()
    qk, v, plan = packed_operands(torch.bfloat16)
    results = []
    for attend, dtype in ((attend_varlen, torch.bfloat16), (attend_fused, torch.float64)):
        inputs = [x.to(dtype).requires_grad_() for x in (qk, v)]
        out = attend(inputs[0], inputs[1], plan, HEADS)
        out.double().square().sum().backward()
        results.append([out, *(x.grad for x in inputs)])
    for own, expected in zip(*results, strict=True):
        assert own is not None
        assert expected is not None
        error = (own.double() - expected).norm() / expected.norm()
        assert error < 0.01


def test_pages_are_read_as_the_table_says() -> None:
    need_flash()
    generator = torch.Generator("cuda").manual_seed(0)
    q = torch.randn(3, HEADS, SIZE, generator=generator, device="cuda").bfloat16()
    k, v = torch.randn(2, 6, PAGE, GROUPS, SIZE, generator=generator, device="cuda").bfloat16()
    table = torch.tensor([[4, 2], [1, 0], [5, 3]], dtype=torch.int32, device="cuda")
    lengths = torch.tensor([PAGE + 1, 1, 2 * PAGE], device="cuda")
    expected = attend_pages_gathered(q.double(), k.double(), v.double(), table, lengths, 2 * PAGE)
    for attend in (attend_pages_varlen, attend_pages_gathered):
        own = attend(q, k, v, table, lengths, 2 * PAGE).double()
        assert (own - expected).norm() / expected.norm() < 0.01


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_copy_of_the_pages_goes_through_a_fused_kernel(dtype: torch.dtype) -> None:
    q = torch.zeros(3, HEADS, SIZE, dtype=dtype, device="cuda")
    k = v = torch.zeros(4, PAGE, GROUPS, SIZE, dtype=dtype, device="cuda")
    table = torch.ones(3, 2, dtype=torch.int32, device="cuda")
    operands = gathered_operands(q, k, v, table, torch.tensor([1, 2, 3], device="cuda"), 2 * PAGE)
    assert torch._fused_sdp_choice(*operands) != SDPBackend.MATH.value


def test_8_bit_moments_follow_32_bits() -> None:
    torch.manual_seed(0)
    start = torch.randn(100_000, device="cuda")
    settings = {"lr": 1e-2, "weight_decay": 0.0, "betas": (0.9, 0.999), "eps": 1e-8}
    ends = []
    for make in (AdamW8, torch.optim.AdamW):
        parameter = torch.nn.Parameter(start.clone())
        optimizer = make([parameter], **settings)
        for step in range(20):
            parameter.grad = parameter.detach() + 0.1 * torch.sin(start * step)
            optimizer.step()
        ends.append(parameter.detach())
    assert ((ends[0] - ends[1]).norm() / (ends[1] - start).norm()) < 0.05
