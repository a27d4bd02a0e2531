"""Verifier of integer answers: exact comparison of text in linear time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from or1_verify.answer import read_answer
from or1_verify.base import Verifier
from or1_verify.types import Problem, Verdict

_INTEGER = re.compile(r"\s*(?P<mark>\$?)\s*(?P<sign>[+-]?)\s*0*(?P<digits>[0-9]+)\s*(?P=mark)\s*", re.ASCII)
_SHOWN = 80
"""Longest answer in a verdict's detail [characters]."""


def canonical_integer(text: str) -> str | None:
    """Write an integer without plus sign, leading zeros, spaces or `$`; None if the text is not one integer.

    Digits stay text, since Python refuses to convert very long ones.

    >>> canonical_integer(" +007 "), canonical_integer("-0"), canonical_integer("$7$")
    ('7', '0', '7')
    >>> canonical_integer("7.0") is canonical_integer("$7") is None
    True
    """
    found = _INTEGER.fullmatch(text)
    if found is None:
        return None
    digits = found["digits"]
    return f"-{digits}" if found["sign"] == "-" and digits != "0" else digits


@dataclass(frozen=True, slots=True)
class ArithmeticVerifier(Verifier):
    """Judges integer answers, read as `answer.read_answer` reads every boxed answer.

    Reasons: RIGHT `right`; WRONG `wrong_value`, `not_an_integer`; NO_ANSWER those of `AnswerReason`.
    A gold that is not an integer is our failure: NOT_JUDGED `bad_gold`.
    """

    in_process: ClassVar[bool] = True
    gold_is_answer: ClassVar[bool] = True

    def read(self, text: str) -> str | Verdict:
        """The content of the final box."""
        return read_answer(text).or_verdict()

    def ideal_answer(self, problem: Problem) -> str | None:
        """The gold."""
        return str(problem.gold)

    def compute(self, problem: Problem, answer: str) -> Verdict:
        """Compare two integers in canonical form."""
        if isinstance(problem.gold, bool) or not isinstance(problem.gold, int):
            return Verdict.not_judged("bad_gold", repr(problem.gold))
        # several boxes are one answer of several integers; as in math, it is correct if all are the gold
        values = {canonical_integer(part) for part in answer.split(", ")}
        if None in values:
            return Verdict.wrong("not_an_integer", answer[:_SHOWN])
        detail = (canonical_integer(answer) or answer)[:_SHOWN]
        is_right = values == {str(problem.gold)}
        return Verdict.right(detail) if is_right else Verdict.wrong("wrong_value", detail)
