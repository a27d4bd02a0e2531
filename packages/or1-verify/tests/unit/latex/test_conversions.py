"""Units of one kind convert by exact factors; a wrong factor, another kind or system does not match."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import is_right
from or1_verify.latex.conversions import conversion

PAIRS = [
    ("m", "cm", 100), ("km", "m", 1000), ("kg", "g", 1000), ("L", "mL", 1000), ("hours", "minutes", 60),
    ("days", "hours", 24), ("feet", "inches", 12), ("dollars", "cents", 100), ("gallons", "quarts", 4),
    ("years", "months", 12), ("m^2", "cm^2", 10**4), ("L", "cm^3", 1000), ("kW", "W", 1000),
]  # fmt: skip


@settings(max_examples=60)
@given(st.sampled_from(PAIRS), st.integers(2, 500), st.sampled_from([2, 7, 10, 1000]))
def test_a_value_in_a_smaller_unit(pair: tuple[str, str, int], number: int, wrong: int) -> None:
    large, small, factor = pair
    gold, converted = rf"{number}\text{{ {large}}}", rf"{number * factor}\text{{ {small}}}"
    assert is_right(gold, converted)
    assert is_right(converted, gold)
    assert not is_right(gold, rf"{number}\text{{ {small}}}")
    if wrong != factor:
        assert not is_right(gold, rf"{number * wrong}\text{{ {small}}}")


@pytest.mark.parametrize(
    ("gold", "answer", "paid"),
    [
        (r"36\text{ km/h}", r"10\text{ m/s}", True),
        (r"36\text{ km/h}", r"36\text{ m/s}", False),
        (r"\$0.75", r"75\text{ cents}", True),
        (r"45\text{ miles per gallon}", r"45\text{ mpg}", True),
        (r"1\text{ inch}", r"2.54\text{ cm}", False),  # two systems
        (r"5\text{ m}", r"5\text{ s}", False),
        (r"20^\circ\mathrm{C}", r"20\text{ K}", False),
        (r"1\text{ kilobyte}", r"1000\text{ bytes}", False),  # or 1024
        (r"2\pi r h", r"2\pi hr", True),
        (r"2\pi hr", r"2\pi rh", True),
        (r"2\pi r h", r"2\pi h^2", False),
        (r"5\text{ hr}", "5 hr", True),
    ],
)
def test_units_and_letters(gold: str, answer: str, paid: bool) -> None:
    assert is_right(gold, answer) is paid


def test_factors_are_exact() -> None:
    assert conversion({"mile": 1, "hour": -1}, {"foot": 1, "second": -1}) == Fraction(3600, 5280)
    assert conversion({"meter": 2}, {"centimeter": 2}) == Fraction(1, 10**4)
    assert conversion({"meter": 1}, {"meter": 2}) is None
