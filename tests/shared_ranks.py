"""Groups of training ranks that all tests of a process share: an import of torch takes seconds."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from or1.config import OptimizerConfig
from or1.nn.dtypes import dtype_name
from or1.nn.load import read_shape
from or1.nn.weights import load_decoder
from or1.trainer.fsdp_backend import FsdpBackend
from or1.trainer.fsdp_rank import RankSettings
from or1.trainer.local_backend import LocalBackend
from or1.trainer.rank_processes import RankProcesses
from tests.forked_processes import ForkedHere

OPTIMIZER = OptimizerConfig(learning_rate=1e-4, max_grad_norm=1e9)
"""Without clipping, so that the first moment after one update is the gradient, but for a factor."""
TOKENS_PER_MICROBATCH = 16
MAX_GROUPS = 3
"""Most groups of ranks that live at once: a test uses two at most, and a rank takes 0.4 GB."""
_BACKENDS: dict[tuple[int, int, str], FsdpBackend] = {}


def _new_folder(prefix: str) -> Path:
    """A folder that lives as long as this process."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.cache
def model_files() -> Path:
    """A Qwen2 with 4 query heads, 2 key-value heads and a head of its own; random weights."""
    folder = _new_folder("or1-model-")
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=101,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        tie_word_embeddings=False,
        initializer_range=0.1,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    return folder


def rank_settings(dtype: torch.dtype = torch.float32, context_parallel: int = 1) -> RankSettings:
    """Ranks of `model_files` on CPU."""
    folder = model_files()
    return RankSettings(
        folder=folder,
        shape=read_shape(folder),
        exact=False,
        num_ids=read_shape(folder).vocab_size,
        dtype=dtype_name(dtype),
        device="cpu",
        optimizer=OPTIMIZER,
        temperature=1.0,
        recompute=False,
        offload=False,
        sum_gradients_once=False,
        context_parallel=context_parallel,
        fingerprint=False,
        num_threads=1,
        limit_s=120.0,
    )


def backend_over(ranks: RankProcesses, settings: RankSettings) -> FsdpBackend:
    """A backend over ranks with these settings."""
    return FsdpBackend(
        ranks,
        settings.shape,
        tokens_per_microbatch=TOKENS_PER_MICROBATCH,
        share_prompts=True,
        context_parallel=settings.context_parallel,
    )


def local_backend(dtype: torch.dtype = torch.float32) -> LocalBackend:
    """The backend of one process with the same model and settings."""
    backend = LocalBackend(
        load_decoder(model_files(), dtype=dtype),
        OPTIMIZER,
        temperature=1.0,
        tokens_per_microbatch=TOKENS_PER_MICROBATCH,
        load_reference=lambda: load_decoder(model_files(), dtype=dtype),
    )
    backend.start_from(dict(load_decoder(model_files(), dtype=torch.float32).named_parameters()))
    return backend


@functools.cache
def start_state() -> Path:
    """The files of a backend that has not been trained."""
    folder = _new_folder("or1-start-")
    local_backend().save(folder)
    return folder


def fresh_backend(
    num_ranks: int, settings: RankSettings | None = None, number: int = 0, *, start: bool = True
) -> FsdpBackend:
    """A backend with the weights of the start model, over ranks that are started once.

    Args:
        num_ranks: W.
        settings: None = `rank_settings()`.
        number: backends with different numbers have ranks of their own.
        start: load the state of the start; False for ranks that no other test uses.
    """
    settings = settings or rank_settings()
    key = num_ranks, number, repr(settings)
    backend = _BACKENDS.pop(key, None)
    if backend is None:
        while len(_BACKENDS) >= MAX_GROUPS:
            _BACKENDS.pop(next(iter(_BACKENDS))).close()
        ranks = RankProcesses(settings, num_ranks, ForkedHere(num_ranks))
        atexit.register(ranks.close)
        backend = backend_over(ranks, settings)
    _BACKENDS[key] = backend  # the last used is the last in order
    if start:
        backend.load(start_state())
    return backend
