"""Plain numbers are read exactly."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1_verify.math.plain_number import plain_number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("025", 25),
        ("1,234", 1234),
        ("1,234,567", 1_234_567),
        ("1{,}234", 1234),
        (r"1\,234", 1234),
        ("1 234", 1234),
        ("$18", 18),
        (r"\$18.50", Fraction(37, 2)),
        (r"-\$5", -5),
        ("18.00", 18),
        ("18.", 18),
        (".5", Fraction(1, 2)),
        (r"336^\circ", 336),
        (r"336^{\circ}", 336),
        ("336°", 336),
        ("$72$", 72),
        ("$72$.", 72),
        ("**72.**", 72),
        ("**72**", 72),
        ("+7", 7),
        ("\N{MINUS SIGN}7", -7),
        ("- 7", -7),
    ],
)
def test_a_number_with_its_trimmings(text: str, value: Fraction) -> None:
    assert plain_number(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            ".",
            "-",
            "$",
            "1,23",
            "1,2345",
            "12,345,6",
            "1 2",
            "1/2",
            "50%",
            r"50\%",
            "18 dollars",
            "x",
            "1e5",
        ),
        *(
            "1.2.3",
            "0x10",
            "(5)",
            "5!",
            "2^3",
            "\N{ARABIC-INDIC DIGIT FIVE}",
            "5" * 201,
            r"\frac{1}{2}",
            "1:2",
        ),
    ],
)
def test_anything_else_is_left_to_algebra(text: str) -> None:
    assert plain_number(text) is None


@given(st.integers(-(10**30), 10**30))
def test_every_integer_reads_as_itself(value: int) -> None:
    assert plain_number(str(value)) == value
    assert plain_number(f"{value:,}") == value
    assert plain_number(f"  {value}.0 ") == value
