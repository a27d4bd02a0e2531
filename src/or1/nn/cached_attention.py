"""Caches and the ways to attend to them: exact, compiled, by products, and in pages on a GPU.

Shape letters: see `or1.nn`.
"""

from __future__ import annotations

import sys

import torch
from torch import Tensor
from torch.nn import functional

from or1.nn.attention import KEYS_PER_TILE, attend_exact, whole_tiles
from or1.nn.cache import Attend, Cache, CachedAttention, KeyValueCache, bytes_per_position
from or1.nn.config import ModelShape
from or1.nn.native import NativeAttention, native_attention
from or1.nn.paged_cache import PagedCache, choose_paged, working_paged
from or1.nn.varlen_attention import capability_of


class ExactCached:
    """By the operations of `attend_exact`: the bits of a packed pass."""

    keys_per_tile = KEYS_PER_TILE

    def capacity(self, live_length: int, max_length: int) -> int:
        return whole_tiles(live_length)

    def step(self, cache: KeyValueCache, positions_B: Tensor) -> Attend:
        step = _Step(cache, positions_B)

        def attend(layer: int, qk_BHD: Tensor, v_BGD: Tensor) -> Tensor:
            q_ARD, k_AWD, v_AWD = step.write(layer, qk_BHD, v_BGD)
            last_key_AR = step.last_key_A[:, None].expand(-1, q_ARD.shape[1])
            out = attend_exact(q_ARD, k_AWD, v_AWD, last_key_AR).reshape(step.num_sequences, -1)
            return functional.pad(out, (0, 0, 0, qk_BHD.shape[0] - step.num_sequences))

        return attend


class CompiledCached:
    """By compiled code on a CPU, which reads live positions only."""

    keys_per_tile = 1

    def __init__(self, native: NativeAttention) -> None:
        self._native = native

    def capacity(self, live_length: int, max_length: int) -> int:
        return max_length

    def step(self, cache: KeyValueCache, positions_B: Tensor) -> Attend:
        config = cache.config
        last_key_A = _by_head(positions_B, config.num_kv_heads)

        def attend(layer: int, qk_BHD: Tensor, v_BGD: Tensor) -> Tensor:
            q_BHD, k_BGD = qk_BHD.split([config.num_heads, config.num_kv_heads], 1)
            return self._native.attend(q_BHD, k_BGD, v_BGD, cache.layers[layer], last_key_A)

        return attend


class ProductCached:
    """By two products on a CPU: with few query rows faster than the fused kernel."""

    keys_per_tile = 1

    def capacity(self, live_length: int, max_length: int) -> int:
        step = 32 if live_length <= 512 else 128
        return min(-(-live_length // step) * step, max_length)

    def step(self, cache: KeyValueCache, positions_B: Tensor) -> Attend:
        step = _Step(cache, positions_B)
        mask_AXW = step.mask(torch.promote_types(cache.dtype, torch.float32))
        scale = cache.config.head_size**-0.5

        def attend(layer: int, qk_BHD: Tensor, v_BGD: Tensor) -> Tensor:
            q_ARD, k_AWD, v_AWD = step.write(layer, qk_BHD, v_BGD)
            if q_ARD.dtype is torch.bfloat16:
                scores_ARW = torch.bmm(q_ARD * scale, k_AWD.transpose(1, 2)).float() + mask_AXW
                out_ARD = torch.bmm(torch.softmax(scores_ARW, -1).to(torch.bfloat16), v_AWD)
            else:
                scores_ARW = torch.baddbmm(mask_AXW, q_ARD, k_AWD.transpose(1, 2), alpha=scale)
                out_ARD = torch.bmm(torch.softmax(scores_ARW, -1), v_AWD)
            return out_ARD.reshape(step.num_sequences, -1)

        return attend


def exact_cache(
    config: ModelShape,
    num_sequences: int,
    max_length: int,
    dtype: torch.dtype,
    device: torch.device,
    max_bytes: int | None,
) -> Cache:
    """A cache with exact attention; any type, any device. See `MakeCache`."""
    num_sequences = min(num_sequences, _num_in(max_bytes, config, whole_tiles(max_length), dtype))
    return KeyValueCache(config, num_sequences, max_length, dtype, device, ExactCached())


def fast_cache(
    config: ModelShape,
    num_sequences: int,
    max_length: int,
    dtype: torch.dtype,
    device: torch.device,
    max_bytes: int | None,
) -> Cache:
    """The cache with the fastest attention for this type on this device. See `MakeCache`."""
    if device.type == "cuda":
        wanted = choose_paged(dtype, config.head_size, capability_of(device))
        attend = working_paged(wanted, config, dtype, device)
        return PagedCache(config, num_sequences, max_length, dtype, device, attend, max_bytes)
    native = native_attention() if device.type == "cpu" else None
    attention: CachedAttention = (
        ProductCached() if native is None or not native.supports(dtype) else CompiledCached(native)
    )
    num_sequences = min(num_sequences, _num_in(max_bytes, config, max_length, dtype))
    return KeyValueCache(config, num_sequences, max_length, dtype, device, attention)


def _num_in(max_bytes: int | None, config: ModelShape, max_length: int, dtype: torch.dtype) -> int:
    """Sequences of full length in this memory; at least 1."""
    if max_bytes is None:
        return sys.maxsize
    return max(1, max_bytes // (bytes_per_position(config, dtype) * max_length))


class _Step:
    """Index tensors that all layers share while one token is added to each of the first B sequences."""

    def __init__(self, cache: KeyValueCache, positions_B: Tensor) -> None:
        config = cache.config
        self._cache = cache
        self._num_heads, self._head_size = config.num_heads, config.head_size
        self.num_sequences = positions_B.shape[0]
        self._num_products = self.num_sequences * config.num_kv_heads
        self.last_key_A = _by_head(positions_B, config.num_kv_heads)
        first_A = torch.arange(self._num_products, device=positions_B.device) * cache.capacity
        self._new_key_A = first_A + self.last_key_A
        """Row of each new key in the flattened memory."""

    def mask(self, dtype: torch.dtype) -> Tensor:
        """0 for live keys, -inf for dead ones [A, 1, W]."""
        capacity, device = self._cache.capacity, self.last_key_A.device
        dead_AW = torch.arange(capacity, device=device) > self.last_key_A[:, None]
        zeros_AW = torch.zeros(dead_AW.shape, dtype=dtype, device=device)
        return zeros_AW.masked_fill_(dead_AW, -torch.inf)[:, None]

    def write(self, layer: int, qk_BHD: Tensor, v_BGD: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Store the new keys and values; queries [A, R, D], and keys and values [A, W, D] of the live
        rows."""
        keys, values = self._cache.layers[layer]
        qk_BHD, v_BGD = qk_BHD[: self.num_sequences], v_BGD[: self.num_sequences]
        k_AD = qk_BHD[:, self._num_heads :].reshape(self._num_products, self._head_size)
        v_AD = v_BGD.reshape(self._num_products, self._head_size)
        keys.view(-1, self._head_size).index_copy_(0, self._new_key_A, k_AD.to(keys.dtype))
        values.view(-1, self._head_size).index_copy_(0, self._new_key_A, v_AD.to(values.dtype))
        q_ARD = qk_BHD[:, : self._num_heads].reshape(self._num_products, -1, self._head_size)
        return q_ARD, keys[: self._num_products], values[: self._num_products]


def _by_head(positions_B: Tensor, num_kv_heads: int) -> Tensor:
    """The position of each pair of sequence and key-value head [A]."""
    return positions_B if num_kv_heads == 1 else positions_B.repeat_interleave(num_kv_heads)
