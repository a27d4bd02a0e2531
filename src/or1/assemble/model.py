"""The model of a run: folder, configuration and tokenizer, read once."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from or1.config import LoraConfig, ModelConfig, SystemConfig
from or1.errors import ConfigError
from or1.machine import num_threads
from or1.models import model_folder
from or1.nn.causal_model import CausalModel
from or1.nn.config import FAMILIES, DecoderConfig, ModelShape
from or1.nn.head import KnownIds, unknown_mass
from or1.nn.kernels import Kernels, kernels_of
from or1.nn.load import load_model, shape_for, unloaded_model
from or1.nn.tokenizer import ChatTokenizer, load_tokenizer
from or1.nn.weights import resolve_folder
from or1.trainer.precision import best_dtype, has_bfloat16
from or1.types import Message

logger = logging.getLogger(__name__)
T = TypeVar("T")
PROBE = (Message("user", "12 + 34 = 46. Is this correct?"),)
UNKNOWN_MASS = 1e-4
"""A start model may give this much of the probability to ids without a token, before a warning [fraction]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model folder, read and checked; its weights are loaded by `load` only."""

    folder: Path
    config: ModelShape
    """A `DecoderConfig` when or1's own decoder computes the model; else transformers' does."""
    tokenizer: ChatTokenizer
    device: torch.device
    dtype: torch.dtype
    """Compute type of rollout and update."""
    exact: bool
    """Computed by EXACT kernels: `system.deterministic`."""
    lora: LoraConfig | None
    """Adapters that are trained in place of the weights."""

    @property
    def kernels(self) -> Kernels:
        """EXACT or FAST; their head knows the ids of the tokenizer."""
        return kernels_of(self.tokenizer.num_ids, self.config.vocab_size, exact=self.exact)

    def load(self, dtype: torch.dtype | None = None, *, adapters: bool = False) -> CausalModel:
        """The model with the weights of the folder.

        Args:
            dtype: of its weights; None = the compute type.
            adapters: with the adapters of `lora`, for training.

        Raises:
            ModelError: a file or a tensor is missing or damaged.
        """
        return load_model(
            self.folder,
            self.config,
            dtype=dtype or self.dtype,
            device=self.device,
            kernels=self.kernels,
            lora=self.lora if adapters else None,
        )

    def unloaded(self, device: torch.device | None = None) -> CausalModel:
        """The model without memory for weights, for an engine that gets them published.

        Args:
            device: None = its own. On another one it is in float32, unless bfloat16 is fast there.
        """
        device = device or self.device
        is_fast = device.type == self.device.type or has_bfloat16(device)
        dtype = self.dtype if is_fast else torch.float32
        return unloaded_model(self.folder, self.config, dtype=dtype, device=device, kernels=self.kernels)


def read_model(model: ModelConfig, system: SystemConfig) -> Model:
    """Find the folder, read its configuration and tokenizer, choose device and compute type.

    Raises:
        ModelError: no such model, or an architecture that is not supported.
        ConfigError: the device does not exist.
    """
    folder = resolve_folder(model_folder(model.path))
    config = shape_for(folder, model)
    if system.deterministic and not isinstance(config, DecoderConfig):
        raise ConfigError(
            f"system.deterministic needs or1's own decoder, which computes {', '.join(FAMILIES)}, and "
            f"{model.path} is {config.architecture} by transformers: set system.deterministic = false"
        )
    device = device_for(system, has_gpu=torch.cuda.is_available())
    tokenizer = load_tokenizer(folder, config, chat=model.chat)
    return Model(
        folder=folder,
        config=config,
        tokenizer=tokenizer,
        device=device,
        dtype=dtype_for(model, system, best_dtype(device, config.hidden_size)),
        exact=system.deterministic,
        lora=model.lora,
    )


def warn_of_unknown_ids(model: Model, loaded: CausalModel) -> None:
    """Log a warning where the start model gives probability to ids that its tokenizer does not have."""
    known = loaded.kernels.head_logits
    if not isinstance(known, KnownIds):
        return
    tokens = torch.from_numpy(model.tokenizer.encode_prompt(PROBE)).to(loaded.device, torch.int64)
    with torch.no_grad():
        hidden_NC = loaded.packed(tokens, [len(tokens)])[-1:]
        mass = unknown_mass(hidden_NC, loaded.head_weight, known).item()
    if mass > UNKNOWN_MASS:
        logger.warning(
            "%s gives %.2g of the probability of a first token to %d ids that its tokenizer lacks: they "
            "are left out in rollout and update, so its distribution differs from that of other engines",
            model.folder,
            mass,
            model.config.vocab_size - known.num_ids,
        )


def set_threads(model: Model, system: SystemConfig) -> None:
    """On a CPU: the threads of a matrix product, for this process."""
    if model.device.type == "cpu":
        torch.set_num_threads(num_threads(system.threads, os.environ))


def device_for(system: SystemConfig, *, has_gpu: bool) -> torch.device:
    """The device of rollout and update on a machine with or without a GPU.

    Raises:
        ConfigError: the settings want a GPU and there is none.
    """
    if system.device == "cuda" and not has_gpu:
        raise ConfigError('system.device = "cuda", but torch sees no GPU: set it to "auto" or "cpu"')
    return torch.device("cpu" if system.device == "cpu" or not has_gpu else "cuda")


def dtype_for(model: ModelConfig, system: SystemConfig, best: torch.dtype) -> torch.dtype:
    """The compute type of rollout and update, where `best` is that of `auto`."""
    if system.deterministic or model.dtype == "float32":
        return torch.float32
    return torch.bfloat16 if model.dtype == "bfloat16" else best
