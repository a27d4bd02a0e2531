"""Policies that are off by default: golds that are rounded values, ratios as fractions."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1_verify.math import MathVerifier
from or1_verify.types import Gold, Message, Outcome, Problem

DEFAULT, ROUNDED, RATIO = (
    MathVerifier(),
    MathVerifier(min_gold_digits=2),
    MathVerifier(ratio_as_fraction=True),
)


def is_right(verifier: MathVerifier, gold: Gold, answer: str) -> bool:
    problem = Problem.make("math", (Message("user", ""),), gold)
    return verifier.verify(problem, f"\\boxed{{{answer}}}").outcome is Outcome.RIGHT


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("0.33", r"\frac13"),
        ("3.14", r"\pi"),
        ("3.142", r"\pi"),
        ("0.67", "0.6667"),
        ("-0.33", r"-\frac{1}{3}"),
        ("12.5", "12.49"),
        ("3.0", r"\frac{299}{100}"),
        ("6.0e23", "6.022e23"),
        (r"6.0 \times 10^{23}", r"6.022 \times 10^{23}"),
        (r"-3.3 \cdot 10^{-4}", r"-\frac{1}{3000}"),
        (r"6.0 \times 10^{23} \text{ m}", r"602200000000000000000000 \text{ m}"),
        (r"33.3\%", r"\frac13"),
        ("(0.33, 1)", r"(\frac13, 1)"),
        ("x = 1.4", r"x = \sqrt{2}"),
        ({"type": "decimal", "value": "1.41"}, r"\sqrt2"),
    ],
)
def test_a_value_that_rounds_to_the_gold_is_right_with_the_setting(gold: Gold, answer: str) -> None:
    assert is_right(ROUNDED, gold, answer)
    assert not is_right(DEFAULT, gold, answer)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("0.34", r"\frac13"),  # rounds to 0.33
        ("3.15", r"\pi"),
        ("0.67", "0.7"),  # fewer places than the gold
        ("0.3", r"\frac13"),  # one digit
        (r"6.1 \times 10^{23}", r"6.022 \times 10^{23}"),
        (r"6.02 \times 10^{23}", r"6.0 \times 10^{23}"),
        (r"6.0 \times 10^{23}", r"6.022 \times 10^{22}"),
        (r"6 \times 10^{23}", r"6.022 \times 10^{23}"),
        ("0.05", r"\frac{1}{21}"),  # one significant digit
        ("3", r"\frac{299}{100}"),  # a whole number is exact
        ("12", "11.9"),
        ("0.33", "0"),
        ("0.99", "1"),
        ("0.00", r"\frac{1}{1000}"),
        (r"\frac13", "0.33"),  # the answer is the rounded one
        ({"type": "rational", "value": "0.33"}, r"\frac13"),
        ({"type": "decimal", "value": "0.33", "tolerance": 0.001}, r"\frac13"),
    ],
)
def test_other_values_stay_wrong_with_the_setting(gold: Gold, answer: str) -> None:
    assert not is_right(ROUNDED, gold, answer)


@pytest.mark.parametrize(
    ("gold", "value"),
    [
        (r"\sqrt2", "1.41421356237309505"),
        (r"\pi", "3.14159265358979324"),
        (r"\frac{e}{10}", "0.27182818284590452"),
        ("2^{0.1}", "1.07177346253629316"),
    ],
)
@pytest.mark.parametrize("fewest", [5, 7, 9])
def test_a_decimal_for_an_exact_irrational_gold_has_at_least_that_many_digits(
    gold: str, value: str, fewest: int
) -> None:
    whole = int(not value.startswith("0"))
    for num_digits in range(3, 12):
        rounded = str(Decimal(value).quantize(Decimal(1).scaleb(whole - num_digits), ROUND_HALF_UP))
        verifier = MathVerifier(min_answer_digits=fewest)
        assert is_right(verifier, gold, rounded) is (num_digits >= fewest), (rounded, num_digits)
        if num_digits >= 5:
            assert is_right(verifier, rounded, gold), "a rounded gold asks for five digits"


def test_a_rational_gold_asks_for_five_digits_of_a_decimal() -> None:
    assert is_right(DEFAULT, r"\frac13", "0.33333")
    assert not is_right(DEFAULT, r"\frac13", "0.3333")
    assert is_right(DEFAULT, r"\sqrt{\frac49}", "0.66667")


@pytest.mark.parametrize(
    ("gold", "answer", "wanted"),
    [
        # 0.5 radians are 28.6479 degrees: half a digit of 28.648 degrees is 0.0000087 radians
        (r"28.648^\circ", r"\frac{1}{2} \text{ radians}", True),
        (r"28.648^\circ", r"0.1593\pi", False),  # 28.674 degrees, 0.00046 radians away
        (r"28.648^\circ", r"0.15916\pi", False),  # 28.6488 degrees
        (r"28.648^\circ", r"0.159155\pi", True),
        (r"28.648^\circ", r"0.5004 \text{ radians}", False),
        (r"33.333\%", r"\frac13", True),
        (r"33.333\%", "0.3334", False),
    ],
)
def test_the_last_digit_of_a_decimal_counts_in_its_own_unit(gold: str, answer: str, wanted: bool) -> None:
    assert is_right(DEFAULT, gold, answer) is wanted


def test_the_setting_is_the_fewest_digits() -> None:
    assert not is_right(MathVerifier(min_gold_digits=4), "3.14", r"\pi")
    assert is_right(MathVerifier(min_gold_digits=4), "3.142", r"\pi")


@given(
    value=st.fractions(min_value=-50, max_value=50, max_denominator=997),
    digits=st.integers(2, 4),
    off=st.integers(-3, 3),
)
def test_right_exactly_when_it_rounds_to_the_gold(value: Fraction, digits: int, off: int) -> None:
    """`decimal` is the reference for the rounding."""
    if value.denominator == 1:
        return
    with localcontext() as context:
        context.prec = 60
        exact = Decimal(value.numerator) / Decimal(value.denominator)
        unit = Decimal(1).scaleb(exact.adjusted() - digits + 1)
        gold = exact.quantize(min(unit, Decimal("0.1")), ROUND_HALF_UP) + off * min(unit, Decimal("0.1"))
    written = len(str(abs(gold)).replace(".", "").lstrip("0"))
    twice = 2 * abs(Fraction(gold) - value) / Fraction(min(unit, Decimal("0.1")))
    if not 2 <= written <= 4 or twice == 1 or not gold:  # a tie rounds to either side
        return
    answer = f"\\frac{{{value.numerator}}}{{{value.denominator}}}"
    assert is_right(ROUNDED, str(gold), answer) is (twice < 1)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("5:8", r"\frac58"),
        ("5:8", "10/16"),
        ("5:8", "0.625"),
        (r"\frac{5}{8}", "5:8"),
        ("2:1", "2"),
        (r"\sqrt2 : 1", r"\sqrt2"),
    ],
)
def test_a_ratio_is_its_fraction_with_the_setting(gold: str, answer: str) -> None:
    assert is_right(RATIO, gold, answer)
    assert not is_right(DEFAULT, gold, answer)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [("5:8", "8/5"), ("5:8", "0.63"), ("8/5", "5:8"), ("1:2:3", r"\frac16"), ("5:8", "8:5"), ("1:0", "1")],
)
def test_another_fraction_stays_wrong_with_the_setting(gold: str, answer: str) -> None:
    assert not is_right(RATIO, gold, answer)
