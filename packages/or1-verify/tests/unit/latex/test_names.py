"""Names beside a value: primes, inverses, bars and arguments count; another kind of name is a label."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import is_right

FUNCTIONS = st.sampled_from(["f", "g", "h", "F"])
MARKS = st.sampled_from(["%s", "%s'", "%s''", "%s^{-1}"])


@given(FUNCTIONS, MARKS, MARKS, st.sampled_from("xtz"), st.sampled_from("xtz"))
def test_primes_and_inverses_count_and_the_argument_does_not(
    name: str, gold: str, answer: str, gold_letter: str, answer_letter: str
) -> None:
    left = f"{gold % name}({gold_letter})=3{gold_letter}+1"
    right = f"{answer % name}({answer_letter})=3{answer_letter}+1"
    assert is_right(left, right) is (gold == answer)


@given(
    st.sampled_from("ABC"), st.sampled_from("ABC"), st.sampled_from(["P(%s)=0.25", r"P(\overline{%s})=0.25"])
)
def test_events_count(gold: str, answer: str, form: str) -> None:
    assert is_right(form % gold, form % answer) is (gold == answer)
    assert not is_right(rf"P(\overline{{{gold}}})=0.25", f"P({answer})=0.25")


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("f(3)=2", "f(2)=2", False),
        ("f'(x)=2x", "y'=2x", True),
        (r"\frac{dy}{dx}=2x", "y'=2x", True),
        (r"\frac{dy}{dx}=2x", "2x", True),
        ("f^{-1}(x)=2x", "y=2x", True),
        ("P(A|B)=0.5", "P(B|A)=0.5", False),
        (r"\overline{z}=1+i", "z=1+i", False),
        (r"\overline{AB}=5", "AB=5", True),
        ("AB=5", "BA=5", True),
        ("AB=5", "AC=5", False),
        (r"\angle ABC=30^\circ", r"\angle CBA=30^\circ", True),
        (r"\angle ABC=30^\circ", r"\angle ACB=30^\circ", False),
        (r"\max=5", r"\min=5", False),
        (r"\text{max: }5", r"\text{min: }5", False),
        (r"\text{max: }5", "5", True),
        (r"\text{Area}=5", r"\text{Perimeter}=5", False),
        (r"\text{Area}=5", r"\text{The area of the square}=5", True),
        (r"\text{Area}=5", "A=5", True),
        (r"x\not\in A", r"x\in A", False),
        (r"x\not=2", r"x\neq 2", True),
        (r"\sim p", "p", False),
        (r"\neg p", r"\lnot p", True),
        (r"\overline{A}", r"\bar{A}", True),
        (r"\overline{A}\cup B", r"A\cup B", False),
    ],
)
def test_names(left: str, right: str, same: bool) -> None:
    assert is_right(left, right) is same
    assert is_right(right, left) is same


@given(st.permutations(["A", "B", "C"]), st.sampled_from([r"%s \land %s", "%s and %s", r"\text{%s and %s}"]))
def test_or_is_not_and_between_letters(letters: list[str], form: str) -> None:
    either = form.replace("and", "or").replace(r"\lor", r"\lor ")
    assert not is_right(form % tuple(letters[:2]), either % tuple(letters[:2]))
    assert not is_right(either % tuple(letters[:2]), form % tuple(letters[:2]))


def test_or_counts_between_different_names_and_not_between_solutions() -> None:
    assert not is_right(r"a=1\text{ and }b=2", r"a=1\text{ or }b=2")
    assert is_right("x=2 or x=3", "x=2 and x=3")
    assert is_right(
        r"\frac{\pi}{5}+k\pi, \frac{\pi}{3}+k\pi", r"\frac{\pi}{3}+k\pi \text{ or } \frac{\pi}{5}+k\pi"
    )
