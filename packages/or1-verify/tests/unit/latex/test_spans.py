"""Families with several constants, bases and eigenvectors are compared by the spaces that they span."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builders import is_right

EQUATION = "Find the general solution of the equation."
BASIS = "Find a basis of the null space of the matrix."
EIGENVECTORS = "Find the eigenvectors of the matrix."
SYSTEM = r"c_{1}e^{3t}\begin{pmatrix}1\\1\end{pmatrix}+c_{2}e^{-t}\begin{pmatrix}1\\-1\end{pmatrix}"


@pytest.mark.parametrize(
    ("question", "gold", "right", "wrong"),
    [
        (EQUATION, "y=C_1e^x+C_2e^{-x}", r"y=A\cosh x+B\sinh x", r"y=A\cosh x+B\cosh 2x"),
        (EQUATION, "y=C_1e^x+C_2e^{-x}", "y=c_1e^{-x}+2c_2e^x", "y=c_1e^{-x}+c_1e^x"),
        (EQUATION, "y=C_1e^x+C_2e^{-x}", "y=C_1e^x+C_2e^{-x}+e^x", "y=C_1e^x+C_2e^{-x}+x"),
        (
            EQUATION,
            r"y=C_1\cos 2x+C_2\sin 2x+\frac{x}{4}",
            r"y=A\cos 2x-B\sin 2x+\frac{x}{4}",
            r"y=A\cos 2x-B\sin 2x+\frac{x}{2}",
        ),
        (EQUATION, "y=(c_1+c_2x)e^{3x}", "y=C_1xe^{3x}+C_2e^{3x}", "y=C_1e^{3x}+C_2e^{3x}"),
        (
            EQUATION,
            SYSTEM,
            r"c_1e^{-t}\begin{bmatrix}-1\\1\end{bmatrix}+c_2e^{3t}\begin{bmatrix}2\\2\end{bmatrix}",
            r"c_1e^{-t}\begin{bmatrix}1\\1\end{bmatrix}+c_2e^{3t}\begin{bmatrix}1\\-1\end{bmatrix}",
        ),
        (BASIS, r"\{(-2,1,0,0),(1,0,-3,1)\}", r"\{(2,-1,0,0),(-1,1,-3,1)\}", r"\{(2,-1,0,0),(-2,1,0,0)\}"),
        (BASIS, r"\{(2,1,0),(-3,0,1)\}", r"\{(-1,1,1),(2,1,0)\}", r"\{(2,1,0),(0,0,0)\}"),
        (BASIS, r"\{(2,1,0),(-3,0,1)\}", r"\{(-3,0,1),(4,2,0)\}", r"\{(2,1,0)\}"),
        (EIGENVECTORS, "(1,2),(1,-1)", "(-2,2),(1,2)", "(1,2),(2,4)"),
        (EIGENVECTORS, "(1,2)", "(-3,-6)", "(0,0)"),
        ("Find an orthonormal basis.", "(1,0),(0,1)", "(0,1),(1,0)", "(1,0),(0,2)"),
        ("The bases of a trapezoid are 3 and 6. Find the midpoint.", "(3,6)", "(3,6)", "(1,2)"),
        ("Let $v$ be an eigenvector of $A$. Compute $Av$.", "(3,6)", "(3,6)", "(1,2)"),
        ("Find the unit eigenvector.", r"(\\frac35,\\frac45)", "(0.6,0.8)", "(3,4)"),
        ("Find the matrix of $T$ with respect to the basis $B$.", "(1,2)", "(1,2)", "(2,4)"),
        (EQUATION, "y=C_1x+C_2", "y=Ax-B", "y=A|x|+B"),
        (EQUATION, "y=C_1e^x+C_2e^{-x}", "y=Ae^x+Be^{-x}", "y=|A|e^x+|B|e^{-x}"),
        (EQUATION, r"y=C_1\\cos x+C_2\\sin x", r"y=A\\sin x+B\\cos x", r"y=A\\cos x+B\\sqrt{1-\\cos^2 x}"),
        (EIGENVECTORS, "(1,0)", "(5,0)", "(1,10^{-30})"),
        ("Find the vector.", "(1,2)", "(1,2)", "(2,4)"),
        ("Find a basis.", "1,2", "2,1", "2,4"),
    ],
)
def test_a_family_is_its_span(question: str, gold: str, right: str, wrong: str) -> None:
    assert is_right(gold, right, question)
    assert not is_right(gold, wrong, question)


ENTRIES = st.integers(-4, 4)


@settings(max_examples=40, deadline=None)
@given(st.tuples(ENTRIES, ENTRIES, ENTRIES, ENTRIES))
def test_another_pair_is_a_basis_if_its_determinant_is_not_zero(entries: tuple[int, int, int, int]) -> None:
    a, b, c, d = entries
    first, second = (2, 1, 0), (-3, 0, 1)
    rows = [[p * x + q * y for x, y in zip(first, second, strict=True)] for p, q in ((a, b), (c, d))]
    answer = ",".join(f"({','.join(map(str, row))})" for row in rows)
    is_basis = Fraction(a * d - b * c) != 0
    assert is_right(r"\{(2,1,0),(-3,0,1)\}", rf"\{{{answer}\}}", BASIS) is is_basis
    family = rf"y=c_1({a}e^x+{b}e^{{-x}})+c_2({c}e^x+{d}e^{{-x}})".replace("+-", "-")
    assert is_right("y=C_1e^x+C_2e^{-x}", family, EQUATION) is is_basis
