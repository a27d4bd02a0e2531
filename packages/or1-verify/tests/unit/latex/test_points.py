"""Roundings of counting variables and of real ones, at points that depend on no letter."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from or1_verify import math
from or1_verify.latex.identity import NumericIdentity
from or1_verify.latex.parser import parse
from or1_verify.latex.points import Points
from or1_verify.latex.tokens import tokenize
from or1_verify.latex.tree import Node


def node(text: str) -> Node:
    return parse(tokenize(text))


PAIRS = [
    (r"\lceil n/2\rceil", r"\lfloor (n+1)/2\rfloor", True),
    (r"\lceil n/2\rceil", r"\lfloor n/2\rfloor+1", False),  # at even n
    (r"3\lceil\frac{n}{4}\rceil", r"3\lfloor\frac{n}{4}\rfloor+3", False),
    (r"\lfloor\frac{n}{4}\rfloor+2", r"\lceil\frac{n+1}{4}\rceil+1", True),
    (r"\lfloor\frac{n}{4}\rfloor+2", r"\lceil\frac{n}{4}\rceil+1", False),  # at multiples of 4
    (r"\lfloor\frac{n^2}{4}\rfloor", r"\lfloor\frac{n}{2}\rfloor\lceil\frac{n}{2}\rceil", True),
    (r"\lfloor\frac{n}{2}\rfloor", r"\frac{n}{2}-\frac{1-(-1)^n}{4}", True),
    (r"\lfloor\frac{n}{2}\rfloor", r"\frac{n}{2}", False),
    (r"\lfloor\frac{n}{2024}\rfloor", r"\lceil\frac{n-2023}{2024}\rceil", True),
    (r"\lfloor\frac{n}{2024}\rfloor", r"\lceil\frac{n-2022}{2024}\rceil", False),
    (r"\lfloor\frac{n}{k}\rfloor+1", r"\lceil\frac{n+1}{k}\rceil", True),
    (r"\lfloor\frac{n}{k}\rfloor+1", r"\lceil\frac{n}{k}\rceil", False),
    (r"\lfloor\sqrt{n}\rfloor", r"\lceil\sqrt{n+1}\rceil-1", True),
    (r"\lfloor\sqrt{n}\rfloor", r"\lceil\sqrt{n}\rceil-1", False),  # at squares
    (r"\lfloor x\rfloor", "x", False),  # equal at all whole points: x is real
    (r"\lfloor x\rfloor", r"\lceil x\rceil-1", False),  # equal at all others
    (r"\lfloor 2x\rfloor", r"\lfloor x\rfloor+\lfloor x+\frac{1}{2}\rfloor", True),
    (r"\lfloor 2x\rfloor", r"2\lfloor x\rfloor", False),
    (r"-\lfloor -x\rfloor", r"\lceil x\rceil", True),
    (r"n \bmod 2", r"\frac{1-(-1)^n}{2}", True),
    (r"n \bmod 2", r"(n+3) \text{ mod } 2", False),
    (r"\frac{n+(n \operatorname{mod} 2)}{2}", r"\lceil n/2\rceil", True),
    (r"x-\{x\}", r"\lfloor x\rfloor", True),
    ("⌊n/2⌋", "⌈(n-1)/2⌉", True),
    (r"\operatorname{frac}(x)", r"x-\lceil x\rceil+1", False),  # at whole points
    (r"\lfloor x\rceil", r"\lfloor x+\frac12\rfloor", True),
    (r"\operatorname{round}(x)", r"\lceil x-\frac12\rceil", False),  # at halves
    (r"\binom{n}{\lfloor n/2\rfloor}", r"\binom{n}{\lceil n/2\rceil}", True),
    (r"2^{\lfloor n/2\rfloor}", r"2^{\lceil n/2\rceil}", False),
    (r"x\lfloor\frac{n}{3}\rfloor", r"x\lceil\frac{n-2}{3}\rceil", True),
    (r"x\lfloor\frac{n}{3}\rfloor", r"|x|\lceil\frac{n-2}{3}\rceil", False),
]


@pytest.mark.parametrize(("gold", "answer", "equal"), PAIRS)
def test_roundings(gold: str, answer: str, equal: bool) -> None:
    assert NumericIdentity().equal(node(gold), node(answer)) is equal


@given(q=st.integers(2, 60), r=st.integers(0, 130), letter=st.sampled_from("abknpqtxyzN"))
def test_a_ceiling_is_the_floor_of_one_sum_only(q: int, r: int, letter: str) -> None:
    ceiling, floor = rf"\lceil {letter}/{q}\rceil", rf"\lfloor ({letter}+{r})/{q}\rfloor"
    assert NumericIdentity().equal(node(ceiling), node(floor)) == (r == q - 1)


NAMES = [
    name for name in (*string.ascii_letters, r"\alpha", r"\theta", "a_1", "x_{12}") if name not in {"e", "i"}
]


@settings(max_examples=60)
@given(
    pair=st.sampled_from(
        [
            *((gold, answer) for gold, answer, _ in PAIRS),
            (r"\ln|x|+\sqrt{k}", r"\ln x+\sqrt{k}"),
            (r"\ln(xn)", r"\ln x+\ln n"),
            (r"\frac{k-n}{x}", r"\frac{k}{x}-\frac{n}{x}"),
            (r"\sqrt{x^2}", "x"),
            (r"(-1)^n k", "k"),
            ("k^n", "n^k"),
        ]
    ),
    names=st.permutations(NAMES),
)
def test_no_verdict_depends_on_a_letter(pair: tuple[str, str], names: list[str]) -> None:
    new = dict(zip("nkx", names, strict=False))
    renamed = [_renamed(text, new) for text in pair]
    as_written, otherwise = (
        math.verify(gold, f"\\boxed{{{answer}}}").reward for gold, answer in (pair, renamed)
    )
    assert as_written == otherwise


def _renamed(text: str, new: dict[str, str]) -> str:
    """Each variable in braces under its new name."""
    parts = re.findall(r"\\(?:operatorname|text)\{[^}]*\}|\\[a-z]+|.", text)
    return "".join(f"{{{new[part]}}}" if part in new else part for part in parts)


def test_the_kinds_of_variables() -> None:
    points = Points.of(node(r"\lfloor n/2\rfloor + \lfloor x\rfloor + y + m!"), node("0"))
    assert set(points.names) == {"n", "x", "y", "m"}
    assert points.whole == {"n", "m"}
    assert points.rounded == {"n", "x"}


def test_all_residues_of_a_counting_variable_are_points() -> None:
    points = Points.of(node(r"\lfloor n/60\rfloor"), node(r"\lceil n/7\rceil"))
    found = {int(point["n"]) % 420 for point in points.at_roundings()}
    assert found == set(range(420))
