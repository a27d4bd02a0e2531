"""Equality of expressions, exactly or by many digits."""

from __future__ import annotations

import pytest

from or1_verify import math
from or1_verify.latex.exact import NotExactError, UndefinedError
from or1_verify.latex.identity import ExactIdentity, NeedsNumbersError, NumericIdentity
from or1_verify.latex.parser import parse
from or1_verify.latex.tokens import tokenize
from or1_verify.latex.tree import Node


def node(text: str) -> Node:
    return parse(tokenize(text))


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ("(x+1)^2", "x^2 + 2x + 1", True),
        ("(x+1)^2", "x^2 + 2x + 2", False),
        (r"\frac{x^2 - 1}{x - 1}", "x + 1", True),
        (r"\frac{1}{2^{99}}", r"\frac{1}{2^{98}}", False),  # equal to sixty digits after the point
    ],
)
def test_fractions_are_compared_exactly(left: str, right: str, equal: bool) -> None:
    assert ExactIdentity().equal(node(left), node(right)) is equal
    assert NumericIdentity().equal(node(left), node(right)) is equal


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (r"\sqrt{5 + 2\sqrt{6}}", r"\sqrt{2} + \sqrt{3}", True),
        (r"\sin^2 x + \cos^2 x", "1", True),
        (r"\sqrt{x^2}", "x", False),  # negative points are tried too
        (r"\sqrt{2}", r"\sqrt{2} + 2^{-2000}", False),
        (r"\log 100", "2", True),  # base e or 10
        (r"\ln 100", "2", False),
        (r"(-1)^n", "1", False),  # n is an integer of both parities
    ],
)
def test_other_expressions_are_compared_by_many_digits(left: str, right: str, equal: bool) -> None:
    assert NumericIdentity().equal(node(left), node(right)) is equal


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (r"\pi\frac{2^{400}-1}{2^{400}+1}", r"\pi", False),  # an inner sum is large, the value is not
        (r"\frac{e^{300}+1}{e^{300}-1}", "1", False),
        (r"\tanh 500", "1", False),
        (r"\sqrt{2}+\sqrt{3}-\sqrt{5+2\sqrt{6}}", "0", True),
        (r"\sqrt{2}+\sqrt{3}-\sqrt{5+2\sqrt{6}}+10^{-150}", "0", False),
        (r"\tan(\frac{\pi}{2}-10^{-30})", r"\tan(\frac{\pi}{2}-10^{-30}+10^{-120})", False),
        (r"\arccos(1-10^{-90})", "0", False),
        (r"\ln|x|", r"\ln x", False),
        (r"\ln x", r"\ln|x|", False),
        (r"\ln(x^2)", r"2\ln x", False),
        (r"2\ln x", r"\ln(x^2)", True),
        (r"\ln|x|+\sqrt{x+5}", r"\ln x+\sqrt{x+5}", False),
        (r"|x|^{1/2}", r"\sqrt{x}", False),
        (r"|x|", r"(\sqrt{x})^2", False),
        (r"\sqrt[4]{x^4}", "x", False),
        (r"\arcsin(\sin x)", "x", False),
        (r"\ln|xy|", r"\ln x+\ln y", False),
        (r"\ln(xy)", r"\ln x+\ln y", True),  # by custom x and y are positive there
        (r"\sqrt{ab}", r"\sqrt{a}\sqrt{b}", True),
        (r"\sqrt{a}\sqrt{b}\sqrt{c}\sqrt{d}", r"\sqrt{a b c d}", True),
        (r"\sum_{i=1}^n i\sqrt{2}", r"\frac{n(n+1)}{\sqrt{2}}", True),  # the index is no imaginary unit
        (r"\sqrt[3]{x}", "x^{1/3}", True),  # the real root of a negative number
        (r"\sqrt[3]{x^2}", "x^{2/3}", True),
        (r"x^{3/5}", r"-x^{3/5}", False),
        (r"\sqrt{x-3}", r"\sqrt{x-3}", True),
    ],
)
def test_small_differences_and_where_the_gold_is_real(left: str, right: str, equal: bool) -> None:
    assert NumericIdentity().equal(node(left), node(right)) is equal


