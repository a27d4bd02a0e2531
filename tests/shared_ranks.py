"""Groups of training ranks that all tests of a process share: an import of torch takes seconds."""

from __future__ import annotations

import atexit
import functools
import tempfile
from pathlib import Path

import torch

from or1.config import OptimizerConfig
from or1.models import model_folder
from or1.nn.kernels import FAST
from or1.nn.load import read_shape
from or1.nn.weights import load_decoder
from or1.trainer.fsdp_backend import FsdpBackend
from or1.trainer.fsdp_rank import RankSettings
from or1.trainer.local_backend import LocalBackend
from or1.trainer.rank_processes import RankProcesses

OPTIMIZER = OptimizerConfig(learning_rate=1e-4, max_grad_norm=1e9)
"""Without clipping, so that the first moment after one update is the gradient, but for a factor."""
TOKENS_PER_MICROBATCH = 16
_BACKENDS: dict[tuple[int, int, str], tuple[RankProcesses, FsdpBackend]] = {}


def tiny_settings(dtype: torch.dtype = torch.float32, limit_s: float = 120.0) -> RankSettings:
    """Ranks of the built-in model on CPU."""
    folder = Path(model_folder("builtin:tiny"))
    return RankSettings(
        folder=folder,
        shape=read_shape(folder),
        kernels=FAST,
        dtype=dtype,
        device="cpu",
        optimizer=OPTIMIZER,
        temperature=1.0,
        recompute=False,
        offload=False,
        fingerprint=False,
        num_threads=1,
        limit_s=limit_s,
    )


def backend_over(ranks: RankProcesses) -> FsdpBackend:
    """A backend over ranks of the built-in model."""
    shape = tiny_settings().shape
    return FsdpBackend(ranks, shape, tokens_per_microbatch=TOKENS_PER_MICROBATCH, share_prompts=True)


def local_backend(dtype: torch.dtype = torch.float32) -> LocalBackend:
    """The backend of one process with the same model and settings."""
    folder = model_folder("builtin:tiny")
    backend = LocalBackend(
        load_decoder(folder, dtype=dtype),
        OPTIMIZER,
        temperature=1.0,
        tokens_per_microbatch=TOKENS_PER_MICROBATCH,
        load_reference=lambda: load_decoder(folder, dtype=dtype),
    )
    backend.start_from(dict(load_decoder(folder, dtype=torch.float32).named_parameters()))
    return backend


@functools.cache
def start_state() -> Path:
    """The files of a backend that has not been trained."""
    folder = Path(tempfile.mkdtemp(prefix="or1-start-"))
    local_backend().save(folder)
    return folder


def fresh_backend(num_ranks: int, dtype: torch.dtype = torch.float32, number: int = 0) -> FsdpBackend:
    """A backend with the weights of the start model, over ranks that are started once.

    Args:
        num_ranks: W.
        dtype: compute type.
        number: backends with different numbers have ranks of their own.
    """
    key = num_ranks, number, str(dtype)
    if key not in _BACKENDS:
        ranks = RankProcesses(tiny_settings(dtype), num_ranks)
        atexit.register(ranks.close)
        _BACKENDS[key] = ranks, backend_over(ranks)
    backend = _BACKENDS[key][1]
    backend.load(start_state())
    return backend
