"""The graders that are compared, behind one signature: (gold, response) -> is it paid?"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from or1_verify import math
from or1_verify.answer import final_answer

Grader = Callable[[str, str], bool]
_LAST_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_DROPPED = re.compile(
    r"\\(?:left|right|!|,|;|:| |\$|text\{[^{}]*\}|mbox\{[^{}]*\})|\\?%|\^\{?\\circ\}?|\$|\s"
)
_SHORT_FRACTION = re.compile(r"\\frac(\d)(\d)")
_FRACTION = re.compile(r"(-?)\\frac\{(-?\d+)\}\{(-?\d+)\}|(-?\d+)/(-?\d+)")


def ours(gold: str, response: str) -> bool:
    """`or1_verify.math` with its settings for rewards."""
    return math.verify(gold, response).reward == 1.0


def ours_unboxed(gold: str, response: str) -> bool:
    """The same, reading answers without a box too."""
    return math.verify(gold, response, unboxed=True).reward == 1.0


def math_verify(gold: str, response: str) -> bool:
    """Math-Verify as its users call it, with its own clocks."""
    from math_verify import parse, verify

    return bool(verify(parse(f"\\boxed{{{gold}}}"), parse(response)))


def strings(gold: str, response: str) -> bool:
    """Normalised strings, then numbers to one part in ten thousand: what rule graders have in common."""
    answer = final_answer(response)
    if answer is None:
        numbers = _LAST_NUMBER.findall(response)
        answer = numbers[-1] if numbers else ""
    mine, theirs = _normal(gold), _normal(answer)
    if mine == theirs:
        return True
    values = _number(mine), _number(theirs)
    if None in values:
        return False
    return abs(values[0] - values[1]) <= abs(values[0]) / 10_000  # type: ignore[operator]


def _normal(text: str) -> str:
    text = _DROPPED.sub("", text.replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac"))
    text = _SHORT_FRACTION.sub(r"\\frac{\1}{\2}", text)
    text = text.partition("=")[2] if text.count("=") == 1 and len(text.partition("=")[0]) <= 2 else text
    return re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text).strip(".").lower()


def _number(text: str) -> Fraction | None:
    found = _FRACTION.fullmatch(text)
    if found:
        above, below = (found[2], found[3]) if found[2] else (found[4], found[5])
        sign = -1 if found[1] == "-" else 1
        return sign * Fraction(int(above), int(below)) if int(below) else None
    return Fraction(text) if re.fullmatch(r"-?(?:\d+\.?\d*|\.\d+)", text, re.ASCII) else None
