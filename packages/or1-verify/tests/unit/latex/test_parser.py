"""Tokens become expressions: what each notation means, by its tree."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1_verify.latex.exact import exact
from or1_verify.latex.parser import parse
from or1_verify.latex.tokens import UnreadableError, tokenize
from or1_verify.latex.tree import Call, Matrix, Node, Number, Power, Product, Quotient, Series, Sum, Symbol

X, Y = Symbol("x"), Symbol("y")


def n(value: int) -> Number:
    return Number(Fraction(value))


def parsed(text: str) -> Node:
    return parse(tokenize(text))


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("2xy", Product((n(2), X, Y))),
        ("x/y/2", Quotient(Quotient(X, Y), n(2))),  # from the left
        ("-x^2", Product((n(-1), Power(X, n(2))))),  # the power first
        ("x^y^2", Power(X, Power(Y, n(2)))),  # from the right
        ("(-x)^2", Power(Product((n(-1), X)), n(2))),
        ("2*-3", Product((n(2), n(-3)))),
        (r"x \over 2", Quotient(X, n(2))),
        (r"{x \choose 2}", Call("binomial", (X, n(2)))),
        ("|x|", Call("abs", (X,))),
        ("3!!", Call("factorial2", (n(3),))),
        ("50%", Quotient(n(50), n(100))),
    ],
)
def test_operators(text: str, node: Node) -> None:
    assert parsed(text) == node


@pytest.mark.parametrize(
    ("text", "node"),
    [
        (r"\frac12", Quotient(n(1), n(2))),
        (r"\frac123", Product((Quotient(n(1), n(2)), n(3)))),  # one digit each
        (r"\sqrt 2 x", Product((Call("root", (n(2), n(2))), X))),
        (r"\sqrt[3]{2}", Call("root", (n(2), n(3)))),
        (r"\sin 2x", Call("sin", (Product((n(2), X)),))),
        (r"\sin x \cos y", Product((Call("sin", (X,)), Call("cos", (Y,))))),
        (r"\sin^2 x", Power(Call("sin", (X,)), n(2))),
        (r"\sin^{-1} x", Call("arcsin", (X,))),  # the inverse, not 1 / sin
        (r"\log_2 8", Call("log", (n(8), n(2)))),
    ],
)
def test_implicit_arguments(text: str, node: Node) -> None:
    assert parsed(text) == node


@pytest.mark.parametrize("text", [r"2\frac{1}{3}", "2 1/3"])
def test_a_number_before_a_proper_fraction_is_a_mixed_number(text: str) -> None:
    assert parsed(text) == Sum((n(2), Quotient(n(1), n(3))))


def test_a_number_before_an_improper_fraction_is_a_product() -> None:
    assert parsed(r"2\frac{4}{3}") == Product((n(2), Quotient(n(4), n(3))))


@given(st.integers(-20, 20), st.integers(1, 20), st.integers(1, 20))
def test_brackets_make_a_product(whole: int, above: int, below: int) -> None:
    value = Fraction(whole * above, below)
    for text in (
        rf"{whole}\left(\frac{{{above}}}{{{below}}}\right)",
        f"{whole}({above}/{below})",
        rf"{whole}[\frac{{{above}}}{{{below}}}]",
        rf"({whole})\frac{{{above}}}{{{below}}}",
        rf"({whole})({above}/{below})",
        f"({whole}){above}/{below}",
    ):
        assert exact(parsed(text), {}) == value, text


def test_periods_of_decimals_are_exact() -> None:
    assert parsed(r"0.\overline{3}") == Number(Fraction(1, 3))
    assert parsed(r"0.1\overline{6}") == Number(Fraction(1, 6))
    assert parsed(r"0.1666\ldots") == Number(Fraction(1, 6))
    assert parsed("0.1666") == Number(Fraction(1666, 10_000), is_decimal=True)


def test_a_subscript_with_an_index_is_a_term_of_a_sequence() -> None:
    series = parsed(r"\sum_{k=1}^3 a_{k+1} b_n c_{nk}")
    assert series == Series(
        "sum",
        "k",
        n(1),
        n(3),
        Product(
            (Call("a_", (Sum((Symbol("k"), n(1))),)), Symbol("b_n"), Call("c_", (Symbol("n"), Symbol("k"))))
        ),
    )


def test_a_matrix_has_rows() -> None:
    assert parsed(r"\begin{pmatrix} 1 & x \\ y & 2 \end{pmatrix}") == Matrix(((n(1), X), (Y, n(2))))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1+",
        "2 3",
        "x'",
        "(1",
        r"\int x",
        r"0.12\ldots",
        r"\mathbb{Z}-\{0\}",
        r"\begin{pmatrix} 1 & 2 \\ 3 \end{pmatrix}",
    ],
)
def test_other_texts_are_unreadable(text: str) -> None:
    with pytest.raises(UnreadableError):
        parsed(text)
