"""Two values agree only where the bound on their errors is small beside the gold."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from or1_verify.latex.exact import TooLargeError
from or1_verify.latex.identity import NumericIdentity
from or1_verify.latex.parser import parse
from or1_verify.latex.tokens import tokenize
from or1_verify.latex.tree import Node


def node(text: str) -> Node:
    return parse(tokenize(text))


def are_equal(gold: str, answer: str) -> bool:
    try:
        return NumericIdentity().equal(node(gold), node(answer))
    except TooLargeError:
        return False


ZEROS = st.sampled_from(
    [
        r"(\pi + 10^{%d} - 10^{%d} - \pi)",
        r"(e + 7\cdot 10^{%d} - 7\cdot 10^{%d} - e)",
        r"(\sqrt{2} - 3^{%d} + 3^{%d} - \sqrt{2})",
    ]
)


@settings(max_examples=60, deadline=None)
@given(ZEROS, st.integers(0, 900), st.integers(0, 900), st.sampled_from(["42", r"\frac{1}{7}", r"\pi", "x"]))
def test_a_zero_that_is_lost_in_errors_is_no_other_number(
    zero: str, size: int, factor: int, gold: str
) -> None:
    """At sixty digits the error of the product may be larger than any gold."""
    text = zero % (size, size)
    answer = rf"10^{{{factor}}} {text}"
    assert not are_equal(gold, answer)
    assert not are_equal(gold, rf"x \cdot {answer}")
    assert are_equal("0", answer) or factor + size > 900


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        (r"\frac{1}{6}", r"\frac{10^{-300} - \sin(10^{-300})}{10^{-900}}"),
        (r"3x^2\cos(x^3)", r"10^{300}(\sin((x + 10^{-300})^3) - \sin(x^3))"),
        (r"\cos x", r"\frac{\sin(x + 10^{-200}) - \sin(x - 10^{-200})}{2\cdot 10^{-200}}"),
        (r"\frac{\pi}{2}", r"\arctan(10^{300})"),
        ("e", r"e^{10^{300}\ln(1 + 10^{-300})}"),
        ("x^2 + 1", r"300!\cdot 300!\cdot(\sqrt{8} - 2\sqrt{2})"),
    ],
)
def test_an_expression_at_a_tiny_step_is_not_its_limit(gold: str, answer: str) -> None:
    assert not are_equal(gold, answer)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        (r"\pi 2^{400}", r"\pi 4^{200}"),
        (r"\sqrt{2}\cdot 10^{300}", r"\frac{2\cdot 10^{300}}{\sqrt{2}}"),
        (r"e^{200} - e^{100}", r"e^{100}(e^{100} - 1)"),
        (r"\sqrt{10^{40} + 1} - 10^{20}", r"\frac{1}{\sqrt{10^{40} + 1} + 10^{20}}"),
        (r"\sum_{n=0}^{\infty}(-1)^n x^{2n}", r"\sum_{n=0}^{\infty}(-x^2)^n"),
        (r"\pi", r"\pi + 10^{300}(\sqrt{8} - 2\sqrt{2})"),
    ],
)
def test_equal_values_with_large_parts_agree(gold: str, answer: str) -> None:
    assert are_equal(gold, answer)
    assert not are_equal(gold, f"{answer} + 10^{{-90}}")
