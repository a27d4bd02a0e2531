"""A list with a counter is the list of its elements."""

import random

import pytest

from or1_verify import math
from or1_verify.latex.enumerated import written_out

_ANGLES = r"45^\circ, 135^\circ, 225^\circ, 315^\circ"


@pytest.mark.parametrize(
    ("gold", "answer", "correct"),
    [
        (_ANGLES, r"a=45^\circ+90^\circ k\text{ for }k=0,1,2,3", 1),
        (_ANGLES, r"45^\circ+90^\circ k \quad (k=0,1,\dots,3)", 1),
        (_ANGLES, r"45^\circ+90^\circ k,\ k=0,1,2", 0),
        (_ANGLES, r"45^\circ+90^\circ k,\ k=0,1,2,3,4", 0),
        (_ANGLES, r"45^\circ+90^\circ k,\ k=1,2,3,4", 0),
        (r"0, \frac{2\pi}{3}, \frac{4\pi}{3}", r"x=\frac{2k\pi}{3},\ k\in\{0,1,2\}", 1),
        (r"0, \frac{2\pi}{3}, \frac{4\pi}{3}", r"\left\{\frac{2k\pi}{3}: k=0,1,2\right\}", 1),
        (r"0, \frac{2\pi}{3}, \frac{4\pi}{3}", r"\frac{2k\pi}{3},\ 0\le k\le 2", 1),
        (r"0, \frac{2\pi}{3}, \frac{4\pi}{3}", r"\frac{2k\pi}{3},\ 1\le k\le 2", 0),
        ("1, 7, 13, 19", r"3k+1, k=0,2,\dots,6", 1),
        ("1, 7, 10, 13, 16, 19", r"3k+1, k=0,2,\dots,6", 0),
        ("(0,1),(1,2)", "(k,k+1), k=0,1", 1),
        ("(0,1),(1,2)", "(k+1,k), k=0,1", 0),
        ("1", "k, k=1,2", 0),
    ],
)
def test_a_counter_stands_for_the_elements(gold: str, answer: str, correct: float) -> None:
    assert math.verify(gold, rf"\boxed{{{answer}}}").reward == correct


def test_every_list_is_its_elements_and_no_other() -> None:
    rng = random.Random(5)
    for _ in range(40):
        a, b, low, count = rng.randint(1, 9), rng.randint(2, 9), rng.randint(-3, 3), rng.randint(2, 6)
        gold = ", ".join(str(a + b * k) for k in range(low, low + count))
        values = ",".join(map(str, range(low, low + count)))
        assert math.verify(gold, rf"\boxed{{{a}+{b}k,\ k={values}}}").reward == 1
        assert math.verify(gold, rf"\boxed{{{a}+{b}k,\ k={values},{low + count}}}").reward == 0
        assert math.verify(gold, rf"\boxed{{{a + 1}+{b}k,\ k={values}}}").reward == 0


def test_long_lists_and_other_statements_are_left() -> None:
    assert written_out(r"k, k = 1, \dots, 60") is not None
    assert written_out(r"k, k = 1, \dots, 61") is None
    assert [written_out(text) for text in ("x = k, y = 1, 2", "3, k = 1, 2", r"2k, k \in \mathbb{Z}")] == [
        None
    ] * 3
