"""Training backends by name. A further backend is one entry of `BACKENDS`."""

from __future__ import annotations

from collections.abc import Callable

import torch

from or1.assemble.model import Model, warn_of_unknown_ids
from or1.assemble.needs import Needs
from or1.config import RunConfig
from or1.plugins import factory_named
from or1.protocols import TrainerBackend
from or1.trainer.local_backend import LocalBackend

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


BACKENDS: dict[str, BackendFactory] = {"local": local_backend}
"""`system.backend` -> backend."""
BACKEND_NEEDS: dict[str, Needs] = {"local": Needs()}
"""`system.backend` -> its needs beyond or1."""


def backend_factory(name: str) -> BackendFactory:
    """The backend of this name, or the user's own at `FILE.py:NAME` or `module:NAME`.

    Raises:
        ConfigError: there is none.
    """
    return factory_named(name, BACKENDS, "system.backend")
