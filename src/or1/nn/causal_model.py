"""The methods of a model that engine and trainer use; `Decoder` and `TransformersDecoder` have them.

Shape letters: see `or1.nn`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from or1.nn.cache import Cache, PromptKeyValues, cache_dtype
from or1.nn.config import ModelShape
from or1.nn.kernels import Kernels

T = TypeVar("T")


class HasParameters(Protocol):
    """A module, or a model behind a protocol."""

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]: ...


class CausalModule(nn.Module, ABC):
    """The parts that all implementations share. The forward pass is any function of the module: hooks of the
    forward pass, such as those that gather sharded weights, then hold for the body and for the head, which is
    outside of the model.
    """

    config: ModelShape
    kernels: Kernels

    @property
    @abstractmethod
    def dtype(self) -> torch.dtype: ...
    @property
    @abstractmethod
    def device(self) -> torch.device: ...

    def forward(self, function: Callable[..., T], *args: object) -> T:
        """The result of `function(self, *args)`."""
        return function(self, *args)

    def new_cache(self, num_sequences: int, max_length: int, max_bytes: int | None = None) -> Cache:
        """Memory for `cached`: up to `num_sequences` sequences of up to `max_length` positions each, in at
        most `max_bytes`."""
        return self.kernels.new_cache(
            self.config, num_sequences, max_length, cache_dtype(self.dtype), self.device, max_bytes
        )


def drop_weights(model: HasParameters, device: torch.device) -> None:
    """Free the memory of the parameters: each keeps its shape and type, and takes one number on `device`."""
    for _, parameter in model.named_parameters():
        parameter.requires_grad_(False)
        parameter.data = torch.zeros(1, dtype=parameter.dtype, device=device).expand(parameter.shape)


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
    def new_cache(self, num_sequences: int, max_length: int, max_bytes: int | None = None) -> Cache: ...
    def cached(self, tokens_B: Tensor, positions_B: Tensor, cache: Cache, live_length: int) -> Tensor: ...
