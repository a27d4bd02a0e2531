"""Exact values are bounded by the work that they take, and not by their size alone."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1_verify.latex.exact import NotExactError, TooLargeError, exact
from or1_verify.latex.reader import read
from or1_verify.latex.tree import Call, Number


def value(text: str) -> Fraction:
    return exact(read(text).node, {})  # type: ignore[union-attr]


def test_sum_of_fractions() -> None:
    assert value(r"\sum_{k=1}^{4} \frac{1}{k}") == Fraction(25, 12)
    assert value(r"\sum_{k=5}^{4} k") == 0
    assert value(r"\sum_{k=1}^{1000} \frac{1}{k(k+1)}") == Fraction(1000, 1001)


@pytest.mark.parametrize(
    "text",
    [
        r"\sum_{k=1}^{2000} \frac{1}{k^{900}}",  # minutes, if only the terms were bounded
        r"\sum_{k=1}^{2000} \frac{k^{5000}}{(k+1)^{5000}}",
        r"\frac{1}{3^{9999}}+\frac{1}{5^{9999}}+\frac{1}{7^{9999}}",
    ],
)
def test_sums_too_large(text: str) -> None:
    with pytest.raises(TooLargeError):
        value(text)


@given(st.integers(0, 10**40), st.integers(1, 12))
def test_roots_of_powers(base: int, index: int) -> None:
    index_node = Number(Fraction(index))
    assert exact(Call("root", (Number(Fraction(base**index)), index_node)), {}) == base
    if base and index > 1:
        with pytest.raises(NotExactError):
            exact(Call("root", (Number(Fraction(base**index + 1)), index_node)), {})


def test_powers_of_minus_one_have_no_limit() -> None:
    assert value("(-1)^{10^9}") == 1
    assert value("(-1)^{10^9 + 1}") == -1
    with pytest.raises(TooLargeError):
        value("2^{10^9}")