SINE = r"\sum_{n=0}^{\infty}\frac{(-1)^n x^{2n+1}}{(2n+1)!}"


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (SINE, r"\sum_{k=0}^\infty (-1)^k\frac{x^{1+2k}}{(1+2k)!}", True),
        (SINE, r"\sum_{k=1}^\infty (-1)^{k-1}\frac{x^{2k-1}}{(2k-1)!}", True),
        (SINE, r"\sum_{k=0}^\infty \frac{x^{1+2k}}{(1+2k)!}", False),
        (SINE, r"\sum_{k=1}^\infty (-1)^k\frac{x^{1+2k}}{(1+2k)!}", False),
        (SINE, r"\sum_{k=0}^\infty (-1)^k\frac{x^{1+2k}}{(2k)!}", False),
        (r"\sum_{n=0}^\infty n x^n", r"\sum_{n=1}^\infty n x^n", True),  # a term that is zero
        (r"3\sum_{n=1}^\infty x^n + 1", r"1 + \sum_{n=1}^\infty 3x^n", True),
        (r"\sum_{n=1}^\infty x^n", r"\sum_{n=1}^{100} x^n", False),
        (r"\sum_{n=1}^\infty a_n x^n", r"\sum_{k=0}^\infty a_{k+1} x^{k+1}", True),
        (r"\sum_{n=1}^\infty a_n x^n", r"\sum_{k=0}^\infty a_k x^{k+1}", False),
        (r"\sum_{k=0}^{n-1} F_k F_{n-k-1}", r"\sum_{j=0}^{n-1} F_{n-j-1} F_j", True),
        (r"\sum_{k=1}^n a_k", "n a_k", False),
        (r"\sum_{i=1}^3 a_{ij}", r"\sum_{i=1}^3 a_{ji}", False),
        (r"\prod_{n=1}^\infty (1-x^n)", r"\prod_{k=1}^\infty (1-x^k)", True),
        (r"\prod_{n=1}^\infty (1-x^n)", r"\prod_{k=1}^\infty (1+x^k)", False),
    ],
)
def test_infinite_series_are_compared_term_by_term(left: str, right: str, equal: bool) -> None:
    assert NumericIdentity().equal(node(left), node(right)) is equal


def test_an_infinite_series_has_no_value() -> None:
    with pytest.raises(NotExactError):
        NumericIdentity().value(node(r"\sum_{n=1}^\infty \frac{1}{n^2}"))


@pytest.mark.parametrize("text", [r"\sin 1", "2^{200}", "200!", r"\sum_{k=1}^{3} k"])
def test_exact_comparison_leaves_long_work_and_irrational_values_open(text: str) -> None:
    with pytest.raises(NeedsNumbersError):
        ExactIdentity().equal(node(text), node("1"))


ZEROS = (r"(\sqrt2+\sqrt3-\sqrt{5+2\sqrt6})", r"(\sin^2 1+\cos^2 1-1)", r"(\sin^2 x+\cos^2 x-1)", "(x-x)")


@pytest.mark.parametrize("zero", ZEROS)
@pytest.mark.parametrize(
    "text",
    [
        r"\frac{1}{%s}", r"\frac{5%s}{%s}", "%s^{-1}", r"\ln%s", r"5+\frac{%s}{%s^2}",
        r"\tan(\frac{\pi}{2}+%s)",
        r"\frac{\sin%s}{%s}", r"\cot%s", r"\csc%s", r"\sec(\frac{\pi}{2}+%s)",
        r"\lfloor 5.4\frac{%s}{%s}\rfloor",
    ],
)  # fmt: skip
def test_what_has_no_value_equals_nothing(text: str, zero: str) -> None:
    """The rounding error of a zero has no digit that more precision would keep."""
    answer = text.replace("%s", zero)
    paid = [gold for gold in ("5", "1", r"\sqrt{2}", r"\pi x") if reward(gold, answer) == 1.0]
    assert paid == []


def reward(gold: str, answer: str) -> float | None:
    return math.verify(gold, f"\\boxed{{{answer}}}").reward


@pytest.mark.parametrize("zero", ZEROS)
def test_a_computed_zero_is_zero(zero: str) -> None:
    assert reward("0", zero) == reward(r"\sqrt{2}", rf"\sqrt{{2}}+10^9{zero}") == 1.0
    assert reward("0", rf"\sqrt{{{zero}}}") == 1.0
    assert reward("0", f"{zero}+10^{{-90}}") == reward(r"10^{-90}", zero) == 0.0


def test_an_expression_without_a_value_is_undefined() -> None:
    with pytest.raises(UndefinedError):
        NumericIdentity().equal(node(r"\frac{1}{0}"), node("1"))
