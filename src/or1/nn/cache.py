"""Keys and values of running sequences, in memory that is allocated once. Shape letters: see `or1.nn`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from or1.memory import position_bytes
from or1.nn.config import ModelShape
from or1.types import Int64

ALIGNMENT = 64
"""CPU memory starts at a multiple of this [bytes]: one cache line."""


def cache_dtype(model_dtype: torch.dtype) -> torch.dtype:
    """The type in which a cache stores keys and values: the model's own."""
    return model_dtype


def bytes_per_position(config: ModelShape, dtype: torch.dtype) -> int:
    """Memory of one position of one sequence: the keys and values of all layers [bytes]."""
    return position_bytes(config, dtype.itemsize)


Attend = Callable[[int, Tensor, Tensor], Tensor]
"""(layer index, rotated queries and keys [T, H + G, D], values [T, G, D]) -> [T, H * D]."""


class CachedAttention(Protocol):
    """Attention of one new token per running sequence to the keys and values in a `KeyValueCache`."""

    keys_per_tile: int
    """The longest capacity is rounded up to a multiple of this [keys]."""

    def capacity(self, live_length: int, max_length: int) -> int:
        """Positions per sequence to provide when `live_length` are needed and `max_length` is the most."""
        ...

    def step(self, cache: KeyValueCache, positions_B: Tensor) -> Attend:
        """The attention of all layers in one step, which adds one token to each of the first B sequences.

        It writes the token's keys and values at its position, then attends to all positions up to it. Rows
        behind B are padding.
        """
        ...


class Cache(Protocol):
    """Keys and values of running sequences; sequence b is row b of the batch."""

    num_sequences: int
    max_length: int
    """Most positions of a sequence, prompt and response."""
    capacity: int
    """Positions per sequence that a step reads; with the number of rows it fixes every shape of a step."""

    def clear(self) -> None:
        """Forget all sequences."""
        ...

    def make_room(self, lengths_B: Int64) -> bool:
        """Provide memory for these many positions in the first B sequences; False: there is not enough."""
        ...

    def num_fitting(self, lengths: Sequence[int], num_running: int) -> int:
        """How many of further sequences with these lengths, in order, have room beside the running ones."""
        ...

    def step(self, positions_B: Tensor, live_length: int) -> Attend:
        """Attention of a step in which each of the first B sequences gets one token."""
        ...

    def write_prompt(self, prompts: PromptKeyValues, prompt_B: Tensor, rows_B: Tensor) -> None:
        """Copy prefilled prompts into rows, the same prompt into any number of them.

        Args:
            prompts: from `Decoder.prefill`.
            prompt_B: index of the prompt for each row, on the host.
            rows_B: sequences to fill, on the host.
        """
        ...

    def move(self, sources_F: Tensor, targets_F: Tensor, live_length: int) -> None:
        """Put sequences in the place of others: the first `live_length` positions. Rows on the host."""
        ...

    def forget(self, first_row: int) -> None:
        """Forget the sequences from this row on."""
        ...


