"""Published weights on their way to engines."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.storage import TypedStorage

from or1.errors import ModelError
from or1.nn.published import published_parts
from or1.processes.messages import decode, encode
from or1.rollout.engine_messages import REQUESTS, Load
from or1.rollout.transfer import SharedFile, described, engine_update, handle_data
from or1.types import WeightHandle
from tests.small import make_decoder


def test_the_file_of_the_last_load_stays_and_the_one_before_it_goes(tmp_path: Path) -> None:
    decoder = make_decoder()
    transfer = SharedFile(partial(published_parts, decoder.config), tmp_path)
    state = {name: p.detach() for name, p in decoder.named_parameters()}
    first = transfer.update(WeightHandle(version=1, ref=state))
    transfer.loaded()
    assert transfer.num_bytes == Path(first["path"]).stat().st_size
    second = transfer.update(WeightHandle(version=2, ref={name: t + 1 for name, t in state.items()}))
    assert len(list(tmp_path.iterdir())) == 2, "an engine may still read the first"
    transfer.loaded()
    assert [str(path) for path in tmp_path.iterdir()] == [second["path"]]
    embedding = state["model.embed_tokens.weight"] + 1
    assert torch.equal(load_file(second["path"])["lm_head.weight"], embedding)


def test_a_file_of_the_trainer_is_passed_on_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "theirs"
    file.write_bytes(b"weights")
    transfer = SharedFile(dict, tmp_path)
    assert transfer.update(WeightHandle(version=1, ref=file)) == {"path": str(file)}
    transfer.loaded()
    assert file.exists()
    assert transfer.num_bytes == 7


def test_other_handles_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="published weights are not tensors by name but str"):
        SharedFile(dict, tmp_path).update(WeightHandle(version=1, ref="somewhere"))


def test_tensors_are_described_in_one_order() -> None:
    parts = {"b": torch.zeros(2, 3, dtype=torch.bfloat16), "a": torch.zeros(4)}
    assert described(parts) == {
        "names": ["b", "a"],
        "dtype_names": ["bfloat16", "float32"],
        "shapes": [[2, 3], [4]],
    }


def test_handles_of_gpu_memory_cross_as_data() -> None:
    memory = (0, b"handle", 24, 0, False, b"counter", 0, b"event", True)  # as of a tensor on GPU 0
    arguments = (torch.Tensor, torch.Size([2, 3]), (3, 1), 0, TypedStorage, torch.bfloat16, *memory)
    update = {"names": ["a"], "dtype_names": ["bfloat16"], "ipc_handles": [{"GPU-1": handle_data(arguments)}]}
    load = decode(encode(Load(1, update)), REQUESTS)
    assert engine_update(load.update) == {**update, "ipc_handles": [{"GPU-1": arguments}]}
    assert engine_update({"path": "x"}) == {"path": "x"}
