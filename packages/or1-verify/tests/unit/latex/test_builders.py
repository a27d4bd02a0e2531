"""Sets by their members: what stands before the bar counts, the letter does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import is_right

FACTORS = st.integers(-9, 9).filter(lambda factor: factor not in (-1, 0, 1))
CONSTANTS = st.integers(-30, 30)
LETTERS = st.sampled_from("kmnutw")


def multiples(factor: int, constant: int, letter: str) -> str:
    return rf"\{{{factor}{letter}{constant:+d} \mid {letter}\in\mathbb{{Z}}\}}"


@given(FACTORS, CONSTANTS, FACTORS, CONSTANTS, LETTERS, LETTERS)
def test_integer_multiples_are_the_same_by_step_and_remainder(
    gold_step: int, gold_start: int, step: int, start: int, gold_letter: str, letter: str
) -> None:
    same = abs(gold_step) == abs(step) and (gold_start - start) % step == 0
    assert is_right(multiples(gold_step, gold_start, gold_letter), multiples(step, start, letter)) is same


@given(FACTORS, CONSTANTS, st.integers(-5, 5), LETTERS)
def test_multiples_counted_from_elsewhere_are_the_same(
    step: int, start: int, turns: int, letter: str
) -> None:
    assert is_right(multiples(step, start, "k"), multiples(-step, start + turns * step, letter))
    assert not is_right(multiples(step, start, "k"), multiples(step, start + turns * step + 1, letter))


@given(FACTORS, CONSTANTS, st.integers(-9, 9), LETTERS)
def test_a_linear_image_of_a_half_line_is_a_half_line(
    factor: int, constant: int, low: int, letter: str
) -> None:
    image = rf"\{{{factor}{letter}{constant:+d} \mid {letter}\ge {low}\}}"
    end = factor * low + constant
    assert is_right(rf"[{end},\infty)" if factor > 0 else rf"(-\infty,{end}]", image)
    assert not is_right(rf"(-\infty,{end}]" if factor > 0 else rf"[{end},\infty)", image)
    assert not is_right(rf"({end},\infty)" if factor > 0 else rf"(-\infty,{end})", image)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (r"\{3k : k\in\mathbb Z\}", r"\{3k : k\in\mathbb N\}", False),
        (r"\{3k : k\in\mathbb{N}\}", r"\{3k+3 : k\in\mathbb N\}", False),
        (r"\{(2k+1)\pi : k\in\mathbb Z\}", r"\{(2n-1)\pi : n\in\mathbb Z\}", True),
        (r"\{(2k+1)\pi : k\in\mathbb Z\}", r"\{2n\pi : n\in\mathbb Z\}", False),
        (r"\{x \mid x>2\}", r"\{y \mid y>2\}", True),
        (r"\{x\in\mathbb R \mid x>2\}", r"(2,\infty)", True),
        (r"\{x\in\mathbb Z \mid x>2\}", r"(2,\infty)", False),
        (r"\{x\in\mathbb Z \mid 2<x\le 5\}", r"\{3,4,5\}", True),
        (r"\{x\in\mathbb Z \mid 2<x\le 5\}", r"\{2,3,4,5\}", False),
        (r"\{x\in[-1,1] \mid x\neq 0\}", r"[-1,0)\cup(0,1]", True),
        (r"\{x\in[-1,1] \mid x\neq 0\}", r"x\neq 0", False),
        (r"\{x\in(0,\infty) : x<5\}", r"(0,5)", True),
        (r"\{x\in(0,\infty) : x<5\}", r"(-\infty,5)", False),
        (r"\{x\in[1,3] : x\in\mathbb Z\}", r"\{1,2,3\}", True),
        (r"\{x\in[1,3] : x\in\mathbb Z\}", r"[1,3]", False),
        (r"\{x^2 \mid x>2\}", r"\{y^2 \mid y>2\}", True),
        (r"\{x^2 \mid x>2\}", r"\{x^3 \mid x>2\}", False),
        (r"\{(t,2t) \mid t\in\mathbb R\}", r"\{(s,2s) \mid s\in\mathbb R\}", True),
        (r"\{(t,2t) \mid t\in\mathbb R\}", r"\{(t,3t) \mid t\in\mathbb R\}", False),
        (r"\{(t,2t) \mid t\in\mathbb R\}", r"\mathbb R", False),
        (r"\{a+b\sqrt2 \mid a,b\in\mathbb Z\}", r"\{m+n\sqrt2 \mid m,n\in\mathbb Z\}", True),
        (r"\{a+b\sqrt2 \mid a,b\in\mathbb Z\}", r"\{m+n\sqrt3 \mid m,n\in\mathbb Z\}", False),
        (r"\{x \mid x=3k, k\in\mathbb Z\}", r"\{3k \mid k\in\mathbb Z\}", True),
        (r"A=\{2k\mid k\in\mathbb Z\}", r"\{2k\mid k\in\mathbb Z\}", True),
        (r"\{7u \mid u\in\mathbb Z\}", r"7u, u\in\mathbb Z", True),
        (r"\{x \mid x\neq 2\}", r"\{2x \mid x\neq 2\}", False),
        (r"\{n \mid n \text{ even}\}", r"\{n \mid n \text{ odd}\}", False),
        (r"\{(x,y) \mid y=2x\}", r"\{(x,y) \mid y=3x\}", False),
    ],
)
def test_set_builders(left: str, right: str, same: bool) -> None:
    assert is_right(left, right) is same
    assert is_right(right, left) is same
