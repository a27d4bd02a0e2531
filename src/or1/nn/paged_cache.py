"""Keys and values of running sequences in pages, so that memory follows the tokens that there are.

For GPUs. A sequence takes a page when it grows into it and gives its pages back when it ends; a table says
which pages are whose. Shape letters: see `or1.nn`; X pages of a sequence.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from or1.errors import ModelError, first_line
from or1.nn.cache import Attend, PromptKeyValues, bytes_per_position
from or1.nn.config import ModelShape
from or1.nn.varlen_attention import has_flash, varlen_attn
from or1.types import Int64

logger = logging.getLogger(__name__)

PAGE = 256
"""Positions of a page; FlashAttention takes multiples of this [positions]."""

TOLERANCE = 0.03
"""Largest difference of a kernel's results on numbers of size 1, for their rounding to bfloat16."""

AttendPages = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, int], Tensor]
"""(queries [B, H, D], keys and values in pages [pages, PAGE, G, D], table [B, X], lengths [B], largest
length) -> [B, H * D]."""


def attend_pages_varlen(
    q_BHD: Tensor,
    k: Tensor,
    v: Tensor,
    table_BX: Tensor,
    lengths_B: Tensor,
    capacity: int,
    *,
    bounds_keys: bool = False,
) -> Tensor:
    """By FlashAttention, which reads the live positions of each sequence where they lie.

    Args (beyond `AttendPages`):
        bounds_keys: pass bounds of the keys too, which a table makes unnecessary: some builds of the kernel
            want them.
    """
    bounds_B = torch.arange(q_BHD.shape[0] + 1, dtype=torch.int32, device=q_BHD.device)
    key_bounds_B = functional.pad(lengths_B.cumsum(0), (1, 0)).to(torch.int32) if bounds_keys else None
    out_BHD = varlen_attn(
        q_BHD,
        k,
        v,
        bounds_B,
        key_bounds_B,
        1,
        capacity,
        enable_gqa=True,
        seqused_k=lengths_B.to(torch.int32),
        block_table=table_BX,
    )
    return out_BHD.flatten(1)


def attend_pages_gathered(
    q_BHD: Tensor, k: Tensor, v: Tensor, table_BX: Tensor, lengths_B: Tensor, capacity: int
) -> Tensor:
    """By a copy of the pages in order and torch's fused kernel: for types and GPUs without FlashAttention."""
    q_BGRD, k_BGWD, v_BGWD, mask_BXXW = gathered_operands(q_BHD, k, v, table_BX, lengths_B, capacity)
    out_BGRD = functional.scaled_dot_product_attention(q_BGRD, k_BGWD, v_BGWD, attn_mask=mask_BXXW)
    return out_BGRD.flatten(1)


