"""Degree signs inside expressions, as numbers of degrees and as radians."""

from __future__ import annotations

from fractions import Fraction

import pytest

from or1_verify.latex.angles import in_degrees
from or1_verify.latex.identity import NumericIdentity
from or1_verify.latex.parser import parse
from or1_verify.latex.tokens import UnreadableError, tokenize


@pytest.mark.parametrize(
    ("text", "degrees"),
    [
        (r"\frac{720^\circ}{11}", Fraction(720, 11)),
        (r"12^\circ 30'", Fraction(25, 2)),
        (r"-12^\circ 30'", Fraction(-25, 2)),
        (r"45^\circ 15' 36''", Fraction(4526, 100)),
        ("30'", Fraction(1, 2)),
        (r"65\frac{5}{11}^\circ", Fraction(720, 11)),
        (r"180^\circ-2\cdot 35^\circ", Fraction(110)),
    ],
)
def test_the_number_of_degrees(text: str, degrees: Fraction) -> None:
    node = parse(tokenize(text))
    assert NumericIdentity().value(in_degrees(node)) == degrees
    assert NumericIdentity().equal(node, parse(tokenize(rf"\frac{{{degrees}}}{{180}}\pi")))


def test_the_argument_of_a_function_stays_in_radians() -> None:
    node = parse(tokenize(r"2\sin 30^\circ"))
    assert in_degrees(node) == node


def test_a_prime_after_a_letter_is_no_angle() -> None:
    with pytest.raises(UnreadableError):
        parse(tokenize("f'"))
