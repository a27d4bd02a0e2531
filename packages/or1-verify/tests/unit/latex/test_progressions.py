"""Families of angles as sets of numbers, lines and lattices of solutions as sets of points."""

# ruff: noqa: E501 - answers in one line

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1_verify import Message, Problem
from or1_verify.math import MathVerifier

WHOLE = "Find all integers $x$ and $y$ with $3x+5y=1$."
LINE = "Give the line through $A$ and $B$ in vector form."


def is_right(question: str, gold: str, answer: str) -> bool:
    problem = Problem.make("math", (Message("user", question),), gold)
    return MathVerifier().verify(problem, rf"\boxed{{{answer}}}").reward == 1.0


@pytest.mark.parametrize(
    ("gold", "answer", "right"),
    [
        (r"x=\pm\frac{\pi}{3}+k\pi, k\in\mathbb Z", r"x=\frac{\pi}{3}+n\pi \text{ or } x=\frac{2\pi}{3}+n\pi, n\in\mathbb Z", True),
        (r"x=\pm\frac{\pi}{3}+k\pi, k\in\mathbb Z", r"x=\frac{\pi}{3}+n\pi \text{ or } x=\frac{\pi}{6}+n\pi, n\in\mathbb Z", False),
        (r"x=\pm\frac{\pi}{3}+2k\pi", r"x=\pm\frac{\pi}{3}+k\pi", False),
        (r"\frac{\pi}{4}+\frac{k\pi}{2}", r"\frac{\pi}{4}+k\pi, \frac{3\pi}{4}+k\pi", True),
        (r"\frac{\pi}{4}+\frac{k\pi}{2}", r"-\frac{\pi}{4}+\frac{k\pi}{2}", True),
        (r"\frac{\pi}{4}+\frac{k\pi}{2}", r"\frac{\pi}{8}+\frac{k\pi}{2}", False),
        (r"45^\circ+90^\circ k", r"-45^\circ+90^\circ n", True),
        (r"45^\circ+90^\circ k", r"45^\circ+180^\circ n", False),
        (r"\frac{\pi}{4}+\frac{k\pi}{2}, k\in\mathbb Z", r"\frac{\pi}{4}+\frac{k\pi}{2}, k\in\mathbb N", False),
        (r"\pi-x", r"2\pi-x", False),
        ("1+2k", "3+2k", False),  # no angles: k may be a parameter
    ],
)  # fmt: skip
def test_families_of_angles(gold: str, answer: str, right: bool) -> None:
    assert is_right(r"Solve $\tan^2 x=3$.", gold, answer) is right


@pytest.mark.parametrize(
    ("question", "gold", "answer"),
    [
        ("What is the sum of the angles of a polygon with $n$ sides?", r"180^\circ(n-2)", r"180^\circ(n-1)"),
        ("What is the sum of the angles of a polygon with n sides?", r"180^\circ(n-2)", r"180^\circ(n-1)"),
        ("Where is the point after $t$ seconds?", "(1+2t,3-t)", "(3+2t,2-t)"),
        ("", r"\frac{\pi}{4}+k\pi", r"\frac{5\pi}{4}+k\pi"),
        ("", "(1+2t,3-t)", "(3+2t,2-t)"),
    ],
)
def test_a_letter_that_may_be_given_counts_nothing(question: str, gold: str, answer: str) -> None:
    assert not is_right(question, gold, answer)


@pytest.mark.parametrize(
    ("question", "gold", "answer", "right"),
    [
        (WHOLE, r"x=2+5t,\ y=-1-3t,\ t\in\mathbb Z", r"(x,y)=(-3+5k,\ 2-3k),\ k\in\mathbb{Z}", True),
        (WHOLE, r"x=2+5t,\ y=-1-3t,\ t\in\mathbb Z", r"(x,y)=(2-5n,\ -1+3n)", True),
        (WHOLE, r"x=2+5t,\ y=-1-3t,\ t\in\mathbb Z", r"(x,y)=(2+10n,\ -1-6n)", False),
        (WHOLE, r"x=2+5t,\ y=-1-3t,\ t\in\mathbb Z", r"(x,y)=(3+5n,\ -1-3n)", False),
        (LINE, "(x,y,z)=(0,0,1)+t(1,1,-2)", "(1,1,-1)+s(2,2,-4)", True),
        (LINE, "(x,y,z)=(0,0,1)+t(1,1,-2)", r"x=s,\ y=s,\ z=1-2s", True),
        (LINE, "(x,y,z)=(0,0,1)+t(1,1,-2)", "(0,0,1)+t(1,1,2)", False),
        (LINE, "(x,y,z)=(0,0,1)+t(1,1,-2)", "(0,1,1)+t(1,1,-2)", False),
        (LINE, r"x=1+2t,\ y=2-t,\ z=3+t", r"x=3+2t,\ y=1-t,\ z=4+t", True),
        (LINE, r"x=1+2t,\ y=2-t,\ z=3+t", r"x=3+2t,\ y=1-t,\ z=5+t", False),
        (LINE, r"x=1+2t,\ y=2-t", r"y=1+2t,\ x=2-t", False),
    ],
)  # fmt: skip
def test_points_with_a_parameter(question: str, gold: str, answer: str, right: bool) -> None:
    assert is_right(question, gold, answer) is right


@given(
    st.tuples(*[st.integers(-9, 9)] * 3),
    st.tuples(*[st.integers(-5, 5)] * 3).filter(any),
    st.integers(-4, 4),
    st.sampled_from([-3, -2, 2, 3]),
)
def test_any_first_point_and_scale_give_the_same_line_and_integers_not_the_same_points(
    first: tuple[int, ...], step: tuple[int, ...], count: int, scale: int
) -> None:
    moved = [a + count * b for a, b in zip(first, step, strict=True)]
    gold = "(" + ",".join(f"{a}+({b})t" for a, b in zip(first, step, strict=True)) + ")"
    answer = "(" + ",".join(f"{a}+({scale * b})s" for a, b in zip(moved, step, strict=True)) + ")"
    assert is_right(LINE, gold, answer)
    assert not is_right("Find all triples $(x,y,z)$ of integers.", gold, answer)
