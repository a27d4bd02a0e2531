r"""Amounts in several units: `2\text{ h }30\text{ min}` is 150 minutes, `5` feet `4` inches are 64 inches."""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction

from or1_verify.latex.conversions import in_base
from or1_verify.latex.notations import in_plain_words
from or1_verify.latex.units import UNIT_OF

_FRACTION = re.compile(r"\\[dt]?frac\s*(?:\{(\d+)\}|(\d))\s*(?:\{(\d+)\}|(\d))")
_BEFORE = re.compile(r"^(?:[a-z]+\s*=|\\approx|≈|about|approximately|\s)*")
_PART = re.compile(r"(\d+/[1-9]\d*|\d+(?:\.\d+)?(?:\s+\d+/[1-9]\d*)?)\s*-?\s*([a-z]+)(?:\.(?=\s))?(?![a-z])")
_JOINTS = re.compile(r"\s*(?:,|and)?\s*(?:and)?\s*")
_TIME = {"second": 1}
"""The measure of the units before `m` for minutes."""


def read_amount(text: str) -> tuple[Fraction, dict[str, int], int] | None:
    r"""An amount in one or more units of a kind, the largest first: its value in a base unit, this unit, and
    the number of its parts; None for other texts.

    >>> read_amount(r"2\text{ hours and }30\text{ minutes}"), read_amount(r"t = 1\frac12\text{ minutes}")
    ((Fraction(9000, 1), {'second': 1}, 2), (Fraction(90, 1), {'second': 1}, 1))
    """
    text = _FRACTION.sub(r" \1\2/\3\4 ", text.lower())
    plain = _BEFORE.sub("", " ".join(re.sub("[{}]", " ", in_plain_words(text)).split())).strip(" .")
    base, total, size, num_parts, at = dict[str, int](), Fraction(0), Fraction(0), 0, 0
    while at < len(plain):
        found = _PART.match(plain, at)
        unit = UNIT_OF.get(found[2]) if found else None
        if found is None or unit is None:
            return None
        factor, measured_in = in_base(Counter(["minute" if found[2] == "m" and base == _TIME else unit]))
        if num_parts and (factor >= size or measured_in != base):
            return None
        total, size, base = total + sum(map(Fraction, found[1].split())) * factor, factor, measured_in
        num_parts += 1
        between = _JOINTS.match(plain, found.end())
        at = between.end() if between and between.end() < len(plain) else found.end()
    return (total, base, num_parts) if num_parts else None
