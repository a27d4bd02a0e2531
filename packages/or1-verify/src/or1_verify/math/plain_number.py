r"""Plain numbers as people write them, read exactly: `025`, `1,234`, `\$18`, `18.00`, `336^\circ`."""

from __future__ import annotations

import re
from fractions import Fraction

_MAX_CHARACTERS = 200
_SPACING = re.compile(r"\\[,!;: ]|~")
_DEGREE = re.compile(r"(?:\^\s*(?:\\circ|\{\s*\\circ\s*\})|\\degree|°)$")
_NUMBER = re.compile(
    r"(?P<sign>[+-]?)\s*(?:\\?\$)?\s*"
    r"(?P<whole>[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d{0,2}(?: \d{3})+|\d+)?(?P<fraction>\.\d*)?",
    re.ASCII,
)


def unit_sign(text: str) -> str:
    r"""The sign of a unit beside a plain number: a degree sign, `\$`, or empty."""
    if _DEGREE.search(text.strip(" .$*")):
        return "degree"
    return "dollar" if r"\$" in text else ""


def plain_number(text: str) -> Fraction | None:
    r"""The exact value of an integer or decimal in the usual notations; None for anything else.

    Read: leading zeros, thousands in groups of three (comma or thin space), a dollar sign, a degree sign, a
    closing period, Markdown stars, surrounding `$`. Not read: percent, units, fractions, several numbers.

    >>> plain_number(r"\$1,234.50."), plain_number("025"), plain_number(r"336^\circ"), plain_number("1,23")
    (Fraction(2469, 2), Fraction(25, 1), Fraction(336, 1), None)
    """
    if len(text) > _MAX_CHARACTERS or ".." in text:
        return None
    bare = text.strip().removesuffix(".").strip("* ")
    if len(bare) > 2 and bare.startswith("$") and bare.endswith("$") and not bare.endswith(r"\$"):
        bare = bare[1:-1].strip()
    bare = _SPACING.sub(" ", bare.replace("{,}", ",").replace("\N{MINUS SIGN}", "-")).strip()
    bare = _DEGREE.sub("", bare.removesuffix(".").strip()).strip()
    found = _NUMBER.fullmatch(bare)
    if found is None or not any(character.isdigit() for character in bare):
        return None
    whole = (found["whole"] or "0").replace(",", "").replace(" ", "")
    fraction = (found["fraction"] or "")[1:]
    value = Fraction(int(whole + fraction), 10 ** len(fraction))
    return -value if found["sign"] == "-" else value