def gathered_operands(
    q_BHD: Tensor, k: Tensor, v: Tensor, table_BX: Tensor, lengths_B: Tensor, capacity: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Queries [B, G, R, D], keys and values [B, G, W, D] and the mask [B, 1, 1, W] of a fused kernel.

    Four axes and one type: with three axes or two types torch falls back to plain products. The query heads
    of a key head are its rows, so no kernel has to know of grouped heads.
    """
    pages = table_BX[:, : capacity // PAGE]
    k_BGWD, v_BGWD = (x[pages].flatten(1, 2).transpose(1, 2) for x in (k, v))
    is_live_BW = torch.arange(capacity, device=q_BHD.device) < lengths_B[:, None]
    mask = torch.zeros(is_live_BW.shape, dtype=k.dtype, device=k.device)
    mask_BXXW = mask.masked_fill_(~is_live_BW, -torch.inf)[:, None, None]
    return q_BHD.to(k.dtype).unflatten(1, (k.shape[2], -1)), k_BGWD, v_BGWD, mask_BXXW


def choose_paged(dtype: torch.dtype, head_size: int, capability: tuple[int, int] | None) -> AttendPages:
    """The fastest attention to pages; arguments as for `or1.nn.varlen_attention.has_flash`."""
    return attend_pages_varlen if has_flash(dtype, head_size, capability) else attend_pages_gathered


def working_paged(
    wanted: Callable[..., Tensor], config: ModelShape, dtype: torch.dtype, device: torch.device
) -> AttendPages:
    """`wanted`, if it computes on this device the same as `attend_pages_gathered`; else that, with a
    warning."""
    if wanted is attend_pages_gathered:
        return wanted
    size, groups = config.head_size, config.num_kv_heads
    q_BHD = _waves((2, config.num_heads, size), dtype, device)
    k, v = _waves((2, 3, PAGE, groups, size), dtype, device)
    table_BX = torch.tensor([[2, 1], [1, 0]], dtype=torch.int32, device=device)
    operands = (table_BX, torch.tensor([PAGE + 1, 3], device=device), 2 * PAGE)
    expected = attend_pages_gathered(q_BHD.float(), k.float(), v.float(), *operands)
    reasons = []
    for attend in (wanted, partial(wanted, bounds_keys=True)):
        try:
            worst = (attend(q_BHD, k, v, *operands).float() - expected).abs().max().item()
        except (RuntimeError, TypeError, ValueError) as error:
            reasons.append(first_line(error))
            continue
        if worst <= TOLERANCE:
            return attend
        reasons.append(f"its results differ by {worst:.2g}")
    logger.warning("FlashAttention over pages does not work here, a slower kernel serves: %s", reasons[0])
    return attend_pages_gathered


def _waves(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Different numbers of size 1, without a random generator."""
    return torch.arange(math.prod(shape), device=device).sin().view(shape).to(dtype)


class PagedCache:
    """`Cache` in pages of `PAGE` positions.

    Args:
        config: shape of the decoder.
        num_sequences: sequences at once, S.
        max_length: most positions of each, prompt and response.
        dtype: of the stored keys and values.
        device: of the memory.
        attend: attention of a step.
        max_bytes: most memory; None: enough for all sequences at full length.

    Raises:
        ModelError: one sequence of full length does not fit.
    """

    def __init__(
        self,
        config: ModelShape,
        num_sequences: int,
        max_length: int,
        dtype: torch.dtype,
        device: torch.device,
        attend: AttendPages,
        max_bytes: int | None,
    ) -> None:
        pages_each = num_pages(max_length)
        page_bytes = bytes_per_position(config, dtype) * PAGE
        self.num_pages = num_sequences * pages_each
        """Pages that sequences can take."""
        if max_bytes is not None:
            self.num_pages = min(self.num_pages, max_bytes // page_bytes - 1)
        if self.num_pages < pages_each:
            raise ModelError(
                f"the keys and values of one sequence of {max_length:,} tokens need "
                f"{(pages_each + 1) * page_bytes:,} bytes of GPU memory, and {max(0, max_bytes or 0):,} are "
                "left for them: lower max_response_tokens, or take a GPU with more memory"
            )
        self.config, self.device = config, device
        self.num_sequences, self.max_length = num_sequences, pages_each * PAGE
        self.capacity = PAGE
        self._attend = attend
        groups, size = config.num_kv_heads, config.head_size
        # page 0 belongs to no sequence: rows behind the running ones write there
        shape = (config.num_layers, 2, 1 + self.num_pages, PAGE, groups, size)
        self.layers = [(k, v) for k, v in torch.zeros(shape, dtype=dtype, device=device)]
        self._pages_SX = np.zeros((num_sequences, pages_each), dtype=np.int32)
        self._table_SX = torch.zeros(num_sequences, pages_each, dtype=torch.int32, device=device)
        """A copy of `_pages_SX` for the steps."""
        self._num_taken_S = np.zeros(num_sequences, dtype=np.int64)
        self._free: list[int] = []
        self.clear()

    @property
    def num_free(self) -> int:
        """Pages that no sequence has."""
        return len(self._free)

    def clear(self) -> None:
        self._pages_SX[:] = 0
        self._num_taken_S[:] = 0
        self._free = list(range(self.num_pages, 0, -1))
        self.capacity, self._is_changed = PAGE, True

    def make_room(self, lengths_B: Int64) -> bool:
        wanted_B = num_pages(np.minimum(lengths_B, self.max_length))
        missing_B = np.maximum(wanted_B - self._num_taken_S[: wanted_B.size], 0)
        if missing_B.sum() > len(self._free):
            return False
        for row in np.flatnonzero(missing_B).tolist():
            start, stop = int(self._num_taken_S[row]), int(wanted_B[row])
            self._pages_SX[row, start:stop] = [self._free.pop() for _ in range(start, stop)]
            self._num_taken_S[row] = stop
            self._is_changed = True
        # powers of two: few CUDA graphs
        self.capacity = min(PAGE << (int(wanted_B.max()) - 1).bit_length(), self.max_length)
        if self._is_changed:
            pages_SX = torch.from_numpy(self._pages_SX.copy())
            if self.device.type == "cuda":
                pages_SX = pages_SX.pin_memory()  # so that the copy does not wait for the device
            self._table_SX.copy_(pages_SX, non_blocking=True)
            self._is_changed = False
        return True

    def num_fitting(self, lengths: Sequence[int], num_running: int) -> int:
        """Each running sequence, old and new, must be able to grow by one page; alone, one always fits."""
        wanted = np.cumsum(num_pages(np.asarray(lengths)) + 1) + num_running
        fitting = int((wanted <= len(self._free)).sum())
        return fitting if num_running else max(1, fitting)

    def step(self, positions_B: Tensor, live_length: int) -> Attend:
        num_heads, capacity = self.config.num_heads, self.capacity
        table_BX = self._table_SX[: positions_B.shape[0]]
        pages_B = table_BX.gather(1, (positions_B // PAGE)[:, None]).squeeze(1)
        slots_B, lengths_B = pages_B.to(torch.int64) * PAGE + positions_B % PAGE, positions_B + 1

        def attend(layer: int, qk_BHD: Tensor, v_BGD: Tensor) -> Tensor:
            keys, values = self.layers[layer]
            for memory, new_BGD in ((keys, qk_BHD[:, num_heads:]), (values, v_BGD)):
                memory.flatten(0, 1).index_copy_(0, slots_B, new_BGD.to(memory.dtype))
            return self._attend(qk_BHD[:, :num_heads], keys, values, table_BX, lengths_B, capacity)

        return attend

    def write_prompt(self, prompts: PromptKeyValues, prompt_B: Tensor, rows_B: Tensor) -> None:
        lengths_S = np.asarray(prompts.lengths)
        starts_S = lengths_S.cumsum() - lengths_S
        sources, slots = [], []
        for prompt, row in zip(prompt_B.tolist(), rows_B.tolist(), strict=True):
            inside = np.arange(lengths_S[prompt])
            sources.append(starts_S[prompt] + inside)
            slots.append(self._pages_SX[row, inside // PAGE].astype(np.int64) * PAGE + inside % PAGE)
        source_N, slot_N = (torch.from_numpy(np.concatenate(x)).to(self.device) for x in (sources, slots))
        for layer, pair in enumerate(zip(prompts.keys, prompts.values, strict=True)):
            for memory, x_TGD in zip(self.layers[layer], pair, strict=True):
                memory.flatten(0, 1).index_copy_(0, slot_N, x_TGD[source_N].to(memory.dtype))

    def move(self, sources_F: Tensor, targets_F: Tensor, live_length: int) -> None:
        for source, target in zip(sources_F.tolist(), targets_F.tolist(), strict=True):
            self._release(target)
            self._pages_SX[target] = self._pages_SX[source]
            self._num_taken_S[target] = self._num_taken_S[source]
            self._pages_SX[source], self._num_taken_S[source] = 0, 0

    def forget(self, first_row: int) -> None:
        for row in range(first_row, self.num_sequences):
            self._release(row)

    def _release(self, row: int) -> None:
        self._free.extend(self._pages_SX[row, : self._num_taken_S[row]].tolist())
        self._pages_SX[row], self._num_taken_S[row] = 0, 0
        self._is_changed = True


def num_pages(length: int | Int64) -> Any:
    """Pages that hold this many positions."""
    return -(-length // PAGE)
