"""The variable-length layout, on a stand-in for the GPU kernel that reads it as its documentation says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from or1.nn import varlen_attention
from or1.nn.attention import attend_fused
from or1.nn.block_attention import attend_blocks
from or1.nn.kernels import EXACT, FAST, choose_packed, shares_prompts_on
from or1.nn.varlen_attention import attend_varlen
from tests.small import make_decoder, small_config

AMPERE, TURING = (8, 0), (7, 5)


def varlen_reference(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cu_seq_q: Tensor,
    cu_seq_k: Tensor,
    max_q: int,
    max_k: int,
    *,
    window_size: tuple[int, int],
    enable_gqa: bool,
) -> Tensor:
    """`varlen_attn` sequence by sequence, and nothing behind `max_q` tokens of one."""
    assert cu_seq_q.dtype is cu_seq_k.dtype is torch.int32
    assert window_size == (-1, 0)
    out = torch.full_like(query, torch.nan)
    for start, stop in zip(cu_seq_q.tolist(), cu_seq_q.tolist()[1:], strict=False):
        rows = slice(start, min(stop, start + max_q))
        q, k, v = (x[rows].transpose(0, 1)[None] for x in (query, key, value))
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=enable_gqa)
        out[rows] = mixed[0].transpose(0, 1)
    assert max_k == max_q
    return out


@pytest.fixture
def _reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(varlen_attention, "varlen_attn", varlen_reference)


@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=7), seed=st.integers(0, 99))
def test_any_lengths_give_the_hidden_states_of_the_padded_buckets(lengths: list[int], seed: int) -> None:
    config = small_config(num_layers=2, num_heads=4, num_kv_heads=2)
    tokens = torch.randint(17, (sum(lengths),), generator=torch.Generator().manual_seed(seed))
    kernels = replace(FAST, attend_packed=attend_varlen)
    with pytest.MonkeyPatch.context() as patch, torch.no_grad():
        patch.setattr(varlen_attention, "varlen_attn", varlen_reference)
        got = make_decoder(config, kernels, dtype=torch.float64).packed(tokens, lengths)
    expected = make_decoder(config, dtype=torch.float64).packed(tokens, lengths)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-12)


@pytest.mark.usefixtures("_reference")
def test_gradients_are_those_of_the_padded_buckets() -> None:
    gradients = []
    for attend in (attend_varlen, attend_fused):
        decoder = make_decoder(kernels=replace(FAST, attend_packed=attend), dtype=torch.float64)
        decoder.packed(torch.arange(20) % 17, [9, 1, 10]).square().sum().backward()
        gradients.append([p.grad for p in decoder.parameters()])
    torch.testing.assert_close(gradients[0], gradients[1], rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("dtype", "head_size", "capability", "shares", "expected"),
    [
        (torch.bfloat16, 128, AMPERE, False, attend_varlen),
        (torch.float16, 64, (9, 0), False, attend_varlen),
        (torch.float32, 128, AMPERE, False, attend_fused),
        (torch.bfloat16, 128, TURING, False, attend_fused),
        (torch.bfloat16, 12, AMPERE, False, attend_fused),
        (torch.bfloat16, 264, AMPERE, False, attend_fused),
        (torch.bfloat16, 128, None, False, attend_fused),
        (torch.bfloat16, 128, AMPERE, True, attend_blocks),
        (torch.float32, 8, None, True, attend_blocks),
    ],
)
def test_the_kernel_of_each_device_type_and_size(
    dtype: torch.dtype,
    head_size: int,
    capability: tuple[int, int] | None,
    shares: bool,
    expected: Any,
) -> None:
    assert choose_packed(dtype, head_size, capability, shares_prompts=shares) is expected


def test_prompts_are_shared_on_a_cpu_with_kernels_that_can() -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert shares_prompts_on(cpu, FAST)
    assert not shares_prompts_on(gpu, FAST)
    assert not shares_prompts_on(cpu, EXACT)
