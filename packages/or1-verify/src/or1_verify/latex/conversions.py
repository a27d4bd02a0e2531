r"""Conversion between units of one kind by exact factors: `3\text{ m}` and `300\text{ cm}`.

Metric units convert by their prefixes; feet, seconds, years, gallons, pounds and dollars with the units that
are multiples of them. Units of two systems do not convert, nor do temperatures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction

from or1_verify.latex.units import METRIC, PREFIXES

_POWERS = dict(zip(("", *PREFIXES.values()), (0, -12, -9, -6, -3, -2, -1, 3, 6, 9, 12), strict=True))
_MULTIPLES = {
    "foot": "1/12 inch 3 yard 5280 mile", "second": "60 minute 3600 hour 86400 day 604800 week",
    "gallon": "1/4 quart 1/8 pint 1/16 cup 1/256 tablespoon 1/768 teaspoon", "pound": "1/16 ounce",
    "dollar": "1/100 cent", "year": "1/12 month 10 decade 100 century",
}  # fmt: skip
_DERIVED = {
    "joule": {"newton": 1, "meter": 1}, "watt": {"newton": 1, "meter": 1, "second": -1},
    "pascal": {"newton": 1, "meter": -2},
}  # fmt: skip
_SHARES = {"half": Fraction(1, 2), "quarter": Fraction(1, 4)}
_NOT_DECIMAL = frozenset({"byte", "bit"})
_DIMENSIONS = {
    "meter": "length", "foot": "length", "gram": "mass", "pound": "mass", "second": "time", "year": "time",
    "dollar": "money", "gallon": "volume",
}  # fmt: skip
_Base = tuple[Fraction, str, int]
"""Factor, name and power of the unit that another one is measured in."""


def _bases() -> dict[str, _Base]:
    found: dict[str, _Base] = {}
    for base, multiples in _MULTIPLES.items():
        words = multiples.split()
        found |= {
            name: (Fraction(factor), base, 1) for factor, name in zip(words[::2], words[1::2], strict=True)
        }
    for unit in METRIC.keys() - _NOT_DECIMAL:
        scale, base, power = (Fraction(1, 1000), "meter", 3) if unit == "liter" else (Fraction(1), unit, 1)
        for prefix in ("", *PREFIXES.values()):
            found[prefix + unit] = (scale * Fraction(10) ** _POWERS[prefix], base, power)
    return found


_BASES = _bases()


def conversion(gold: dict[str, int], answer: dict[str, int]) -> Fraction | None:
    """The factor from the measure of an answer to the one of a gold; None if they are of different kinds.

    >>> conversion({"meter": 1}, {"centimeter": 1}), conversion({"meter": 1}, {"foot": 1})
    (Fraction(1, 100), None)
    """
    gold_factor, gold_units = in_base(gold)
    answer_factor, answer_units = in_base(answer)
    return answer_factor / gold_factor if gold_units == answer_units else None


def in_base(measure: Mapping[str, int]) -> tuple[Fraction, dict[str, int]]:
    """The factor of a measure, and the units that its units are measured in, with their powers."""
    factor, units = Fraction(1), Counter[str]()
    for unit, count in measure.items():
        share, _, name = unit.rpartition(" ") if unit.startswith(tuple(_SHARES)) else ("", "", unit)
        scale, base, power = _BASES.get(name, (Fraction(1), name, 1))
        factor *= (scale * _SHARES.get(share, 1)) ** count
        for each, own in _DERIVED.get(base, {base: 1}).items():
            units[each] += power * count * own
    return factor, {unit: count for unit, count in units.items() if count}


def dimension(unit: str) -> str:
    """Whether a unit measures length, mass, time, volume or money; the unit itself for others.

    >>> dimension("mile"), dimension("centimeter"), dimension("liter"), dimension("volt")
    ('length', 'length', 'volume', 'volt')
    """
    _, base, power = _BASES.get(unit, (Fraction(1), unit, 1))
    return "volume" if power > 1 else _DIMENSIONS.get(base, unit)
