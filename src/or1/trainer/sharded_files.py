"""Files of shards, one for each rank, by the Hugging Face storage of PyTorch's distributed checkpoint."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path

import torch
from torch import Tensor
from torch.distributed import ProcessGroup
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.metadata import Metadata
from torch.distributed.checkpoint.state_dict_loader import load as load_distributed
from torch.distributed.checkpoint.state_dict_saver import AsyncSaveResponse, async_save

from or1.errors import CheckpointError


def join(folder: Path, wanted: Callable[[str], bool]) -> dict[str, Tensor]:
    """Whole tensors from the files of all ranks, in one process.

    Args:
        folder: written by `begin_write` on all ranks.
        wanted: whether to read the tensor of this name.
    """
    found = HuggingFaceStorageReader(str(folder)).read_metadata().state_dict_metadata
    tensors = {
        name: torch.empty(stored.size, dtype=stored.properties.dtype)  # type: ignore[union-attr]
        for name, stored in found.items()
        if wanted(name)
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is")  # one process, as intended
        load_distributed(tensors, storage_reader=HuggingFaceStorageReader(str(folder)), no_dist=True)
    return tensors


def begin_write(
    folder: Path, shards: Mapping[str, Tensor], group: ProcessGroup
) -> Future[Metadata] | AsyncSaveResponse:
    """Copy the shards of this rank to memory and write them in a thread; a collective call.

    Args:
        folder: exists on all ranks.
        shards: the same names on all ranks.
        group: all ranks, for this alone: the thread exchanges its plan beside other collective operations.

    Returns:
        Done when the file of this rank is written.
    """
    writer = HuggingFaceStorageWriter(str(folder), save_distributed=True)
    return async_save(dict(shards), storage_writer=writer, process_group=group)


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
