"""Equations of one curve, and families of functions with arbitrary constants."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import is_right
from or1_verify.latex.families import same_family
from or1_verify.latex.identity import NumericIdentity
from or1_verify.latex.parser import parse
from or1_verify.latex.reader import read
from or1_verify.latex.same import Comparer
from or1_verify.latex.tokens import tokenize


@pytest.mark.parametrize(
    ("gold", "answer", "same"),
    [
        ("xy=6", "y=6/x", True),
        ("y=6/x", "x=6/y", True),
        ("y=2/x+3/x", "xy=5", True),  # one denominator, not its square
        ("y=1/(x-1)+1/(x-2)", "y(x-1)(x-2)=2x-3", True),
        ("xy=x^2", "y=x^2/x", False),  # the line x = 0 belongs to the first alone
        ("y=1/(x^2+1)", "y(x^2+1)=1", False),  # not shown: the denominator is not linear
        ("xy=6", "y=-6/x", False),
        ("xy=6", "xy=6/x", False),
        ("xy=3", "y=6/(2x)", True),
        ("xy=C", "y=C/x", True),
        ("xy=C", "y=Cx", False),
        ("xy=n", "y=n/x", False),  # n may be zero
        ("xy=6", "y=6/(2x)", False),
        ("xy=6", "y=6/(x/2)", False),
        ("xy=12", "y=6/(x/2)", True),
    ],
)
def test_equations_with_and_without_fractions(gold: str, answer: str, same: bool) -> None:
    assert Comparer(NumericIdentity()).same(read(gold), read(answer)) is same
    assert Comparer(NumericIdentity()).same(read(answer), read(gold)) is same


@pytest.mark.parametrize(
    ("gold", "answer", "same"),
    [
        ("x^2+C", "k+x^2", True),
        ("x^2+C", "x^2-K", True),  # an arbitrary constant has either sign
        ("x^2+C", "-x^2+K", False),
        ("(x+1)^2+C", "x^2+2x+C", True),
        ("(x+1)^2+C", "x^2+3x+C", False),
        ("c_1 e^x+c_2 e^{-x}", "Ae^{-x}+Be^x", True),
        ("c_1 e^x+c_2 e^{-x}", "Ae^x+Be^x", False),
        ("mc^2", "mk^2", False),
        ("x^2+c", "x^2+k", True),
        ("x^2+c", "x^2+c+1", False),  # a given number may be c, too
        ("ax^2+bx+c", "ax^2+bx+k", False),
        ("s-c", "s-C", False),
        ("x^2-cx", "x^2-kx", False),
        (r"\sqrt{x^2+C}", r"\sqrt{x^2+k}", True),
        (r"\sqrt{x^2+C}", r"\sqrt{x^2-2x+k}", False),
        ("Ce^{-x}", "Ke^{x}", False),
        (r"\frac{C_1 C_2}{C_1+C_2}", r"\frac{AB}{A+B}", False),
        ("A+B", "A+C", False),
        ("A+B+C", "A+B+K", False),
        (r"\frac{1}{RC}", r"\frac{1}{RK}", False),
        (r"\frac{x}{RC}", r"\frac{x}{RK}", False),
        (r"a^2+b^2-2ab\cos C", r"a^2+b^2-2ab\cos K", False),
        ("C_1 e^x+C_2 e^{-x}", "Ae^x+Be^{-x}", True),
        (r"C\cdot 2^n", r"K\cdot 2^n", True),
        ("x+C", "x+m", False),
        (r"x^2\sin C", r"x^2\sin K", False),
        (r"\frac{V}{C}", r"\frac{V}{K}", False),
        ("x+Cy", "x+Ky", False),
        (r"\frac{1}{1+Ce^{-x}}", r"\frac{1}{1+Ae^{-x}}", True),
        (r"\frac{x}{C}", r"\frac{x}{K}", False),
        ("a+C", "a+C+1", False),  # no variable: C may be given
    ],
)
def test_names_of_arbitrary_constants(gold: str, answer: str, same: bool) -> None:
    nodes = [parse(tokenize(text)) for text in (gold, answer)]
    assert same_family(nodes[0], nodes[1], NumericIdentity()) is same


@settings(max_examples=30)
@given(st.sampled_from("xyztuvw"), st.sampled_from("CK"), st.sampled_from(["D", "k", "c", "C_1", "B"]))
def test_a_letter_is_a_constant_of_integration_by_its_place(name: str, old: str, new: str) -> None:
    for form in ("%s^2+%s", "%s-%s", r"\sqrt{%s^2+%s}", r"\frac{1}{%s+%s}", r"\ln|%s|+%s"):
        assert is_right(form % (name, old), form % (name, new)), form
    for form in (r"%s\sin %s", r"%s^%s", r"\frac{%s}{%s}", "A+%s+%s", "b+a^2\\cos(%s%s)", r"n^%s-%s\cos A"):
        assert not is_right(form % (name, old), form % (name, new)), form
    argument = "x" if name == "y" else "y"
    for form in ("%s=%s%s", r"%s=\ln(%s%s)", r"%s=\frac{%s}{%s}", "%s^2=%s+%s^2"):
        assert is_right(form % (argument, old, name), form % (argument, new, name)), form
        assert not is_right(form % ("Q", old, "V"), form % ("Q", new, "V")), form
