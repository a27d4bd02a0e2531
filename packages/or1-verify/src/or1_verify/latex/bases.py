r"""Numbers in another base: `204_5`, `2A_{16}`, `1011_{\text{two}}`, `1011 \text{ (base 2)}`."""

from __future__ import annotations

import re
from fractions import Fraction

from or1_verify.latex.forms import Based
from or1_verify.latex.scales import cardinal, denominator_of, ordinal

_WRAP = r"(?:\\(?:text\w*|math\w+)\s*\{\s*)?"
_TWENTY = 20
"""From here on a cardinal may belong to an ordinal: `twenty-fifths`."""
_TEXT = re.compile(r"\\text\w*\s*\{|\}")
_SHARES = {"half": 2, "quarter": 4, "quarters": 4}
_REPEATED = re.compile(
    rf"(?<![\d.,])(\d{{1,3}})(?:\\?\s)*{_WRAP}\(\s*{_WRAP}([A-Za-z]{{3,}}(?:-[A-Za-z]+)?)\s*\}}?\s*\)\s*\}}?"
)
_COUNTED = re.compile(
    rf"\s*{_WRAP}(?:there (?:is|are) )?(?:exactly )?((?:[a-z-]+|\d+)(?: [a-z-]+){{1,9}})\.?\s*\}}?\s*",
    re.IGNORECASE,
)
_DIGITS = rf"\s*\(?\s*{_WRAP}(?P<digits>-?(?:[0-9][0-9A-Fa-f ,.]*|[0-9A-F]+))\)?[\s}}]*"
_BASE = r"(?P<base>\d{1,2}|[a-z]{3,9})"
_BASED = re.compile(
    rf"{_DIGITS}(?:_\s*\{{?\s*{_WRAP}(?:base\s*\}}?\s*)?{_BASE}[\s}})]*"
    rf"|{_WRAP}\(?\s*(?:in\s+)?base\s*\}}?\s*{_BASE.replace('base', 'spoken')}\s*\)?[\s}}]*)"
)


def number_of(words: str) -> Fraction | int | None:
    r"""The number that words name; an ordinal is its number.

    >>> number_of("Five"), number_of(r"\text{the fifth}"), number_of("fifths"), number_of("two and a half")
    (5, 5, None, Fraction(5, 2))
    """
    word = " ".join(_TEXT.sub(" ", words.lower()).split()).removeprefix("the ")
    for number in (ordinal(word), cardinal(word)):
        if number is not None:
            return number
    whole, _, part = word.rpartition(" and ")
    first, _, rest = part.replace("-", " ", 1).partition(" ")
    count, base = 1 if first in {"a", "an"} else cardinal(first), cardinal(whole) if whole else 0
    if first == "half" and base == 0 and rest.startswith("a"):
        return None if (halved := cardinal(rest)) is None else Fraction(halved, 2)
    share = _SHARES.get(rest) or denominator_of(rest)
    return base + Fraction(count, share) if count and count < _TWENTY and share and base is not None else None


def without_repetition(text: str) -> str:
    r"""The text without a number in words that repeats the digits before it.

    >>> without_repetition(r"\text{5 (five)}"), without_repetition("5 (six)")
    ('\\text{5}', '5 (six)')
    """
    return _REPEATED.sub(_repeats, text)


def _repeats(found: re.Match[str]) -> str:
    more = found.group().count("}") - found.group().count("{")
    return (
        found[1] + "}" * more if number_of(found[2].lower()) == int(found[1]) and more >= 0 else found.group()
    )


def counted(text: str) -> str | None:
    r"""A number in words before its noun, or after "there are", with digits; None for other texts.

    >>> counted(r"\text{Four divisors}"), counted("There are 3 real roots."), counted("divisors")
    ('4 \\text{divisors}', '3 \\text{real roots}', None)
    """
    found = _COUNTED.fullmatch(text)
    words = found[1].split() if found else []
    for end in range(len(words) - 1, 0, -1):
        first = " ".join(words[:end]).lower()
        number = int(first) if first.isdigit() else cardinal(first)
        if number is not None:
            return rf"{number} \text{{{' '.join(words[end:])}}}"
    return None


def read_based(text: str) -> Based | None:
    r"""The number that a text writes in another base; None for other texts, and for a digit the base lacks.

    >>> read_based(r"\mathrm{2a}_{16}"), read_based("102_2"), read_based("-(12_3)")
    (Based(digits='2A', base='16'), None, Based(digits='-12', base='3'))
    """
    found = _BASED.fullmatch(text.replace("{,}", "").replace("-(", "(-"))
    if found is None:
        return None
    base = found["base"] or found["spoken"]
    base = base if base.isdigit() else str(cardinal(base))
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
