"""What engine and trainer need of a model. `Decoder` and `TransformersDecoder` have it. Shape letters: see
`or1.nn`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from or1.nn.cache import KeyValueCache, PromptKeyValues
from or1.nn.config import ModelShape
from or1.nn.kernels import Kernels

T = TypeVar("T")


class FunctionModule(nn.Module):
    """A module whose forward pass is any function of it.

    What hooks of the forward pass do, such as the gathering of sharded weights, then holds for the body and
    for the head, which is outside of the model.
    """

    def forward(self, function: Callable[..., T], *args: object) -> T:
        """The result of `function(self, *args)`."""
        return function(self, *args)


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

    @property
    def layers(self) -> Sequence[nn.Module]:
        """The layers, in order."""
        ...

    def __call__(self, function: Callable[..., T], *args: Any) -> T:
        """Run a function of the model inside the hooks of its forward pass: `function(self, *args)`."""
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
    def new_cache(self, num_sequences: int, max_length: int) -> KeyValueCache: ...
    def cached(
        self, tokens_B: Tensor, positions_B: Tensor, cache: KeyValueCache, live_length: int
    ) -> Tensor: ...
