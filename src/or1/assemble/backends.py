"""Training backends by name. A further backend is one entry of `BACKENDS`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from or1.assemble.model import Model, warn_of_unknown_ids
from or1.config import RunConfig
from or1.errors import ConfigError
from or1.machine import num_threads
from or1.nn.config import FAMILIES, DecoderConfig
from or1.nn.dtypes import dtype_name
from or1.nn.kernels import shares_prompts_on
from or1.plugins import factory_named
from or1.protocols import TrainerBackend
from or1.trainer.local_backend import LocalBackend

if TYPE_CHECKING:
    from or1.trainer.rank_processes import RankPlaces

BackendFactory = Callable[[Model, RunConfig], TrainerBackend]
"""Builds a backend with the weights of the model folder."""


def local_backend(model: Model, run: RunConfig) -> TrainerBackend:
    """The update in this process, on one device."""
    decoder = model.load(adapters=True)
    decoder.recompute = run.system.recompute_activations
    warn_of_unknown_ids(model, decoder)
    backend = LocalBackend(
        decoder,
        run.optimizer,
        temperature=run.rollout.temperature,
        tokens_per_microbatch=run.system.tokens_per_microbatch,
        optimizer_bits=run.system.optimizer_bits,
        fingerprint=run.tracking.fingerprint_tensors,
        load_reference=model.load,
    )
    if model.dtype.itemsize < 4 and model.lora is None:  # adapters are in float32
        backend.start_from(dict(model.load(dtype=torch.float32).named_parameters()))
    return backend


def fsdp_backend(model: Model, run: RunConfig, places: RankPlaces | None = None) -> TrainerBackend:
    """The update in processes that have a shard of the model each.

    Args:
        model: the start model.
        run: its settings.
        places: machines of the ranks; None = this one.

    Raises:
        ConfigError: a model that ranks do not train.
    """
    from or1.nn.context_parallel import can_share_heads
    from or1.trainer.fsdp_backend import FsdpBackend  # seconds: torch.distributed and its checkpoints
    from or1.trainer.fsdp_rank import RankSettings
    from or1.trainer.rank_processes import RankProcesses

    system, device = run.system, model.device.type
    parts = system.context_parallel
    if parts > 1 and not isinstance(model.config, DecoderConfig):
        raise ConfigError(
            f"system.context_parallel = {parts} needs or1's own decoder, which computes "
            f"{', '.join(FAMILIES)}: set it to 1 for {run.model.path}"
        )
    if not can_share_heads(model.config, parts):
        raise ConfigError(
            f"system.context_parallel = {parts} does not share out the {model.config.num_heads} query heads "
            f"and {model.config.num_kv_heads} key-value heads of {run.model.path} evenly: choose a divisor "
            "of both, or of the first and a multiple of the second"
        )
    threads = num_threads(system.threads, os.environ)
    settings = RankSettings(
        folder=model.folder,
        shape=model.config,
        exact=model.exact,
        num_ids=model.tokenizer.num_ids,
        dtype=dtype_name(model.dtype),
        device=device,
        optimizer=run.optimizer,
        temperature=run.rollout.temperature,
        recompute=system.recompute_activations,
        offload=system.offload_optimizer,
        sum_gradients_once=system.sum_gradients_once,
        context_parallel=system.context_parallel,
        fingerprint=run.tracking.fingerprint_tensors,
        num_threads=max(1, threads // system.num_ranks),
        limit_s=system.rank_limit_s,
    )
    return FsdpBackend(
        RankProcesses(settings, system.num_ranks, places, silence_limit_s=system.heartbeat_limit_s),
        model.config,
        tokens_per_microbatch=system.tokens_per_microbatch,
        share_prompts=shares_prompts_on(model.device, model.kernels),
        context_parallel=system.context_parallel,
        moments_on_host=system.offload_optimizer or device == "cpu",
    )


BACKENDS: dict[str, BackendFactory] = {"local": local_backend, "fsdp": fsdp_backend}
"""`system.backend` -> backend."""


def backend_factory(name: str) -> BackendFactory:
    """The backend of this name, or the user's own at `FILE.py:NAME` or `module:NAME`.

    Raises:
        ConfigError: there is none.
    """
    return factory_named(name, BACKENDS, "system.backend")