class PromptKeyValues:
    """Keys and values of prefilled prompts, by layer.

    Args:
        rank_T: row of each packed token in the tensors that `add` takes.
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
    """Memory for the keys and values of `num_sequences` sequences of up to `max_length` positions.

    The memory is taken once, for the longest case; on a CPU the operating system provides its pages when
    they are first written. Inside it each sequence's positions lie next to those of the sequence before,
    with the capacity that the longest running sequence needs: products over whole sequences then read one
    contiguous block and nothing dead. When that sequence outgrows its capacity, `reserve` spreads the
    sequences.

    Args:
        config: shape of the decoder.
        num_sequences: sequences at once, S.
        max_length: positions of each, prompt and response.
        dtype: of the stored keys and values (`cache_dtype`).
        device: of the memory.
        attention: computes the attention of a step, and decides about capacities.
    """

    def __init__(
        self,
        config: ModelShape,
        num_sequences: int,
        max_length: int,
        dtype: torch.dtype,
        device: torch.device,
        attention: CachedAttention,
    ) -> None:
        self.config = config
        self.num_sequences = num_sequences
        self.dtype, self.device = dtype, device
        self.attention = attention
        self.max_length = -(-max_length // attention.keys_per_tile) * attention.keys_per_tile
        self.num_rows = num_sequences * config.num_kv_heads
        shape = (config.num_layers, 2, self.num_rows * self.max_length * config.head_size)
        self._memory = _zeros(shape, dtype, device)
        self.capacity = 0
        """Positions that each sequence can hold now, W."""
        self.layers: list[tuple[Tensor, Tensor]] = []
        """Keys and values of each layer, [S * G, W, D]."""
        self.clear()

    def clear(self) -> None:
        """Forget all sequences, so that the next ones start at the smallest capacity."""
        self.capacity = 0
        self.reserve(1)

    def reserve(self, live_length: int) -> None:
        """Raise the capacity to at least `live_length` positions per sequence; stored keys and values stay.

        Raises:
            ValueError: more than `max_length`.
        """
        if live_length <= self.capacity:
            return
        if live_length > self.max_length:
            raise ValueError(f"{live_length} positions do not fit into a cache of {self.max_length}")
        old_capacity, old_layers = self.capacity, self.layers
        self.capacity = self.attention.capacity(live_length, self.max_length)
        size = self.num_rows * self.capacity * self.config.head_size
        shape = (self.num_rows, self.capacity, self.config.head_size)
        self.layers = [(k[:size].view(shape), v[:size].view(shape)) for k, v in self._memory]
        if old_capacity:
            for old, new in zip(old_layers, self.layers, strict=True):
                for source, target in zip(old, new, strict=True):
                    target[:, :old_capacity] = source.clone()

    def make_room(self, lengths_B: Int64) -> bool:
        self.reserve(int(lengths_B.max()))
        return True

    def num_fitting(self, lengths: Sequence[int], num_running: int) -> int:
        return len(lengths)

    def forget(self, first_row: int) -> None:
        """Nothing: the memory stays with the rows."""

    def step(self, positions_B: Tensor, live_length: int) -> Attend:
        self.reserve(live_length)
        return self.attention.step(self, positions_B)

    def write_prompt(self, prompts: PromptKeyValues, prompt_B: Tensor, rows_B: Tensor) -> None:
        prompt_B, rows_B = prompt_B.to(self.device), rows_B.to(self.device)
        groups = self.config.num_kv_heads
        rows_BG = rows_B[:, None] * groups + torch.arange(groups, device=rows_B.device)
        lengths_S = torch.tensor(prompts.lengths, device=rows_B.device)
        starts_S = lengths_S.cumsum(0) - lengths_S
        longest = int(lengths_S[prompt_B].max())
        self.reserve(longest)
        inside_L = torch.arange(longest, device=rows_B.device)
        last_S = lengths_S - 1
        source_BL = starts_S[prompt_B, None] + torch.minimum(inside_L, last_S[prompt_B, None])
        for layer, pair in enumerate(zip(prompts.keys, prompts.values, strict=True)):
            for memory, x_TGD in zip(self.layers[layer], pair, strict=True):
                x_BGLD = x_TGD[source_BL].transpose(1, 2)
                memory[rows_BG.flatten(), :longest] = x_BGLD.flatten(0, 1)

    def move(self, sources_F: Tensor, targets_F: Tensor, live_length: int) -> None:
        sources_F, targets_F = sources_F.to(self.device), targets_F.to(self.device)
        groups = self.config.num_kv_heads
        heads = torch.arange(groups, device=sources_F.device)
        sources = (sources_F[:, None] * groups + heads).flatten()
        targets = (targets_F[:, None] * groups + heads).flatten()
        for pair in self.layers:
            for memory in pair:
                memory[targets, :live_length] = memory[sources, :live_length]


def _zeros(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Zeros; on a CPU as pages that the system hands out when they are first written."""
    if device.type != "cpu":
        return torch.zeros(shape, dtype=dtype, device=device)
    num_bytes = math.prod(shape) * dtype.itemsize
    raw = np.zeros(num_bytes + ALIGNMENT, dtype=np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return torch.from_numpy(raw[start : start + num_bytes]).view(dtype).view(shape)
