"""Keys and values in pages: what a step reads, by which kernel, and where the memory goes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.attention import SDPBackend

from or1.errors import ModelError
from or1.nn import paged_cache
from or1.nn.cache import bytes_per_position
from or1.nn.paged_cache import (
    PAGE,
    PagedCache,
    attend_pages_gathered,
    attend_pages_varlen,
    choose_paged,
    gathered_operands,
    working_paged,
)
from tests.small import small_config

CONFIG = small_config(num_layers=2, num_heads=4, num_kv_heads=2)
PAGE_BYTES = bytes_per_position(CONFIG, torch.float32) * PAGE
NUM_ROWS, PAGES_EACH = 3, 4


def make_cache(num_pages: int | None = None) -> PagedCache:
    max_bytes = None if num_pages is None else (num_pages + 1) * PAGE_BYTES
    return PagedCache(
        CONFIG,
        NUM_ROWS,
        PAGES_EACH * PAGE,
        torch.float32,
        torch.device("cpu"),
        attend_pages_gathered,
        max_bytes,
    )


def varlen_reference(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cu_seq_q: Tensor,
    cu_seq_k: Tensor | None,
    max_q: int,
    max_k: int,
    *,
    enable_gqa: bool,
    seqused_k: Tensor,
    block_table: Tensor,
) -> Tensor:
    """`varlen_attn` of one query a sequence to keys in pages, as its documentation says, in float64."""
    assert enable_gqa
    assert max_q == 1
    assert cu_seq_q.tolist() == list(range(len(query) + 1))
    assert block_table.dtype is seqused_k.dtype is cu_seq_q.dtype is torch.int32
    out = torch.empty_like(query)
    for row, (length, pages) in enumerate(zip(seqused_k.tolist(), block_table.tolist(), strict=True)):
        assert length <= max_k
        where = [(pages[place // PAGE], place % PAGE) for place in range(length)]
        k, v = (torch.stack([x[page, inside] for page, inside in where]).double() for x in (key, value))
        shared = query.shape[1] // k.shape[1]
        for head in range(query.shape[1]):
            scores = k[:, head // shared] @ query[row, head].double() * query.shape[-1] ** -0.5
            out[row, head] = scores.softmax(0) @ v[:, head // shared]
    return out


@pytest.mark.parametrize("case", ["works", "wants bounds", "fails", "ignores lengths"])
def test_a_kernel_that_does_not_work_here_is_replaced(
    case: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def kernel(*arguments: Any, seqused_k: Tensor, **settings: Any) -> Tensor:
        if case == "fails" or (case == "wants bounds" and arguments[4] is None):
            raise RuntimeError("this build has no such kernel\nand more")
        if case == "ignores lengths":
            seqused_k = torch.full_like(seqused_k, arguments[6])
        return varlen_reference(*arguments, seqused_k=seqused_k, **settings)

    monkeypatch.setattr(paged_cache, "varlen_attn", kernel)
    chosen = working_paged(attend_pages_varlen, CONFIG, torch.bfloat16, torch.device("cpu"))
    assert (chosen is attend_pages_varlen) == (case == "works")
    assert (chosen is attend_pages_gathered) == (case in ("fails", "ignores lengths"))
    reason = {"fails": "serves: this build has no such kernel", "ignores lengths": "results differ by"}
    assert reason[case] in caplog.text if case in reason else not caplog.messages


def operands(dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, int]:
    generator = torch.Generator().manual_seed(1)
    q = torch.randn(3, 4, 8, generator=generator).to(dtype)
    k, v = torch.randn(2, 6, PAGE, 2, 8, generator=generator).to(dtype)
    table = torch.tensor([[4, 2, 0, 0], [1, 0, 0, 0], [5, 3, 0, 0]], dtype=torch.int32)
    return q, k, v, table, torch.tensor([PAGE + 1, 1, 2 * PAGE]), 2 * PAGE


def test_both_ways_read_the_same_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paged_cache, "varlen_attn", varlen_reference)
    arguments = operands(torch.float32)
    torch.testing.assert_close(
        attend_pages_gathered(*arguments), attend_pages_varlen(*arguments), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_step_takes_the_fused_kernel_in_the_type_of_the_cache(dtype: torch.dtype) -> None:
    q, k, v, mask = gathered_operands(*operands(dtype))
    assert {x.dtype for x in (q, k, v, mask)} == {dtype}
    assert torch._fused_sdp_choice(q, k, v, mask) == SDPBackend.FLASH_ATTENTION.value
    flat = [x.flatten(0, 1) for x in (q, k, v)]  # three axes: plain products, whatever the type
    assert torch._fused_sdp_choice(*flat) == SDPBackend.MATH.value


@pytest.mark.parametrize(
    ("dtype", "capability", "expected"),
    [
        (torch.bfloat16, (9, 0), attend_pages_varlen),
        (torch.float32, (9, 0), attend_pages_gathered),
        (torch.bfloat16, (7, 5), attend_pages_gathered),
    ],
)
def test_the_kernel_of_each_type_and_gpu(
    dtype: torch.dtype, capability: tuple[int, int], expected: Any
) -> None:
    assert choose_paged(dtype, 128, capability) is expected


def test_memory_follows_the_longest_position_of_each_sequence_alone() -> None:
    """Room for all at the length of the longest would be 3 x 3 pages."""
    cache = make_cache()
    assert cache.make_room(np.array([2 * PAGE + 1, 1, PAGE]))
    assert cache.num_pages - cache.num_free == 3 + 1 + 1


def test_too_few_pages_take_none() -> None:
    cache = make_cache(num_pages=4)
    assert cache.make_room(np.array([PAGE, PAGE, PAGE]))
    assert not cache.make_room(np.array([2 * PAGE, 2 * PAGE, PAGE]))
    assert cache.num_free == 1
    assert cache.make_room(np.array([2 * PAGE, PAGE, PAGE]))


def test_running_sequences_keep_room_for_one_more_page_each() -> None:
    cache = make_cache(num_pages=8)
    assert cache.make_room(np.array([PAGE]))
    assert cache.num_fitting([PAGE, PAGE, PAGE, PAGE], 1) == 3  # 1 kept for the running one, 2 for each new
    assert cache.num_fitting([PAGE + 1, PAGE + 1, 1], 1) == 2
    alone = make_cache(num_pages=PAGES_EACH)
    assert alone.num_fitting([PAGES_EACH * PAGE], 0) == 1


def test_one_sequence_must_fit() -> None:
    with pytest.raises(ModelError, match="one sequence of 1,024 tokens need"):
        make_cache(num_pages=PAGES_EACH - 1)
    with pytest.raises(ModelError, match="and 0 are left"):
        PagedCache(
            CONFIG, 1, 8, torch.float32, torch.device("cpu"), attend_pages_gathered, max_bytes=-(10**9)
        )


@given(data=st.data())
def test_no_page_has_two_owners_and_none_is_lost(data: st.DataObject) -> None:
    cache = make_cache(num_pages=9)
    lengths = [0] * NUM_ROWS
    for _ in range(12):
        what = data.draw(st.sampled_from(["grow", "move", "forget", "clear"]))
        if what == "grow":
            wanted = [data.draw(st.integers(length, PAGES_EACH * PAGE)) for length in lengths]
            lengths = wanted if cache.make_room(np.array(wanted)) else lengths
        elif what == "move":
            source, target = data.draw(st.permutations(range(NUM_ROWS)))[:2]
            cache.move(torch.tensor([source]), torch.tensor([target]), lengths[source])
            lengths[target], lengths[source] = lengths[source], 0
        elif what == "forget":
            first = data.draw(st.integers(0, NUM_ROWS))
            cache.forget(first)
            lengths[first:] = [0] * (NUM_ROWS - first)
        else:
            cache.clear()
            lengths = [0] * NUM_ROWS
        taken = cache._pages_SX[cache._pages_SX > 0].tolist()
        assert sorted(taken + cache._free) == list(range(1, 10))
        owned = [int((row > 0).sum()) for row in cache._pages_SX]
        assert all(own >= paged_cache.num_pages(length) for own, length in zip(owned, lengths, strict=True))
