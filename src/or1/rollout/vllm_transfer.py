"""The engines' side of weights in shared memory, for vLLM's weight-transfer interface.

vLLM imports this module in every worker before it builds the model (`worker_extension_cls`), which registers
the backend. The backends `ipc` and `nccl` are vLLM's own and go through the same calls.
"""

from __future__ import annotations

from dataclasses import dataclass

from safetensors.torch import load_file
from vllm.distributed.weight_transfer.base import (
    WeightTransferEngine,
    WeightTransferInitInfo,
    WeightTransferUpdateInfo,
)
from vllm.distributed.weight_transfer.factory import WeightTransferEngineFactory
from vllm.model_executor.model_loader.reload import finalize_layerwise_reload, initialize_layerwise_reload

BACKEND = "or1_shm"


@dataclass
class FileInit(WeightTransferInitInfo):
    """Nothing to agree on."""


@dataclass
class FileUpdate(WeightTransferUpdateInfo):
    path: str
    """A published file, see `or1.nn.published`."""


class FileTransfer(WeightTransferEngine[FileInit, FileUpdate]):
    """Loads a published file into the model, layer by layer."""

    init_info_cls = FileInit
    update_info_cls = FileUpdate

    def init_transfer_engine(self, init_info: FileInit) -> None:
        """Nothing to connect."""

    def start_weight_update(self) -> None:
        initialize_layerwise_reload(self.model)

    def receive_weights(self, update_info: FileUpdate) -> None:
        self.model.load_weights(iter(load_file(update_info.path).items()))

    def finish_weight_update(self) -> None:
        finalize_layerwise_reload(self.model, self.model_config)

    def shutdown(self) -> None:
        """Nothing to release."""


class Extension:
    """Named as vLLM's worker extension, so that workers import this module."""


WeightTransferEngineFactory.register_engine(BACKEND, FileTransfer)
