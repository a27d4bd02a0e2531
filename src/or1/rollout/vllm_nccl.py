"""Weights from the trainer's GPU to engines on other GPUs, by a broadcast of NCCL. Not run.

The trainer is rank 0 of a group with every worker of every engine. Imported only for
`rollout.vllm.transfer = "nccl"`: vLLM's communicator is needed on this side too.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from vllm.distributed.weight_transfer.nccl_common import trainer_init
from vllm.distributed.weight_transfer.packed_tensor import packed_nccl_broadcast_producer

from or1.rollout.transfer import Parts, described, named_tensors
from or1.types import WeightHandle

ADDRESS = "127.0.0.1"


class NcclBroadcast:
    """Packed broadcast to all engines at once.

    Args:
        parts: names the tensors as engines do.
        num_engines: engines of the pool.
        tensor_parallel: workers of each.
    """

    lasts = False  # another process cannot join the group

    def __init__(self, parts: Parts, num_engines: int, tensor_parallel: int) -> None:
        self._parts = parts
        self._tensor_parallel = tensor_parallel
        with socket.create_server((ADDRESS, 0)) as free:
            port: int = free.getsockname()[1]
        self._meeting = {
            "master_address": ADDRESS,
            "master_port": port,
            "world_size": 1 + num_engines * tensor_parallel,
        }
        self._group: Any = None
        self._sent: Mapping[str, Tensor] = {}

    def engine_side(self, engine: int) -> dict[str, Any]:
        """First message of the transfer to an engine."""
        return {**self._meeting, "rank_offset": 1 + engine * self._tensor_parallel, "packed": True}

    def connect(self) -> None:
        self._group = trainer_init(self._meeting)

    def update(self, weights: WeightHandle) -> Mapping[str, Any]:
        self._sent = self._parts(named_tensors(weights))
        return described(self._sent)

    def send(self) -> None:
        packed_nccl_broadcast_producer(
            iterator=iter(self._sent.items()),
            group=self._group,
            src=0,
            post_iter_func=lambda named: named[1].detach().contiguous(),
        )
        torch.cuda.synchronize()

    def loaded(self) -> None:
        self._sent = {}
