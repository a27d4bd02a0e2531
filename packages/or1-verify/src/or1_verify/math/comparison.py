"""The result of the comparison of an answer with a gold."""

from __future__ import annotations

from enum import StrEnum


class Comparison(StrEnum):
    """From the best of several readings of an answer to the worst."""

    EQUAL = "equal"
    OPEN = "open"
    """Not decided without numbers."""
    DIFFERENT = "different"
    TOO_LARGE = "too_large"
    """A value is over the limits of `latex.exact`."""
    BAD_ANSWER = "bad_answer"
    """The answer could not be read."""
    BAD_GOLD = "bad_gold"
    """No gold could be read."""


UNLIKE = (Comparison.BAD_ANSWER, Comparison.TOO_LARGE, Comparison.OPEN, Comparison.DIFFERENT)
"""From a part that may yet be equal to one that makes the whole answer different."""
