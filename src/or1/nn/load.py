"""Models by implementation: or1's own decoder, or the layers of transformers. Shape letters: see `or1.nn`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from or1.errors import ModelError
from or1.model_config import LoraConfig, ModelConfig
from or1.nn.causal_model import CausalModel
from or1.nn.config import DecoderConfig, ModelShape, read_config
from or1.nn.kernels import FAST, Kernels
from or1.nn.weights import load_decoder, save_decoder, unloaded_decoder, write_folder

# or1.nn.transformers_load is imported where it is needed: transformers takes seconds to import

Implementation = Literal["auto", "or1", "transformers"]


def read_shape(folder: Path, implementation: Implementation = "auto") -> ModelShape:
    """The shape of a model folder: a `DecoderConfig` where or1's own decoder computes it.

    Raises:
        ModelError: no such folder, or the implementation does not compute the architecture.
    """
    if implementation != "transformers":
        try:
            return read_config(folder)
        except ModelError:
            if implementation == "or1" or not (folder / "config.json").is_file():
                raise
    from or1.nn import transformers_load

    return transformers_load.read_shape(folder)


def shape_for(folder: Path, model: ModelConfig) -> ModelShape:
    """The shape of a model folder by the implementation that the settings ask for: adapters need
    transformers'."""
    return read_shape(folder, model.implementation if model.lora is None else "transformers")


def load_model(
    folder: Path,
    shape: ModelShape,
    *,
    dtype: torch.dtype,
    device: torch.device | str = "cpu",
    kernels: Kernels = FAST,
    lora: LoraConfig | None = None,
) -> CausalModel:
    """The model of a folder with its weights, by the implementation that its shape stands for.

    Args:
        folder: Hugging Face folder with safetensors.
        shape: of `read_shape`.
        dtype: type of the parameters, whatever the file holds.
        device: of the parameters.
        kernels: see `or1.nn.kernels`.
        lora: add adapters, and train only them; not with or1's own decoder.

    Raises:
        ModelError: a file or a tensor is missing or damaged, or the model computes something that or1
            does not.
    """
    if isinstance(shape, DecoderConfig):
        return load_decoder(folder, dtype=dtype, device=device, kernels=kernels, config=shape)
    from or1.nn.transformers_load import load_transformers

    return load_transformers(folder, shape, dtype=dtype, device=device, kernels=kernels, lora=lora)


def unloaded_model(
    folder: Path, shape: ModelShape, *, dtype: torch.dtype, device: torch.device, kernels: Kernels
) -> CausalModel:
    """The same without memory for weights, for an engine that gets them published. Arguments as for
    `load_model`."""
    if isinstance(shape, DecoderConfig):
        return unloaded_decoder(shape, dtype=dtype, device=device, kernels=kernels)
    from or1.nn.transformers_load import unloaded_transformers

    return unloaded_transformers(folder, shape, dtype=dtype, device=device, kernels=kernels)


def save_model(
    state: Mapping[str, Tensor],
    source: Path,
    out: Path,
    *,
    model: ModelConfig,
    dtype: torch.dtype | None = None,
) -> None:
    """Write a folder that transformers and vLLM load.

    Args:
        state: the trained parameters by the names of the implementation.
        source: folder of the start model; its configuration and tokenizer are copied.
        out: folder to write; made when missing.
        model: settings of the model that was trained.
        dtype: type to store; None = that of the tensors.
    """
    shape = shape_for(source, model)
    if isinstance(shape, DecoderConfig):
        save_decoder(state, source, out, dtype)
        return
    from or1.nn.transformers_load import checkpoint_names, merged_adapters

    if model.lora is None:
        named = checkpoint_names(source, shape, state)
    else:
        named = merged_adapters(source, shape, model.lora, state)
    write_folder(named, source, out, dtype)


def save_adapter(state: Mapping[str, Tensor], source: Path, out: Path, *, model: ModelConfig) -> None:
    """Write trained adapters as a folder that PEFT and vLLM load; arguments as for `save_model`."""
    from or1.nn.transformers_load import export_adapter

    assert model.lora is not None
    export_adapter(source, shape_for(source, model), model.lora, state, base=model.path, out=out)
