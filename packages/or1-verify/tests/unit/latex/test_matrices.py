"""Matrix expressions become one grid of elements."""

from __future__ import annotations

from fractions import Fraction

import pytest

from or1_verify.latex.exact import exact
from or1_verify.latex.identity import NumericIdentity
from or1_verify.latex.matrices import grid_of
from or1_verify.latex.parser import parse
from or1_verify.latex.reader import read
from or1_verify.latex.same import Comparer
from or1_verify.latex.tokens import tokenize

A = r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}"
B = r"\begin{pmatrix} 0 & 1 \\ 1 & 0 \end{pmatrix}"
COLUMN = r"\begin{pmatrix} 5 \\ 6 \end{pmatrix}"


def values(text: str) -> list[list[Fraction]] | None:
    grid = grid_of(parse(tokenize(text)))
    return None if grid is None else [[exact(node, {}) for node in row] for row in grid]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (A, [[1, 2], [3, 4]]),
        (f"{A} + {B}", [[1, 3], [4, 4]]),
        (f"{A} - {B}", [[1, 1], [2, 4]]),
        (f"2{A}", [[2, 4], [6, 8]]),
        (rf"\frac{{{A}}}{{2}}", [[Fraction(1, 2), 1], [Fraction(3, 2), 2]]),
        (f"{A}{B}", [[2, 1], [4, 3]]),
        (f"{B}{A}", [[3, 4], [1, 2]]),  # products do not commute
        (f"{A}{COLUMN}", [[17], [39]]),
    ],
)
def test_sums_and_products(text: str, expected: list[list[Fraction]]) -> None:
    assert values(text) == expected


@pytest.mark.parametrize("text", ["5", f"{A} + {COLUMN}", f"{COLUMN}{A}", f"{A} + 1", rf"\sin {A}"])
def test_other_expressions_have_no_grid(text: str) -> None:
    assert values(text) is None


@pytest.mark.parametrize(
    ("gold", "answer", "same"),
    [
        (r"\langle 1, 2, 3 \rangle", r"\mathbf{i} + 2\mathbf{j} + 3\mathbf{k}", True),
        (r"3\vec{i} - 2\vec{j}", r"\langle 3, -2 \rangle", True),
        (r"3\vec{i} - 2\vec{j}", r"3\hat{i} - 2\hat{j}", True),
        (r"3\vec{i} - 2\vec{j}", "(3, 2)", False),
        ("(0, 1)", "j", True),
        ("(3, 0)", "3i", False),  # an imaginary number
        ("(2, 3)", "2 + 3i", False),
        ("(1, 2)", "i + 2j + 3k", False),
    ],
)
def test_sums_of_unit_vectors_are_vectors(gold: str, answer: str, same: bool) -> None:
    assert Comparer(NumericIdentity()).same(read(gold), read(answer)) is same


@pytest.mark.parametrize(
    ("gold", "answer", "same"),
    [
        (COLUMN, r"\begin{pmatrix} 5 & 6 \end{pmatrix}^T", True),
        (COLUMN, r"\begin{bmatrix} 5 & 6 \end{bmatrix}^{\top}", True),
        (A, rf"{A}^T", False),
        (A, r"\begin{pmatrix} 1 & 3 \\ 2 & 4 \end{pmatrix}^T", True),
        (r"\begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix}", "I_2", True),
        (r"\begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix}", "I_3", False),
        (r"\begin{pmatrix} 3 & 0 \\ 0 & 3 \end{pmatrix}", "3I_2", True),
        (r"\begin{pmatrix} 0 \\ 0 \end{pmatrix}", r"\vec{0}", True),
        (r"\begin{pmatrix} 0 & 0 \\ 0 & 0 \end{pmatrix}", r"\mathbf{0}", True),
        (r"\begin{pmatrix} 0 & 1 \\ 0 & 0 \end{pmatrix}", r"\mathbf{0}", False),
        (r"\vec{0}", r"\mathbf{0}", True),
        (r"\vec{0}", r"\vec{v}", False),
        (r"\vec{0}", r"\begin{pmatrix} 0 \\ 0 \end{pmatrix}", True),
        (r"\vec{0}", r"\begin{pmatrix} 0 & 0 \\ 0 & 0 \end{pmatrix}", False),
        ("0", r"\begin{pmatrix} 0 \\ 0 \end{pmatrix}", False),
        ("0", r"\vec{0}", False),
        (A, rf"M^2 = {A}", True),
        (A, rf"M^2 = 2{A}", False),
    ],
)
def test_transposed_identity_and_zero(gold: str, answer: str, same: bool) -> None:
    assert Comparer(NumericIdentity()).same(read(gold), read(answer)) is same
