"""Values to many digits, with limits on their size and on the work."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp

from or1_verify.latex.exact import TooLargeError, UndefinedError
from or1_verify.latex.numeric import Evaluator, NotRealError, WorkBudget
from or1_verify.latex.parser import parse
from or1_verify.latex.tokens import tokenize


def evaluated(text: str, *, only_real: bool = True, operations: float = 60_000) -> tuple[Any, Evaluator]:
    """The value at x = 2, and the evaluator."""
    evaluator = Evaluator({"x": Fraction(2)}, mp.e, only_real, WorkBudget(operations))
    return evaluator.value(parse(tokenize(text))), evaluator


def value(text: str, *, only_real: bool = True, operations: float = 60_000) -> Any:
    return evaluated(text, only_real=only_real, operations=operations)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\sqrt[3]{-8}", "-2"),  # the real root
        (r"\sqrt{2}^2", "2"),
        (r"x^{10}", "1024"),
        (r"\log_2 8", "3"),
        (r"\ln e^5", "5"),
        (r"\sin\frac{\pi}{6}", "0.5"),
        (r"\sum_{k=1}^{3} \sqrt{k^2}", "6"),
        (r"4!", "24"),
    ],
)
def test_values(text: str, expected: str) -> None:
    with mp.workdps(60):
        assert mp.almosteq(value(text), mp.mpf(expected), mp.mpf(10) ** -50)


def test_a_complex_value_is_an_error_where_only_real_ones_are_allowed() -> None:
    with pytest.raises(NotRealError):
        value(r"\sqrt{-1}")
    assert abs(value(r"\sqrt{-1}^2", only_real=False) + 1) < 1e-12


@pytest.mark.parametrize("text", [r"9^{9^{9}}", r"e^{10^{7}}", r"\sin 10^{4000}"])
def test_large_values_are_refused_before_they_are_computed(text: str) -> None:
    with pytest.raises(TooLargeError):
        value(text)


def test_the_work_of_a_comparison_is_limited() -> None:
    with pytest.raises(TooLargeError, match="operations"):
        value(r"\sum_{k=1}^{300} \sqrt{k}", operations=100)


@pytest.mark.parametrize("text", [r"\frac{1}{x - 2}", r"\ln 0", r"\log_1 5"])
def test_an_undefined_value_is_an_error(text: str) -> None:
    with pytest.raises(UndefinedError):
        value(text)


@pytest.mark.parametrize(
    ("text", "expected", "largest"),
    [
        # error bound [bits beside the precision]: below that of the largest part of a quotient
        (r"\pi\frac{2^{400}-1}{2^{400}+1}", mp.pi, 12),
        (r"\sqrt{10^{12}+1} - \sqrt{10^{12}}", mp.mpf(5) / 10**7, 36),
        (r"\sqrt{\sqrt{2}+\sqrt{3}-\sqrt{5+2\sqrt{6}}}", 0, 112),
        (r"\arccos(\sqrt{x}\sqrt{x}/x)", 0, 112),
        (r"\ln(1+10^{-20}\pi)", mp.pi / 10**20, 12),
        (r"\sin(10^{30}\pi)", 0, 115),
    ],
)
def test_the_error_bound_holds_and_is_not_that_of_an_inner_sum(
    text: str, expected: Any, largest: int
) -> None:
    with mp.workdps(60):
        rough, evaluator = evaluated(text)
    with mp.workdps(200):
        exact_value, _ = evaluated(text)
        assert mp.almosteq(exact_value, expected, mp.mpf(10) ** -8, mp.mpf(10) ** -30)
        assert abs(rough - exact_value) <= mp.ldexp(1, evaluator.error - 202)
    assert evaluator.error <= largest


LEAVES = st.sampled_from(["2", "7", r"\pi", "e", "x", r"\frac{1}{3}", "10^{-12}", "10^{12}"])
PAIRS = st.sampled_from(["({}+{})", "({}-{})", r"({}\cdot {})", r"\frac{{{}}}{{{}}}", r"\log_{{{}}}({})"])
FUNCTIONS = st.sampled_from([
    r"\sqrt{{{}}}", r"\sqrt[3]{{{}}}", r"\ln({})", r"\sin({})", r"\arctan({})", r"\arcsin({})", r"\tan({})",
    "({})^2", "({})^{{-3}}", "|{}|", r"2^{{\sin({})}}", r"\tanh({})",
])  # fmt: skip
EXPRESSIONS = st.recursive(
    LEAVES,
    lambda parts: st.one_of(st.tuples(PAIRS, parts, parts), st.tuples(FUNCTIONS, parts)).map(
        lambda made: made[0].format(*made[1:])
    ),
    max_leaves=7,
)


@settings(max_examples=100)
@given(EXPRESSIONS)
def test_no_real_value_is_further_off_than_its_error_bound(text: str) -> None:
    found = []
    for digits in (60, 400):
        with mp.workdps(digits):
            try:
                found.append((*evaluated(text), mp.prec))
            except (UndefinedError, TooLargeError, NotRealError):
                return
    (rough, evaluator, precision), (fine, _, _) = found
    if evaluator.error - precision < -60:
        assert abs(rough - fine) <= mp.ldexp(1, evaluator.error + 4 - precision)
