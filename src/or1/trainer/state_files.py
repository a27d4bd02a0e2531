"""Files of weights and optimizer state: whole tensors, or one file of shards for each rank.

    weights.safetensors, moments.safetensors    of the backend of one process
    shard-00001-....safetensors, ...            of the ranks: weights and moments, each rank its shards
    trainer.json                                counters

In both a weight has the name of its parameter, and a moment that name behind `exp_avg.` or `exp_avg_sq.`. So
either is read by one process and by any number of ranks. The files of shards are those of PyTorch's
distributed checkpoint in its Hugging Face storage: safetensors, nothing pickled.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.state_dict_loader import load as load_distributed
from torch.distributed.checkpoint.state_dict_saver import save as save_distributed

from or1.errors import CheckpointError

WEIGHTS_FILE = "weights.safetensors"
MOMENTS_FILE = "moments.safetensors"
COUNTERS_FILE = "trainer.json"
MOMENTS = ("exp_avg", "exp_avg_sq")
"""Optimizer state of a parameter that has its shape."""


def is_weight(name: str) -> bool:
    """Whether a tensor of the files is a weight, and not optimizer state of one."""
    return not name.startswith((*(f"{moment}." for moment in MOMENTS), "step."))


def write_counters(folder: Path, num_updates: int) -> None:
    """Write what is not a tensor."""
    (folder / COUNTERS_FILE).write_text(json.dumps({"num_updates": num_updates}) + "\n", encoding="utf-8")


def read_num_updates(folder: Path) -> int:
    """Optimizer updates since the start of the run."""
    return int(json.loads((folder / COUNTERS_FILE).read_text(encoding="utf-8"))["num_updates"])


def read_weights(folder: Path) -> dict[str, Tensor]:
    """The whole master weights, without optimizer state, of either kind of files."""
    if (folder / WEIGHTS_FILE).is_file():
        return load_file(folder / WEIGHTS_FILE)
    return {name: tensor for name, tensor in _join(folder, with_moments=False).items() if is_weight(name)}


def read_whole(folder: Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Whole weights and optimizer state, of either kind of files."""
    if (folder / WEIGHTS_FILE).is_file():
        return load_file(folder / WEIGHTS_FILE), load_file(folder / MOMENTS_FILE)
    tensors = _join(folder, with_moments=True)
    weights = {name: tensor for name, tensor in tensors.items() if is_weight(name)}
    moments = {name: tensor for name, tensor in tensors.items() if not is_weight(name)}
    if moments:
        step = torch.tensor(float(read_num_updates(folder)))
        moments |= {f"step.{name}": step.clone() for name in weights}
    return weights, moments


def _join(folder: Path, *, with_moments: bool) -> dict[str, Tensor]:
    """Whole tensors from the files of shards."""
    found = HuggingFaceStorageReader(str(folder)).read_metadata().state_dict_metadata
    tensors = {
        name: torch.empty(stored.size, dtype=stored.properties.dtype)  # type: ignore[union-attr]
        for name, stored in found.items()
        if with_moments or is_weight(name)
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is")  # one process, as intended
        load_distributed(tensors, storage_reader=HuggingFaceStorageReader(str(folder)), no_dist=True)
    return tensors


def write_shards(folder: Path, shards: Mapping[str, Tensor]) -> None:
    """Write the shards of this rank; a collective call.

    Args:
        folder: exists on all ranks.
        shards: the same names on all ranks.
    """
    writer = HuggingFaceStorageWriter(str(folder), save_distributed=True)
    save_distributed(dict(shards), storage_writer=writer)


def read_shards(folder: Path, shards: Mapping[str, Tensor]) -> None:
    """Read the shards of this rank in place, from either kind of files; a collective call.

    Raises:
        CheckpointError: a tensor is missing or has another shape.
    """
    found = HuggingFaceStorageReader(str(folder)).read_metadata().state_dict_metadata
    for name, shard in shards.items():
        if name not in found or found[name].size != shard.shape:  # type: ignore[union-attr]
            raise CheckpointError(f"{folder} holds no {name} of shape {list(shard.shape)}: another model")
    load_distributed(dict(shards), storage_reader=HuggingFaceStorageReader(str(folder)))
