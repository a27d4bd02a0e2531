"""The class of a token by its text, and whether it is inside the thinking.

Shape legend: L response tokens of a rollout, T response tokens of all rollouts given.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from or1.protocols import Tokenizer
from or1.types import Int64, Rollout
from or1_verify.types import THINK_CLOSE, THINK_OPEN


class TokenClass(StrEnum):
    """By the first rule that holds."""

    DIGITS = "digits"
    """Has a digit."""
    OPERATORS = "operators"
    """Signs of operation and comparison, nothing else but spaces."""
    STRUCTURE = "structure"
    """No letter: spaces, punctuation, marks, tokens that end a response; and the marks of the thinking."""
    WORDS = "words"
    """All other tokens."""


class ResponsePart(StrEnum):
    """Side of the last `</think>`, which is itself inside."""

    THINKING = "thinking"
    ANSWER = "answer"


CLASSES, PARTS = tuple(TokenClass), tuple(ResponsePart)
_OPERATORS = frozenset("+-*/=<>^%×÷·±≤≥≠≈−")


def token_class(text: str) -> TokenClass:
    """
    >>> [token_class(text).value for text in ("12", " +", ",\\n", "so", "")]
    ['digits', 'operators', 'structure', 'words', 'structure']
    """
    stripped = text.strip()
    if any(c.isdigit() for c in stripped):
        return TokenClass.DIGITS
    if stripped and all(c in _OPERATORS for c in stripped):
        return TokenClass.OPERATORS
    if stripped in (THINK_OPEN, THINK_CLOSE) or not any(c.isalpha() for c in stripped):
        return TokenClass.STRUCTURE
    return TokenClass.WORDS


class TokenClasses:
    """Classes of tokens; the text of each token id is decoded once."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._texts: dict[int, str] = {}
        self._class_V, self._length_V = np.zeros(0, np.int64), np.zeros(0, np.int64)
        """Of the token ids in `_texts`; any value for the others."""

    def classes(self, rollouts: Sequence[Rollout]) -> Int64:
        """Index into `CLASSES` of each token [T]."""
        tokens_T = _joined([r.response_tokens.astype(np.int64) for r in rollouts])
        self._decode(tokens_T)
        return self._class_V[tokens_T]

    def parts(self, rollouts: Sequence[Rollout]) -> Int64 | None:
        """Index into `PARTS` of each token [T]; None if no response thinks.

        A response without `</think>` is thinking when `<think>` is in it or its prompt opened one; else it is
        an answer.
        """
        self.classes(rollouts)
        found = [self._num_thinking(rollout) for rollout in rollouts]
        if not any(found):
            return None
        lengths = [len(rollout.response_tokens) for rollout in rollouts]
        return _joined([np.arange(n) >= inside for n, inside in zip(lengths, found, strict=True)])

    def _num_thinking(self, rollout: Rollout) -> int:
        tokens = rollout.response_tokens
        text = "".join(map(self._texts.__getitem__, tokens.tolist()))
        before, mark, _ = text.rpartition(THINK_CLOSE)
        if mark:
            ends = np.cumsum(self._length_V[tokens])
            return int(np.searchsorted(ends, len(before) + len(mark))) + 1
        opened = THINK_OPEN in text or self._tokenizer.response_prefix(rollout.prompt_tokens)
        return len(tokens) if opened else 0

    def _decode(self, tokens_T: Int64) -> None:
        missing = int(tokens_T.max(initial=-1)) + 1 - len(self._class_V)
        if missing > 0:
            self._class_V, self._length_V = (np.pad(v, (0, missing)) for v in (self._class_V, self._length_V))
        for token in np.flatnonzero(np.bincount(tokens_T)).tolist():
            if token not in self._texts:
                text = self._tokenizer.decode(np.array([token], np.int32))
                self._texts[token] = text
                self._class_V[token], self._length_V[token] = CLASSES.index(token_class(text)), len(text)


def _joined(parts: Sequence[NDArray[np.generic]]) -> Int64:
    return np.concatenate([np.zeros(0, np.int64), *(np.asarray(part, np.int64) for part in parts)])
