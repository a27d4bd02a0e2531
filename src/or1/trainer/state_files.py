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
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

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
    from or1.trainer.sharded_files import join  # torch.distributed.checkpoint takes seconds to import

    return join(folder, is_weight)


def read_whole(folder: Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Whole weights and optimizer state, of either kind of files."""
    if (folder / WEIGHTS_FILE).is_file():
        return load_file(folder / WEIGHTS_FILE), load_file(folder / MOMENTS_FILE)
    from or1.trainer.sharded_files import join

    tensors = join(folder, lambda name: True)
    weights = {name: tensor for name, tensor in tensors.items() if is_weight(name)}
    moments = {name: tensor for name, tensor in tensors.items() if not is_weight(name)}
    if moments:
        step = torch.tensor(float(read_num_updates(folder)))
        moments |= {f"step.{name}": step.clone() for name in weights}
    return weights, moments
