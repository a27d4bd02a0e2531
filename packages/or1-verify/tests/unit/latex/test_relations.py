"""Equations and inequalities: solved ones become values and regions, others stay relations."""

from __future__ import annotations

from fractions import Fraction

import pytest

from or1_verify.latex.forms import Named, Region, Relation, Span, Value
from or1_verify.latex.reader import read
from or1_verify.latex.regions import NEGATIVE_INFINITY
from or1_verify.latex.relations import equation_of, is_variable, name_of
from or1_verify.latex.tokens import tokenize
from or1_verify.latex.tree import INFINITY, Number, Symbol


def n(value: int) -> Number:
    return Number(Fraction(value))


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("x > 2", Span(n(2), INFINITY, False, False)),
        ("2 < x", Span(n(2), INFINITY, False, False)),
        (r"x \le 2", Span(NEGATIVE_INFINITY, n(2), False, True)),
        ("1 < x <= 3", Span(n(1), n(3), False, True)),
        ("3 >= x > 1", Span(n(1), n(3), False, True)),
    ],
)
def test_a_solved_inequality_is_a_region_of_its_name(text: str, span: Span) -> None:
    assert read(text) == Named("x", Region((span,)))


def test_a_negative_factor_reverses_the_sign() -> None:
    found = read("-2x < 6")
    assert isinstance(found, Named)
    assert isinstance(found.form, Region)
    assert found.form.spans[0].high == INFINITY, "x > -3, not x < -3"


def test_an_absolute_value_is_solved_for_its_variable() -> None:
    inside, outside = read("|x| <= 3"), read("1 < |x| < 3")
    assert inside == Named("x", Region((Span(n(-3), n(3), True, True),)))
    assert outside == Named("x", Region((Span(n(-3), n(-1), False, False), Span(n(1), n(3), False, False))))


def test_an_unsolved_inequality_stays_a_relation_with_the_smaller_side_first() -> None:
    found = read("2x - 1 > 3")
    assert isinstance(found, Relation)
    assert found.signs == ("<",)
    assert found.sides[0] == n(3)


def test_a_membership_names_a_set() -> None:
    found = read(r"x \in [0, 1)")
    assert isinstance(found, Named)
    assert (found.name, found.is_membership) == ("x", True)


def test_the_text_after_an_approximation_sign_is_ignored() -> None:
    assert read(r"x = 2 \approx 7") == Named("x", Value(n(2)))
    assert read(r"x \approx 7") == Named("x", Value(n(7)))


@pytest.mark.parametrize(
    ("text", "name"),
    [("x", "x"), ("x_{1}", "x_1"), ("f(x)", "f(x)"), ("AB", "AB"), ("2x", None), ("e", None)],
)
def test_names(text: str, name: str | None) -> None:
    assert name_of(tokenize(text)) == name


def test_plain_variables_differ_from_labels() -> None:
    assert [is_variable(name) for name in ("x", "x_1", r"\theta", "AB", "f(x)")] == [True] * 3 + [False] * 2


def test_a_named_value_is_an_equation_if_its_name_is_a_variable() -> None:
    assert equation_of(read("y = 5")) == Relation(("=",), (Symbol("y"), n(5)))
    assert equation_of(read("AB = 5")) is None
