"""Residue classes: one set of whole numbers in several notations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from or1_verify import math
from or1_verify.latex.residues import read_residues, same_residues

_ROWS = [
    (r"x\equiv 3\pmod 7", "x=7k+10", "x=7k+4"),
    (r"x\equiv 3\pmod 7", r"x=7k-4, k\in\mathbb{Z}", r"x\equiv 3\pmod{14}"),
    (r"x=7k+10", r"x\equiv 3 (mod 7)", r"x\equiv 4 (mod 7)"),
    (r"n\equiv 1,5\pmod 6", r"n\equiv\pm1\pmod 6", r"n\equiv\pm2\pmod 6"),
    (r"n\equiv 0\pmod 4", r"4\mid n", r"4\mid n+1"),
    (r"x\equiv 2\pmod 5\text{ or }x\equiv 3\pmod 5", r"x\equiv\pm2\pmod 5",
     r"x\equiv 2\pmod 5\text{ and }x\equiv 3\pmod 5"),
    (r"x\equiv 2\pmod 3, x\equiv 3\pmod 5", r"x\equiv 8\pmod{15}", r"x\equiv 3\pmod 3, x\equiv 2\pmod 5"),
    (r"\text{all primes }p\equiv1\pmod 4", r"\text{primes }p\equiv 1 (4)", r"p\equiv1\pmod 4"),
    (r"7\bmod 4", "3", "2"),
    ("3", r"3\pmod 7", r"3\pmod 2"),
    ("N", "N", r"N\pmod 5"),
    ("f(x)=0", r"f(x)\equiv 0", r"f(x)\equiv 1"),
    ("0", r"f(x)\equiv 0", r"f(x)\equiv 1"),
    ("f(x)=2x", r"f(x)\equiv 2x", r"f(x)\equiv 2x+1"),
    (r"f(x)\equiv 0", "f(x)=0", "f(x)=1"),
    ("3", r"N\equiv 3\pmod 7", r"N\equiv 4\pmod 7"),
    ("3", r"n\equiv 3\pmod 7", r"n\not\equiv 3\pmod 7"),
    ("3", r"7^{2019}\equiv 3\pmod{10}", r"7^{2019}\equiv 4\pmod{10}"),
    ("3", r"7^{2019}\equiv 3\pmod{10}", r"7^{2019}\not\equiv 3\pmod{10}"),
    ("x=3", "3", r"x\equiv 3\pmod 7"),
    (r"N\equiv 3\pmod 7", "N=7k+3", r"M\equiv 3\pmod 7"),
    (r"N\equiv 3\pmod 7", r"n\equiv 3\pmod 7", r"N\equiv 3"),
    (r"N\equiv 0\pmod 4", r"4\mid N", r"4\mid N+1"),
    (r"x\equiv 3\pmod 7", "3", "x=3"),
    (r"x\equiv 3\pmod 7", r"3\pmod 7", "x=10"),
    (r"n\equiv 1, 5\pmod 6", r"n=6k\pm 1,\ k\in\mathbb{Z}", r"n=6k\pm 2"),
    ("2 mod 5", "2", "≢ 2 mod 5"),
    (r"x\equiv 2\pmod 5", "x=5k+2", r"x\not\equiv 2\pmod 5"),
    (r"6\pmod 9", r"x\equiv 15\pmod 9", r"x\not\equiv 6\pmod 9"),
    (r"6\pmod 9", "9k+6", r"x\not \equiv 6\pmod 9"),
    (r"m\not\equiv 1\pmod 4", r"m\equiv 0,2,3\pmod 4", r"m\equiv 1\pmod 4"),
    (r"m\not\equiv 1\pmod 4", r"4\nmid m-1", r"4\mid m-1"),
    (r"m\not\equiv 1,2\pmod 4", r"m\not\equiv 1\text{ and }m\not\equiv 2\pmod 4", r"m\not\equiv 1\pmod 4"),
    (r"m\not\equiv 1,2\pmod 4", r"m\equiv 0,3\pmod 4", r"m\not\equiv 1\text{ or }m\not\equiv 2\pmod 4"),
    (r"5\mid k", r"k\equiv 0\pmod 5", r"k\not\equiv 0\pmod 5"),
    (r"5\mid k", r"k\equiv 5\pmod 5", r"5\nmid k"),
    (r"5\nmid k", r"k\not\equiv 0\pmod 5", r"5\mid k"),
    (r"5\nmid k", r"k\equiv\pm1,\pm2\pmod 5", r"6\nmid k"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "correct", "incorrect"), _ROWS)
def test_residue_classes_are_sets_of_whole_numbers(gold: str, correct: str, incorrect: str) -> None:
    found = [math.verify(gold, rf"\boxed{{{answer}}}").reward for answer in (gold, correct, incorrect)]
    assert found == [1, 1, 0]


@given(st.integers(2, 60), st.integers(-200, 200), st.integers(-3, 3), st.integers(1, 59))
def test_formulas_and_congruences_agree_where_their_numbers_do(
    modulus: int, value: int, turns: int, shift: int
) -> None:
    gold = read_residues(rf"x \equiv {value} \pmod{{{modulus}}}")
    answers = [value + turns * modulus, value + shift]
    found = [read_residues(f"x = {modulus}k {answer:+d}") for answer in answers]
    assert gold is not None
    assert found[0] is not None
    assert found[1] is not None
    assert same_residues(gold, found[0])
    assert same_residues(gold, found[1]) == (shift % modulus == 0)


@given(st.integers(2, 30), st.sets(st.integers(0, 29), min_size=1, max_size=4))
def test_a_negated_congruence_is_the_complement(modulus: int, values: set[int]) -> None:
    listed = ", ".join(map(str, sorted(values)))
    inside = read_residues(rf"x \equiv {listed} \pmod{{{modulus}}}")
    outside = read_residues(rf"x \not\equiv {listed} \pmod{{{modulus}}}")
    assert inside is not None
    assert outside is not None
    assert inside.values | outside.values == set(range(modulus))
    assert not inside.values & outside.values


@pytest.mark.parametrize(
    ("gold", "correct", "incorrect"),
    [
        (r"3 \mid n", r"n \text{ is a multiple of } 3", r"n \text{ is a multiple of } 6"),
        (r"n \text{ is divisible by } 3", r"n \equiv 0 \pmod 3", r"n \text{ is not divisible by } 3"),
        (r"\text{all multiples of } 3", "n = 3k", "n = 3k + 1"),
        (r"\text{all } n \text{ divisible by } 3", r"3 \mid n", r"3 \nmid n"),
        (r"n \text{ is not divisible by } 3", r"3 \nmid n", r"3 \mid n"),
        (r"n \text{ odd}", r"n \equiv 1 \pmod 2", r"n \text{ even}"),
        (r"n \text{ odd}", "n = 2k + 1", "n = 2k"),
        (r"\text{all even } n", r"2 \mid n", r"2 \nmid n"),
        (r"\text{odd multiples of } 3", r"n \equiv 3 \pmod 6", r"3 \mid n"),
        (
            r"\text{odd multiples of } 3",
            r"n \text{ is an odd multiple of } 3",
            r"\text{even multiples of } 3",
        ),
        (r"\text{odd}", r"n \text{ is odd}", r"\text{even}"),
        (r"\text{all positive multiples of } 3", r"\text{positive multiples of } 3", r"3 \mid n"),
    ],
)
def test_divisibility_in_words(gold: str, correct: str, incorrect: str) -> None:
    found = [math.verify(gold, rf"\boxed{{{answer}}}").reward for answer in (gold, correct, incorrect)]
    assert found == [1, 1, 0]
