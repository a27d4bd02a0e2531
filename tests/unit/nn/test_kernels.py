"""Kernels as a value: another attention is one more function, and the decoder computes with it.

Shape legend: see `or1.nn`.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from or1.nn.cache import bytes_per_position, cache_dtype
from or1.nn.decoder import Decoder
from or1.nn.kernels import FAST
from or1.nn.packed_plan import PackedPlan
from tests.small import make_decoder, small_config

CONFIG = small_config(num_layers=2, num_heads=4, num_kv_heads=2)
LENGTHS = [5, 1, 9, 8]


def attend_masked(qk_THD: Tensor, v_TGD: Tensor, plan: PackedPlan, num_heads: int) -> Tensor:
    """All tokens against all tokens; the mask leaves earlier tokens of the same sequence."""
    sequence_T = (plan.positions_T == 0).cumsum(0)
    is_seen = (sequence_T[:, None] == sequence_T) & (plan.positions_T[:, None] >= plan.positions_T)
    shared = num_heads // v_TGD.shape[1]
    q, k = qk_THD[:, :num_heads], qk_THD[:, num_heads:].repeat_interleave(shared, 1)
    scores = torch.einsum("thd,uhd->htu", q, k) * q.shape[-1] ** -0.5
    weights = scores.masked_fill(~is_seen, -torch.inf).softmax(-1)
    return torch.einsum("htu,uhd->thd", weights, v_TGD.repeat_interleave(shared, 1)).flatten(1)


def hidden(decoder: Decoder) -> Tensor:
    with torch.no_grad():
        return decoder.packed(torch.arange(sum(LENGTHS)) % 17, LENGTHS)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_cache_holds_the_bytes_that_are_counted_for_a_position(dtype: torch.dtype) -> None:
    cache = make_decoder(CONFIG, dtype=dtype).new_cache(num_sequences=3, max_length=64)
    cache.reserve(cache.max_length)
    assert {memory.dtype for pair in cache.layers for memory in pair} == {cache_dtype(dtype)}
    num_bytes = sum(memory.nbytes for pair in cache.layers for memory in pair)
    assert num_bytes == bytes_per_position(CONFIG, cache_dtype(dtype)) * 3 * cache.max_length


def test_a_further_attention_is_one_function() -> None:
    calls = []

    def attend(qk_THD: Tensor, v_TGD: Tensor, plan: PackedPlan, num_heads: int) -> Tensor:
        calls.append(num_heads)
        return attend_masked(qk_THD, v_TGD, plan, num_heads)

    own = hidden(make_decoder(CONFIG, replace(FAST, attend_packed=attend), dtype=torch.float64))
    torch.testing.assert_close(own, hidden(make_decoder(CONFIG, dtype=torch.float64)), rtol=0, atol=1e-12)
    assert calls == [4, 4]  # once per layer
