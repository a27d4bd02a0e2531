"""Files of shards that cannot be read: one line, and no error of PyTorch's checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch.distributed.checkpoint.api import CheckpointException

from or1.errors import CheckpointError
from or1.trainer import sharded_files
from or1.trainer.sharded_files import first_failure, join


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
