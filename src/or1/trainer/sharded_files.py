"""Files of shards, one for each rank, by the Hugging Face storage of PyTorch's distributed checkpoint."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor
from torch.distributed import ProcessGroup
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.metadata import Metadata
from torch.distributed.checkpoint.planner import SavePlan, SavePlanner
from torch.distributed.checkpoint.state_dict_loader import load as load_distributed
from torch.distributed.checkpoint.state_dict_saver import AsyncSaveResponse, async_save
from torch.distributed.checkpoint.storage import WriteResult
from torch.futures import Future as TorchFuture

from or1.errors import CheckpointError, first_line
from or1.nn.published import safetensor_errors
from or1.storage.atomic import fsync_tree

_CODES = ("exp_avg_code.", "exp_avg_sq_code.")
"""Prefixes of the tensors of moments with 8 bits."""
_FILE = "shard-{:05d}-model-00001-of-00001.safetensors"
_FORMAT = {"format": "pt", "DCP_VERSION": "1.0"}
"""Name and metadata of a file of shards, as `HuggingFaceStorageReader` reads them."""


def join(folder: Path, wanted: Callable[[str], bool]) -> dict[str, Tensor]:
    """Whole tensors from the files of all ranks, in one process.

    Args:
        folder: written by `begin_write` on all ranks.
        wanted: whether to read the tensor of this name.

    Raises:
        CheckpointError: a file cannot be read.
    """
    with _shard_reader(folder) as reader, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is")  # one process, as intended
        tensors = {
            name: torch.empty(stored.size, dtype=stored.properties.dtype)  # type: ignore[union-attr]
            for name, stored in reader.read_metadata().state_dict_metadata.items()
            if wanted(name)
        }
        load_distributed(tensors, storage_reader=reader, no_dist=True)
    return tensors


class ShardWriter(HuggingFaceStorageWriter):
    """PyTorch's writer, which builds the whole file in memory first; this one writes it from the tensors."""

    def write_data(self, plan: SavePlan, planner: SavePlanner) -> TorchFuture[list[WriteResult]]:
        """Write the file of this rank and flush it to disk.

        Args:
            plan: the tensors of this rank, and its number among the ranks.
            planner: gives the tensors.

        Raises:
            OSError: the file cannot be written.
        """
        done: TorchFuture[list[WriteResult]] = TorchFuture()
        tensors, offsets, results = {}, {}, []
        for item in plan.items:
            assert item.tensor_data is not None
            tensor = planner.resolve_data(item)
            assert isinstance(tensor, Tensor)
            name = item.index.fqn
            tensors[name] = tensor.detach().cpu().contiguous()
            offsets[name] = {"saved_offsets": list(item.tensor_data.chunk.offsets)}
            results.append(WriteResult(item.index, tensor.nbytes, None))
        if tensors:
            path = Path(self.path) / _FILE.format(plan.storage_data["shard_index"])
            with safetensor_errors():
                save_file(tensors, path, {**_FORMAT, "DCP_SHARDING_INFO": json.dumps(offsets)})
            fsync_tree(path)
        done.set_result(results)
        return done


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
    writer = ShardWriter(str(folder), save_distributed=True)
    return async_save(dict(shards), storage_writer=writer, process_group=group)


def read_shards(folder: Path, shards: Mapping[str, Tensor]) -> None:
    """Read the shards of this rank in place, from either kind of files; a collective call.

    Raises:
        CheckpointError: a file cannot be read, a tensor is missing or has another shape, or the moments have
            8 bits.
    """
    with _shard_reader(folder) as reader:
        found = reader.read_metadata().state_dict_metadata
        if any(name.startswith(_CODES) for name in found):
            raise CheckpointError(
                f"{folder} holds moments of 8 bits, and ranks read those of 32: resume up to the next "
                'checkpoint with system.backend = "local", system.num_ranks = 1, '
                "system.optimizer_bits = 32 and --accept-changes"
            )
        for name, shard in shards.items():
            if name not in found or found[name].size != shard.shape:  # type: ignore[union-attr]
                raise CheckpointError(f"{folder} holds no {name} of shape {list(shard.shape)}: another model")
        load_distributed(dict(shards), storage_reader=reader)


def first_failure(error: BaseException) -> BaseException:
    """The cause of an error of PyTorch's distributed checkpoint, which collects those of all ranks: the first
    error of the file system, else the first of all; any other error as it is."""
    if not isinstance(error, CheckpointException):
        return error
    causes = [cause for cause, _ in error.failures.values()]
    return next((cause for cause in causes if isinstance(cause, OSError)), causes[0])


class _ShardReader(HuggingFaceStorageReader):
    """Reads the headers of the files once."""

    _metadata: Metadata | None = None

    def read_metadata(self) -> Metadata:
        if self._metadata is None:
            self._metadata = super().read_metadata()
        return self._metadata


@contextlib.contextmanager
def _shard_reader(folder: Path) -> Iterator[_ShardReader]:
    """Reads the files of a folder; CheckpointError where it cannot."""
    try:
        yield _ShardReader(str(folder))
    except (CheckpointException, SafetensorError, OSError) as error:
        cause = first_failure(error)
        line = f"{folder} cannot be read ({type(cause).__name__}: {first_line(cause)})"
        raise CheckpointError(f"{line}: check the disk, or resume from an earlier checkpoint") from error
