"""Whether a running request has finished: at once, or one step later without a wait for the device."""

from __future__ import annotations

import torch
from torch import Tensor


class ImmediateWatch:
    """Answers for the step that was just taken; the host waits for the device."""

    def has_finished(self, is_finished_B: Tensor) -> bool:
        """Whether any row has finished."""
        return bool(is_finished_B.any())

    def forget(self) -> None:
        """The rows have changed."""


class LateWatch:
    """Answers for the step before, whose flag is on the host while the device works on the last step.

    Args:
        device: of the flags.
    """

    def __init__(self, device: torch.device) -> None:
        is_gpu = device.type == "cuda"
        self._flags = [torch.zeros((), dtype=torch.bool, pin_memory=is_gpu) for _ in range(2)]
        self._copied = [torch.cuda.Event() for _ in range(2)] if is_gpu else None
        self._turn = 0
        self._has_previous = False

    def has_finished(self, is_finished_B: Tensor) -> bool:
        """Whether any row had finished one step ago; False at the first call after `forget`."""
        this, previous = self._turn, 1 - self._turn
        self._flags[this].copy_(is_finished_B.any(), non_blocking=True)
        if self._copied is not None:
            self._copied[this].record()
        has_previous, self._has_previous, self._turn = self._has_previous, True, previous
        if not has_previous:
            return False
        if self._copied is not None:
            self._copied[previous].synchronize()
        return bool(self._flags[previous])

    def forget(self) -> None:
        """The rows have changed, and those that had finished are gone."""
        self._has_previous = False
