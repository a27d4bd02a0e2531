r"""Numbers in another base: `204_5`, `2A_{16}`, `1011_{\text{two}}`, `1011 \text{ (base 2)}`."""

from __future__ import annotations

import re
from fractions import Fraction

from or1_verify.latex.forms import Based

NUMBER_WORDS = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve",
]  # fmt: skip
ORDINAL_WORDS = [
    "zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth",
]  # fmt: skip
_PART = re.compile(
    rf"(an?|{'|'.join(NUMBER_WORDS[1:])})[- ](hal(?=f|ves)|quarter|{'|'.join(ORDINAL_WORDS[3:])})(?:s|f|ves)?"
)
"""Not `one second`, which is a time."""
_WRAP = r"(?:\\(?:text\w*|math\w+)\s*\{\s*)?"
_COUNTED = re.compile(
    rf"\s*{_WRAP}(?:there (?:is|are) )?(?:exactly )?([a-z]+|\d+) ([a-z][a-z ]*?)\.?\s*\}}?\s*", re.IGNORECASE
)
_DIGITS = rf"\s*\(?\s*{_WRAP}(?P<digits>-?(?:[0-9][0-9A-Fa-f ,.]*|[0-9A-F]+))\)?[\s}}]*"
_BASE = r"(?P<base>\d{1,2}|[a-z]{3,9})"
_BASED = re.compile(
    rf"{_DIGITS}(?:_\s*\{{?\s*{_WRAP}(?:base\s*\}}?\s*)?{_BASE}[\s}}]*"
    rf"|{_WRAP}\(?\s*(?:in\s+)?base\s*\}}?\s*{_BASE.replace('base', 'spoken')}\s*\)?[\s}}]*)"
)


def number_of(words: str) -> Fraction | int | None:
    """The number that words name; an ordinal is its number.

    >>> number_of("Five"), number_of("the fifth"), number_of("fifths"), number_of("three-fifths")
    (5, 5, None, Fraction(3, 5))
    """
    word = words.lower().removeprefix("the ")
    if (part := _PART.fullmatch(word)) is not None:
        count = 1 if part[1] in {"a", "an"} else NUMBER_WORDS.index(part[1])
        return Fraction(count, {"hal": 2, "quarter": 4}.get(part[2]) or ORDINAL_WORDS.index(part[2]))
    return next((names.index(word) for names in (NUMBER_WORDS, ORDINAL_WORDS) if word in names), None)


def counted(text: str) -> str | None:
    r"""A number in words before its noun, or after "there are", with digits; None for other texts.

    >>> counted(r"\text{Four divisors}"), counted("There are 3 real roots."), counted("divisors")
    ('4 \\text{divisors}', '3 \\text{real roots}', None)
    """
    found = _COUNTED.fullmatch(text)
    if found is None:
        return None
    word = found[1].lower()
    number = word if word.isdigit() else str(NUMBER_WORDS.index(word)) if word in NUMBER_WORDS else ""
    return rf"{number} \text{{{found[2]}}}" if number else None


def read_based(text: str) -> Based | None:
    r"""The number that a text writes in another base; None for other texts, and for a digit the base lacks.

    >>> read_based(r"\mathrm{2a}_{16}"), read_based("102_2")
    (Based(digits='2A', base='16'), None)
    """
    found = _BASED.fullmatch(text.replace("{,}", ""))
    if found is None:
        return None
    base = found["base"] or found["spoken"]
    base = str(NUMBER_WORDS.index(base)) if base in NUMBER_WORDS else base
    digits = re.sub(r"[ ,.]", "", found["digits"]).upper()
    return Based(digits, base) if _value(digits, base) is not None else None


def value_of(number: Based) -> int | None:
    """The value, for a base of at most 36."""
    return _value(number.digits, number.base)


def _value(digits: str, base: str) -> int | None:
    try:
        return int(digits, int(base)) if 2 <= int(base) <= 36 else None
    except ValueError:
        return None
