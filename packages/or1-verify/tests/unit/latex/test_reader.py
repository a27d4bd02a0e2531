"""Answers become forms (`forms`): lists, intervals, names, units, words."""

from __future__ import annotations

from fractions import Fraction

import pytest

from or1_verify.latex.forms import (
    Based,
    Dots,
    Form,
    Many,
    Named,
    Order,
    Ratio,
    Relation,
    TimeOfDay,
    Value,
    Words,
)
from or1_verify.latex.reader import bare, read
from or1_verify.latex.tokens import UnreadableError
from or1_verify.latex.tree import DEGREE, Number, Product


def v(value: int, **more: object) -> Value:
    return Value(Number(Fraction(value)), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("1, 2", Many(Order.LIST, (v(1), v(2)))),
        ("{1, 2}", Many(Order.LIST, (v(1), v(2)))),  # TeX's invisible braces
        (r"\{1, 2\}", Many(Order.SET, (v(1), v(2)))),
        ("(1, 2)", Many(Order.TUPLE, (v(1), v(2)))),
        ("1,234", v(1234)),
        ("1, 234", Many(Order.LIST, (v(1), v(234)))),
        ("1:2", Ratio((v(1), v(2)))),
        ("204_5", Based("204", "5")),
        ("7:30 pm", TimeOfDay("7:30", "p")),
        ("07:30", TimeOfDay("7:30", "")),
        ("(C)", Words("C")),
        (r"\emptyset", Words("no solution")),
        (r"\ldots", Dots()),
        ("x = 5", Named("x", v(5))),
        ("3 + 4 = 7", v(7)),  # the last side
    ],
)
def test_brackets_and_marks_decide_the_form(text: str, form: Form) -> None:
    assert read(text) == form


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (r"5 \text{ cm}^2", v(5, unit="centimeter centimeter")),
        (r"\$5", v(5, unit="$")),
        (r"30^\circ", v(30, radians=Product((Number(Fraction(30)), DEGREE)))),
        (r"30\%", v(30, is_percent=True)),
        (r"\text{about } 5", v(5)),
    ],
)
def test_units_are_separated_from_values(text: str, form: Form) -> None:
    assert read(text) == form


def test_a_decimal_keeps_its_precision() -> None:
    found = read("0.0250")
    assert isinstance(found, Value)
    assert (found.literal, found.num_digits, found.num_places) == (Fraction(1, 40), 3, 4)
    scaled = read("2.50e3")
    assert isinstance(scaled, Value)
    assert (scaled.literal, scaled.num_digits, scaled.num_places) == (Fraction(2500), 3, -1)


def test_a_multiplier_is_not_a_unit() -> None:
    million = Product((Number(Fraction(5)), Number(Fraction(10**6))))
    assert read("5 million dollars") == Value(million, unit="dollars")


def test_plus_minus_gives_two_values() -> None:
    assert read(r"x = \pm 2") == Many(Order.LIST, (Named("x", v(2)), Named("x", v(-2))))
    assert read(r"(\pm 2, 1)") == Many(
        Order.LIST, tuple(Many(Order.TUPLE, (v(first), v(1))) for first in (2, -2))
    )


def test_an_unsolved_equation_stays_a_relation() -> None:
    assert isinstance(read("2x + 3 = y"), Relation)


@pytest.mark.parametrize("text", ["", "two + ", r"\text{cm}^2", "1, , 2 = "])
def test_other_texts_are_unreadable(text: str) -> None:
    with pytest.raises(UnreadableError):
        read(text)


def test_marks_around_an_answer_are_stripped() -> None:
    assert bare(r" $**12**$. ") == "12"
    assert bare(r"\[x=1\]") == "x=1"
    assert bare("0.333...") == "0.333...", "only a single period is stripped"
