"""Requests of an engine and their ends: checks that all engines share."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from or1.errors import DataError
from or1.protocols import Tokenizer
from or1.types import Finish, Float32, Int32, Problem


class EndingTokenizer(Tokenizer, Protocol):
    """A tokenizer that knows the end tokens of its model."""

    @property
    def eos_ids(self) -> tuple[int, ...]: ...


def prompt_of(problem: Problem, tokenizer: Tokenizer, max_prompt_tokens: int) -> Int32:
    """Prompt tokens of a problem [Lp].

    Raises:
        DataError: there are none, or more than `max_prompt_tokens`.
    """
    tokens = tokenizer.encode_prompt(problem.prompt)
    if not 0 < len(tokens) <= max_prompt_tokens:
        raise DataError(
            f"problem {problem.id} has a prompt of {len(tokens)} tokens; 1 to {max_prompt_tokens} are allowed"
        )
    return tokens


def finish_of(tokens: Int32, logprobs: Float32, eos_ids: tuple[int, ...]) -> Finish:
    """How a response ended, from its own numbers [L]: ABORTED if a log-probability is not finite."""
    if len(tokens) == 0 or not np.isfinite(logprobs).all():
        return Finish.ABORTED
    return Finish.STOP if int(tokens[-1]) in eos_ids else Finish.LENGTH
