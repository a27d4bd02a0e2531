"""Is an integer answer right? Exact, and free of everything but text.

What counts is the last box after the last `</think>`. Nothing is read from unfinished thinking, and a last
box that is not closed is no answer: falling back to an earlier one would pay for a guess that was left.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from or1_verify.base import Verifier
from or1_verify.types import Outcome, Problem, Verdict

_OPEN, _CLOSE = "<think>", "</think>"
_BOX = "\\boxed{"
_INTEGER = re.compile(r"\s*(?P<sign>[+-]?)\s*0*(?P<digits>[0-9]+)\s*")
_SHOWN = 80
"""Most characters of an answer that go into a verdict's detail [characters]."""


def final_text(text: str) -> str | None:
    """Return what follows the last `</think>`, or all of it when there was no thinking; None while it thinks.

    >>> final_text("<think>1+1=2</think> 2"), final_text("2"), final_text("<think>1+1=2")
    (' 2', '2', None)
    """
    answer = text.rpartition(_CLOSE)[2]
    return None if _OPEN in answer else answer


def last_box(text: str) -> str | None:
    r"""Return the content of the last `\boxed{...}`; None when there is none or it is not closed.

    >>> last_box("\\boxed{1} or \\boxed{a{2}}"), last_box("\\boxed{1} or \\boxed{2")
    ('a{2}', None)
    """
    _, mark, rest = text.rpartition(_BOX)
    depth = 1 if mark else 0
    for position, character in enumerate(rest if mark else ""):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return rest[:position]
    return None


def canonical_integer(text: str) -> str | None:
    """Write an integer without plus sign, leading zeros or spaces; None when the text is not one integer.

    Digits stay text, since Python refuses to convert very long ones.

    >>> canonical_integer(" +007 "), canonical_integer("-0"), canonical_integer("7.0")
    ('7', '0', None)
    """
    found = _INTEGER.fullmatch(text)
    if found is None or not text.isascii():
        return None
    digits = found["digits"]
    return f"-{digits}" if found["sign"] == "-" and digits != "0" else digits


@dataclass(frozen=True, slots=True)
class ArithmeticVerifier(Verifier):
    """Judges integer answers.

    RIGHT, WRONG (wrong_value, not_an_integer) or NO_ANSWER (no_box, unfinished_thinking).
    A gold that is no integer is our own failure: NOT_JUDGED (bad_gold).
    """

    in_process: ClassVar[bool] = True
    """Exact work on text in linear time: no worker process is needed to bound it."""

    def read(self, text: str) -> str | Verdict:
        """The content of the last box."""
        answer = final_text(text)
        if answer is None:
            return Verdict(outcome=Outcome.NO_ANSWER, reward=0.0, reason="unfinished_thinking")
        box = last_box(answer)
        return Verdict(outcome=Outcome.NO_ANSWER, reward=0.0, reason="no_box") if box is None else box

    def ideal_answer(self, problem: Problem) -> str | None:
        """The gold."""
        return str(problem.gold)

    def compute(self, problem: Problem, answer: str) -> Verdict:
        """Compare two integers in canonical form."""
        if isinstance(problem.gold, bool) or not isinstance(problem.gold, int):
            return Verdict(
                outcome=Outcome.NOT_JUDGED, reward=None, reason="bad_gold", detail=repr(problem.gold)
            )
        value = canonical_integer(answer)
        if value is None:
            return Verdict(outcome=Outcome.WRONG, reward=0.0, reason="not_an_integer", detail=answer[:_SHOWN])
        if value != str(problem.gold):
            return Verdict(outcome=Outcome.WRONG, reward=0.0, reason="wrong_value", detail=value[:_SHOWN])
        return Verdict(outcome=Outcome.RIGHT, reward=1.0, detail=value[:_SHOWN])
