"""Text of each token of a response, and its numbers in one character each, for the shading in the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from or1.storage.run_folder import START_MODEL

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
"""Numbers 0 to 63, one character each."""
MAX_LEVEL = len(DIGITS) - 1
TOP_NATS = {"entropy": 3.0, "logprob": 6.0}
"""Entropy and -log-probability at the highest level [nats]."""
_LONGEST_CHARACTER = 8
"""Most tokens that share one character [tokens]."""
_UNFINISHED = "\ufffd"
_KEPT_SPECIAL = ("<think>", "</think>")


class TokenPieces:
    """Splits responses into the texts of their tokens, with the tokenizer of the start model."""

    def __init__(self, tokenizer: Any) -> None:
        """
        Args:
            tokenizer: a `tokenizers.Tokenizer`.
        """
        self._tokenizer = tokenizer
        self._known: dict[int, str] = {
            number: token.content if token.content in _KEPT_SPECIAL else ""
            for number, token in tokenizer.get_added_tokens_decoder().items()
            if token.special
        }

    @classmethod
    def of_run(cls, folder: Path) -> TokenPieces | None:
        """From the start model in a run folder; None where it has no tokenizer.json."""
        path = folder / START_MODEL / "tokenizer.json"
        if not path.is_file():
            return None
        from tokenizers import Tokenizer

        return cls(Tokenizer.from_file(str(path)))

    def split(self, tokens: Sequence[int], response: str) -> list[str] | None:
        """One text per token, [L]; together they are the response. None where they are not.

        A character of several tokens is the text of its last one. A `<think>` that the prompt opened and that
        the response repeats is part of the first text.
        """
        pieces: list[str] = []
        waiting: list[int] = []
        for token in tokens:
            waiting.append(token)
            text = self._decode(waiting)
            if _UNFINISHED in text and len(waiting) < _LONGEST_CHARACTER:
                pieces.append("")
            else:
                pieces.append(text)
                waiting.clear()
        whole = "".join(pieces)
        if not pieces or not response.endswith(whole):
            return None
        pieces[0] = response[: len(response) - len(whole)] + pieces[0]
        return pieces

    def _decode(self, tokens: list[int]) -> str:
        if len(tokens) > 1:
            return str(self._tokenizer.decode(tokens, skip_special_tokens=False))
        token = tokens[0]
        if token not in self._known:
            self._known[token] = str(self._tokenizer.decode([token], skip_special_tokens=False))
        return self._known[token]


def packed_lengths(pieces: Sequence[str]) -> str:
    """Lengths of texts in UTF-16 units, as JavaScript counts; one of 63 or more has several digits.

    >>> packed_lengths(["ab", "", "x" * 64])
    'CA/B'
    """
    lengths = (len(piece.encode("utf-16-le", "surrogatepass")) // 2 for piece in pieces)
    return "".join(DIGITS[-1] * (n // MAX_LEVEL) + DIGITS[n % MAX_LEVEL] for n in lengths)


def packed_levels(nats: Sequence[float], top_nats: float) -> str:
    """Numbers from 0 to `top_nats` as levels from 0 to 63; nan is level 0.

    >>> packed_levels([0.0, 3.0, 99.0], 3.0)
    'A//'
    """
    return "".join(
        DIGITS[min(MAX_LEVEL, max(0, round(value / top_nats * MAX_LEVEL)))] if value == value else DIGITS[0]
        for value in nats
    )


def shading(row: Mapping[str, Any], pieces: Sequence[str] | None) -> tuple[str, str, str]:
    """(lengths, entropy, log-probability) of the tokens of a rollout; empty texts where they are unknown.

    Args:
        row: of a rollout file.
        pieces: of `TokenPieces.split`.
    """
    entropy = row.get("behavior_entropy")
    logprobs = row.get("behavior_logprobs")
    if pieces is None or (entropy is None and logprobs is None):
        return "", "", ""
    return (
        packed_lengths(pieces),
        packed_levels(entropy or (), TOP_NATS["entropy"]),
        packed_levels([-value for value in logprobs or ()], TOP_NATS["logprob"]),
    )
