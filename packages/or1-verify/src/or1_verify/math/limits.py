r"""Size limits on answers, checked before any evaluation.

The limits allow the answers that people write ($2^{2005}$, $100!$) and reject power towers, huge factorials
and endless sums. The time and memory limits of the pool stop everything else.
"""

from __future__ import annotations

import re

MAX_CHARACTERS = 512
"""Longest answer that is compared at all [characters]."""
MAX_NESTING = 30
"""Deepest nesting of brackets [levels]; parsers take exponential time on more."""
MAX_EXPONENT = 10_000
"""Largest whole number in an exponent [dimensionless]."""
MAX_FACTORIAL = 5_000
"""Largest argument of a factorial [dimensionless]."""
MAX_RANGE = 100_000
"""Largest whole number beside a sum, product, integral or binomial [dimensionless]."""

_WHOLE = re.compile(r"(?<![\d.])\d+")
"""The digits after a decimal point count as little."""
_RANGED = re.compile(r"\\(?:sum|prod|int|binom|dbinom|tbinom|choose)(?![A-Za-z])")
_BINOMIAL = re.compile(r"\\[dt]?binom\s*\{([^{}]*)\}\s*\{([^{}]*)\}")
_OF_NUMBER = re.compile(r"(\d+)\s*!")
_OF_GROUP = re.compile(r"[)}\]!]\s*!")
_TERM = r"(?:\d{1,2}\s*[a-z]?|[a-z])"
_OF_LETTER = re.compile(rf"\(\s*{_TERM}\s*(?:[-+]\s*{_TERM}\s*)*\)\s*!|(?<![a-zA-Z\\])[a-z]\s*!")
"""`(2n + 1)!`, `(n - k)!`: small at the points where formulas are compared."""
_WITHOUT_LETTERS = re.compile(r"(?:\\(?:cdot|times|left|right)(?![A-Za-z])|[^A-Za-z\\])*")
_SIMPLE_POWER = re.compile(r"[{(\s]*(\d{1,5})\s*\^\s*[{(]?\s*(\d{1,5})[\s)}]*")


def is_too_large(answer: str) -> bool:
    r"""Whether the answer is over one of the limits of this module.

    >>> is_too_large(r"\frac{2^{2005}+1}{3}"), is_too_large("9^{9^{9^9}}"), is_too_large("(10^7)!")
    (False, True, True)
    """
    if len(answer) > MAX_CHARACTERS or _nesting(answer) > MAX_NESTING:
        return True
    if any(_exponent_too_large(body) for body in _exponents(answer)):
        return True
    if any(_exceeds(number, MAX_FACTORIAL) for number in _OF_NUMBER.findall(answer)):
        return True
    numbers = _OF_LETTER.sub(" ", answer)
    if _OF_GROUP.search(numbers) and ("^" in answer or _has_number_above(answer, MAX_FACTORIAL)):
        return True
    if _OF_GROUP.search(numbers) and answer.count("!") > 1:
        return True
    if _RANGED.search(answer) is None:
        return False
    binomials = " ".join(part for found in _BINOMIAL.findall(answer) for part in found)
    ranged = answer if _RANGED.search(_BINOMIAL.sub(" ", answer)) else binomials
    return _has_number_above(ranged, MAX_RANGE)


def _exceeds(digits: str, limit: int) -> bool:
    return len(digits.lstrip("0")) > len(str(limit)) or int(digits) > limit


def _has_number_above(text: str, limit: int) -> bool:
    return any(_exceeds(number, limit) for number in _WHOLE.findall(text))


def _nesting(text: str) -> int:
    depth = deepest = 0
    for character in text:
        if character in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")]}":
            depth -= 1
    return deepest


def _exponents(text: str) -> list[str]:
    """The text after each `^`: a bracketed group with its brackets, or a run without spaces."""
    bodies = []
    for match in re.finditer(r"(?:\^|\*\*)\s*", text):
        start = match.end()
        bodies.append(_group(text, start) if text[start : start + 1] in ("{", "(") else _run(text, start))
    return bodies


def _group(text: str, start: int) -> str:
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] in "({") - (text[position] in ")}")
        if depth == 0:
            return text[start : position + 1]
    return text[start:]


def _run(text: str, start: int) -> str:
    found = re.compile(r"[-+]?(?:[\d.^!]|\*\*)+").match(text, start)
    return found.group() if found else ""


def _exponent_too_large(body: str) -> bool:
    if _has_number_above(body, MAX_EXPONENT):
        return True
    if not any(sign in body for sign in ("^", "**", "!")) or not _WITHOUT_LETTERS.fullmatch(body):
        return False
    power = _SIMPLE_POWER.fullmatch(body)
    if power is None:
        return True
    base, exponent = int(power[1]), int(power[2])
    return base > 1 and (exponent > 14 or base**exponent > MAX_EXPONENT)
