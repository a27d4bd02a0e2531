"""Settings of the comparison of two answers."""

from __future__ import annotations

from dataclasses import dataclass

MIN_DIGITS = 5
"""Fewest significant digits of a rounded decimal [digits]."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Settings of the comparison, and the question."""

    inequality_for_membership: bool = False
    r"""Whether `-2 \le x` matches the gold `x \in [-2, \infty)`, which asks for a set."""
    min_gold_digits: int = MIN_DIGITS
    """Fewest significant digits of a decimal gold that a value which rounds to it matches [digits]."""
    min_answer_digits: int = 7
    """Fewest significant digits of a decimal that is accepted for an exact irrational gold [digits]."""
    ratio_as_fraction: bool = False
    """Whether `5:8` and `5/8` match."""
    question: str = ""
    """The text of the problem, which gives the order of the names of a tuple; "" if it is unknown."""


DEFAULT_RULES = Rules()
