"""The distribution of vLLM's engines: ids that the tokenizer lacks have no probability, as in the trainer.

Embeddings are filled up with rows that are no tokens. A token of such a row would have the log-probability
minus infinity under the trainer, and one of them makes a whole update infinite. Engine processes import it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from vllm.v1.sample.logits_processor import LogitsProcessor


class KnownIdsOnly(LogitsProcessor):
    """Leaves out the ids from `or1_num_ids` on, which the configuration of the engine's model has.

    Its arguments and methods are those of vLLM's base class.
    """

    def __init__(self, vllm_config: Any, device: torch.device, is_pin_memory: bool) -> None:
        self._num_ids: int = vllm_config.model_config.hf_config.or1_num_ids

    def is_argmax_invariant(self) -> bool:
        return False

    def update_state(self, batch_update: Any) -> None:
        """Every request is treated alike."""

    def apply(self, logits: Tensor) -> Tensor:
        logits[:, self._num_ids :] = -torch.inf
        return logits
