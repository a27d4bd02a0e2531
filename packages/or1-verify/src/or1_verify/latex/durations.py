r"""Durations in several units: `2\text{ h }30\text{ min}` is 150 minutes and 2.5 hours."""

from __future__ import annotations

import re
from fractions import Fraction

_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_FRACTION = re.compile(r"\\[dt]?frac\s*(?:\{(\d+)\}|(\d))\s*(?:\{(\d+)\}|(\d))")
_NOT_WORDS = re.compile(
    r"\\(?:text\w*|mathrm|mbox)(?![a-z])|\\(?:[,;:! ]|q?quad(?![a-z]))|[{}$~]|\\left|\\right"
)
_BEFORE = re.compile(r"^(?:[a-z]+\s*=|\\approx|≈|about|approximately|\s)*")
_PART = re.compile(
    r"(\d+/[1-9]\d*|\d+(?:\.\d+)?(?:\s+\d+/[1-9]\d*)?)\s*-?\s*"
    r"(days?|hours?|hrs?|h|minutes?|mins?|min\.|m|seconds?|secs?|s)(?![a-z])"
)
_JOINTS = re.compile(r"\s*(?:,|and)?\s*(?:and)?\s*")


def read_duration(text: str) -> tuple[Fraction, int] | None:
    r"""A duration [s] and the number of its parts; None if the text is no duration.

    >>> read_duration(r"2\text{ hours and }30\text{ minutes}"), read_duration(r"t = 2\frac12\text{ hours}")
    ((Fraction(9000, 1), 2), (Fraction(9000, 1), 1))
    """
    text = _FRACTION.sub(r" \1\2/\3\4 ", text.lower())
    plain = _BEFORE.sub("", " ".join(_NOT_WORDS.sub(" ", text).split())).strip(" .")
    units, total, at = "", Fraction(0), 0
    while at < len(plain):
        found = _PART.match(plain, at)
        if found is None or (units and units[-1] not in "dhm"):
            return None
        unit = found[2][0]
        if units and "dhms".index(unit) <= "dhms".index(units[-1]):
            return None
        units += unit
        total += sum(map(Fraction, found[1].split())) * _SECONDS[unit]
        between = _JOINTS.match(plain, found.end())
        at = between.end() if between and between.end() < len(plain) else found.end()
    return (total, len(units)) if units else None
