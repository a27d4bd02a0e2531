"""One-parameter families of curves, whose constant may have any name, place and scale."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from or1_verify import Message, Problem
from or1_verify.math import MathVerifier

SOLVE = "Solve the differential equation $y' = f(x, y)$."


def is_right(gold: str, answer: str, question: str = SOLVE) -> bool:
    problem = Problem.make("math", (Message("user", question),), gold)
    return MathVerifier().verify(problem, rf"\boxed{{{answer}}}").reward == 1.0


@pytest.mark.parametrize(
    ("gold", "answer", "right"),
    [
        ("x^2+2y^2=K", r"\frac{x^2}{2}+y^2=C", True),
        ("x^2+2y^2=K", "x^2+y^2=C", False),
        ("x^2+2y^2=K", r"y^2-\frac{x^2}{2}=C", False),
        ("x^2y+3x-y=C", r"y=\frac{C-3x}{x^2-1}", True),
        ("x^2y+3x-y=C", r"y=\frac{C+3x}{x^2-1}", False),
        ("y=Ce^x", r"\ln|y|=x+C", True),
        ("y=Ce^x", "y=e^x+C", False),
        ("y=Ce^x-1", r"y=\frac{Ce^x-2}{2}", True),
        ("y=Ce^x-1", r"y=\frac{Ce^x-3}{2}", False),
        (r"y=\tan(x+C)", r"\arctan y=x+C", True),
        (r"y=\tan(x+C)", r"\arctan y=2x+C", False),
        (r"y=\frac{1}{x+C}", r"\frac1y=x+C", True),
        (r"y=\frac{1}{x+C}", r"\frac1y=C-x", False),
        (r"y=\frac{x^3}{4}+\frac{C}{x}", r"xy=\frac{x^4}{4}+C", True),
        (r"\sin y=Cx", r"y=\arcsin(Cx)", True),
        ("x^2+y^2=C", r"y=\sqrt{C-x^2}", False),  # half of the curves
        (r"y=Ce^x", "y=e^{x+C}", False),
        (r"y=Cx^2", "y=C^2x^2", False),
        ("e^y=e^x+C", r"\ln(e^x+C)", True),  # `y =` stands before the box
        ("e^y=e^x+C", r"\ln(e^x)+C", False),
        (r"(y-1)^3=x^2+C", r"y=1+\sqrt[3]{x^2+C}", True),
        (r"(y-1)^3=x^2+C", r"y=1+\sqrt[3]{x^3+C}", False),
    ],
)
def test_families_of_curves(gold: str, answer: str, right: bool) -> None:
    assert is_right(gold, answer) is right


def test_a_constant_of_the_question_is_given() -> None:
    question = "Give the level curve $x^2+2y^2=c$ in standard form."
    assert not is_right("x^2+2y^2=c", r"\frac{x^2}{2}+y^2=c", question)
    assert is_right("x^2+2y^2=k", r"\frac{x^2}{2}+y^2=c", "Solve $2yy'=-x$.")
    assert not is_right("x^2+2y^2=k", r"\frac{x^2}{2}+y^2=c", "")  # k may be given
    assert is_right("x^2+2y^2=C", r"\frac{x^2}{2}+y^2=c", "")


@settings(max_examples=25)
@given(
    st.integers(1, 9), st.integers(1, 9), st.sampled_from([-7, -3, -2, 2, 3, 5]), st.integers(-9, 9),
    st.sampled_from(["C", "K", "c", "k", "C_1"]),
)  # fmt: skip
def test_scale_shift_and_name_of_the_constant_do_not_count(
    a: int, b: int, scale: int, shift: int, name: str
) -> None:
    gold = f"{a}x^3+{b}y^2=C"
    assert is_right(gold, f"({scale * a})x^3+({scale * b})y^2+({shift})={name}")
    assert not is_right(gold, f"({scale * a})x^3+({scale * (b + 1)})y^2+({shift})={name}")
