"""Keys and values of running sequences, in memory that is allocated once.

Shape legend: S slots, B slots in use (the first B), G key-value heads, H query heads, R = H / G, D head size,
M or L positions with room, T packed prompt tokens.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from or1.nn.attention import attend_exact, whole_tiles
from or1.nn.config import DecoderConfig
from or1.nn.native import NativeAttention, native_attention

ALIGNMENT = 64
"""Of the memory on a CPU [bytes]: one cache line."""


class PromptKeyValues:
    """Keys and values of prefilled prompts, by layer.

    Args:
        rank_T: row of each packed token in what is added.
        lengths: tokens of each prompt.
    """

    def __init__(self, rank_T: Tensor, lengths: Sequence[int]) -> None:
        self.rank_T = rank_T
        self.lengths = tuple(lengths)
        self.keys: list[Tensor] = []
        """One [T, G, D] a layer, in packed order."""
        self.values: list[Tensor] = []

    def add(self, k_TGD: Tensor, v_TGD: Tensor) -> None:
        """Keep the next layer's keys and values."""
        self.keys.append(k_TGD.index_select(0, self.rank_T))
        self.values.append(v_TGD.index_select(0, self.rank_T))


class KeyValueCache:
    """Memory for the keys and values of `num_slots` sequences of up to `max_length` positions.

    The memory is taken once, for the longest case; on a CPU the operating system provides its pages when
    they are first written. Inside it each slot's positions lie next to those of the slot before, as many as
    the longest running sequence needs: products over whole slots then read one contiguous block and nothing
    dead. When that sequence outgrows its place, `reserve` spreads the slots.

    Args:
        config: shape of the decoder.
        num_slots: sequences at once.
        max_length: positions of each, prompt and response.
        dtype: of the stored keys and values, and of the attention.
        device: of the memory.
        deterministic: attend as `attend_exact`.
        compiled: on a CPU attend by compiled code where there is a compiler; False = never.
    """

    def __init__(
        self,
        config: DecoderConfig,
        num_slots: int,
        max_length: int,
        dtype: torch.dtype,
        device: torch.device,
        *,
        deterministic: bool = False,
        compiled: bool = True,
    ) -> None:
        self.config = config
        self.num_slots = num_slots
        self.dtype, self.device = dtype, device
        self.deterministic = deterministic
        self.max_length = whole_tiles(max_length) if deterministic else max_length
        self.num_rows = num_slots * config.num_kv_heads
        self.native: NativeAttention | None = None
        if compiled and device.type == "cpu" and not deterministic:
            native = native_attention()
            self.native = native if native is not None and native.supports(dtype) else None
        shape = (config.num_layers, 2, self.num_rows * self.max_length * config.head_size)
        self._memory = _zeros(shape, dtype, device)
        self.length = 0
        """Positions that each slot has room for now, M."""
        self.layers: list[tuple[Tensor, Tensor]] = []
        """Keys and values of each layer, [S * G, M, D]."""
        self.clear()

    def clear(self) -> None:
        """Forget all sequences, so that the next ones start in the smallest room."""
        self.length = 0
        self.reserve(1)

    def reserve(self, live_length: int) -> None:
        """Make room for `live_length` positions in every slot; what is stored stays.

        Raises:
            ValueError: more than `max_length`.
        """
        if live_length <= self.length:
            return
        if live_length > self.max_length:
            raise ValueError(f"{live_length} positions asked of a cache of {self.max_length}")
        old_length, old_layers = self.length, self.layers
        self.length = self._room(live_length)
        size = self.num_rows * self.length * self.config.head_size
        shape = (self.num_rows, self.length, self.config.head_size)
        self.layers = [(k[:size].view(shape), v[:size].view(shape)) for k, v in self._memory]
        if old_length:
            for old, new in zip(old_layers, self.layers, strict=True):
                for source, target in zip(old, new, strict=True):
                    target[:, :old_length] = source.clone()

    def _room(self, live_length: int) -> int:
        """Positions to provide when `live_length` are needed: room to grow, in few different sizes."""
        if self.native is not None:
            return self.max_length  # it reads live positions only
        if self.deterministic:
            return whole_tiles(live_length)
        if self.device.type == "cuda":
            room = max(256, 1 << (live_length - 1).bit_length())
        else:
            step = 32 if live_length <= 512 else 128
            room = -(-live_length // step) * step
        return min(room, self.max_length)

    def step(self, positions_B: Tensor, live_length: int) -> CachedStep:
        """What all layers share while one token is added to each of the first B slots."""
        self.reserve(live_length)
        return CachedStep(self, positions_B)

    def write_prompt(self, prompts: PromptKeyValues, prompt_B: Tensor, slots_B: Tensor) -> None:
        """Copy prefilled prompts into slots, one prompt into as many as name it.

        Args:
            prompts: what `Decoder.prefill` returned.
            prompt_B: index of the prompt for each slot.
            slots_B: slots to fill.
        """
        groups = self.config.num_kv_heads
        rows_BG = slots_B[:, None] * groups + torch.arange(groups, device=slots_B.device)
        lengths_P = torch.tensor(prompts.lengths, device=slots_B.device)
        starts_P = lengths_P.cumsum(0) - lengths_P
        longest = int(lengths_P[prompt_B].max())
        self.reserve(longest)
        inside_L = torch.arange(longest, device=slots_B.device)
        last_P = lengths_P - 1
        source_BL = starts_P[prompt_B, None] + torch.minimum(inside_L, last_P[prompt_B, None])
        for layer, pair in enumerate(zip(prompts.keys, prompts.values, strict=True)):
            for memory, x_TGD in zip(self.layers[layer], pair, strict=True):
                x_BGLD = x_TGD[source_BL].transpose(1, 2).to(memory.dtype)
                memory[rows_BG.flatten(), :longest] = x_BGLD.flatten(0, 1)

    def move(self, sources_N: Tensor, targets_N: Tensor, live_length: int) -> None:
        """Copy slots onto others, up to `live_length` positions."""
        groups = self.config.num_kv_heads
        heads = torch.arange(groups, device=sources_N.device)
        sources = (sources_N[:, None] * groups + heads).flatten()
        targets = (targets_N[:, None] * groups + heads).flatten()
        for pair in self.layers:
            for memory in pair:
                memory[targets, :live_length] = memory[sources, :live_length]


class CachedStep:
    """Attention of one new token per slot to everything its slot holds."""

    def __init__(self, cache: KeyValueCache, positions_B: Tensor) -> None:
        config = cache.config
        self.cache = cache
        self.positions_B = positions_B
        self.num_rows = positions_B.shape[0]
        self.num_heads, self.num_kv_heads, self.head_size = (
            config.num_heads,
            config.num_kv_heads,
            config.head_size,
        )
        num_batches = self.num_rows * self.num_kv_heads
        self.last_key_X = (
            positions_B if self.num_kv_heads == 1 else positions_B.repeat_interleave(self.num_kv_heads)
        )
        if cache.native is not None:
            return
        first_X = torch.arange(num_batches, device=positions_B.device) * cache.length
        self.places_X = first_X + self.last_key_X
        """Row of the new key of each slot and key-value head in the flattened memory."""
        if not cache.deterministic:
            wide = torch.promote_types(cache.dtype, torch.float32)
            dead = torch.arange(cache.length, device=positions_B.device) > self.last_key_X[:, None]
            zeros = torch.zeros(dead.shape, dtype=cache.dtype if dead.is_cuda else wide, device=dead.device)
            self.mask_X1L = zeros.masked_fill_(dead, -torch.inf)[:, None]

    def attend(self, layer: int, qk_BHD: Tensor, v_BGD: Tensor) -> Tensor:
        """Write keys and values, then mix: the `Attend` of a layer. Rows behind B are filling."""
        keys, values = self.cache.layers[layer]
        num_batches, padding = self.num_rows * self.num_kv_heads, qk_BHD.shape[0] - self.num_rows
        hidden_dtype = v_BGD.dtype
        qk_BHD, v_BGD = qk_BHD[: self.num_rows].to(keys.dtype), v_BGD[: self.num_rows].to(keys.dtype)
        if self.cache.native is not None:
            q_BHD, k_BGD = qk_BHD.split([self.num_heads, self.num_kv_heads], 1)
            mixed = self.cache.native.attend(q_BHD, k_BGD, v_BGD, (keys, values), self.last_key_X)
            return mixed.to(hidden_dtype)
        k_XD, v_XD = (x.reshape(num_batches, self.head_size) for x in (qk_BHD[:, self.num_heads :], v_BGD))
        keys.view(-1, self.head_size).index_copy_(0, self.places_X, k_XD)
        values.view(-1, self.head_size).index_copy_(0, self.places_X, v_XD)
        q_XRD = qk_BHD[:, : self.num_heads].reshape(num_batches, -1, self.head_size)
        k_XLD, v_XLD = keys[:num_batches], values[:num_batches]
        if self.cache.deterministic:
            out_XRD = attend_exact(q_XRD, k_XLD, v_XLD, self.last_key_X[:, None].expand(-1, q_XRD.shape[1]))
        elif keys.is_cuda:
            out_XRD = functional.scaled_dot_product_attention(q_XRD, k_XLD, v_XLD, attn_mask=self.mask_X1L)
        else:
            out_XRD = self._mix(q_XRD, k_XLD, v_XLD)
        out_BX = out_XRD.reshape(self.num_rows, -1).to(hidden_dtype)
        return functional.pad(out_BX, (0, 0, 0, padding)) if padding else out_BX

    def _mix(self, q_XRD: Tensor, k_XLD: Tensor, v_XLD: Tensor) -> Tensor:
        """Attention by two products: with few query rows faster than the fused kernel."""
        scale = self.head_size**-0.5
        if q_XRD.dtype is torch.bfloat16:
            scores_XRL = torch.bmm(q_XRD * scale, k_XLD.transpose(1, 2)).float() + self.mask_X1L
            return torch.bmm(torch.softmax(scores_XRL, -1).to(torch.bfloat16), v_XLD)
        scores_XRL = torch.baddbmm(self.mask_X1L, q_XRD, k_XLD.transpose(1, 2), alpha=scale)
        return torch.bmm(torch.softmax(scores_XRL, -1), v_XLD)


def _zeros(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Zeros; on a CPU as pages that the system hands out when they are first written."""
    if device.type != "cpu":
        return torch.zeros(shape, dtype=dtype, device=device)
    num_bytes = math.prod(shape) * dtype.itemsize
    raw = np.zeros(num_bytes + ALIGNMENT, dtype=np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return torch.from_numpy(raw[start : start + num_bytes]).view(dtype).view(shape)
