"""Files of shards that cannot be read: one line, and no error of PyTorch's checkpoints."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.state_dict_saver import save

from or1.errors import CheckpointError
from or1.trainer import sharded_files
from or1.trainer.sharded_files import ShardWriter, first_failure, join


def test_the_cause_is_the_first_error_of_the_file_system() -> None:
    full, lost = OSError(28, "No space left on device"), RuntimeError("connection closed")
    failures = {0: (lost, None), 1: (full, None)}
    assert first_failure(CheckpointException("write", failures)) is full
    assert first_failure(CheckpointException("write", {0: (lost, None)})) is lost
    assert first_failure(full) is full


def test_a_failed_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_file({"weight": torch.arange(6.0)}, tmp_path / "weights.safetensors")
    assert torch.equal(join(tmp_path, lambda name: True)["weight"], torch.arange(6.0))

    def broken(*arguments: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(sharded_files.HuggingFaceStorageReader, "read_data", broken)
    with pytest.raises(CheckpointError, match=r"cannot be read \(OSError: \[Errno 5\] Input") as failure:
        join(tmp_path, lambda name: True)
    assert len(str(failure.value).splitlines()) == 1


def test_a_damaged_header_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_bytes(b"{" * 64)
    with pytest.raises(CheckpointError, match=r"cannot be read \(SafetensorError: "):
        join(tmp_path, lambda name: True)


@pytest.mark.filterwarnings("ignore:torch.distributed is")
def test_a_file_of_shards_is_not_built_in_memory(tmp_path: Path) -> None:
    tensors = {"weight": torch.arange(4.0), "exp_avg.weight": torch.rand(1 << 22)}
    tracemalloc.start()
    try:
        save(tensors, storage_writer=ShardWriter(str(tmp_path), save_distributed=True), no_dist=True)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < tensors["exp_avg.weight"].nbytes / 4  # PyTorch's own writer: 1.0
    found = join(tmp_path, lambda name: True)
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())
