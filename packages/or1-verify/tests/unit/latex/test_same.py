"""The comparison of forms, one pair for each rule of its policy; the golden tables have many more."""

from __future__ import annotations

from fractions import Fraction

import pytest

from or1_verify.latex.identity import NumericIdentity
from or1_verify.latex.reader import read
from or1_verify.latex.same import Comparer


def same(gold: str, answer: str, tolerance: Fraction | None = None) -> bool:
    return Comparer(NumericIdentity(), tolerance).same(read(gold), read(answer))


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        ("5", "x = 5", True),
        ("x = 5", "y = 5", False),
        ("AB = 5", "x = 5", True),  # a label, not a variable
        ("m + n", "10", False),
        ("10", "m + n = 10", True),
        ("10", "2x = 10", False),
        ("f(x) = x + 1", "f(t) = t + 1", True),
        ("f(x) = x + a", "f(t) = t + a", True),
        ("f(x) = x + a", "f(a) = a + a", False),
        (r"\pi + 2 k \pi", r"\pi + 2 n \pi", True),
        (r"\pi + 2 a \pi", r"\pi + 2 n \pi", False),
    ],
)
def test_names(gold: str, answer: str, equal: bool) -> None:
    assert same(gold, answer) is equal


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        ("5 cm", "5", True),
        ("5 cm", "5 centimeters", True),
        ("5 cm", "5 inches", False),
        ("28", r"28\%", True),
        ("0.28", r"28\%", True),
        ("0.28", r"0.28\%", False),
        (r"28\%", "28", True),
        (r"\frac{\pi}{6}", r"30^\circ", True),
        (r"30^\circ", "30", True),
    ],
)
def test_units_percents_and_angles(gold: str, answer: str, equal: bool) -> None:
    assert same(gold, answer) is equal


@pytest.mark.parametrize(
    ("answer", "equal"),
    [
        ("0.33333", True),
        ("0.33334", False),  # not correctly rounded
        ("0.3333", False),  # four digits
    ],
)
def test_a_decimal_may_be_rounded_to_five_digits(answer: str, equal: bool) -> None:
    assert same(r"\frac{1}{3}", answer) is equal


def test_a_decimal_may_be_truncated_from_seven_digits_on() -> None:
    assert same(r"\frac{2}{3}", "0.6666666")
    assert not same(r"\frac{2}{3}", "0.666666")
    assert not same("3", "2.9999999"), "a whole number is exact"


def test_a_tolerance_replaces_the_rules_for_decimals() -> None:
    assert same("3.14", "3.15", Fraction(1, 100))
    assert not same("3.14", "3.16", Fraction(1, 100))


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        ("1, 2", "2, 1", True),
        ("1, 2", "1", False),
        ("1, 2", "1, 2, 2", False),
        ("1, 1, 2", "1, 2", False),
        ("5", "5, 5", False),
        ("5", "x = 5 or x = 5", False),
        ("5, 5", "5", False),
        ("5, 5", r"\{5\}", False),
        (r"\{5\}", "5, 5", True),
        ("1, 2", "(2, 1)", False),  # parentheses have an order
        ("(1, 2)", "2, 1", False),
        ("(1, 2)", r"\{1, 2\}", False),
        (r"\{1, 2\}", r"\{2, 1, 1\}", True),
        ("x = 1, y = 2", "y = 2, x = 1", True),
        ("x = 1, y = 2", "x = 2, y = 1", False),
        ("x_1 = 1, x_2 = 2", "2, 1", True),  # the indices only number the solutions
        (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", "(1, 2)", True),
        (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", "(2, 1)", False),
    ],
)
def test_order_and_repetition(gold: str, answer: str, equal: bool) -> None:
    assert same(gold, answer) is equal


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        ("2x + 2y = 4", "x + y = 2", True),
        ("x + y = 2", "x + y = 3", False),
        ("2x + 3 < y", "y > 2x + 3", True),
        ("2x + 3 < y", "-y < -2x - 3", True),
        ("2x + 3 < y", "y < 2x + 3", False),
        ("y = 2x", "2x - y = 0", True),
        ("1:2", "2:4", True),
        ("1:2", r"\frac{1}{2}", False),
        ("[0, 1)", "0 <= x < 1", True),
        ("all real numbers", r"(-\infty, \infty)", True),
        ("204_5", "204", True),
        ("204_5", "204_6", False),
        ("7:30", "7:30 pm", True),
        ("7:30 am", "7:30 pm", False),
        ("No solution", "none", True),
    ],
)
def test_relations_regions_ratios_and_words(gold: str, answer: str, equal: bool) -> None:
    assert same(gold, answer) is equal
