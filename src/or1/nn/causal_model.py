"""What engine and trainer need of a model. `Decoder` and `TransformersDecoder` have it. Shape letters: see
`or1.nn`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from or1.nn.cache import Cache, PromptKeyValues
from or1.nn.config import ModelShape
from or1.nn.kernels import Kernels


class CausalModel(Protocol):
    """Hidden states of a causal language model, packed and cached; the head is applied by the caller.

    The methods are those of `Decoder`, with the same arguments.
    """

    kernels: Kernels
    recompute: bool

    @property
    def config(self) -> ModelShape: ...
    @property
    def head_weight(self) -> Tensor: ...
    @property
    def dtype(self) -> torch.dtype: ...
    @property
    def device(self) -> torch.device: ...
    def weights(self) -> dict[str, Tensor]:
        """Weights for engines, by the names of the model without adapters."""
        ...

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]: ...
    def packed(
        self,
        tokens_T: Tensor,
        lengths: Sequence[int],
        parents: Sequence[int] | None = None,
        rows_N: Tensor | None = None,
    ) -> Tensor: ...
    def prefill(self, tokens_T: Tensor, lengths: Sequence[int]) -> PromptKeyValues: ...
    def new_cache(self, num_sequences: int, max_length: int, max_bytes: int | None = None) -> Cache: ...
    def cached(self, tokens_B: Tensor, positions_B: Tensor, cache: Cache, live_length: int) -> Tensor: ...
