"""Make a transformers model end each response at a given length.

Shape legend: R rows of the generation batch, S decode steps, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import LogitsProcessor

FORCED_LOGIT = 1e4
"""Beside it every other token has probability 0 in float32 and in bfloat16."""


class ForcedLengths(LogitsProcessor):
    """Forbids the end token before a row's length and forces it there; a row at the cap never ends itself.

    One copy into one column per step, so that forcing costs the peer next to nothing.
    """

    def __init__(self, lengths_R: Sequence[int], cap: int, eos_token: int) -> None:
        self._eos_token = eos_token
        self._num_steps = 0
        self._eos_logits_SR = torch.full((cap, len(lengths_R)), -torch.inf)
        for row, length in enumerate(lengths_R):
            if length < cap:
                self._eos_logits_SR[length - 1, row] = FORCED_LOGIT

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        scores[:, self._eos_token] = self._eos_logits_SR[self._num_steps].to(scores.dtype)
        self._num_steps += 1
        return scores


def response_lengths(tokens_RS: torch.Tensor, eos_token: int) -> list[int]:
    """Length of each row up to and including its first end token; the whole row where there is none."""
    is_eos_RS = tokens_RS == eos_token
    first_R = is_eos_RS.int().argmax(dim=1) + 1
    whole = tokens_RS.shape[1]
    return [int(n) if ended else whole for n, ended in zip(first_R, is_eos_RS.any(dim=1), strict=True)]
