"""Absolute values, even roots, maxima and common divisors are compared on each of their branches."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from or1_verify.latex.identity import NumericIdentity
from or1_verify.latex.parser import parse
from or1_verify.latex.tokens import tokenize


def are_equal(left: str, right: str) -> bool:
    left_node, right_node = (parse(tokenize(text)) for text in (left, right))
    return NumericIdentity().equal(left_node, right_node)


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ("|x^2-4|", "x^2-4", False),
        ("|x^2-4|", "|4-x^2|", True),
        ("|x^2-4|-|x^2-1|", "-3", False),
        ("|x-1||x+1|", "|x^2-1|", True),
        ("||x|-2|", "|x|-2", False),
        (r"|\frac{x-1}{x+1}|", r"\frac{x-1}{x+1}", False),
        (r"|\frac{x-1}{x+1}|", r"\frac{|x^2-1|}{(x+1)^2}", True),
        (r"\sqrt{x^4-2x^2+1}", "x^2-1", False),
        (r"\sqrt{x^4-2x^2+1}", "|x^2-1|", True),
        (r"\sqrt{(x-7)^2(x^2+1)}", r"(x-7)\sqrt{x^2+1}", False),
        (r"\max(x^2,9)", "x^2", False),
        (r"\max(a^2,b)", "a^2", False),
        (r"\max(a,b)", r"\frac{a+b+|a-b|}{2}", True),
        (r"\min(2x,x^2)", "2x", False),
        ("|x^2+y^2-4|", "x^2+y^2-4", False),
        ("|e^x-50|", "e^x-50", False),
        ("|x^2-10^{20}|", "x^2-10^{20}", False),
        ("|x^2-10^{400}|", "|10^{400}-x^2|", True),
        ("|x^3-x+0.1|", "x^3-x+0.1", False),
        ("|n^2-10|n!", "(n^2-10)n!", False),
        (r"\gcd(n,97)", "1", False),
        (r"\gcd(n,97)", r"\gcd(97,n+97)", True),
        (r"\gcd(n,m)", r"\gcd(m,n+m)", True),
        (r"\operatorname{lcm}(n,101)", "101n", False),
    ],
)
def test_branches(left: str, right: str, equal: bool) -> None:
    assert are_equal(left, right) is equal


@given(st.integers(-(10**6), 10**6), st.integers(1, 300), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_a_polynomial_that_is_negative_on_any_interval_is_not_its_absolute_value(
    first: int, width: int, factor: int
) -> None:
    linear = -factor * (2 * first + width)
    text = f"{factor}x^2+({linear})x+({factor * first * (first + width)})"
    assert not are_equal(f"|{text}|", text)
    assert not are_equal(text, rf"\sqrt{{({text})^2}}")
    assert are_equal(f"|{text}|", f"{factor}|x-({first})||x-({first + width})|")


@given(st.integers(2, 400), st.integers(2, 400))
@settings(max_examples=30, deadline=None)
def test_a_common_divisor_is_no_constant(number: int, factor: int) -> None:
    assert not are_equal(rf"\gcd(n,{number})", "1")
    assert are_equal(rf"\gcd({factor}n,{factor * number})", rf"{factor}\gcd(n,{number})")
